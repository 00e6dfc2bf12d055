"""Which column says what became of an order, and what its texts mean; a text that nobody knows is asked about."""

from __future__ import annotations

import re
from typing import Final

from cvo_ml.core.result import Json
from cvo_ml.ingest.header_names import key_of, meaning_of
from cvo_ml.ingest.look.findings import FoundOut, Settings, counted
from cvo_ml.ingest.look.grid import FoundColumn, Grid
from cvo_ml.ingest.statuses import class_of

_CLASSES: Final = ("sale", "pending", "not_a_sale", "refunded")
#: A column with more texts that nobody knows holds no statuses.
_MOST_UNKNOWN: Final = 8


def decide_status(grid: Grid, findings: FoundOut) -> None:
    """The column of statuses; one beside it that says otherwise is asked about."""
    columns = [grid.columns[header] for header in grid.headers_for("status") if grid.columns[header].filled]
    columns = [column for column in columns if not _is_no_status(column, findings)]
    if not columns:
        _ask_of_contents(grid, findings)
        return
    telling = [column for column in columns if _left_out(column)]
    if len(telling) > 1 and not _agree(telling[0], telling[1]):
        _ask_which(telling[:2], findings)
        return
    column = (telling or columns)[0]
    for other in columns:
        if other is not column and _left_out(other):
            why = f"says the same as {column.header!r}"
            findings.decide(f"status {other.header!r}", "left unread", why, {"ignore": [other.header]})
    findings.decide("status", column.header, _told(column), {"columns.status": column.header})
    for text, choices in _unknown(column).items():
        rows = column.first_rows([text])
        findings.ask(
            f"status_{key_of(text)[:40] or 'blank'}",
            f"column {column.header!r}: what does {text!r} mean ({counted(_rows(column, [text]), 'row')})?", choices,
            rows, [f"{column.header} = {text}"],
        )  # fmt: skip
    if (blank := grid.rows - column.filled) > 0.01 * grid.rows and column.filled:
        _ask_blank(column, blank, findings)


def _ask_of_contents(grid: Grid, findings: FoundOut) -> None:
    """Ask about a column of unknown name that holds words of statuses, of which some are no sale."""
    for header, column in grid.columns.items():
        if meaning_of(header) is not None or not 1 < len(column.distinct) <= _MOST_UNKNOWN:
            continue
        known = [text for text in column.distinct if class_of(text) is not None]
        if _left_out(column) and len(known) >= 0.5 * len(column.distinct):
            findings.ask(
                "status", f"column {header!r} looks as if it said what became of an order: {_told(column)}. Does it?",
                {"status": {"columns.status": header}, "something_else": {"ignore": [header]}},
                column.first_rows(_left_out(column)),
            )  # fmt: skip
            return


def _is_no_status(column: FoundColumn, findings: FoundOut) -> bool:
    """Whether hardly any of many texts is a known status: a province, say."""
    unknown = [text for text in column.distinct if class_of(text) is None]
    if len(unknown) <= _MOST_UNKNOWN:
        return False
    evidence = f"holds {counted(len(unknown), 'text')} of which none is a known status"
    findings.decide(f"status {column.header!r}", "left unread", evidence, {"ignore": [column.header]})
    return True


def _left_out(column: FoundColumn) -> list[str]:
    return [text for text in column.distinct if class_of(text) not in ("sale", None)]


def _agree(one: FoundColumn, other: FoundColumn) -> bool:
    """Whether whatever the other leaves out is left out by the one too."""
    out = one.spread([class_of(text) not in ("sale", None) for text in one.distinct], False)
    also = other.spread([class_of(text) not in ("sale", None) for text in other.distinct], False)
    return bool((also.astype(bool) <= out.astype(bool)).all())


def _ask_which(columns: list[FoundColumn], findings: FoundOut) -> None:
    first, second = columns
    choices: dict[str, Settings] = {
        column.header: {"columns.status": column.header, "ignore": [other.header]}
        for column, other in ((first, second), (second, first))
    }
    told = "; ".join(f"{column.header!r}: {_told(column)}" for column in columns)
    findings.ask(
        "status", f"which column says whether an order is a sale? {told}", choices, second.first_rows(_left_out(second))
    )


def _told(column: FoundColumn) -> str:
    classes: dict[str, list[str]] = {}
    for text in column.distinct:
        classes.setdefault(class_of(text) or "unknown", []).append(text)
    words = {
        "sale": "sales",
        "pending": "pending",
        "not_a_sale": "no sale",
        "refunded": "refunded",
        "unknown": "asked about",
    }
    return "; ".join(
        f"{words[name]}: {', '.join(texts[:6])} ({_rows(column, texts):,})" for name, texts in classes.items()
    )


def _rows(column: FoundColumn, texts: list[str]) -> int:
    return sum(int(column.counts[column.distinct.index(text)]) for text in texts)


def _unknown(column: FoundColumn) -> dict[str, dict[str, Settings]]:
    return {
        text: {name: {"statuses": {text: name}} for name in _CLASSES}
        for text in column.distinct
        if class_of(text) is None
    }


def _ask_blank(column: FoundColumn, blank: int, findings: FoundOut) -> None:
    blanks: Json = ""
    choices: dict[str, Settings] = {name: {"statuses": {str(blanks): name}} for name in _CLASSES[:3]}
    ask = f"column {column.header!r}: {counted(blank, 'row')} without a status: what are they?"
    findings.ask("status_blank", re.sub(r"\s+", " ", ask), choices)
