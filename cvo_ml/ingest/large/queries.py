"""The SQL that groups validated rows into orders and customers, as the assembly in memory does."""

# ruff: noqa: S608 (names in queries are quoted and come from contracts)

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cvo_ml.core.contract import Column
from cvo_ml.core.contracts import ORDERS
from cvo_ml.ingest.sources.databases import quoted

FILE: Final = "__file"
ROW: Final = "__row"
SORT: Final = ("ordered_at", "order_id", "customer_id", "product_id", "line_id", "quantity", "net")


def grouped(view: str, present: Sequence[str]) -> str:
    """The query of one row per order id: money summed, the first time, the latest known_at, the first known text."""
    order = "(" + ", ".join(quoted(name) for name in SORT if name in present) + f", {FILE}, {ROW})"
    parts = [
        f"{_of_order(column, order)} AS {quoted(column.name)}"
        for column in ORDERS.columns
        if column.name in present and column.name != "order_id"
    ]
    names = [name for name in ORDERS.names if name in present]
    inner = f"SELECT {', '.join(['order_id', *parts])} FROM {view} GROUP BY order_id"
    return f"SELECT {', '.join(map(quoted, names))} FROM ({inner})"


def _of_order(column: Column, order: str) -> str:
    """The aggregate that makes one value of an order's rows."""
    name = quoted(column.name)
    if column.name in ("ordered_at", "customer_id"):
        return f"min({name})"
    if column.name == "known_at":
        return f"max({name})"
    if column.name == "cost":
        return f"CASE WHEN count({name}) = count(*) THEN sum({name}) END"
    if column.kind == "money":
        return f"sum({name})"
    if column.kind == "flag":
        return f"bool_or({name})"
    return f"arg_min({name}, {order}) FILTER ({name} IS NOT NULL)"


def described(view: str, fields: Sequence[str], present: Sequence[str]) -> str:
    """The query of each customer as first described: the earliest row with any of the fields."""
    moment = "known_at" if "known_at" in present else "ordered_at"
    order = ", ".join(quoted(name) for name in (moment, *SORT) if name in present)
    first = ", ".join(f"first_row.{quoted(name)} AS {quoted(name)}" for name in ("customer_id", *fields, "known_at"))
    row = (
        f"{{'customer_id': customer_id, 'known_at': {moment}, "
        + ", ".join(f"{literal(name)}: {quoted(name)}" for name in fields)
        + "}"
    )
    blank = f"coalesce({', '.join(f'CAST({quoted(name)} AS VARCHAR)' for name in fields)}) IS NULL"
    inner = f"SELECT arg_min({row}, ({blank}, {order}, {FILE}, {ROW})) AS first_row FROM {view} GROUP BY customer_id"
    return f"SELECT {first} FROM ({inner})"


def literal(text: str) -> str:
    """A text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"
