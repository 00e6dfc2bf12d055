"""What was left of each order on a date: refunds count only where they were known."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import ibis
import pandas as pd

from cvo_ml.core.tables import Tables
from cvo_ml.core.units import midnight
from cvo_ml.features.engine import Engine

#: An order counts as wholly refunded when less than this is left of it.
CENT: Final = 0.005


def remaining_orders(engine: Engine, as_of: date) -> Any:
    """Orders known at ``as_of`` with what was left of them then.

    The columns of orders, ``refunded`` (refunds of that order known by then) and ``remaining`` =
    net - refunded, at least 0. An order wholly refunded is left out (DESIGN.md §5).
    """
    orders = engine.known("orders", as_of)
    refunds = engine.known("refunds", as_of)
    per_order = (
        refunds.filter(refunds.order_id.notnull())
        .group_by(refunded_order=refunds.order_id)
        .agg(back=refunds.amount.sum())
    )
    joined = orders.left_join(per_order, orders.order_id == per_order.refunded_order)
    joined = joined.mutate(refunded=joined.back.coalesce(0.0)).drop("refunded_order", "back")
    joined = joined.mutate(remaining=ibis.greatest(joined.net - joined.refunded, 0.0))
    return joined.filter((joined.refunded <= 0) | (joined.remaining > CENT))


def gross_value(engine: Engine, as_of: date) -> Any:
    """Net of all orders known at ``as_of`` per customer, the wholly refunded included: what refunds are taken from."""
    orders = engine.known("orders", as_of)
    return orders.group_by("customer_id").agg(gross_value=orders.net.sum())


def customer_refunds(engine: Engine, as_of: date) -> Any:
    """Refunds known at ``as_of`` per customer: ``customer_id, n_refunds, refunded_total``.

    A refund that names only its order belongs to the order's customer, if that order is known by then.
    """
    refunds = engine.known("refunds", as_of)
    orders = engine.known("orders", as_of).select(known_order="order_id", order_customer="customer_id")
    joined = refunds.left_join(orders, refunds.order_id == orders.known_order)
    owned = joined.mutate(owner=ibis.coalesce(joined.customer_id, joined.order_customer))
    owned = owned.filter(owned.owner.notnull())
    return owned.group_by(customer_id=owned.owner).agg(n_refunds=owned.count(), refunded_total=owned.amount.sum())


def known_profile(tables: Tables, as_of: date) -> pd.DataFrame:
    """Profile columns known at ``as_of`` (``country``) by ``customer_id``; no row where the customer's is not."""
    known = tables.get("customers")
    if "known_at" in known:
        known = known[known["known_at"].isna() | (known["known_at"] <= midnight(as_of))]
    return known.set_index("customer_id")[[name for name in ("country",) if name in known]]
