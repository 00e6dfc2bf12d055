"""Checks between tables, each with its stated outcome; which table a column names a row of stands in its contract.

| finding | outcome |
|---|---|
| row of an order that was excluded by rule | excluded: "its order was excluded" |
| row of an order in quarantine | quarantined: "its order is in quarantine" |
| row that names an order, lead, account or feature nobody knows | quarantined: "names an unknown order", … |
| refund, return, review, answer or delivery before its order was placed | quarantined: "before its order" |
| delivery promised before its order was placed | quarantined: "promised before its order" |
| refund of another customer than its order's | quarantined: "another customer than its order's" |
| request for a feature of a customer nobody knows | quarantined: "names an unknown customer" |
| account under one that is in quarantine | quarantined: "its account is in quarantine" |
| account whose parents lead back to itself | quarantined: "its parents lead back to itself" |
| referral of somebody who was referred before | excluded: "referred before" |
| price that begins before an earlier one ends | quarantined: "begins before an earlier price ends" |
| task in which none was chosen | quarantined whole: "not one of its task was chosen" |
| task in which several were chosen | quarantined whole: "several of its task were chosen" |
| task with one alternative | quarantined: "alone in its task" |
| customers of an account nobody knows | kept and reported: their consent counts all the same |
| refunds of an order above its value | kept and reported: often tax or shipping |
| rows of customers without an order | kept and reported |

A refund that names only its customer is kept.
"""

# ruff: noqa: S608 (names in queries are quoted and come from contracts)

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.stored_table import StoredTable
from cvo_ml.core.wall_times import surely_before
from cvo_ml.ingest.refunds import amount_before_tax
from cvo_ml.ingest.row_database import FILE, ROW, quoted
from cvo_ml.ingest.table_rows import TableRows

ITS_ORDER_EXCLUDED: Final = "its order was excluded"
ITS_ORDER_QUARANTINED: Final = "its order is in quarantine"
UNKNOWN_ORDER: Final = "names an unknown order"
BEFORE_ITS_ORDER: Final = "before its order"
REFERRED_BEFORE: Final = "referred before"
_CALLED: Final = {"leads": "lead", "accounts": "account", "product_features": "feature"}
_CENT: Final = 0.005
_NOBODY: Final = "SELECT '' AS order_id, false AS excluded WHERE false"


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
    for side in sides.values():
        name = side.spec.table
        notes += _check_named(side, main, sides)
        if name == "refunds" and "order_id" in side.columns:
            notes += _check_refunds(side)
        if name == "feature_requests" and "customer_id" in side.columns:
            _check_askers(side, main, sides)
        if name == "referrals":
            side.drop_found(_referred_before(side), "", REFERRED_BEFORE, excluded=True)
        if "customer_id" in CONTRACTS[name].names and "customer_id" in side.columns and orders.rows:
            notes += _without_orders(side)
    return tuple(notes)


def _check_named(side: TableRows, main: TableRows, sides: Mapping[str, TableRows]) -> list[str]:
    """The rows whose columns name no row of the table that they should."""
    notes: list[str] = []
    for column in CONTRACTS[side.spec.table].columns:
        if column.names is None or column.name not in side.columns:
            continue
        if column.names == "orders":
            if "order_id" in main.columns:
                _check_orders(side, main)
                _check_times(side)
        elif side.spec.table == "customers":
            notes += _unknown_accounts(side, sides)
        elif column.names in sides and column.names != side.spec.table:
            side.drop_found(
                _unknown(side, column.name, sides[column.names]),
                side.spec.header(column.name),
                f"names an unknown {_CALLED[column.names]}",
            )
    return notes


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


def _check_times(side: TableRows) -> None:
    """Nothing happens to an order, and nothing is promised of it, before it was placed."""
    event_time = CONTRACTS[side.spec.table].event_time
    for column, reason in ((event_time, BEFORE_ITS_ORDER), ("promised_at", f"promised {BEFORE_ITS_ORDER}")):
        if column is None or column not in side.columns:
            continue
        # orders whose id stands several times have been set aside, so each row meets one
        placed = f"SELECT own.{FILE}, own.{ROW}, own.{column} AS moment, orders.ordered_at FROM {side.used} AS own"
        query = f"{placed} JOIN orders USING (order_id) WHERE ordered_at > moment"
        early = side.database.arrow(query).to_pandas()
        early = early[surely_before(early["moment"], early["ordered_at"], side.spec.timezone)]
        side.drop(early[FILE].to_numpy(), early[ROW].to_numpy(), side.spec.header(column), reason)


def _unknown(side: TableRows, column: str, target: TableRows) -> str:
    """The query of the rows that name none of the target's."""
    contract = CONTRACTS[target.spec.table]
    key = quoted((contract.key or contract.key_where_told)[0])
    return (
        f"SELECT {FILE}, {ROW} FROM {side.used} WHERE {quoted(column)} IS NOT NULL "
        f"AND {quoted(column)} NOT IN (SELECT {key} FROM {target.used} WHERE {key} IS NOT NULL)"
    )


def _unknown_accounts(customers: TableRows, sides: Mapping[str, TableRows]) -> list[str]:
    """The report of customers whose account is not known: their consent and their wish not to be profiled count."""
    if "accounts" not in sides:
        return []
    accounts = f"SELECT account_id FROM {sides['accounts'].used} WHERE account_id IS NOT NULL"
    rows, first = customers.database.one(
        f"SELECT count(*), min({ROW}) FROM {customers.used} WHERE account_id IS NOT NULL "
        f"AND account_id NOT IN ({accounts})"
    )
    if not rows:
        return []
    return [f"customers: {rows:,} rows name an unknown account (the first: row {first:,}); they were kept"]


def _check_askers(requests: TableRows, main: TableRows, sides: Mapping[str, TableRows]) -> None:
    people = [main, *(sides[name] for name in ("customers", "subscriptions") if name in sides)]
    known = " UNION ALL ".join(
        f"SELECT customer_id FROM {rows.used} WHERE customer_id IS NOT NULL"
        for rows in people
        if "customer_id" in rows.columns
    )
    unknown = (
        f"SELECT {FILE}, {ROW} FROM {requests.used} WHERE customer_id IS NOT NULL AND customer_id NOT IN ({known})"
    )
    requests.drop_found(unknown, requests.spec.header("customer_id"), "names an unknown customer")


def _referred_before(referrals: TableRows) -> str:
    """The rows of somebody whom another had brought, or the same one at another time."""
    at = quoted("at")
    first = (
        f"SELECT referred_id, arg_min(referrer_id, ({at}, {FILE}, {ROW})) AS who, min({at}) AS since "
        f"FROM {referrals.used} GROUP BY referred_id"
    )
    return (
        f"SELECT {FILE}, {ROW} FROM {referrals.used} JOIN ({first}) USING (referred_id) "
        f"WHERE referrer_id <> who OR {at} <> since"
    )


def _check_refunds(side: TableRows) -> list[str]:
    if "customer_id" in side.columns:
        placed = f"{side.used} AS own JOIN orders USING (order_id)"
        other = f"SELECT own.{FILE}, own.{ROW} FROM {placed} WHERE orders.customer_id <> own.customer_id"
        side.drop_found(other, side.spec.header("customer_id"), "another customer than its order's")
    return _above_orders(side)


def _above_orders(side: TableRows) -> list[str]:
    """The report of orders whose refunds add up to more than their value."""
    amount = amount_before_tax(side.columns, "orders.net", side.spec.currency)
    refunded = (
        f"SELECT own.order_id, any_value(orders.net) AS net, fsum({amount}) AS refunded FROM {side.used} AS own "
        "JOIN orders USING (order_id) GROUP BY own.order_id"
    )
    above, total = side.database.one(
        f"SELECT count(*), sum(refunded - net) FROM ({refunded}) WHERE refunded - net > {_CENT}"
    )
    if not above:
        return []
    return [
        f"refunds: {above:,} orders were refunded above their value, by {total:,.2f} in all; "
        "they were kept: often the amounts hold tax or shipping"
    ]


def _without_orders(side: TableRows) -> list[str]:
    rows, customers = side.database.one(
        f"SELECT count(*), count(DISTINCT customer_id) FROM {side.used} WHERE customer_id IS NOT NULL "
        "AND customer_id NOT IN (SELECT customer_id FROM orders)"
    )
    if not rows:
        return []
    note = f"{side.spec.table}: {rows:,} rows of {customers:,} customers without an order were kept"
    (alike,) = side.database.one(
        f"SELECT count(DISTINCT customer_id) FROM {side.used} "
        "WHERE customer_id NOT IN (SELECT customer_id FROM orders) "
        "AND lower(customer_id) IN (SELECT lower(customer_id) FROM orders)"
    )
    if alike:
        note += f"; {alike:,} of them are one with orders but for upper and lower case: write ids alike in both"
    return [note]
