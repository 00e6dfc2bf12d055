"""All that is known of each customer on a date, for every model at once."""

from __future__ import annotations

from datetime import date

import pandas as pd

from cvo_ml.core.units import parse_as_of
from cvo_ml.features.engine import Source, engine
from cvo_ml.features.first_order import first_order_features
from cvo_ml.features.snapshot import snapshot


def customer_features(tables: Source, as_of: str | date) -> pd.DataFrame:
    """The snapshot and the first order side by side, indexed by ``customer_id``.

    Customers all of whose orders were refunded by then are not here; see ``known_customers``.
    """
    with engine(tables) as opened:
        known, first = snapshot(opened, as_of), first_order_features(opened, as_of)
    return known.join(first[[name for name in first if name not in known]])


def scored_features(tables: Source, as_of: str | date) -> pd.DataFrame:
    """As ``customer_features``, with a row of nulls for each known customer all of whose orders were refunded."""
    with engine(tables) as opened:
        return customer_features(opened, as_of).reindex(known_customers(opened, as_of))


def known_customers(tables: Source, as_of: str | date) -> pd.Index:
    """Every customer with an order known at ``as_of``, refunded or not."""
    with engine(tables) as opened:
        orders = opened.known("orders", parse_as_of(as_of))
        return opened.run(orders.select("customer_id").distinct()).index
