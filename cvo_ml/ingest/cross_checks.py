"""Checks within a further table and between tables, each with its stated outcome.

| finding | outcome |
|---|---|
| order line or refund of an order that was excluded by rule | excluded: "its order was excluded" |
| order line or refund of an order in quarantine | quarantined: "its order is in quarantine" |
| order line or refund that names an order nobody knows | quarantined: "names an unknown order" |
| deal that names a lead nobody knows | quarantined: "names an unknown lead" |
| refund with neither order nor customer | quarantined: "names neither order nor customer" |
| refund below zero | quarantined: "below zero" |
| refund before its order was placed | quarantined: "before its order" |
| refund of another customer than its order's | quarantined: "another customer than its order's" |
| subscription, ticket, deal or price that ends before it begins | quarantined: "ends before it begins" |
| propensity outside (0, 1] | quarantined: "outside 0 to 1" |
| refunds of an order above its value | kept and reported: often tax or shipping |
| rows of customers without an order | kept and reported |

A refund that names only its customer is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.membership import is_among
from cvo_ml.core.wall_times import surely_before
from cvo_ml.ingest.row_rules import ValidatedRows

ITS_ORDER_EXCLUDED: Final = "its order was excluded"
ITS_ORDER_QUARANTINED: Final = "its order is in quarantine"
UNKNOWN_ORDER: Final = "names an unknown order"
_SPANS: Final = {
    "subscriptions": ("started_at", "ended_at"),
    "tickets": ("opened_at", "closed_at"),
    "deals": ("created_at", "closed_at"),
    "prices": ("valid_from", "valid_to"),
}
_CENT: Final = 0.005


def check_rows(validated: ValidatedRows) -> None:
    """Validate each row of a further table for itself.

    Raises
    ------
    DataError
        If a fault is one of the file.
    """
    status, rows, spec = validated.status, validated.rows, validated.spec
    if spec.table == "refunds":
        status.quarantine((rows["amount"] < 0).to_numpy(), spec.header("amount"), "below zero")
        named = np.zeros(len(rows), dtype=np.bool_)
        for name in {"order_id", "customer_id"} & set(rows):
            named |= rows[name].notna().to_numpy()
        status.quarantine(~named, "", "names neither order nor customer")
    if spec.table in _SPANS and set(_SPANS[spec.table]) <= set(rows):
        begins, ends = _SPANS[spec.table]
        early = surely_before(rows[ends], rows[begins], spec.timezone)
        status.quarantine(early, spec.header(ends), "ends before it begins")
    if "propensity" in rows:
        outside = (rows["propensity"] <= 0) | (rows["propensity"] > 1)
        status.quarantine(outside.to_numpy(), spec.header("propensity"), "outside 0 to 1")


@dataclass(frozen=True)
class OrderIds:
    """The order ids of the first source, by what became of their rows; an id may stand in several."""

    used: pd.Series
    excluded: pd.Series
    quarantined: pd.Series

    @classmethod
    def of(cls, main: ValidatedRows) -> OrderIds | None:
        """Those of validated orders or order lines; None where they have none, such as subscriptions."""
        if "order_id" not in main.rows:
            return None
        ids, excluded = main.rows["order_id"], main.status.excluded()
        return cls(ids[main.status.alive], ids[excluded], ids[~main.status.alive & ~excluded])


def check_between(ids: OrderIds | None, orders: pd.DataFrame, sides: Mapping[str, ValidatedRows]) -> tuple[str, ...]:
    """Validate rows against the tables that they name; returns what is only reported.

    Parameters
    ----------
    ids:
        The order ids of the first source.
    orders:
        The orders that are used.

    Raises
    ------
    DataError
        If a fault is one of the file.
    """
    notes: list[str] = []
    for name, validated in sides.items():
        if name in ("order_lines", "refunds") and "order_id" in validated.rows and ids is not None:
            _check_orders(validated, ids, orders)
        if name == "refunds" and "order_id" in validated.rows:
            notes += _check_refunds(validated, orders)
        if name == "deals" and "leads" in sides:
            _check_leads(validated, sides["leads"])
        if "customer_id" in CONTRACTS[name].names and "customer_id" in validated.rows and len(orders):
            notes += _without_orders(validated, orders)
    return tuple(notes)


def _check_orders(validated: ValidatedRows, ids: OrderIds, orders: pd.DataFrame) -> None:
    named, header = validated.rows["order_id"], validated.spec.header("order_id")
    known = named.isna().to_numpy() | is_among(named, orders["order_id"]) | is_among(named, ids.used)
    excluded, quarantined = is_among(named, ids.excluded), is_among(named, ids.quarantined)
    validated.status.exclude(~known & excluded, ITS_ORDER_EXCLUDED)
    validated.status.quarantine(~known & ~excluded & quarantined, header, ITS_ORDER_QUARANTINED)
    validated.status.quarantine(~known & ~excluded & ~quarantined, header, UNKNOWN_ORDER)


def _check_refunds(validated: ValidatedRows, orders: pd.DataFrame) -> list[str]:
    rows, spec = validated.rows, validated.spec
    # orders whose id stands several times have been set aside, so the index is unique
    order = orders.set_index("order_id").reindex(rows["order_id"].fillna(""))
    early = surely_before(rows["refunded_at"], order["ordered_at"].set_axis(rows.index), spec.timezone)
    validated.status.quarantine(early, spec.header("refunded_at"), "before its order")
    if "customer_id" in rows:
        both = order["customer_id"].notna().to_numpy() & rows["customer_id"].notna().to_numpy()
        other = both & (order["customer_id"].to_numpy() != rows["customer_id"].to_numpy())
        validated.status.quarantine(other, spec.header("customer_id"), "another customer than its order's")
    return refunds_above_orders(validated.used, orders)


def refunds_above_orders(refunds: pd.DataFrame, orders: pd.DataFrame) -> list[str]:
    """The report of orders whose refunds add up to more than their value."""
    refunded = refunds.dropna(subset="order_id").groupby("order_id")["amount"].sum()
    value = orders.set_index("order_id")["net"].reindex(refunded.index)
    above = refunded - value > _CENT
    if not above.any():
        return []
    total = float((refunded - value)[above].sum())
    return [
        f"refunds: {int(above.sum()):,} orders were refunded above their value, by {total:,.2f} in all; "
        "they were kept: often the amounts hold tax or shipping"
    ]


def _check_leads(deals: ValidatedRows, leads: ValidatedRows) -> None:
    named = deals.rows["lead_id"]
    unknown = named.notna().to_numpy() & ~is_among(named, leads.used["lead_id"])
    deals.status.quarantine(unknown, deals.spec.header("lead_id"), "names an unknown lead")


def _without_orders(validated: ValidatedRows, orders: pd.DataFrame) -> list[str]:
    customers = validated.used["customer_id"].dropna()
    unknown = customers[~is_among(customers, orders["customer_id"])]
    if unknown.empty:
        return []
    return [
        f"{validated.spec.table}: {len(unknown):,} rows of {unknown.nunique():,} customers without an order were kept"
    ]
