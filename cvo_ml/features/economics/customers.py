"""What each customer is worth at a date, and in what it can be told.

A customer's net is that of their orders less the refunds that found no order; their contribution that of their orders
less those refunds and less what serving them cost. Summed over the customers it is the sum over the orders, less the
refunds that found none, less the costs to serve: to the millionth.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import ibis
import pandas as pd

from cvo_ml.core.result import Result
from cvo_ml.core.units import parse_as_of
from cvo_ml.core.value_basis import ValueBasis
from cvo_ml.features.economics.orders import MONEY, order_money, unmatched_refunds
from cvo_ml.features.economics.serving_costs import UnallocatedCost, serving_costs, unallocated_costs
from cvo_ml.features.engine import Engine, Source, engine
from cvo_ml.features.integer_sums import MICRO, as_int64

#: From this share of the orders with a known cost on, value is told after costs.
ENOUGH: Final = 0.95
#: The money of a customer, in millionths.
CUSTOMER_MONEY: Final = (*MONEY, "unmatched", "cost_to_serve")


@dataclass(frozen=True)
class CostCoverage(Result):
    """Of how much the costs are known, and so in what value is told.

    Parameters
    ----------
    orders, with_cost:
        Purchases, and those whose cost is told.
    basis:
        ``contribution`` where there are costs to serve and enough orders have a cost, ``gross_margin`` where enough
        have one, else ``revenue``.
    warning:
        What a reader of revenue must know; empty for the others.
    unmatched:
        Refunds of customers that found no order.
    of_nobody:
        Refunds that name neither an order nor a customer that is known: in no customer's net.
    unallocated:
        Costs to serve that no customer bears.
    """

    orders: int
    with_cost: int
    basis: ValueBasis
    warning: str
    unmatched: float
    of_nobody: float
    unallocated: tuple[UnallocatedCost, ...]


def customer_money(engine: Engine, as_of: date) -> Any:
    """Every customer with an order, a refund or a cost known at ``as_of``.

    Returns
    -------
    Ibis rows of customer_id, ``orders`` (purchases), ``orders_with_cost``, ``first_ordered_at``, ``last_ordered_at``
    (of purchases) and ``CUSTOMER_MONEY`` in millionths; ``net`` is what the orders were worth, ``left`` what is left of
    it after all refunds, ``contribution`` what is left of that after all costs.
    """
    rows = order_money(engine, as_of)
    when = rows.is_purchase.ifelse(rows.ordered_at, ibis.null("timestamp(6)"))
    by_orders = rows.group_by("customer_id").agg(
        orders=as_int64(rows.is_purchase.sum()),
        orders_with_cost=as_int64((rows.is_purchase & rows.cost_known).sum()),
        first_ordered_at=when.min(),
        last_ordered_at=when.max(),
        **{name: as_int64(rows[name].sum()) for name in MONEY},
    )
    parts = [by_orders.mutate(unmatched=_none(), cost_to_serve=_none())]
    lost = unmatched_refunds(engine, as_of)
    lost = lost.filter(lost.customer_id.notnull())
    parts.append(_alone(lost.group_by("customer_id").agg(unmatched=as_int64(lost.amount.sum()))))
    if engine.has("costs_to_serve"):
        costs = serving_costs(engine, as_of)
        parts.append(_alone(costs.group_by("customer_id").agg(cost_to_serve=as_int64(costs.cost.sum()))))
    names = ("customer_id", "orders", "orders_with_cost", "first_ordered_at", "last_ordered_at", *CUSTOMER_MONEY)
    every = ibis.union(*(part.select(*names) for part in parts))
    counts = ("orders", "orders_with_cost", *CUSTOMER_MONEY)
    found = every.group_by("customer_id").agg(
        first_ordered_at=every.first_ordered_at.min(),
        last_ordered_at=every.last_ordered_at.max(),
        **{name: as_int64(every[name].sum()) for name in counts},
    )
    minus = found.unmatched
    return found.mutate(
        left=found.left - minus,
        gross_margin=found.gross_margin - minus,
        contribution=found.contribution - minus - found.cost_to_serve,
    )


def cost_coverage(engine: Engine, as_of: date) -> CostCoverage:
    """Of how many orders the cost is known at ``as_of``, and the basis that follows."""
    rows = order_money(engine, as_of)
    rows = rows.filter(rows.is_purchase)
    counts = rows.group_by(told=rows.cost_known.cast("string")).agg(n=rows.count())
    counted = engine.run(counts, index="told")["n"]
    orders, with_cost = int(counted.sum()), int(counted.get("true", 0))
    lost = unmatched_refunds(engine, as_of)
    sums = lost.group_by(owned=lost.customer_id.notnull().cast("string")).agg(amount=as_int64(lost.amount.sum()))
    by_owner = engine.run(sums, index="owned")["amount"]
    enough = orders > 0 and with_cost >= ENOUGH * orders
    basis: ValueBasis = "revenue"
    if enough:
        basis = "contribution" if engine.has("costs_to_serve") else "gross_margin"
    return CostCoverage(
        orders=orders,
        with_cost=with_cost,
        basis=basis,
        warning="" if enough else _warning(orders, with_cost),
        unmatched=int(by_owner.get("true", 0)) / MICRO,
        of_nobody=int(by_owner.get("false", 0)) / MICRO,
        unallocated=unallocated_costs(engine, as_of),
    )


def customer_profit(source: Source, as_of: str | date) -> pd.DataFrame:
    """What each customer is worth at ``as_of``, in units of currency; indexed by ``customer_id``.

    The columns are those of ``customer_money``.
    """
    with engine(source) as opened:
        return in_units(opened.run(customer_money(opened, parse_as_of(as_of))))


def order_profit(source: Source, as_of: str | date) -> pd.DataFrame:
    """What each order is worth at ``as_of``, in units of currency; indexed by ``order_id``: see ``order_money``."""
    with engine(source) as opened:
        return in_units(opened.run(order_money(opened, parse_as_of(as_of)), index="order_id"))


def in_units(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows whose money is in millionths, in units of currency."""
    return rows.assign(**{name: rows[name].astype("float64") / MICRO for name in CUSTOMER_MONEY if name in rows})


def _none() -> Any:
    return ibis.literal(0, type="int64")


def _alone(rows: Any) -> Any:
    """Sums of customers as rows that can stand among those of orders."""
    time = ibis.null("timestamp(6)")
    zeros = {name: _none() for name in ("orders", "orders_with_cost", *CUSTOMER_MONEY) if name not in rows.columns}
    return rows.mutate(first_ordered_at=time, last_ordered_at=time, **zeros)


def _warning(orders: int, with_cost: int) -> str:
    if not orders:
        return "there are no orders: nothing is worth anything"
    told = "no order has a cost" if not with_cost else f"{with_cost:,} of {orders:,} orders have a cost"
    return (
        f"{told}: value is revenue, which is no profit; map the cost of orders, or the unit_cost of their lines, of at "
        f"least {ENOUGH:.0%}"
    )
