"""Spreadsheets: cells keep their types, sheets are declared, and what would fill the memory is refused before."""

# ruff: noqa: E501 (tables of cases)

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cvo_ml.core.errors import CvoError, DataError
from cvo_ml.core.ledger import RowLedger
from cvo_ml.ingest import ReadResult, read_shop
from cvo_ml.ingest.sources import headers_of, sheet_size

from .conftest import shop
from .sheets import ods, ods_of, xlsx, xlsx_of, zipped

FILES = Path(__file__).parent / "files"
Write = Callable[..., Path]
HEADER = ["order", "customer", "date", "amount"]
ONE = [HEADER, ["A1", "C1", date(2024, 1, 2), 12.5]]
FORMATS = pytest.mark.parametrize(("made", "name"), [(xlsx, "orders.xlsx"), (ods, "orders.ods")])


def read(path: Path, **source: Any) -> ReadResult:
    return read_shop(shop(path, source=source, max_bad_share=1.0))


def orders(result: ReadResult) -> list[list[Any]]:
    return result.tables.orders[["order_id", "customer_id", "ordered_at", "net"]].to_numpy().tolist()


@FORMATS
def test_cells_keep_what_they_are(made: Callable[..., bytes], name: str, write: Write) -> None:
    rows = [
        [*HEADER, None, "notes"],
        [1, 17850, date(2024, 1, 2), 1.125],
        [2, 17851, datetime(2024, 1, 2, 15, 30), 980, None, "x"],
        [None, None, None, None],
        [3, 17852, date(2024, 1, 3), 3.25],
    ]
    result = read(write(made(rows), name))
    assert orders(result) == [
        ["1", "17850", pd.Timestamp("2024-01-02"), 1.125],
        ["2", "17851", pd.Timestamp("2024-01-02 15:30"), 980.0],
        ["3", "17852", pd.Timestamp("2024-01-03"), 3.25],
    ]
    assert (result.notes, result.ledger) == ((), RowLedger(3, 3))


@FORMATS
def test_cells_of_several_types_in_a_column_lose_nothing(made: Callable[..., bytes], name: str, write: Write) -> None:
    rows = [HEADER, [1, "00123", date(2024, 1, 2), 12.5], ["A2", 17850, "2024-01-03", "7,50"]]
    result = read(write(made(rows), name), decimal=",")
    assert orders(result) == [
        ["1", "00123", pd.Timestamp("2024-01-02"), 12.5],
        ["A2", "17850", pd.Timestamp("2024-01-03"), 7.5],
    ]


def test_a_date_that_a_spreadsheet_did_not_understand_beside_dates_is_refused(write: Write) -> None:
    """Excel turns 02/01 into a date of the wrong order and leaves 13/01 as text: which it did nobody can tell."""
    rows = [HEADER, ["A1", "C1", date(2024, 2, 1), 1], ["A2", "C2", "13/01/2024", 1]]
    for declared in ({}, {"date_format": "%d/%m/%Y"}):
        with pytest.raises(DataError, match="several date formats are mixed"):
            read(write(xlsx(rows), "orders.xlsx"), **declared)


def test_an_id_that_a_spreadsheet_made_a_date_of_is_told(write: Write) -> None:
    """3-12 becomes the third of December: nobody can tell afterwards, but that there are dates among the ids can be."""
    rows = [HEADER, ["1-40", "C1", date(2024, 1, 2), 1], [date(2024, 12, 3), "C2", date(2024, 1, 2), 1]]
    result = read(write(xlsx(rows), "orders.xlsx"))
    assert "orders.xlsx: column 'order': 1 date among other cells read as text" in result.notes


def test_errors_of_cells_are_null_and_flags_are_flags(write: Write) -> None:
    rows = [[*HEADER, "test"], ["A1", "C1", date(2024, 1, 2), 1, False], ["A2", "#N/A", date(2024, 1, 2), 1, False]]
    rows += [["A3", "C3", "#REF!", "#DIV/0!", False], ["A4", "C4", date(2024, 1, 2), 1, True]]
    path = write(xlsx(rows), "orders.xlsx")
    result = read_shop(shop(path, columns=shop().columns | {"is_test": "test"}, max_bad_share=1.0))
    assert result.quarantine[["row", "column", "reason"]].to_numpy().tolist() == [
        [2, "customer", "null"],
        [3, "date", "null"],
    ]
    assert result.ledger == RowLedger(4, 1, {"customer: null": 1, "date: null": 1}, {"test order": 1})


def test_ids_that_a_spreadsheet_has_rounded_are_refused(write: Write) -> None:
    rows = [HEADER, [1234567890123456, "C1", date(2024, 1, 2), 1]]
    with pytest.raises(DataError, match="column 'order': ids were rounded by a spreadsheet"):
        read(write(xlsx(rows), "orders.xlsx"))


@FORMATS
def test_titles_and_totals_are_declared(made: Callable[..., bytes], name: str, write: Write) -> None:
    rows = [["Report"], [None], *ONE, [None, "Total", None, 12.5], [None], ["Sum of all", None, None, 12.5]]
    path = write(made(rows), name)
    with pytest.raises(DataError, match=r"its header stands in row 3, not in row 1: declare header_row: 3\."):
        read(path)
    result = read(path, header_row=3, total_rows=["Total", "Sum"])
    assert result.ledger == RowLedger(3, 1, {}, {"total row": 2})
    with pytest.raises(DataError, match="row 2 is blank, so it is no header: declare the header_row"):
        read(path, header_row=2)
    with pytest.raises(DataError, match="has no row 70"):
        read(path, header_row=70)


@FORMATS
def test_a_sheet_is_declared_where_several_have_rows(made: Callable[..., bytes], name: str, write: Write) -> None:
    other = [HEADER, ["B1", "C1", date(2024, 1, 2), 1]]
    path = write(made({"Orders": ONE, "Empty": [], "Old": other}), name)
    with pytest.raises(DataError, match="several sheets have rows: 'Orders', 'Old': declare one as sheet"):
        read(path)
    assert orders(read(path, sheet="Old"))[0][0] == "B1"
    with pytest.raises(DataError, match=r"no sheet 'Ordrs' \(did you mean 'Orders'\?\); it has 'Orders', 'Empty'"):
        read(path, sheet="Ordrs")
    assert headers_of(shop(path, source={"sheet": "Orders"}).source) == tuple(HEADER)


def test_a_sheet_that_nobody_sees_is_not_asked_about(write: Write) -> None:
    path = write(xlsx({"Orders": ONE, "Lists": [["a"]]}, hidden=["Lists"]), "orders.xlsx")
    assert read(path).ledger == RowLedger(1, 1)


def test_a_folder_of_spreadsheets_is_one_table(tmp_path: Path) -> None:
    """Each column in each file as the cells are: whole in one, not in another, text in a third."""
    for number, (order, amount) in enumerate(((1, 2), (2, 2.5), ("A3", "3.75"))):
        rows = [HEADER, [order, "C1", date(2024, 1, 2), amount]]
        (tmp_path / f"{number}.xlsx").write_bytes(xlsx(rows))
    assert [[row[0], row[3]] for row in orders(read(tmp_path))] == [["1", 2.0], ["2", 2.5], ["A3", 3.75]]


def test_an_old_spreadsheet_is_read() -> None:
    """Made once by xlwt 1.3: a title, whole ids, a day, a time, and a total."""
    result = read(FILES / "orders.xls", header_row=3, total_rows=["Total"])
    assert orders(result) == [
        ["1", "17850", pd.Timestamp("2024-01-02"), 12.5],
        ["2", "17851", pd.Timestamp("2024-01-02 15:30"), 980.0],
        ["3", "17852", pd.Timestamp("2024-01-03"), 1.125],
    ]
    assert result.ledger == RowLedger(4, 3, {}, {"total row": 1})


def test_an_old_spreadsheet_that_would_end_the_process_is_refused(write: Write) -> None:
    """Its sheet says that it has 65,280 x 4,294,967,295 cells, for which the parser asks the system."""
    content = (FILES / "orders.xls").read_bytes()
    said = struct.pack("<HHIIHH", 0x200, 14, 0, 7, 0, 4)  # the record of the sheet's size
    assert content.count(said) == 1
    damaged = content.replace(said, struct.pack("<HHIIHH", 0x200, 14, 0, 0xFFFFFFFF, 0, 0xFF00))
    with pytest.raises(DataError, match=r"orders\.xls: is not a readable spreadsheet: its parts are damaged, or ask"):
        read(write(damaged, "orders.xls"))


def test_a_spreadsheet_in_an_archive_is_read(write: Write) -> None:
    assert read(write(zipped({"orders.xlsx": xlsx(ONE)}), "orders.zip")).ledger == RowLedger(1, 1)


FAR = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576">{}</row>'
MANY = (
    '<table:table-row table:number-rows-repeated="1000000"><table:table-cell table:number-columns-repeated="16384" '
    'office:value-type="float" office:value="1"/></table:table-row>'
)
BAD: dict[str, tuple[bytes, str, str]] = {
    "a cell in the last corner": (xlsx_of({"A": FAR.format('<c r="XFD1048576"><v>1</v></c>')}), "x.xlsx", "17,179,869"),
    "a cell without a place in the last row": (
        xlsx_of({"A": FAR.format('<c r="XFC1048576"><v>1</v></c><c><v>1</v></c>')}), "x.xlsx", "17,179,869",
    ),
    "a cell repeated without end": (ods_of({"A": MANY}), "x.ods", "more than the 32,000,000 allowed"),
    "a part that unpacks without end": (
        zipped({"xl/worksheets/sheet1.xml": b"<c/>" + b" " * (9 << 20)}), "x.xlsx", "unpacks to more than 200 times",
    ),
    "an archive that is none": (b"PK\x03\x04junk", "x.xlsx", "the spreadsheet is damaged or cut off"),
    "cut off": (xlsx(ONE)[:-700], "x.xlsx", "the spreadsheet is damaged or cut off"),
    "another archive": (zipped({"a.txt": b"x"}), "x.xlsx", "is not a readable spreadsheet"),
    "empty": (b"", "x.xlsx", "is empty: export it again"),
    "without rows": (xlsx([]), "x.xlsx", "is empty: export it again"),
    "header only": (xlsx([HEADER]), "x.xlsx", "has a header but no rows"),
    "text by another name": (b"order,customer\n", "x.xls", "is no spreadsheet: name it .csv"),
    "a web page by another name": (b"<html><table>", "x.xls", "is a web page or XML, not a spreadsheet"),
    "damaged .xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "x.xls", "is not a readable spreadsheet"),
    "a column missing": (xlsx([["order", "custmer", "date", "amount"], ONE[1]]), "x.xlsx", "did you mean 'custmer'?"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_sheet_is_refused_in_one_sentence(case: str, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cvo_ml.ingest.sources.zipped.UNPACKED", 1 << 20)
    content, name, said = BAD[case]
    with pytest.raises(CvoError, match=said.replace("?", r"\?")) as refusal:
        read(write(content, name))
    assert str(refusal.value).startswith(f"{name}: ")


def test_empty_rows_and_columns_that_are_only_formatted_do_not_count(write: Write) -> None:
    """LibreOffice writes the rest of each sheet as one repeated row of one repeated cell."""
    cells = "".join(
        "<table:table-row>"
        + "".join(f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>' for text in row)
        + '<table:table-cell table:number-columns-repeated="16380"/></table:table-row>'
        for row in (HEADER, ["A1", "C1", "2024-01-02", "1.5"])
    )  # fmt: skip
    rest = (
        '<table:table-row table:number-rows-repeated="1048574"><table:table-cell '
        'table:number-columns-repeated="16384"/></table:table-row>'
    )
    assert read(write(ods_of({"A": cells + rest}), "x.ods")).ledger == RowLedger(1, 1)


def test_cells_need_not_say_where_they_stand(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """The format allows it, and each stands behind the one before."""
    one = "<row>" + "".join(
        f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in ("A{}", "C1", "2024-01-02", "1.5")
    )
    head = one.replace("A{}", "order").replace("C1", "customer").replace("2024-01-02", "date").replace("1.5", "amount")
    rows = "</row>".join([head, *(one.format(number) for number in range(500))]) + "</row>"
    monkeypatch.setattr(sheet_size, "MOST_CELLS", 501 * 4)
    assert read(write(xlsx_of({"A": rows}), "x.xlsx")).ledger == RowLedger(500, 500)
    monkeypatch.setattr(sheet_size, "MOST_CELLS", 501 * 4 - 1)
    with pytest.raises(DataError, match=r"a sheet has 2,004 cells"):
        read(write(xlsx_of({"A": rows}), "x.xlsx"))


def test_the_limit_is_of_cells(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(xlsx([HEADER, *[["A", "C", date(2024, 1, 2), 1]] * 30]), "x.xlsx")
    monkeypatch.setattr(sheet_size, "MOST_CELLS", 123)
    with pytest.raises(DataError, match=r"a sheet has 124 cells \(rows times columns\), more than the 123 allowed"):
        read(path)
