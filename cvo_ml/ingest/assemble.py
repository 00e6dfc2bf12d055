"""From validated rows to the canonical tables, by queries: orders, refunds, order lines, customers, further tables."""

# ruff: noqa: S608 (names in queries are quoted and come from contracts)

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.contract import Column
from cvo_ml.core.contracts import CONTRACTS, CUSTOMERS, ORDER_LINES, ORDERS
from cvo_ml.core.stored_table import StoredTable
from cvo_ml.ingest.refunds import amount_before_tax, refund_rows
from cvo_ml.ingest.row_database import FILE, ROW, RowDatabase, literal, quoted
from cvo_ml.ingest.table_rows import TableRows

SORT: Final = ("ordered_at", "order_id", "customer_id", "product_id", "line_id", "quantity", "net")
# An aggregation over texts does not spill: these many groups fit half a gigabyte, more are formed part by part.
GROUPS_AT_ONCE = 2_000_000
_REFUNDS: Final = {
    "refund_id": pa.large_string(), "refunded_at": pa.timestamp("us"), "amount": pa.float64(),
    "order_id": pa.large_string(), "customer_id": pa.large_string(), "reason": pa.large_string(),
}  # fmt: skip


def complete(rows: pd.DataFrame, shop: ShopConfig) -> None:
    """Fill in place what the mapping implies: net of a line, generated order ids, known_at of rows without one."""
    if shop.counts_only:
        rows["net"] = 0.0
    elif shop.rows == "lines" and "net" not in rows:
        rows["net"] = rows["quantity"] * rows["unit_price"]
        for part in shop.net_less:
            rows["net"] -= np.sign(rows["net"]) * rows[part].abs().fillna(0.0)
    if shop.order_id == "generated":
        rows["order_id"] = rows["customer_id"] + "@" + rows["ordered_at"].dt.strftime("%Y-%m-%d")
    if "known_at" in rows:
        time = "started_at" if shop.rows == "subscriptions" else "ordered_at"
        rows["known_at"] = rows["known_at"].fillna(rows[time])


def assemble(found: TableRows, shop: ShopConfig) -> dict[str, StoredTable]:
    """The tables of the used rows; the order of the source's rows changes nothing in them.

    Returns
    -------
    ``orders`` by time, ``refunds``, and where the source has their columns ``order_lines`` and ``customers``.
    """
    rows = _split(found, shop)
    tables = {"orders": _orders(found, shop, rows.kept), "refunds": _refunds(found, shop, rows.back)}
    if shop.rows == "lines" and {"product_id", "quantity"} <= set(found.columns):
        tables["order_lines"] = _lines(found, rows.kept)
    known = {*CUSTOMERS.names, *shop.profile} - {"known_at", "customer_id"}
    if fields := [name for name in found.columns if name in known]:
        query = _in_parts(found, found.used, "customer_id", lambda part: _described(part, fields, found.columns))
        tables["customers"] = found.database.keep("customers", query, ("customer_id",))
    return tables


def side_table(found: TableRows) -> StoredTable:
    """The used rows of a further table, in the order of their times.

    Refunds take the customer of the order that they name; ``known_at`` is the event time where a row has none, and the
    end of the month where a row speaks of one.
    """
    contract, columns = CONTRACTS[found.spec.table], list(found.columns)
    values = {name: quoted(name) for name in columns}
    source = f"{found.used} AS own"
    if found.spec.table == "refunds":
        values |= {"order_id": "own.order_id" if "order_id" in columns else "CAST(NULL AS VARCHAR)"}
        if "order_id" in columns:
            own = "own.customer_id, " if "customer_id" in columns else ""
            values["customer_id"] = f"coalesce({own}placed.customer_id)"
            placed = "SELECT order_id AS placed_id, customer_id, net FROM orders"
            source += f" LEFT JOIN ({placed}) AS placed ON placed_id = own.order_id"
            values["amount"] = amount_before_tax(columns, "placed.net", found.spec.currency)
    if contract.months:
        over = f"own.{contract.event_time} + INTERVAL {contract.months} MONTH"
        values["known_at"] = f"coalesce(own.known_at, {over})" if "known_at" in columns else over
    elif "known_at" in columns and contract.event_time is not None:
        values["known_at"] = f"coalesce(own.known_at, own.{contract.event_time})"
    names = [name for name in (*contract.names, *found.spec.profile) if name in values and name != "part_of"]
    first = [name for name in (contract.event_time, *contract.required) if name is not None and name in values]
    chosen = ", ".join(f"{values[name]} AS {quoted(name)}" for name in names)
    return found.database.keep(
        found.spec.table,
        f"SELECT {chosen}, {quoted(FILE)}, {quoted(ROW)} FROM {source}",
        tuple(dict.fromkeys(first)),
        ties=(FILE, ROW),
    )


def join_refunds(database: RowDatabase, own: StoredTable, further: StoredTable) -> StoredTable:
    """Refunds among the orders and those of a table of their own, by time."""
    return _joined(database, own, further, "refunds")


def _joined(database: RowDatabase, own: StoredTable, further: StoredTable, table: str) -> StoredTable:
    if not own.rows or not further.rows:
        return own if not further.rows else further
    database.show("own_part", own)
    database.show("further_part", further)
    first, second = (
        f"SELECT *, {part} AS part, row_number() OVER () AS place FROM {view}"
        for part, view in enumerate(("own_part", "further_part"))
    )
    query = f"{first} UNION ALL BY NAME {second}"
    time = CONTRACTS[table].event_time
    return database.keep(table, query, (time,) if time else (), ties=("part", "place"))


def join_rows(database: RowDatabase, own: StoredTable, further: StoredTable) -> StoredTable:
    """The rows of one table from two sources, by the time of what happened."""
    return _joined(database, own, further, own.name)


def join_customers(database: RowDatabase, own: StoredTable, further: StoredTable) -> StoredTable:
    """Customers of a table of their own, completed by what the orders say of them (known when the order was).

    A table that does not say when its rows became known stays so: the date of an order is no date of its values.
    """
    present = {*own.columns, *further.columns}
    names = dict.fromkeys(name for name in (*CUSTOMERS.names, *further.columns, *own.columns) if name in present)
    values = ", ".join(f"{_completed(name, own.columns, further.columns)} AS {quoted(name)}" for name in names)
    database.show("own_part", own)
    database.show("further_part", further)
    joined = "further_part AS further FULL JOIN own_part AS own ON further.customer_id = own.customer_id"
    query = f"SELECT {values} FROM {joined}"
    return database.keep("customers", query, ("customer_id",))


def _completed(name: str, own: Sequence[str], further: Sequence[str]) -> str:
    column = quoted(name)
    if name == "known_at" and name not in further:
        return f"CASE WHEN further.customer_id IS NULL THEN own.{column} END"
    parts = [f"{side}.{column}" for side, has in (("further", further), ("own", own)) if name in has]
    return f"coalesce({', '.join(parts)})" if len(parts) > 1 else parts[0]


def with_costs(database: RowDatabase, orders: StoredTable, lines: StoredTable) -> StoredTable:
    """Orders with ``cost``, the sum of their lines' costs, where only the lines have any; null if a line has none."""
    if "cost" in orders.columns or not {"unit_cost", "quantity"} <= set(lines.columns):
        return orders
    database.show("placed", orders)
    database.show("lines", lines)
    each = "unit_cost * quantity"
    costs = (
        f"SELECT order_id, CASE WHEN count({each}) = count(*) THEN fsum({each}) END AS cost FROM lines "
        "GROUP BY order_id"
    )
    query = f"SELECT placed.*, costs.cost FROM placed LEFT JOIN ({costs}) AS costs USING (order_id)"
    return database.keep("orders", query, ("ordered_at", "order_id"))


def _orders(found: TableRows, shop: ShopConfig, kept: str) -> StoredTable:
    order = ("ordered_at", "order_id")
    if shop.rows != "lines" and shop.order_id != "generated":
        return found.database.keep("orders", _only(kept, ORDERS.names, found), order, as_it_is=found.untouched)
    query = _in_parts(found, kept, "order_id", lambda part: _grouped(part, found.columns))
    return found.database.keep("orders", query, order)


def _lines(found: TableRows, kept: str) -> StoredTable:
    order = tuple(name for name in SORT if name in found.columns)
    ties = tuple(name for name in order if name not in ORDER_LINES.names)
    query = _only(kept, (*ORDER_LINES.names, *ties, FILE, ROW), found)
    return found.database.keep("order_lines", query, order, ties=(*ties, FILE, ROW), as_it_is=found.untouched)


def _only(view: str, names: Sequence[str], found: TableRows) -> str:
    chosen = [name for name in names if name in found.columns or name in (FILE, ROW)]
    return f"SELECT {', '.join(map(quoted, chosen))} FROM {view}"


@dataclass(frozen=True)
class _Split:
    """Queries of the rows that are orders, and of those that give back; None where there are none of the latter."""

    kept: str
    back: str | None


def _split(found: TableRows, shop: ShopConfig) -> _Split:
    below, used = "coalesce(net < 0, false)", found.used
    if shop.refunds == "negative_orders":
        sums = _in_parts(
            found, used, "order_id",
            lambda part: f"SELECT order_id FROM {part} GROUP BY order_id HAVING fsum(net) < 0",
        )  # fmt: skip
        below = f"order_id IN ({found.database.store(sums)})"
    back = f"SELECT * FROM {used} WHERE {below}"
    (any_back,) = found.database.one(f"SELECT count(*) FROM (FROM ({back}) LIMIT 1)")
    return _Split(f"(SELECT * FROM {used} WHERE NOT ({below}))", f"({back})") if any_back else _Split(used, None)


def _refunds(found: TableRows, shop: ShopConfig, back: str | None) -> StoredTable:
    """Refund rows of the customers who gave anything back, as many customers at once as fit."""
    parts = []
    query = f"SELECT own.* FROM {found.used} AS own SEMI JOIN {back} USING (customer_id)"
    for rows in found.buckets(query, "customer_id") if back is not None else ():
        sort = [*(name for name in SORT if name in rows), FILE, ROW]
        rows = rows.sort_values(sort, ignore_index=True)
        below = rows["net"] < 0
        if shop.refunds == "negative_orders":
            below = rows.groupby("order_id")["net"].transform("sum") < 0
        parts.append(refund_rows(_given_back(rows[below], shop, found), rows[~below], shop.refund_reason))
    if parts:
        table = pa.Table.from_pandas(pd.concat(parts, ignore_index=True), preserve_index=False)
    else:
        known = {"known_at": pa.timestamp("us")} if "known_at" in found.columns else {}
        table = pa.schema(_REFUNDS | known).empty_table()
    return found.database.keep_arrow("refunds", table, ("refunded_at", "refund_id"))


def _given_back(rows: pd.DataFrame, shop: ShopConfig, found: TableRows) -> pd.DataFrame:
    """The rows below zero; whole orders where only an order below zero is a refund."""
    if shop.refunds != "negative_orders":
        return rows
    found.database.hold("below_zero", pa.Table.from_pandas(rows, preserve_index=False))
    grouped = found.database.arrow(_grouped("below_zero", found.columns))
    frame: pd.DataFrame = grouped.to_pandas()
    return frame.sort_values(["ordered_at", "order_id"], ignore_index=True)


def _in_parts(found: TableRows, source: str, by: str, query: Callable[[str], str]) -> str:
    """A query that groups ``source`` by ``by``, computed part by part where it has too many groups for one."""
    database = found.database
    if not database.on_disk:
        return query(source)
    (groups,) = database.one(f"SELECT approx_count_distinct({quoted(by)}) FROM {source}")
    parts = -(-groups // GROUPS_AT_ONCE)
    if parts <= 1:
        return query(source)
    chosen = (f"(SELECT * FROM {source} WHERE hash({quoted(by)}) % {parts} = {part})" for part in range(parts))
    return " UNION ALL ".join(database.store(query(part)) for part in chosen)


def _grouped(view: str, present: Sequence[str]) -> str:
    """The query of one row per order id: money summed, the first time, the latest known_at, the first known text."""
    order = "(" + ", ".join(quoted(name) for name in (*SORT, FILE, ROW) if name in (*present, FILE, ROW)) + ")"
    values = [
        f"{_of_order(column, order)} AS {quoted(column.name)}"
        for column in ORDERS.columns
        if column.name in present and column.name != "order_id"
    ]
    return f"SELECT {', '.join(['order_id', *values])} FROM {view} GROUP BY order_id"


def _of_order(column: Column, order: str) -> str:
    """The aggregate that makes one value of an order's rows."""
    name = quoted(column.name)
    if column.name in ("ordered_at", "customer_id"):
        return f"min({name})"
    if column.name == "known_at":
        return f"max({name})"
    if column.name == "cost":  # a cost that is known for some lines only is not known
        return f"CASE WHEN count({name}) = count(*) THEN fsum({name}) END"
    if column.kind == "money":
        return f"fsum({name})"  # the order of the rows changes nothing in it
    if column.kind == "flag":
        return f"coalesce(bool_or({name}), false)"
    return f"arg_min({name}, {order}) FILTER ({name} IS NOT NULL)"


def _described(view: str, fields: Sequence[str], present: Sequence[str]) -> str:
    """The query of each customer as first described: the earliest row with any of the fields, known since then.

    Values of later rows are not merged in: the row would then say more than was known at its ``known_at``.
    """
    moment = "known_at" if "known_at" in present else "ordered_at"
    order = ", ".join(quoted(name) for name in (moment, *SORT) if name in present)
    first = ", ".join(f"first_row.{quoted(name)} AS {quoted(name)}" for name in ("customer_id", *fields, "known_at"))
    described = ", ".join(f"{literal(name)}: {quoted(name)}" for name in fields)
    row = f"{{'customer_id': customer_id, 'known_at': {moment}, {described}}}"
    blank = f"coalesce({', '.join(f'CAST({quoted(name)} AS VARCHAR)' for name in fields)}) IS NULL"
    inner = (
        f"SELECT arg_min({row}, ({blank}, {order}, {quoted(FILE)}, {quoted(ROW)})) AS first_row FROM {view} "
        "GROUP BY customer_id"
    )
    return f"SELECT {first} FROM ({inner})"
