"""What the customers of a summary did after it: the holdout that models of purchases are compared on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Places
from cvo_ml.core.errors import UsageError
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.features.engine import Source, engine
from cvo_ml.features.labels import window_outcome
from cvo_ml.features.order_relations import order_rows
from cvo_ml.features.rfm import rfm_summary


@dataclass(frozen=True)
class PurchaseDays:
    """Purchase days of the customers known at a cut, counted from the first of them.

    Attributes
    ----------
    births:
        Day of each customer's first purchase (customers,), < ``cut``.
    repeats:
        Day of each repeat purchase (purchases,), < ``end``.
    cut, end:
        The day of the cut, and the day after the last that is known.
    """

    births: Places
    repeats: Places
    cut: int
    end: int


@dataclass(frozen=True)
class HoldoutWindow:
    """What came in [cut, cut + ``horizon``).

    Parameters
    ----------
    outcomes:
        By ``customer_id``: ``purchases`` (purchase days) and, where it is known, ``value`` (currency).
    horizon:
        Length of the window.
    before:
        The same columns in the window of that length before the cut; None = not known.
    days:
        When purchases came; None = not known.
    cut:
        The day that the window begins on; None = not known.

    Examples
    --------
    >>> outcomes = pd.DataFrame({"purchases": [2, 0], "value": [50.0, 0.0]}, index=["a", "b"])
    >>> HoldoutWindow(outcomes, "13W").horizon
    Horizon('13W')
    """

    outcomes: pd.DataFrame
    horizon: Horizon
    before: pd.DataFrame | None = None
    days: PurchaseDays | None = None
    cut: date | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "horizon", Horizon(self.horizon))
        for frame in (self.outcomes, *(() if self.before is None else (self.before,))):
            if not isinstance(frame, pd.DataFrame) or "purchases" not in frame:
                raise UsageError("a holdout holds a frame by customer_id with 'purchases' and, if known, 'value'")


def holdout(tables: Source, as_of: str | date, horizon: Horizon | str) -> HoldoutWindow:
    """What the customers known at ``as_of`` bought in [``as_of``, ``as_of`` + ``horizon``).

    Raises
    ------
    UsageError
        If the orders do not reach to the window's end.
    """
    day, window = parse_as_of(as_of), Horizon(horizon)
    end = day + window.delta
    with engine(tables) as opened:
        last = opened.tables.orders["ordered_at"].max()
        if not pd.Timestamp(end) - timedelta(days=1) <= last:
            known = "there are none" if pd.isna(last) else f"the last is of {last.date()}"
            raise UsageError(
                f"the window {day} to {end} is not over in the orders ({known}): use an earlier cut or a shorter window"
            )
        customers = rfm_summary(opened, as_of=day).index
        outcomes, before = (
            window_outcome(opened, start, window, customers)[["purchase_days", "value"]].set_axis(
                ["purchases", "value"], axis=1
            )
            for start in (day, day - window.delta)
        )
        return HoldoutWindow(outcomes, window, before, purchase_days(opened, day, end, customers), day)


def purchase_days(tables: Source, as_of: str | date, end: str | date, customers: pd.Index) -> PurchaseDays:
    """When the ``customers``, known at ``as_of``, bought until ``end``."""
    cut, last = parse_as_of(as_of), parse_as_of(end)
    with engine(tables) as opened:
        orders = order_rows(opened, [last])
        found = opened.run(orders.filter(orders.kept).select("customer_id", "day").distinct(), ["customer_id", "day"])
    frame = found.reset_index()
    frame = frame[frame["customer_id"].isin(customers)]
    day = pd.to_datetime(frame["day"])
    first = day.groupby(frame["customer_id"]).transform("min")
    start = first.min()
    births, repeats = ((part - start).dt.days.to_numpy(dtype=np.intp) for part in (day[day == first], day[day > first]))
    cut_day = (pd.Timestamp(cut) - start).days
    # an order refunded after the cut can move a first purchase past it
    return PurchaseDays(births[births < cut_day], repeats, cut_day, (pd.Timestamp(last) - start).days)
