"""Columns beside a status that say an order is no sale: ``cancelled_at``, ``is_voided``, ``refunded``, ``paid``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cvo_ml.config.shops import StatusClass
from cvo_ml.core.result import Json
from cvo_ml.ingest.header_names import key_of
from cvo_ml.ingest.look.amounts import is_amounts
from cvo_ml.ingest.look.dates import looks_like_times
from cvo_ml.ingest.look.findings import FoundOut, Settings, counted
from cvo_ml.ingest.look.further_columns import NO, YES
from cvo_ml.ingest.look.grid import FoundColumn, Grid
from cvo_ml.ingest.statuses import class_of

_CANCELLED: Final = (
    r"cancell?ed|cancellation|voided|void|storniert|storno|stornierung|annulee?|cancelado|cancelada|annullato|annullata"
    r"|geannuleerd|anulowane|makulerad"
)
_CLOCK: Final = r"(?:at|on|date|time|datetime|timestamp|am|datum|le|op|el|il)?"
#: What the letters and digits of a header say, and what rows are that it marks.
_SAID: Final[tuple[tuple[str, StatusClass], ...]] = (
    (rf"(?:is|order|was)?(?:{_CANCELLED}){_CLOCK}|date(?:de|of)?(?:{_CANCELLED})", "not_a_sale"),
    (rf"(?:is|order|was)?(?:deleted|removed|geloscht|supprime){_CLOCK}|datedeleted", "not_a_sale"),
    (r"(?:is|order|was)?(?:fully)?refunded|(?:is|was)?returned|chargedback|ischargeback", "refunded"),
)
#: A header that says yes of sales: what the others are is asked about.
_PAID: Final = r"(?:is|order|was)?(?:paid|bezahlt|payee?|pagado|pagato|betaald|captured|settled)"


#: Different texts of a column that is filled in or left empty.
_FEW: Final = 3


@dataclass(frozen=True)
class _Marked:
    """Rows that a column marks.

    Parameters
    ----------
    rows:
        (rows,) which it marks.
    settings:
        What the shop's file says of it.
    is_sure:
        Whether flags or times mark them, and not some text.
    """

    column: FoundColumn
    rows: NDArray[np.bool_]
    settings: Settings
    is_sure: bool = True


def decide_not_sold(grid: Grid, findings: FoundOut) -> None:
    """The columns that mark what is no sale; one that says more than the status is asked about."""
    for header, column in grid.columns.items():
        found = _marked(header, column)
        if found is None or not found.rows.any() or found.rows.all():
            continue
        by_status = _not_sold_by_status(grid, findings)
        if by_status is not None and not (found.rows & ~by_status).any():
            continue
        marks = counted(int(found.rows.sum()), "row")
        if by_status is None and found.is_sure and _asks(findings) and not _is_open(header):
            findings.decide("status", header, f"marks {marks} that are no sale", found.settings)
            continue
        _ask(found, header, marks, findings)


def _marked(header: str, column: FoundColumn) -> _Marked | None:
    key = key_of(header)
    found = next((said for pattern, said in _SAID if re.fullmatch(pattern, key)), None)
    is_paid = re.fullmatch(_PAID, key) is not None
    if found is None and not is_paid:
        return None
    yes = [text for text in column.distinct if YES.fullmatch(text)]
    no = [text for text in column.distinct if NO.fullmatch(text)]
    if column.distinct and len(yes) + len(no) == len(column.distinct):
        return _by_flags(column, no if is_paid else yes, yes if is_paid else no, "pending" if is_paid else found)
    if is_paid and 0 < len(column.distinct) <= _FEW and not is_amounts(column):
        statuses: dict[str, Json] = {**dict.fromkeys(column.distinct, "sale"), "": "pending"}
        return _Marked(column, column.codes < 0, {"columns.status": header, "statuses": statuses})
    if found is None or not column.distinct:
        return None
    is_sure = looks_like_times(column)
    if not is_sure and (found == "refunded" or is_amounts(column)):
        return None
    rules: Json = [{"rule": f"marked by {header}", "column": "status", "pattern": ".+"}]
    settings: dict[str, Json] = {"columns.status": header, "statuses": {"": "sale"}, "exclude": rules}
    return _Marked(column, column.codes >= 0, settings, is_sure)


def _by_flags(column: FoundColumn, marked: list[str], others: list[str], said: StatusClass | None) -> _Marked:
    statuses: dict[str, Json] = {**dict.fromkeys(others, "sale"), **dict.fromkeys(marked, said)}
    if (column.codes < 0).any():
        statuses[""] = "sale"
    rows = column.spread([text in marked for text in column.distinct], False).astype(np.bool_)
    return _Marked(column, rows, {"columns.status": column.header, "statuses": statuses})


def _not_sold_by_status(grid: Grid, findings: FoundOut) -> NDArray[np.bool_] | None:
    """(rows,) what the decided status leaves out; None where none is decided."""
    settings = findings.settings()
    header, declared = settings.get("columns.status"), settings.get("statuses")
    if header is None:
        return None
    column, own = grid.columns[str(header)], declared if isinstance(declared, dict) else {}
    out = [(own.get(text) or class_of(text)) not in ("sale", None) for text in column.distinct]
    rows = column.spread(out, False).astype(np.bool_)
    return rows | (column.codes >= 0) if "exclude" in settings and own == {"": "sale"} else rows


def _asks(findings: FoundOut) -> bool:
    """Whether no question about the status is open."""
    return not any(question.name.startswith("status") for question in findings.questions)


def _is_open(header: str) -> bool:
    return re.fullmatch(rf"{_PAID}|.*(?:deleted|removed|geloscht|supprime).*", key_of(header)) is not None


def _ask(found: _Marked, header: str, marks: str, findings: FoundOut) -> None:
    status = findings.settings().get("columns.status")
    beside = f", which {str(status)!r} does not leave out" if status is not None else ""
    findings.ask(
        key_of(header), f"column {header!r} marks {marks}{beside}: are they no sales?",
        {"no_sales": found.settings, "sales": {"ignore": [header]}}, (np.flatnonzero(found.rows)[:3] + 1).tolist(),
    )  # fmt: skip
