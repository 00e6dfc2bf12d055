"""What each product, channel, campaign or place earns: members of a dimension, and those that surely lose money.

A member drains only where its mean value a customer is below zero beyond chance: one-sided normal tests over the
customers' totals, adjusted for the number of members asked about (Benjamini & Hochberg 1995). Fewer than ``least``
customers are no evidence. Members of orders and lines are told before costs to serve, those of customers after.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import ibis
import numpy as np
import pandas as pd
from scipy.stats import norm

from cvo_ml.core.result import Result
from cvo_ml.core.value_basis import ValueBasis
from cvo_ml.features.economics import order_money
from cvo_ml.features.engine import Engine
from cvo_ml.features.integer_sums import MICRO, as_int64, micro
from cvo_ml.stats.intervals import Interval, Z
from cvo_ml.stats.multiple_testing import benjamini_hochberg

#: Dimensions by what they belong to: lines, orders, customers.
OF_LINES: Final = {"product": "product_id", "category": "category", "brand": "brand"}
OF_ORDERS: Final = {"sales channel": "channel", "discount code": "discount_code"}
OF_CUSTOMERS: Final = {
    "acquisition channel": "acquisition_channel", "campaign": "acquisition_campaign", "country": "country",
    "region": "region", "city": "city",
}  # fmt: skip
#: What is counted of a member; money in units.
SUMS: Final = ("customers", "orders", "revenue", "value", "squares", "served")
#: Of the members that are flagged at most this share is expected to be flagged by chance.
FALSE_SHARE: Final = 0.05


@dataclass(frozen=True)
class Member(Result):
    """One member of a dimension.

    Parameters
    ----------
    value:
        In the basis of the run, of all its customers; ``each`` is its mean a customer.
    drains:
        Whether it surely loses money.
    """

    dimension: str
    name: str
    customers: int
    orders: int
    revenue: float
    value: float
    cost_to_serve: float
    each: Interval
    drains: bool


def member_sums(data: Engine, as_of: date, basis: ValueBasis, people: pd.DataFrame) -> pd.DataFrame:
    """Sums of every member of every dimension that the shop has, indexed by (dimension, member).

    Parameters
    ----------
    people:
        By customer_id: orders, revenue, value, served, in millionths.
    """
    parts = [*_of_orders(data, as_of, basis), *_of_lines(data, as_of, basis), *_of_customers(data, as_of, people)]
    columns = pd.Index(SUMS)
    if not parts:
        empty = pd.MultiIndex.from_arrays([[], []], names=["dimension", "member"])
        return pd.DataFrame(columns=columns, index=empty, dtype="float64")
    return pd.concat(parts).reindex(columns=columns).fillna(0.0).astype("float64").sort_index()


def members(sums: pd.DataFrame, least: int) -> tuple[Member, ...]:
    """Every member with at least ``least`` customers, the worst first within its dimension."""
    asked = sums[sums["customers"] >= max(least, 2)]
    n, total = asked["customers"].to_numpy(), asked["value"].to_numpy()
    mean = total / n
    error = np.sqrt(np.maximum(asked["squares"].to_numpy() - n * mean**2, 0.0) / (n - 1) / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(error > 0, norm.cdf(mean / error), np.where(mean < 0, 0.0, 1.0))
    each = [Interval(m, m - Z * e, m + Z * e) for m, e in zip(mean.tolist(), error.tolist(), strict=True)]
    drains = (benjamini_hochberg(p) <= FALSE_SHARE) & np.array([one.upper < 0 for one in each], dtype=bool)
    found = [
        Member(
            str(dimension), str(member), int(row[0]), int(row[1]), row[2], row[3], row[5],
            each[place],
            bool(drains[place]),
        )
        for place, ((dimension, member), row) in enumerate(
            zip(asked.index.tolist(), asked.to_numpy().tolist(), strict=True)
        )
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda one: (one.dimension, one.each.estimate, one.name)))


def basis_column(basis: ValueBasis) -> str:
    """The column of money that a basis is told in."""
    return {"revenue": "left", "gross_margin": "gross_margin", "contribution": "contribution"}[basis]


def _of_orders(data: Engine, as_of: date, basis: ValueBasis) -> Iterator[pd.DataFrame]:
    for dimension, column in OF_ORDERS.items():
        if data.has("orders", column):
            rows = order_money(data, as_of)
            rows = rows.filter(rows.is_purchase, rows[column].notnull())
            yield _summed(data, dimension, rows.select(
                "customer_id", "order_id", member=column, revenue="left", value=basis_column(basis)
            ))  # fmt: skip


def _of_lines(data: Engine, as_of: date, basis: ValueBasis) -> Iterator[pd.DataFrame]:
    """Each line bears its part of the order by its price, and its own cost where every line of the order tells one."""
    for dimension, column in OF_LINES.items():
        if data.has("order_lines", column) and (
            data.has("order_lines", "net") or data.has("order_lines", "unit_price")
        ):
            lines = data.known("order_lines", as_of)
            price = lines.net if "net" in lines.columns else lines.quantity * lines.unit_price
            cost = lines.quantity * lines.unit_cost if "unit_cost" in lines.columns else ibis.null("float64")
            lines = lines.select(
                member=column, line_order="order_id", price=micro(price).coalesce(0), line_cost=micro(cost)
            )
            of_order = ibis.window(group_by=lines.line_order)
            lines = lines.mutate(
                whole=lines.price.sum().over(of_order), of_lines=lines.line_cost.sum().over(of_order),
                untold=lines.line_cost.isnull().max().over(of_order),
            )  # fmt: skip
            orders = order_money(data, as_of)
            orders = orders.filter(orders.is_purchase)
            rows = lines.inner_join(orders, lines.line_order == orders.order_id)
            part = rows.price.cast("float64") / rows.whole.nullif(0)
            told = rows.line_cost.cast("float64") / rows.of_lines.nullif(0)
            of_cost = (~rows.untold).ifelse(told, part).coalesce(part)
            costs = {"revenue": 0.0, "gross_margin": rows.cost * of_cost}.get(
                basis, rows.cost * of_cost + rows.order_costs * part
            )
            rows = rows.mutate(revenue=(rows.left * part).round().cast("int64"), costs=costs)
            rows = rows.mutate(value=(rows.revenue - rows.costs).round().cast("int64"))
            rows = rows.filter(rows.member.notnull(), rows.value.notnull())
            yield _summed(data, dimension, rows.select("customer_id", "order_id", "member", "revenue", "value"))


def _of_customers(data: Engine, as_of: date, people: pd.DataFrame) -> Iterator[pd.DataFrame]:
    columns = [name for name in OF_CUSTOMERS.values() if data.has("customers", name)]
    if not columns:
        return
    known = data.run(data.known("customers", as_of).select("customer_id", *columns))
    joined = people.join(known, how="inner")
    money = joined[["revenue", "value", "served"]] / MICRO
    counted = joined[["orders"]].assign(customers=1, **money, squares=money["value"] ** 2)
    for dimension, column in OF_CUSTOMERS.items():
        if column in joined:
            yield _named(counted.groupby(joined[column].rename("member")).sum(), dimension)


def _summed(data: Engine, dimension: str, rows: Any) -> pd.DataFrame:
    """Sums by member of rows of customer_id, order_id, member, revenue, value."""
    each = rows.group_by("member", "customer_id").agg(
        orders=rows.order_id.nunique(), revenue=as_int64(rows.revenue.sum()), value=as_int64(rows.value.sum())
    )
    value = each.value.cast("float64") / MICRO
    found = data.run(
        each.group_by("member").agg(
            customers=each.count(), orders=as_int64(each.orders.sum()), revenue=as_int64(each.revenue.sum()),
            value=as_int64(each.value.sum()), squares=as_int64(micro(value * value).sum()),
        ),
        index="member",
    )  # fmt: skip
    money = found[["revenue", "value", "squares"]].astype("float64") / MICRO
    return _named(found[["customers", "orders"]].join(money), dimension)


def _named(found: pd.DataFrame, dimension: str) -> pd.DataFrame:
    return pd.concat({dimension: found}, names=["dimension", "member"])
