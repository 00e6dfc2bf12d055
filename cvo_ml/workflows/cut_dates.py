"""Which cuts and windows a shop's data allow."""

from __future__ import annotations

from datetime import date, timedelta

from cvo_ml.core.errors import DataError, UsageError
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, midnight
from cvo_ml.core.visibility import visible_table


def default_cut(tables: Tables, horizon: Horizon) -> date:
    """The latest date whose horizon lies wholly in the data; the last day may be half a day, so it is left out.

    Raises
    ------
    DataError
        If the orders span less than three horizons: one to judge, two to learn from; or if none lies in the
        horizon before the date, so that the last ones are of a wrong date or the first of another life.
    """
    times = tables.orders["ordered_at"]
    if times.empty:
        raise DataError("the orders table is empty", "give the shop's orders; subscriptions alone cannot be scored yet")
    last, first = times.max().date(), times.min().date()
    cut: date = last - horizon.delta
    if (cut - first).days < 2 * horizon.days:
        raise DataError(
            f"orders span {first} to {last}, and a horizon of {horizon} needs at least {3 * horizon.whole_days} days",
            "give a longer history or a shorter --horizon",
        )
    if not (visible_table(tables, "orders", cut)["ordered_at"] >= midnight(cut - horizon.delta)).any():
        after = int((times >= midnight(cut)).sum())
        raise DataError(
            f"no order lies in the {horizon} before {cut}, and {after:,} from there to {last}",
            "correct the dates of the last orders, or say from where to predict (--as-of)",
        )
    return cut


def day_after_last_row(tables: Tables) -> date:
    """The first date that sees all rows of all tables.

    Raises
    ------
    DataError
        If no table holds a row with a time.
    """
    known = [span[1] for span in map(tables.span, tables) if span is not None]
    if not known:
        raise DataError("no row is left to look at", "check the mapping and the rules that exclude rows")
    last: date = max(known).date()
    return last + timedelta(days=1)


def check_window(tables: Tables, as_of: date, horizon: Horizon) -> None:
    """Refuse a date whose window cannot be judged, before anything is trained for it.

    Raises
    ------
    UsageError
        If the window after ``as_of`` is not over in the data.
    """
    from cvo_ml.features.labels import is_closed  # takes longer to import than most shops to check

    if not is_closed(tables, as_of, horizon):
        raise UsageError(
            f"the data end before {as_of + horizon.delta}, so the {horizon} after {as_of} cannot be judged: "
            "give an earlier --as-of or a shorter --horizon"
        )
