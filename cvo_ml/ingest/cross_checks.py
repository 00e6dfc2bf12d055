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
| rate of a currency of 0 and less | quarantined: "not above zero" |
| propensity outside (0, 1] | quarantined: "outside 0 to 1" |
| refunds of an order above its value | kept and reported: often tax or shipping |
| rows of customers without an order | kept and reported |

A refund that names only its customer is kept.
"""

# ruff: noqa: S608 (names in queries are quoted and come from contracts)

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.stored_table import StoredTable
from cvo_ml.core.wall_times import surely_before
from cvo_ml.ingest.row_database import FILE, ROW
from cvo_ml.ingest.row_rules import ValidatedRows
from cvo_ml.ingest.table_rows import TableRows

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
_NOBODY: Final = "SELECT '' AS order_id, false AS excluded WHERE false"


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
    if spec.table == "fx":
        status.quarantine((rows["rate"] <= 0).to_numpy(), spec.header("rate"), "not above zero")
    if "propensity" in rows:
        outside = (rows["propensity"] <= 0) | (rows["propensity"] > 1)
        status.quarantine(outside.to_numpy(), spec.header("propensity"), "outside 0 to 1")


def check_between(main: TableRows, orders: StoredTable, sides: Mapping[str, TableRows]) -> tuple[str, ...]:
    """Validate rows against the tables that they name; returns what is only reported.

    Parameters
    ----------
    main:
        The rows of the first source.
    orders:
        The orders that are used.

    Raises
    ------
    DataError
        If a fault is one of the file.
    """
    notes: list[str] = []
    for name, side in sides.items():
        if name in ("order_lines", "refunds") and "order_id" in side.columns and "order_id" in main.columns:
            _check_orders(side, main)
        if name == "refunds" and "order_id" in side.columns:
            notes += _check_refunds(side)
        if name == "deals" and "leads" in sides:
            _check_leads(side, sides["leads"])
        if "customer_id" in CONTRACTS[name].names and "customer_id" in side.columns and orders.rows:
            notes += _without_orders(side)
    return tuple(notes)


def _check_orders(side: TableRows, main: TableRows) -> None:
    header, aside = side.spec.header("order_id"), main.ids_aside()
    unknown = (
        f"SELECT {FILE}, {ROW}, order_id FROM {side.used} WHERE order_id IS NOT NULL "
        f"AND order_id NOT IN (SELECT order_id FROM {main.used} WHERE order_id IS NOT NULL)"
    )
    known = f"SELECT order_id, bool_or(excluded) AS excluded FROM ({aside}) GROUP BY order_id" if aside else _NOBODY
    found = side.database.arrow(
        f"SELECT {FILE}, {ROW}, excluded FROM ({unknown}) LEFT JOIN ({known}) AS aside USING (order_id)"
    )
    files, rows = found[FILE].to_numpy(), found[ROW].to_numpy()
    excluded = found["excluded"].to_pandas().map({True: 1, False: 0}).fillna(2).to_numpy()
    side.drop(files[excluded == 1], rows[excluded == 1], "", ITS_ORDER_EXCLUDED, excluded=True)
    side.drop(files[excluded == 0], rows[excluded == 0], header, ITS_ORDER_QUARANTINED)
    side.drop(files[excluded == 2], rows[excluded == 2], header, UNKNOWN_ORDER)


def _check_refunds(side: TableRows) -> list[str]:
    # orders whose id stands several times have been set aside, so each refund meets one
    placed = f"{side.used} AS own JOIN orders USING (order_id)"
    times = f"SELECT own.{FILE}, own.{ROW}, own.refunded_at, orders.ordered_at FROM {placed}"
    early = side.database.arrow(f"{times} WHERE ordered_at > refunded_at").to_pandas()
    early = early[surely_before(early["refunded_at"], early["ordered_at"], side.spec.timezone)]
    header = side.spec.header("refunded_at")
    side.drop(early[FILE].to_numpy(), early[ROW].to_numpy(), header, "before its order")
    if "customer_id" in side.columns:
        placed = f"{side.used} AS own JOIN orders USING (order_id)"
        other = f"SELECT own.{FILE}, own.{ROW} FROM {placed} WHERE orders.customer_id <> own.customer_id"
        side.drop_found(other, side.spec.header("customer_id"), "another customer than its order's")
    return _above_orders(side)


def _above_orders(side: TableRows) -> list[str]:
    """The report of orders whose refunds add up to more than their value."""
    refunded = (
        f"SELECT order_id, fsum(amount) AS refunded FROM {side.used} WHERE order_id IS NOT NULL GROUP BY order_id"
    )
    above, total = side.database.one(
        f"SELECT count(*), sum(refunded - net) FROM ({refunded}) JOIN orders USING (order_id) "
        f"WHERE refunded - net > {_CENT}"
    )
    if not above:
        return []
    return [
        f"refunds: {above:,} orders were refunded above their value, by {total:,.2f} in all; "
        "they were kept: often the amounts hold tax or shipping"
    ]


def _check_leads(deals: TableRows, leads: TableRows) -> None:
    unknown = (
        f"SELECT {FILE}, {ROW} FROM {deals.used} WHERE lead_id IS NOT NULL "
        f"AND lead_id NOT IN (SELECT lead_id FROM {leads.used} WHERE lead_id IS NOT NULL)"
    )
    deals.drop_found(unknown, deals.spec.header("lead_id"), "names an unknown lead")


def _without_orders(side: TableRows) -> list[str]:
    rows, customers = side.database.one(
        f"SELECT count(*), count(DISTINCT customer_id) FROM {side.used} WHERE customer_id IS NOT NULL "
        "AND customer_id NOT IN (SELECT customer_id FROM orders)"
    )
    if not rows:
        return []
    return [f"{side.spec.table}: {rows:,} rows of {customers:,} customers without an order were kept"]
