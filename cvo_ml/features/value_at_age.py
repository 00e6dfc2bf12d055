"""What a customer brought by a fixed age: the label that makes customers of different dates comparable."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import ibis
import pandas as pd

from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.core.value_basis import Basis, profit
from cvo_ml.features.engine import Engine, Source, engine, is_visible
from cvo_ml.features.integer_sums import MICRO, micro, units
from cvo_ml.features.order_relations import CENT

__all__ = ["Basis", "first_orders", "profit", "value_after_winning", "value_by_age"]

#: What each customer's columns hold, in their order.
COLUMNS: Final = ("value", "later_value", "cost", "later_cost", "serving_cost")


def value_by_age(tables: Source, as_of: str | date, age: Horizon) -> pd.DataFrame:
    """What each customer had brought ``age`` after the first order, where that lies before ``as_of``.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``customer_id``: ``first_ordered_at`` and ``value`` = net of the orders in
        [first order, first order + age) less their refunds known by then; ``later_value``, the same
        without the first order; ``cost`` and ``later_cost`` of those orders (null where an order
        has none) and ``serving_cost`` of the calendar months from the first order's to the window's
        end. Customers whose window is not closed at ``as_of`` are left out.
    """
    day = parse_as_of(as_of)
    with engine(tables) as opened:
        first = first_orders(opened, day)
        starts = first.select(owner="customer_id", start="ordered_at", first_order="order_id")
        return _brought(opened, starts, day, age).rename(columns={"start": "first_ordered_at"})


def value_after_winning(tables: Source, as_of: str | date, age: Horizon) -> pd.DataFrame:
    """The same from the day that a deal was won; indexed by ``customer_id``, with ``start``.

    Of several won deals of a customer the first counts. Deals without ``customer_id`` are not here.
    """
    day = parse_as_of(as_of)
    with engine(tables) as opened:
        deals = opened.known("deals", day)
        if not {"customer_id", "is_won"} <= set(deals.columns):
            return pd.DataFrame(columns=["start", *COLUMNS], index=pd.Index([], name="customer_id", dtype="str"))
        won = deals.filter(deals.is_won, deals.customer_id.notnull())
        starts = won.group_by(owner=won.customer_id).agg(start=won.closed_at.min())
        return _brought(opened, starts.mutate(first_order=ibis.null("string")), day, age)


def first_orders(engine: Engine, as_of: date) -> Any:
    """One row per customer: the earliest order known, ties broken by order id."""
    orders = engine.known("orders", as_of)
    place = ibis.row_number().over(
        ibis.window(group_by=orders.customer_id, order_by=[orders.ordered_at, orders.order_id])
    )
    ranked = orders.mutate(place=place)
    return ranked.filter(ranked.place == 0)


def _brought(opened: Engine, starts: Any, day: date, age: Horizon) -> pd.DataFrame:
    """Sums over [start, start + age) of each owner whose window is closed at ``day``."""
    cut = ibis.literal(pd.Timestamp(day).to_pydatetime())
    starts = starts.mutate(window_end=starts.start + ibis.interval(days=age.whole_days))
    starts = starts.filter(starts.window_end <= cut)
    orders = opened.known("orders", day)
    cost = micro(orders.cost) if "cost" in orders.columns else ibis.null("int64")
    orders = orders.select("order_id", "customer_id", "ordered_at", net=micro(orders.net), cost=cost)
    joined = starts.left_join(orders, starts.owner == orders.customer_id)
    inside = joined.filter(
        joined.order_id.isnull() | ((joined.ordered_at >= joined.start) & (joined.ordered_at < joined.window_end))
    )
    rows = _left_of_refunds(opened, inside, day)
    later = rows.first_order.isnull() | (rows.order_id != rows.first_order)
    kept = rows.left > CENT
    sums = rows.group_by(customer_id=rows.owner).agg(
        value=units(rows.left.sum(where=kept)).coalesce(0.0),
        later_value=units(rows.left.sum(where=kept & later)).coalesce(0.0),
        cost=units(rows.cost.sum(where=kept)).coalesce(0.0),
        later_cost=units(rows.cost.sum(where=kept & later)).coalesce(0.0),
        unpriced=(kept & rows.cost.isnull()).sum(),
    )
    every = opened.run(starts.select("start", "window_end", customer_id="owner"))
    found = every.join(opened.run(sums))
    unknown = found["unpriced"] > 0
    money = {name: found[name].fillna(0.0) for name in ("value", "later_value", "cost", "later_cost")}
    costs = {name: money[name].mask(unknown) for name in ("cost", "later_cost")}
    found = found.assign(**{**money, **costs})
    return found.assign(serving_cost=_serving(opened, found, day))[["start", *COLUMNS]]


def _left_of_refunds(opened: Engine, inside: Any, day: date) -> Any:
    """One row per order with ``left``: its net less the refunds known by the window's end."""
    refunds = opened.known("refunds", day).select(refunded_order="order_id", amount="amount", refund_known="known_at")
    back = inside.left_join(refunds, inside.order_id == refunds.refunded_order)
    known = is_visible(back.window_end, known=back.refund_known)
    back = back.mutate(counted=known.ifelse(micro(back.amount), 0).coalesce(0))
    per_order = back.group_by("owner", "order_id", "first_order", "net", "cost").agg(back=back.counted.sum())
    return per_order.mutate(left=ibis.greatest(per_order.net - per_order.back.cast("int64"), 0))


def _serving(opened: Engine, found: pd.DataFrame, day: date) -> pd.Series:
    """What serving each customer cost in the calendar months from the start's to the window's end."""
    if not opened.has("costs_to_serve", "customer_id"):
        return pd.Series(0.0, index=found.index)
    rows = opened.known("costs_to_serve", day)
    rows = rows.filter(rows.customer_id.notnull())
    costs = opened.run(rows.select("customer_id", "period", amount=micro(rows.quantity * rows.unit_cost))).reset_index()
    costs = costs.join(found[["start", "window_end"]], on="customer_id", how="inner")
    month = costs["start"].dt.to_period("M").dt.to_timestamp()
    inside = (costs["period"] >= month) & (costs["period"] < costs["window_end"])
    sums: pd.Series = costs[inside].groupby("customer_id")["amount"].sum().reindex(found.index)
    return sums.fillna(0) / MICRO
