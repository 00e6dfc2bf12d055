"""Whose the orders are: the column that names customers, rows of nobody, and ids that may stand for nobody."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from cvo_ml.core.result import Json
from cvo_ml.ingest.header_names import meaning_of
from cvo_ml.ingest.look.findings import FoundOut, Settings, counted
from cvo_ml.ingest.look.grid import FoundColumn, Grid

#: Ids that software and people write for nobody, in any case.
_NOBODY: Final = re.compile(
    r"0+|-1|guests?|guest (?:customer|user|checkout|order)|walk[- ]?in(?: customer)?|unknown(?: customer)?|anonymous"
    r"|no customer|cash(?: customer| sale)?|-+|\?+|xxx+|not available|unbekannt(?:er kunde)?|gast(?:bestellung)?"
    r"|laufkund(?:e|schaft)|barverkauf|diverse|invité|client (?:de passage|comptoir)|anonyme|inconnu|invitado"
    r"|cliente (?:contado|ocasional|generico|genérico)|desconocido|anónimo|ospite|cliente occasionale|sconosciuto"
    r"|onbekend|passant|convidado|consumidor final|desconhecido|gość|gosc|nieznany|gäst|okänd",
    re.IGNORECASE,
)  # fmt: skip
#: An id with more than this share of the orders, and so many times the orders of the next one, may be nobody.
_SHARE, _TIMES = 0.05, 10
_FEWEST: Final = 20


def decide_customers(grid: Grid, findings: FoundOut) -> FoundColumn | None:
    """The column of customers; None where there is none."""
    headers = grid.headers_for("customer_id")
    filled = [header for header in headers if grid.columns[header].filled]
    if not filled:
        findings.missing.append(
            "customer_id: no column names the customer (an id, an e-mail address or a name): export one, or write "
            "columns.customer_id with its header"
        )
        return None
    column = grid.columns[_best(filled, grid)]
    others = [header for header in filled if header != column.header]
    beside = (
        f"; not {', '.join(map(repr, others[:3]))}: an id comes before an address, and that before a name"
        if others
        else ""
    )
    evidence = f"{counted(len(column.distinct), 'customer')} in {counted(column.filled, 'row')}{beside}"
    if meaning_of(column.header) == "customer_name":
        evidence += "; two people of one name are one customer"
    findings.decide("customer_id", column.header, evidence, {"columns.customer_id": column.header})
    _decide_nobody(column, grid, findings)
    return column


def _best(headers: list[str], grid: Grid) -> str:
    """The first header, unless hardly any row has it while another one is full."""
    full = [header for header in headers if grid.columns[header].filled >= 0.5 * grid.rows]
    return (full or headers)[0]


def _decide_nobody(column: FoundColumn, grid: Grid, findings: FoundOut) -> None:
    empty = grid.rows - column.filled
    settings: dict[str, Json] = {"guests": "exclude"}
    if empty:
        share = f"{counted(empty, 'row')} of {grid.rows:,} name no customer: they are left out by rule, and counted"
        findings.decide("guests", "exclude", share, settings)
    suspects = [text for text in column.distinct if _NOBODY.fullmatch(text)]
    suspects += [text for text in _heavy(column) if text not in suspects]
    if not suspects:
        return
    rows = int(sum(column.counts[column.distinct.index(text)] for text in suspects))
    choices: dict[str, Settings] = {
        "nobody": {**settings, "guest_ids": list(suspects)},
        "customers": {"customers": list(suspects)},
    }
    findings.ask(
        "guests", f"column {column.header!r}: {', '.join(map(repr, suspects[:5]))} has {rows:,} of {grid.rows:,} rows: "
        "nobody, or a customer?", choices, column.first_rows(suspects),
        [f"{column.header} = {text}" for text in suspects[:3]],
    )  # fmt: skip


def _heavy(column: FoundColumn) -> list[str]:
    """The ids that hold far more rows than the next one."""
    if len(column.distinct) < 2 or column.filled < _FEWEST:
        return []
    order = np.argsort(-column.counts, kind="stable")
    first, second = column.counts[order[:2]]
    if first > _SHARE * column.filled and first >= _TIMES * second:
        return [column.distinct[int(order[0])]]
    return []
