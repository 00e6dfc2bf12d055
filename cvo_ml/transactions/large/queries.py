"""The SQL that groups judged rows into orders and customers, as the assembly in memory does."""

# ruff: noqa: S608 (names in queries are quoted and come from contracts)

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cvo_ml.core.contracts import ORDERS
from cvo_ml.transactions.sources.databases import quoted

FILE: Final = "__file"
ROW: Final = "__row"
SORT: Final = ("ordered_at", "order_id", "customer_id", "product_id", "line_id", "quantity", "net")


def grouped(view: str, present: Sequence[str]) -> str:
    """The query of one row per order id: money summed, the first time, the latest known_at, the first known text."""
    order = "(" + ", ".join(quoted(name) for name in SORT if name in present) + f", {FILE}, {ROW})"
    parts = ["order_id", "min(ordered_at) AS ordered_at"]
    for column in ORDERS.columns:
        name = quoted(column.name)
        if column.name not in present or column.name in ("order_id", "ordered_at"):
            continue
        if column.name == "known_at":
            parts.append(f"max({name}) AS {name}")
        elif column.name == "cost":
            parts.append(f"CASE WHEN count({name}) = count(*) THEN sum({name}) END AS {name}")
        elif column.kind == "money":
            parts.append(f"sum({name}) AS {name}")
        elif column.kind == "flag":
            parts.append(f"bool_or({name}) AS {name}")
        elif column.name == "customer_id":
            parts.append("min(customer_id) AS customer_id")
        else:
            parts.append(f"arg_min({name}, {order}) FILTER ({name} IS NOT NULL) AS {name}")
    names = [name for name in ORDERS.names if name in present]
    return f"SELECT {', '.join(map(quoted, names))} FROM (SELECT {', '.join(parts)} FROM {view} GROUP BY order_id)"


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
