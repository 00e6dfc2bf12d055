"""CSV files as programs of offices write them: titles, totals, delimiters at the end, hints, nothing but a mark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cvo_ml.core.errors import DataError
from cvo_ml.core.ledger import RowLedger
from cvo_ml.ingest import ReadResult, read_shop
from cvo_ml.ingest.sources import quotes

from .conftest import orders_text, shop
from .sheets import zipped

Write = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("both_readers")
TRUTH = sum(range(1, 201)) + 100


def read(path: Path, **source: Any) -> ReadResult:
    return read_shop(shop(path, source=source))


def with_end(lines: list[str], header: str, row: str) -> list[str]:
    return [lines[0] + header, *(line + row for line in lines[1:])]


SHAPES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "titles": (["Orders of shop X", "", '"May, and June"', *orders_text(200)], {"header_row": 4}),
    "titles as wide as the table": (["Orders,,,", ",,,", *orders_text(200)], {"header_row": 3}),
    "a hint for spreadsheets": (["sep=,", *orders_text(200)], {"header_row": 2}),
    "delimiters at the end of all lines": (with_end(orders_text(200), ",,", ",,"), {}),
    "a delimiter at the end of the rows": (with_end(orders_text(200), "", ","), {}),
    "a delimiter at the end of the header": (with_end(orders_text(200), ",", ""), {}),
    "columns without a name and twice": (with_end(orders_text(200), ",,note,note", ",1,a,b"), {}),
    "two bytes a sign": (["Title", *orders_text(200)], {"header_row": 2, "encoding": "utf-16"}),
    "carriage returns alone": (["\r".join(["Title", *orders_text(200)])], {"header_row": 2}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_order_of_an_innocent_shape_is_read(shape: str, write: Write) -> None:
    lines, source = SHAPES[shape]
    result = read(write(lines, encoding=source.get("encoding", "utf-8")), **source)
    assert (result.ledger, result.tables.orders["net"].sum()) == (RowLedger(200, 200), TRUTH)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_the_same_in_an_archive(shape: str, write: Write) -> None:
    lines, source = SHAPES[shape]
    text = "\n".join(lines) + "\n"
    path = write(zipped({"orders.csv": text.encode(source.get("encoding", "utf-8"))}), "orders.zip")
    assert read(path, **source).ledger == RowLedger(200, 200)


def test_totals_are_left_out_by_rule_whatever_their_width(write: Write) -> None:
    """As wide as the table, shorter and longer ones; in the first field or behind empty ones."""
    head, *rows = orders_text(200)
    totals = [",Total May,,4950.00", "Total:,99.00", "Sum of all,,,1,2,3"]
    lines = [head, *rows[:100], totals[0], *rows[100:], *totals[1:], "A999,C1,2024-01-01"]
    result = read(write(lines), total_rows=["Total", "Sum"])
    expected = RowLedger(204, 200, {"another number of fields than the header": 1}, {"total row": 3})
    assert (result.ledger, result.quarantine["row"].tolist()) == (expected, [204])
    assert result.tables.orders["net"].sum() == TRUTH


def test_a_row_that_fills_a_field_behind_the_header_is_faulty(write: Write) -> None:
    """A delimiter in its amount: read as one more field, it would have cost 1 for 1,250."""
    lines = with_end([*orders_text(300), "A301,C1,2024-01-01,1"], "", ",")
    result = read(write([*lines[:-1], lines[-1] + "250"]))
    assert result.ledger == RowLedger(301, 300, {"another number of fields than the header": 1})
    assert result.quarantine["row"].tolist() == [301]


def test_an_order_whose_second_field_is_such_a_text_is_none(write: Write) -> None:
    lines = [*orders_text(9), "A10,Total Energies,2024-01-01,5"]
    assert read(write(lines), total_rows=["Total"]).ledger == RowLedger(10, 10)


def test_a_total_proves_nothing_about_the_digits_of_the_others(write: Write) -> None:
    lines = ["order,customer,date,amount", "A1,C1,2024-01-01,1.250", "A2,C1,2024-01-02,980", "Total,,,1251.95"]
    with pytest.raises(DataError, match=r"numbers such as 1.250 have two readings.*\(1 row; first: 1\)"):
        read(write(lines), total_rows=["Total"])


@pytest.mark.parametrize(
    ("lines", "source", "said"),
    [
        (["Title", "", *orders_text(3)], {}, r"its header stands in line 3, not in line 1: declare header_row: 3\."),
        (["Title,,,", *orders_text(3)], {}, r"its header stands in line 2, not in line 1: declare header_row: 2\."),
        (orders_text(3), {"header_row": 2}, r"its header stands in line 1, not in line 2: declare header_row: 1\."),
        (
            ["Title", "", *orders_text(3)],
            {"header_row": 2},
            "line 2 is blank, so it is no header: declare the header_row",
        ),
        (orders_text(3), {"header_row": 99}, "has no line 99: declare the header_row"),
        (["sep=;", *orders_text(3)], {}, "declare header_row: 2"),
        ("\ufeff", {}, "orders.csv: is empty: export it again"),
        ("\ufeff\r\n \r\n", {}, "orders.csv: is empty: export it again"),
        (with_end(orders_text(3), "", ",5"), {}, "another number of fields than the header in 100.0%"),
        (with_end(orders_text(3), ",amount", ",5"), {}, "column 'amount': the header names it 2 times"),
    ],
)
def test_is_refused(lines: Any, source: dict[str, Any], said: str, write: Write) -> None:
    with pytest.raises(DataError, match=said):
        read(write(lines), **source)


def test_what_mysql_writes_for_nothing_is_nothing(write: Write) -> None:
    """In ids, amounts, dates and texts."""
    lines = [*orders_text(997), r"\N,C1,2024-01-01,5", r"A1,\N,2024-01-01,5", r"A2,C1,\N,5", r"A3,C1,2024-01-01,\N"]
    lines = [line + ("," + ("shop" if not row else r"\N" if row % 2 else "web")) for row, line in enumerate(lines)]
    result = read_shop(shop(write(lines), columns=shop().columns | {"channel": "shop"}))
    assert result.ledger.quarantined == {f"{name}: null": 1 for name in ("order", "customer", "date", "amount")}
    assert set(result.tables.orders["channel"].dropna()) == {"web"}


def test_wrapped_ids_are_unwrapped_and_counted(write: Write) -> None:
    lines = ["order,customer,date,amount", '="00123",="007",2024-01-01,5', '"=""00124""","=""007""",2024-01-02,5']
    result = read(write(lines))
    assert result.tables.orders[["order_id", "customer_id"]].to_numpy().tolist() == [["00123", "007"], ["00124", "007"]]
    assert "orders.csv: column 'order': 2 ids were wrapped as =\"…\" and were unwrapped" in result.notes


@pytest.mark.parametrize(
    "nobody", ["", "NULL", "nan", "None", "NA", "n/a", "#N/A", "(not set)", "undefined", r"\N", "NaT", "<NA>"]
)
def test_ids_that_are_none(nobody: str, write: Write) -> None:
    result = read(write([*orders_text(199), f"A200,{nobody},2024-01-01,5"]))
    assert result.ledger.quarantined == {"customer: null": 1}


@pytest.mark.parametrize("chunk", [1 << 24, 97])
def test_notes_of_several_lines_are_no_rows(chunk: int, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever bytes are looked at at once; a note that holds a whole row is still told from one."""
    monkeypatch.setattr(quotes, "_CHUNK", chunk)
    notes = ['"ring twice,\nthen wait"', "", '"a ""quiet"" house\n\nat the end"', '5" pipe']
    rows = [f"{line},{notes[place % 4]}" for place, line in enumerate(orders_text(200)[1:])]
    header = orders_text(200)[0] + ",note"
    assert read(write([header, *rows])).ledger == RowLedger(200, 200)
    swallowing = f'{orders_text(200)[1]},"begun\n{rows[1]}\nended"'
    with pytest.raises(DataError, match="swallows the rows after it"):
        read(write([header, *rows[4:], swallowing]))
