"""What each order is worth at a date: its net less what went back by then, less what it cost.

| | of an order |
|---|---|
| left | net − the refunds known by the date; it may be below zero where more went back than was paid |
| cost | of the goods that stayed with the customer: told cost × left / net |
| gross margin | left − cost |
| contribution | gross margin − payment cost − shipping cost that the customer was not charged |

What goes back takes its part of the goods along; handling it, and goods that cannot be sold again, are costs to serve.
So an order wholly refunded is no purchase and its goods cost nothing, but its payment and its parcel are spent; a free
order is one.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import ibis

from cvo_ml.features.economics.credit_notes import matched_refunds
from cvo_ml.features.engine import Engine
from cvo_ml.features.integer_sums import as_int64, if_true, micro
from cvo_ml.features.order_relations import CENT

#: The money of an order, in millionths.
MONEY: Final = ("net", "refunded", "left", "cost", "order_costs", "gross_margin", "contribution")
#: What an order may carry beside its money.
FACTS: Final = {"channel": "string", "discount_code": "string"}
_OPTIONAL: Final = dict.fromkeys(("cost", "shipping", "payment_cost", "shipping_cost"), "float64")


def order_money(engine: Engine, as_of: date) -> Any:
    """The orders known at ``as_of``, one row each.

    Returns
    -------
    Ibis rows of order_id, customer_id, ordered_at, channel, discount_code, ``is_purchase``, ``cost_known`` and
    ``MONEY`` in millionths. A cost that nobody told is reckoned at the shop's own cost share of the orders whose cost
    is known; where none is, cost is 0 and every margin equals ``left``: the basis is revenue (``cost_coverage``).
    They are worked out once for an engine and a date, for every sum of money begins with them.
    """
    return engine.kept(f"order_money_{as_of:%Y%m%d}", lambda: _order_money(engine, as_of))


def _order_money(engine: Engine, as_of: date) -> Any:
    orders = _priced(engine, as_of)
    known = orders.filter(orders.is_purchase & orders.cost.notnull())
    share = known.aggregate(
        told=known.cost.sum().cast("float64") / known.net.sum().cast("float64").nullif(0)
    ).told.as_scalar()
    told = orders.cost.coalesce((orders.net.cast("float64") * share).round().cast("int64"), 0)
    part = (told * (orders.left.cast("float64") / orders.net.nullif(0))).round().cast("int64")
    stayed = (orders.refunded > 0).ifelse(part, told)
    orders = orders.mutate(cost_known=orders.cost.notnull(), cost=orders.is_purchase.ifelse(stayed, 0))
    orders = orders.mutate(gross_margin=orders.left - orders.cost)
    orders = orders.mutate(contribution=orders.gross_margin - orders.order_costs)
    facts = ("order_id", "customer_id", "ordered_at", *FACTS, "is_purchase", "cost_known")
    return orders.select(*facts, *MONEY)


def unmatched_refunds(engine: Engine, as_of: date) -> Any:
    """Refunds known at ``as_of`` that have no order: rows of customer_id (null for nobody) and amount in millionths."""
    back = _known_refunds(engine, as_of)
    orders = engine.known("orders", as_of).select(known_order="order_id")
    return back.anti_join(orders, back.order_id == orders.known_order).select("customer_id", "amount")


def _known_refunds(engine: Engine, as_of: date) -> Any:
    return engine.visible(matched_refunds(engine), [as_of], "refunded_at").drop("as_of")


def _priced(engine: Engine, as_of: date) -> Any:
    """Orders with what went back and what is told of their costs; ``cost`` null where it is not told."""
    rows = engine.known("orders", as_of)
    missing = {**_OPTIONAL, **FACTS}
    rows = rows.mutate(**{name: ibis.null(kind) for name, kind in missing.items() if name not in rows.columns})
    parcel = rows.shipping_cost.coalesce(0.0) - rows.shipping.coalesce(0.0)
    rows = rows.select(
        "order_id",
        "customer_id",
        "ordered_at",
        *FACTS,
        net=micro(rows.net),
        told=micro(rows.cost),
        order_costs=micro(rows.payment_cost).coalesce(0) + micro(ibis.greatest(parcel, 0.0)),
    )
    back = _known_refunds(engine, as_of)
    back = back.filter(back.order_id.notnull())
    back = back.group_by(refunded_order="order_id").agg(back=as_int64(back.amount.sum()))
    rows = rows.left_join(back, rows.order_id == back.refunded_order)
    lines = _line_costs(engine, as_of)
    if lines is None:
        rows = rows.mutate(by_lines=ibis.null("int64"))
    else:
        rows = rows.left_join(lines, rows.order_id == lines.line_order)
    rows = rows.mutate(refunded=rows.back.coalesce(0), cost=rows.told.coalesce(rows.by_lines))
    rows = rows.mutate(left=rows.net - rows.refunded)
    return rows.mutate(is_purchase=(rows.refunded <= 0) | (rows.left > CENT))


def _line_costs(engine: Engine, as_of: date) -> Any | None:
    """The cost of each order by its lines; null where a line has no unit cost."""
    if not engine.has("order_lines", "unit_cost"):
        return None
    lines = engine.known("order_lines", as_of)
    cost = micro(lines.quantity * lines.unit_cost)
    is_whole = lines.unit_cost.isnull().sum() == 0
    return lines.group_by(line_order="order_id").agg(by_lines=if_true(is_whole, as_int64(cost.sum())))
