"""The messages of all refusals as one reviewed text: a change shows up as a change of ``messages.txt``.

To write the file anew: ``python -m tests.ingest.test_messages``, then read the difference.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cvo_ml.core.errors import CvoError, DataError
from cvo_ml.ingest import read_shop

from .conftest import PLAIN, orders_text, shop
from .test_catalogue import REFUSED
from .test_refusals import OF_THE_FILE

REVIEWED = Path(__file__).with_name("messages.txt")
REFUND = {"order_id": "order", "refunded_at": "at", "amount": "amount"}


def cases() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Name, content of ``orders.csv``, and what the shop declares."""
    for name, (content, _) in OF_THE_FILE.items():
        yield name, content, {}
    for entry in REFUSED:
        if entry.what not in OF_THE_FILE and "gzip" not in entry.what:
            yield entry.what, entry.content, entry.declared
    faulty = [*orders_text(9), "A10,,2024-01-01,5"]
    yield "too many rows without customer", faulty, {}
    yield "too many after the extract", orders_text(9), {"extracted_at": "2024-01-05"}
    yield "too many sentinel dates", [*orders_text(9), "A10,C1,1970-01-01,5"], {}
    yield (
        "blank currency",
        ["order,customer,date,amount,currency", "A1,C1,2024-01-01,1,EUR", "A2,C1,2024-01-01,1,"],
        {"columns": PLAIN | {"currency": "currency"}},
    )
    yield from _formats()
    yield from _exports()
    yield "refund of unknown orders", orders_text(9), {"refunds": ["order,at,amount", "Z9,2024-02-01,1"]}
    yield "negative refund", orders_text(9), {"refunds": ["order,at,amount", "A1,2024-02-01,-1"]}
    yield "refund before its order", orders_text(9), {"refunds": ["order,at,amount", "A9,2024-01-01,1"]}
    yield "refund column missing", orders_text(9), {"refunds": ["order,at,amout", "A9,2024-01-01,1"]}
    yield "no such table", orders_text(9), {"source": {"path": "env://CVO_NOT_SET", "table": "orders"}}
    yield "a sheet of a database", orders_text(9), {"source": {"path": "env://CVO_NOT_SET", "table": "t", "sheet": "x"}}
    yield "a database without a table", orders_text(9), {"source": {"path": "env://CVO_NOT_SET"}}
    yield "address in the file", orders_text(9), {"source": {"path": "postgresql://me@host/db"}}
    yield "folder without files", orders_text(9), {"source": {"path": "nowhere/*.csv"}}
    states = ["order,customer,date,amount,state", "A1,C1,2024-01-01,5,paid", "A2,C2,2024-01-02,5,auf Eis"]
    yield "unknown status", states, {"columns": {**PLAIN, "status": "state"}}
    yield "blank statuses", [states[0], "A1,C1,2024-01-01,5,", states[1]], {"columns": {**PLAIN, "status": "state"}}
    yield "an id that is nobody", [*orders_text(9), "A10,Walk-in,2024-01-01,5"], {}
    yield "guest ids that are faults", [*orders_text(9), "A10,till,2024-01-01,5"], {"guest_ids": ["till"]}
    yield "unknown ending", orders_text(9), {"source": {"path": "orders.docx"}}


def _formats() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """What must be declared about amounts, times, headers and sheets."""

    def amounts(*texts: str) -> list[str]:
        return ["order,customer,date,amount", *(f'A{n},C1,2024-01-01,"{text}"' for n, text in enumerate(texts))]

    def dates(*texts: str) -> list[str]:
        return ["order,customer,date,amount", *(f'A{n},C1,"{text}",5' for n, text in enumerate(texts))]

    yield "thousands or decimals", amounts("1.250", "980"), {}
    yield "thousands or decimals, with commas", amounts("1,250", "980"), {"source": {"decimal": ","}}
    yield "thousands by the decimal sign", amounts("1.250.000", "12.5"), {}
    yield "currency signs", amounts("€5.00"), {}
    yield "parentheses", amounts("(5.00)"), {}
    yield "minus at the end", amounts("5.00-"), {}
    yield "thousands with commas", amounts("1,250.00"), {}
    yield "another currency's sign", amounts("CHF 5.00"), {"source": {"amounts": {"currency": ["CHF"]}}}
    yield "fractions of cents", amounts("5.5"), {"source": {"amounts": {"minor_units": True}}}
    yield "seconds since 1970", dates("1704067200"), {}
    yield "another unit since 1970", dates("1704067200"), {"source": {"date_format": "epoch_ms"}}
    yield "names of months", dates("13 Jan 2024"), {}
    yield "names of months of another language", dates("13. Januar 2024"), {}
    yield "days without signs", dates("20240113"), {}
    yield "clock of twelve hours", dates("1/13/24 3:30:05 PM"), {}
    yield "the wrong format", dates("13.01.2024 10:00"), {"source": {"date_format": "%d.%m.%Y"}}
    yield "the other order", dates("01/13/2024"), {"source": {"date_format": "%d/%m/%Y"}}
    yield "ISO 8601 beside a format", dates("2024-01-13"), {"source": {"date_format": "%d/%m/%Y"}}
    yield "a header further up", orders_text(2), {"source": {"header_row": 2}}
    yield "a blank header", ["Title", "", *orders_text(2)], {"source": {"header_row": 2}}
    yield "a header below the end", orders_text(2), {"source": {"header_row": 9}}
    yield "a sheet of a text", orders_text(2), {"source": {"sheet": "Orders"}}
    yield "byte order mark only", "\ufeff", {}


def _exports() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """What the exports of vendors do not say by themselves."""
    dates = "Start Date (UTC),Submit Date (UTC)"
    day = "2024-01-01 10:00,2024-01-01 10:01"

    def surveys(questions: str, answers: str, email: str = "email") -> dict[str, Any]:
        header, row = f"#,{questions},{email},{dates}", f"t1,{answers},a@example.org,{day}"
        return {"export": ["surveys", "typeform", header, row]}

    yield "several scores", orders_text(2), surveys("Satisfied?,And again satisfied?", "4,5")
    yield "a score of no kind", orders_text(2), surveys("And you?", "4")
    yield "no score", orders_text(2), surveys("And you?", "well")
    yield (
        "nobody who answered",
        orders_text(2),
        {"export": ["surveys", "typeform", f"#,Satisfied?,{dates}", f"t1,4,{day}"]},
    )
    yield "no amount spent", orders_text(2), {
        "export": ["acquisition_spend", "meta_ads", "Day,Spent,Reporting starts,Reporting ends",
                   "2024-01-01,5,2024-01-01,2024-01-01"]
    }  # fmt: skip
    yield "stages of deals that nobody knows", orders_text(2), {
        "export": ["deals", "hubspot_deals", "Record ID,Deal Name,Deal Stage,Amount,Close Date,Associated Contact IDs",
                   "1,Licences,Gewonnen,5,2024-01-02 10:00,7", "2,More,Angebot,,,8"]
    }  # fmt: skip
    yield (
        "another vendor's export",
        orders_text(2),
        {"export": ["tickets", "gorgias", "Id,Requester email,Created at,Solved at,Status", "1,a@example.org,,,Open"]},
    )


def message(content: Any, declared: dict[str, Any], folder: Path) -> CvoError:
    """What reading such a file says."""
    text = "\n".join(content) + "\n" if isinstance(content, list) else content
    path = folder / "orders.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    declared = dict(declared)
    if "refunds" in declared:
        (folder / "refunds.csv").write_text("\n".join(declared.pop("refunds")) + "\n")
        declared["tables"] = {"refunds": {"source": {"path": str(folder / "refunds.csv")}, "columns": REFUND}}
    if "export" in declared:
        table, adapter, *lines = declared.pop("export")
        (folder / "export.csv").write_text("\n".join(lines) + "\n")
        declared["tables"] = {table: {"source": {"path": str(folder / "export.csv")}, "adapter": adapter}}
    try:
        read_shop(shop(path, **declared))
    except CvoError as error:
        return error
    raise AssertionError("was read without a word")


def reviewed() -> str:
    """All messages, one a line."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for name, content, declared in cases():
            lines.append(f"{name} | {message(content, declared, Path(folder))}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("name", "content", "declared"), list(cases()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_message_is_one_sentence_with_place_and_remedy(
    name: str, content: Any, declared: dict[str, Any], tmp_path: Path
) -> None:
    error = message(content, declared, tmp_path)
    text = str(error)
    assert "\n" not in text
    assert str(tmp_path) not in text
    assert len(text) < 330, name
    if isinstance(error, DataError):
        assert text.startswith(f"{error.file}: ")
        assert text.endswith(f"{error.remedy}.")


def test_the_messages_are_the_reviewed_ones() -> None:
    assert reviewed() == REVIEWED.read_text(encoding="utf-8")


if __name__ == "__main__":
    REVIEWED.write_text(reviewed(), encoding="utf-8")
