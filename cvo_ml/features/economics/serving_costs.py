"""What serving customers costs (methods H1): each customer's own, and what is shared among them by its driver.

A row of ``costs_to_serve`` that names its customer is borne by that customer. One that names nobody, such as the rent
of the warehouse, is shared in its month by what drives it: each customer bears the part of the cost that they have of
the driver. A cost that names a segment, or whose driver nobody can be measured by, stays unallocated and is named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import ibis

from cvo_ml.core.result import Result
from cvo_ml.features.economics.orders import order_money
from cvo_ml.features.engine import Engine
from cvo_ml.features.integer_sums import MICRO, as_int64, micro
from cvo_ml.features.order_relations import with_columns

_OPTIONAL: Final = {"customer_id": "string", "segment": "string", "driver": "string"}


@dataclass(frozen=True)
class UnallocatedCost(Result):
    """A cost that no customer bears, and why."""

    activity: str
    amount: float
    reason: str


def serving_costs(engine: Engine, as_of: date) -> Any:
    """Costs to serve known at ``as_of``: rows of customer_id, activity, ``is_shared`` and cost in millionths."""
    costs = _costs(engine, as_of)
    own = costs.filter(costs.customer_id.notnull())
    own = own.group_by("customer_id", "activity").agg(cost=as_int64(own.cost.sum()))
    own = own.mutate(is_shared=ibis.literal(False))
    names = ("customer_id", "activity", "is_shared", "cost")
    shared = _shared(engine, as_of)
    return own.select(*names) if shared is None else own.select(*names).union(shared.select(*names))


def unallocated_costs(engine: Engine, as_of: date) -> tuple[UnallocatedCost, ...]:
    """What of the costs to serve no customer bears, by activity."""
    if not engine.has("costs_to_serve"):
        return ()
    costs = _costs(engine, as_of)
    costs = costs.filter(costs.customer_id.isnull())
    driver = costs.driver.coalesce("")
    totals = costs.group_by("activity", driver=driver, of_segment=costs.segment.notnull())
    totals = engine.run(totals.agg(cost=as_int64(costs.cost.sum())), index=["activity", "driver", "of_segment"])
    shared = _shared(engine, as_of)
    borne: dict[tuple[str, str], int] = {}
    if shared is not None:
        sums = shared.group_by("activity", "driver").agg(cost=as_int64(shared.cost.sum()))
        borne = {(row[0], row[1]): row[2] for row in engine.run(sums, ["activity", "driver"]).reset_index().to_numpy()}
    found = []
    for activity, name, of_segment, cost in totals.reset_index().to_numpy():
        of_segment = of_segment in (True, "True", "true")
        left = int(cost) - (0 if of_segment else int(borne.get((activity, name), 0)))
        if left:
            found.append(UnallocatedCost(str(activity), left / MICRO, _reason(str(name), of_segment)))
    return tuple(found)


def _reason(driver: str, of_segment: bool) -> str:
    if of_segment:
        return "it names a segment, and no customers"
    if not driver:
        return "it names neither a customer nor a driver"
    if driver not in DRIVERS:
        return f"nobody is measured by {driver!r}: use {', '.join(DRIVERS)}"
    return f"nobody had any of {driver!r} in its months"


def _costs(engine: Engine, as_of: date) -> Any:
    rows = engine.known("costs_to_serve", as_of)
    rows = rows.mutate(**{name: ibis.null(kind) for name, kind in _OPTIONAL.items() if name not in rows.columns})
    month = rows.period.truncate("M")
    return rows.select("activity", *_OPTIONAL, month=month, cost=micro(rows.quantity * rows.unit_cost))


def _shared(engine: Engine, as_of: date) -> Any | None:
    """Each customer's part of what is shared, exact to the millionth: the parts of a cost add up to it."""
    costs = _costs(engine, as_of)
    costs = costs.filter(costs.customer_id.isnull(), costs.segment.isnull(), costs.driver.isin(list(DRIVERS)))
    if not engine.has("costs_to_serve"):
        return None
    wanted = engine.run(costs.select("driver").distinct(), index="driver").index
    if not len(wanted):
        return None
    costs = costs.group_by("activity", "driver", "month").agg(amount=as_int64(costs.cost.sum()))
    parts = [_had(name, engine, as_of) for name in wanted]
    had = parts[0] if len(parts) == 1 else ibis.union(*parts)
    costs = costs.rename(cost_driver="driver", cost_month="month")
    rows = costs.inner_join(had, [costs.cost_driver == had.driver, costs.cost_month == had.month])
    rows = rows.filter(rows.quantity > 0)
    of_cost = {"group_by": [rows.activity, rows.driver, rows.month]}
    upto = rows.quantity.sum().over(ibis.window(order_by=rows.customer_id, rows=(None, 0), **of_cost))
    rows = rows.mutate(upto=upto, whole=rows.quantity.sum().over(ibis.window(**of_cost)))
    # the differences of one rising line add up to its end
    edges = (rows.upto, rows.upto - rows.quantity)
    upper, lower = ((rows.amount * (edge.cast("float64") / rows.whole)).round().cast("int64") for edge in edges)
    rows = rows.mutate(cost=upper - lower)
    rows = rows.group_by("customer_id", "activity", "driver").agg(cost=as_int64(rows.cost.sum()))
    return rows.mutate(is_shared=ibis.literal(True))


def _had(driver: str, engine: Engine, as_of: date) -> Any:
    """What each customer had of a driver in each month: rows of driver, month, customer_id, quantity."""
    rows = DRIVERS[driver](engine, as_of)
    rows = rows.group_by("customer_id", month=rows["at"].truncate("M")).agg(quantity=as_int64(rows.quantity.sum()))
    return rows.select("month", "customer_id", "quantity", driver=ibis.literal(driver))


def _orders(engine: Engine, as_of: date) -> Any:
    orders = order_money(engine, as_of)
    orders = orders.filter(orders.is_purchase)
    return orders.select("customer_id", at="ordered_at", quantity=ibis.literal(1))


def _net(engine: Engine, as_of: date) -> Any:
    orders = order_money(engine, as_of)
    return orders.filter(orders.is_purchase).select("customer_id", at="ordered_at", quantity="left")


def _lines(engine: Engine, as_of: date) -> Any:
    orders = order_money(engine, as_of)
    orders = orders.filter(orders.is_purchase).select("customer_id", "order_id", "ordered_at")
    lines = engine.known("order_lines", as_of).select(line_order="order_id")
    rows = lines.inner_join(orders, lines.line_order == orders.order_id)
    return rows.select("customer_id", at="ordered_at", quantity=ibis.literal(1))


def _returns(engine: Engine, as_of: date) -> Any:
    rows = engine.known("returns", as_of)
    return rows.select("customer_id", at="opened_at", quantity=ibis.literal(1))


def _tickets(engine: Engine, as_of: date) -> Any:
    rows = engine.known("tickets", as_of)
    return rows.select("customer_id", at="opened_at", quantity=ibis.literal(1))


def _ticket_minutes(engine: Engine, as_of: date) -> Any:
    rows = with_columns(engine, "tickets", {"minutes": "float64"})
    rows = engine.visible(rows, [as_of], "opened_at")
    return rows.select("customer_id", at="opened_at", quantity=micro(rows.minutes).coalesce(0))


#: By what a cost can be shared; each gives rows of customer_id, at, quantity.
DRIVERS: Final[dict[str, Callable[[Engine, date], Any]]] = {
    "orders": _orders,
    "net": _net,
    "lines": _lines,
    "returns": _returns,
    "tickets": _tickets,
    "ticket_minutes": _ticket_minutes,
}
