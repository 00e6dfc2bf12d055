"""What happened in the window after a date: the only thing here that looks ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import pandas as pd

from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, midnight, parse_as_of
from cvo_ml.features.engine import Source, engine
from cvo_ml.features.integer_sums import units
from cvo_ml.features.order_relations import KEYS, order_rows
from cvo_ml.features.snapshot import is_gone, snapshots

OUTCOMES: Final = ("orders", "purchase_days", "value")


@dataclass(frozen=True)
class Labelled:
    """Rows to learn from, and the rows that could not be used.

    Parameters
    ----------
    features:
        Snapshots of the dates whose horizon is closed, indexed by ``as_of, customer_id``.
    outcomes:
        ``orders, purchase_days, value`` in [``as_of``, ``as_of`` + horizon), same index.
    gone:
        Who was gone already at ``as_of`` (``is_gone``), same index.
    dropped:
        Date to number of customers whose horizon was not closed.
    """

    features: pd.DataFrame
    outcomes: pd.DataFrame
    gone: pd.Series
    dropped: Mapping[date, int]


def labelled_snapshots(
    tables: Source, dates: Sequence[str | date], horizon: Horizon, until: date | None = None
) -> Labelled:
    """Snapshots of ``dates`` with what followed; rows whose horizon is not closed are dropped and counted.

    Parameters
    ----------
    until:
        The date up to which the tables are complete; if None, the last order shows how far they reach.
    """
    with engine(tables) as opened:
        features = snapshots(opened, dates)
        closed = {
            midnight(day): is_closed(opened.tables, day, horizon) if until is None else day + horizon.delta <= until
            for day in map(parse_as_of, dates)
        }
        days = features.index.get_level_values("as_of")
        is_open = ~days.map(closed).to_numpy(dtype=bool)
        dropped = {day.date(): int((days == day).sum()) for day, done in closed.items() if not done}
        features = features[~is_open]
        begun = [day.date() for day, done in closed.items() if done]
        outcomes = window_outcomes(opened, begun, horizon, features.index)
    return Labelled(features, outcomes, is_gone(features, horizon), dropped)


def window_outcome(tables: Source, as_of: str | date, horizon: Horizon, customers: pd.Index) -> pd.DataFrame:
    """Orders and value of each customer in [``as_of``, ``as_of`` + ``horizon``).

    Parameters
    ----------
    customers:
        Whom to report; others are left out, those without an order get zeros.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``customer_id``: ``orders, purchase_days, value``. Value is the net of the window's
        orders less their refunds known by its end; a wholly refunded order counts in none.
    """
    rows = pd.MultiIndex.from_product([[midnight(parse_as_of(as_of))], customers], names=KEYS)
    return window_outcomes(tables, [as_of], horizon, rows).set_axis(customers, axis=0)


def window_outcomes(tables: Source, dates: Sequence[str | date], horizon: Horizon, rows: pd.Index) -> pd.DataFrame:
    """As ``window_outcome`` for several dates in one pass; ``rows`` holds ``as_of, customer_id``."""
    ends = [parse_as_of(day) + horizon.delta for day in dates]
    if not ends:
        return pd.DataFrame(0.0, index=rows, columns=list(OUTCOMES))
    with engine(tables) as opened:
        orders = order_rows(opened, ends)
        inside = orders.filter(orders.kept, orders.age <= horizon.whole_days)
        summed = opened.run(
            inside.group_by(*KEYS).agg(
                orders=inside.count().cast("float64"),
                purchase_days=inside.day.nunique().cast("float64"),
                value=units(inside.remaining.sum()),
            ),
            KEYS,
        )
    summed = summed.reset_index()
    summed["as_of"] -= horizon.delta
    return summed.set_index(list(KEYS)).reindex(rows, fill_value=0.0)


def is_closed(tables: Tables, as_of: str | date, horizon: Horizon) -> bool:
    """Whether the data reach to the end of the window: a later order day exists, or the sources were written later."""
    end = midnight(parse_as_of(as_of) + horizon.delta)
    written = tables.complete_until is not None and tables.complete_until >= end
    return bool(written or tables.orders["ordered_at"].max() >= end)
