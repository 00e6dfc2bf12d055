"""All that is known of each customer on a date, for every model at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd

from cvo_ml.core.units import midnight, parse_as_of
from cvo_ml.features.engine import Source, engine
from cvo_ml.features.first_order import first_order_features
from cvo_ml.features.order_relations import KEYS
from cvo_ml.features.own import OwnFeatures
from cvo_ml.features.snapshot import snapshot, with_own


def customer_features(tables: Source, as_of: str | date, own: Sequence[OwnFeatures] = ()) -> pd.DataFrame:
    """The snapshot, with features of the user's own, and the first order side by side, indexed by ``customer_id``.

    Customers all of whose orders were refunded by then are not here; see ``known_customers``.
    """
    with engine(tables) as opened:
        known, first = snapshot(opened, as_of, own), first_order_features(opened, as_of)
    return known.join(first[[name for name in first if name not in known]])


def with_own_on(found: pd.DataFrame, tables: Source, as_of: str | date, own: Sequence[OwnFeatures]) -> pd.DataFrame:
    """Features of one date, indexed by ``customer_id``, with those of the user's own."""
    day = parse_as_of(as_of)
    rows = pd.MultiIndex.from_product([[midnight(day)], found.index], names=KEYS)
    return with_own(found.set_axis(rows, axis=0), tables, [day], own).set_axis(found.index, axis=0)


def scored_features(tables: Source, as_of: str | date, own: Sequence[OwnFeatures] = ()) -> pd.DataFrame:
    """As ``customer_features``, with a row of nulls for each known customer all of whose orders were refunded."""
    with engine(tables) as opened:
        return customer_features(opened, as_of, own).reindex(known_customers(opened, as_of))


def known_customers(tables: Source, as_of: str | date) -> pd.Index:
    """Every customer with an order known at ``as_of``, refunded or not."""
    with engine(tables) as opened:
        orders = opened.known("orders", parse_as_of(as_of))
        return opened.run(orders.select("customer_id").distinct()).index
