"""What happened in the window after a date: the only thing here that looks ahead."""

from __future__ import annotations

from datetime import date

import pandas as pd

from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.features.engine import cut, engine, run
from cvo_ml.features.known import remaining_orders


def window_outcome(tables: Tables, as_of: str | date, horizon: Horizon, customers: pd.Index) -> pd.DataFrame:
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
    start = parse_as_of(as_of)
    with engine(tables) as opened:
        orders = remaining_orders(opened, start + horizon.delta)
        inside = orders.filter(orders.ordered_at >= cut(start))
        summed = run(
            inside.group_by("customer_id").agg(
                orders=inside.count().cast("float64"),
                purchase_days=inside.ordered_at.date().nunique().cast("float64"),
                value=inside.remaining.sum(),
            )
        )
    return summed.reindex(customers, fill_value=0.0)


def is_closed(tables: Tables, as_of: str | date, horizon: Horizon) -> bool:
    """Whether the data reach to the end of the window: a later order day exists."""
    end = parse_as_of(as_of) + horizon.delta
    return bool(tables.orders["ordered_at"].max() >= pd.Timestamp(end))
