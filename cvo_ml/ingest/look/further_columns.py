"""Columns beside the orders themselves: test flags, and those that are taken along because their meaning is known."""

from __future__ import annotations

import re
from typing import Final

from cvo_ml.core.contracts import ORDER_LINES, ORDERS
from cvo_ml.ingest.look.amounts import is_amounts
from cvo_ml.ingest.look.dates import readings
from cvo_ml.ingest.look.findings import FoundOut, counted
from cvo_ml.ingest.look.grid import Grid

#: Flags, in any case.
YES: Final = re.compile(r"true|yes|y|t|1|ja|oui|si|sí|tak|sim|x|wahr|vrai", re.IGNORECASE)
NO: Final = re.compile(r"false|no|n|f|0|nein|non|nee|nie|não|nao|falsch|faux", re.IGNORECASE)
#: Columns that are taken along as they are, by their meaning.
ALONG: Final = ("channel", "discount_code", "country", "region", "city", "category", "brand")


def decide_test_orders(grid: Grid, findings: FoundOut) -> None:
    """A column that marks test orders."""
    for header in grid.headers_for("is_test"):
        column = grid.columns[header]
        yes = [text for text in column.distinct if YES.fullmatch(text)]
        no = [text for text in column.distinct if NO.fullmatch(text)]
        if column.distinct and len(yes) + len(no) == len(column.distinct):
            rows = sum(int(column.counts[column.distinct.index(text)]) for text in yes)
            evidence = f"column {header!r}: {counted(rows, 'row')} marked {yes or 'yes'}, left out by rule"
            findings.decide("test orders", header, evidence, {"columns.is_test": header})
            return


def decide_columns_along(grid: Grid, findings: FoundOut, names: tuple[str, ...] = ALONG) -> None:
    """Columns that are read because their meaning is known and no decision hangs on them."""
    taken = set(map(str, findings.settings().values()))
    for meaning in names:
        for header in grid.headers_for(meaning):
            if header not in taken and grid.columns[header].filled:
                evidence = f"by its name; {counted(len(grid.columns[header].distinct), 'value')}"
                findings.decide(meaning, header, evidence, {f"columns.{meaning}": header})
                break


def decide_sellers(grid: Grid, findings: FoundOut) -> None:
    """Who sold, where several did: a marketplace has two sides."""
    taken = set(map(str, findings.settings().values()))
    for header in grid.headers_for("seller_id"):
        sellers = len(grid.columns[header].distinct)
        if header not in taken and sellers > 1:
            findings.decide("seller_id", header, f"by its name; {sellers:,} sellers", {"columns.seller_id": header})
            return


def decide_own_names(grid: Grid, findings: FoundOut) -> None:
    """Headers that are called as a column of the contract, where nothing else has taken them up."""
    rows = findings.settings().get("rows")
    contract = {"orders": ORDERS, "lines": ORDER_LINES}.get(str(rows))
    asked = {key for question in findings.questions for keys in question.choices.values() for key in keys}
    for column in contract.columns if contract is not None else ():
        key = f"columns.{column.name}"
        if column.name not in grid.columns or key in findings.settings() or key in asked:
            continue
        found = grid.columns[column.name]
        amounts = column.kind in ("money", "number") and is_amounts(found)
        times = column.kind == "time" and [way.written for way in readings(found)] == [""]
        if found.filled and (amounts or times or column.kind == "text"):
            findings.decide(column.name, column.name, "called as what it means", {key: column.name})
