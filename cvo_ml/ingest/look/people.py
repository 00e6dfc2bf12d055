"""Whose the orders are: the column that names customers, rows of nobody, and ids that may stand for nobody."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from cvo_ml.core.result import Json
from cvo_ml.ingest.look.findings import FoundOut, Settings, counted
from cvo_ml.ingest.look.grid import FoundColumn, Grid
from cvo_ml.ingest.nobody import nobodies

_ADDRESS: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_KINDS: Final = {"id": "an id", "email": "an e-mail address", "name": "a name"}
#: Share of the rows without a customer from which on another column is asked about.
_MANY: Final = 0.05
_SHOWN: Final = 3


def decide_customers(grid: Grid, findings: FoundOut) -> FoundColumn | None:
    """The column of customers: an id before an address, and that before a name; None where there is none."""
    filled = [header for header in grid.headers_for("customer_id") if grid.columns[header].filled]
    if not filled:
        findings.missing.append(
            "customer_id: no column names the customer (an id, an e-mail address or a name): export one, or write "
            "columns.customer_id with its header"
        )
        return None
    full = [header for header in filled if grid.columns[header].filled >= 0.5 * grid.rows] or filled
    ranked = sorted(full, key=lambda header: list(_KINDS).index(_kind(header, grid)))
    column = grid.columns[ranked[0]]
    kind = _kind(column.header, grid)
    others = [header for header in filled if header != column.header]
    beside = f"; not {', '.join(map(repr, others[:_SHOWN]))}: an id comes before an address, and that before a name"
    evidence = f"{_KINDS[kind]}; {counted(len(column.distinct), 'customer')} in {counted(column.filled, 'row')}"
    evidence += (beside if others else "") + ("; two people of one name are one customer" if kind == "name" else "")
    fuller = next(
        (grid.columns[header] for header in ranked[1:] if _is_fuller(grid.columns[header], column, grid)), None
    )
    if fuller is not None:
        _ask_whom(column, fuller, grid, findings)
        return column
    findings.decide("customer_id", column.header, evidence, {"columns.customer_id": column.header})
    if kind == "email":
        decide_case_of_addresses(column, findings)
    _decide_nobody(column, grid, findings)
    return column


def decide_case_of_addresses(column: FoundColumn, findings: FoundOut) -> None:
    """Make customers one whose addresses differ in upper and lower case only."""
    addresses = {text.strip() for text in column.distinct if "@" in text}
    if pairs := len(addresses) - len({text.casefold() for text in addresses}):
        one = f"{pairs:,} of the addresses differ from another in upper and lower case only"
        findings.decide("ids", "fold_case", one, {"ids.fold_case": True})


def _is_fuller(other: FoundColumn, column: FoundColumn, grid: Grid) -> bool:
    """Whether many rows that name no customer in a column name one in the other."""
    return bool(((column.codes < 0) & (other.codes >= 0)).sum() > _MANY * grid.rows)


def _ask_whom(column: FoundColumn, fuller: FoundColumn, grid: Grid, findings: FoundOut) -> None:
    lost = np.flatnonzero((column.codes < 0) & (fuller.codes >= 0))
    left_out: Settings = {"columns.customer_id": column.header, "guests": "exclude"}
    rest: dict[str, Json] = {"guests": "exclude"} if fuller.filled < grid.rows else {}
    findings.ask(
        "customers",
        f"{counted(len(lost), 'row')} of {grid.rows:,} have no {column.header!r}, but a {fuller.header!r}: leave "
        f"them out as guests, or tell customers by {fuller.header!r}?",
        {column.header: left_out, fuller.header: {"columns.customer_id": fuller.header, **rest}},
        (lost[:_SHOWN] + 1).tolist(),
    )  # fmt: skip


def _kind(header: str, grid: Grid) -> str:
    """What a column that names customers holds: by its name, or by its texts where the name is a bare ``customer``."""
    meaning = grid.meaning_of(header)
    if meaning != "customer":
        return {"customer_email": "email", "customer_phone": "email", "customer_name": "name"}.get(meaning or "", "id")
    texts = grid.columns[header].distinct[:200]
    if sum(_ADDRESS.fullmatch(text) is not None for text in texts) > 0.8 * len(texts):
        return "email"
    named = sum(" " in text and re.search(r"[^\W\d_]{2}", text) is not None for text in texts)
    return "name" if named > 0.5 * len(texts) else "id"


def _decide_nobody(column: FoundColumn, grid: Grid, findings: FoundOut) -> None:
    empty = grid.rows - column.filled
    leave_out: dict[str, Json] = {"guests": "exclude"}
    if empty:
        share = f"{counted(empty, 'row')} of {grid.rows:,} name no customer: they are left out by rule, and counted"
        findings.decide("guests", "exclude", share, leave_out)
    orders = _orders_of(column, grid)
    found = nobodies(orders, sum(orders.values()))
    if not found:
        return
    suspects = sorted(found, key=lambda name: -found[name])
    shown = ", ".join(f"{name!r} with {found[name]:,}" for name in suspects[:_SHOWN])
    choices: dict[str, Settings] = {
        "nobody": {**leave_out, "guest_ids": list(suspects)},
        "customers": {"customers": list(suspects)},
    }
    findings.ask(
        "guests", f"column {column.header!r}: {shown} of {sum(orders.values()):,} orders: nobody, or a customer?",
        choices, column.first_rows(suspects), [f"{column.header} = {text}" for text in suspects[:_SHOWN]],
    )  # fmt: skip


def _orders_of(column: FoundColumn, grid: Grid) -> dict[str, int]:
    """The orders of each customer."""
    headers = [header for header in grid.headers_for("order_id") if grid.columns[header].filled >= 0.99 * grid.rows]
    codes = column.codes
    if headers:
        orders = grid.columns[headers[0]]
        size = len(orders.distinct) + 1
        codes = np.unique(codes * size + orders.codes + 1) // size
    counts = np.bincount(codes[codes >= 0], minlength=len(column.distinct))
    return dict(zip(column.distinct, counts.tolist(), strict=True))
