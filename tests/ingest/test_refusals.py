"""Files that are refused, each with file, column, count, first rows and what to do."""

# ruff: noqa: E501 (tables of cases)

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cvo_ml.core.errors import ConfigError, DataError, UsageError
from cvo_ml.ingest import read_shop

from .conftest import orders_text, shop

Write = Callable[..., Path]


def with_dates(*dates: str) -> list[str]:
    return ["order,customer,date,amount", *(f"A{row},C1,{date},5" for row, date in enumerate(dates))]


def with_rows(*rows: str) -> list[str]:
    return ["order,customer,date,amount", *rows]


pytestmark = pytest.mark.usefixtures("both_readers")
OF_THE_FILE: dict[str, tuple[Any, str]] = {
    "header that never ends": ('order,"customer,' + "x" * 200_000, "its header cannot be read"),
    "empty": ("", "orders.csv: is empty: export it again."),
    "blank lines only": ("\n\n", "orders.csv: is empty: export it again."),
    "header only": (with_rows(), "orders.csv: has a header but no rows: export it again."),
    "web page": ("<!DOCTYPE html>\n<html><body>Sign in</body></html>", "is a web page, not a table"),
    "missing column": (
        ["order,custmer,date,amount", "A1,C1,2024-01-01,5"],
        "column 'customer': no such column (did you mean 'custmer'?); the file has 'order', 'custmer'",
    ),
    "repeated column": (
        ["order,customer,date,amount,amount", "A1,C1,2024-01-01,5,6"],
        "column 'amount': the header names it 2 times",
    ),
    "other delimiter": (
        ["order;customer;date;amount", "A1;C1;2024-01-01;5"],
        "is not delimited by ',' but by ';': declare delimiter: ';' (--delimiter).",
    ),
    "spreadsheet's hint": (
        ["sep=;", "order;customer;date;amount", "A1;C1;2024-01-01;5"],
        "its first line tells a spreadsheet the delimiter (sep=): declare header_row: 2, and delimiter: ';'.",
    ),
    "lines wrapped in quotes": (
        ['"order,customer,date,amount"', '"A1,C1,2024-01-01,5"'],
        "its lines are wrapped whole in quotes",
    ),
    "latin-1": ("order,customer,date,amount\nA1,Müller,2024-01-01,5\n".encode("latin-1"), "is not UTF-8 text (near line 2)"),
    "utf-16": ("order,customer,date,amount\nA1,C1,2024-01-01,5\n".encode("utf-16"), "is UTF-16, not UTF-8: declare encoding: utf-16 (--encoding)."),
    "binary": (b"\x00\x01\x02order", "holds NUL bytes"),
    "unclosed quote": (
        with_rows('A1,"C1,2024-01-01,5', "A2,C2,2024-01-02,5", "A3,C3,2024-01-03,5"),
        "a quote is opened and not closed, which swallows the rows after it (first: 1)",
    ),
    "two unclosed quotes": (
        with_rows('A1,C1,2024-01-01,5', 'A2,"C2,2024-01-02,5', "A3,C3,2024-01-03,5", 'A4,C4",2024-01-02,5'),
        "a quote is opened and not closed, which swallows the rows after it (first: 2)",
    ),
    "day-first dates": (
        with_dates("13/01/2024", "02/01/2024", "25/01/2024"),
        "column 'date': dates are day-first (2 rows; first: 1, 3): declare its date_format, such as '%d/%m/%Y' (--date-format).",
    ),
    "month-first dates": (with_dates("01/13/2024", "02/01/2024"), "dates are month-first (1 row; first: 1)"),
    "dates of either order": (with_dates("02/06/2024", "03/06/2024"), "dates may be day-first or month-first (2 rows"),
    "both orders": (
        with_dates("13/01/2024", "01/14/2024", "15/01/2024"),
        "day-first and month-first dates are mixed (1 row; first: 2)",
    ),
    "mixed with ISO": (with_dates("2024-01-01", "02/01/2024"), "several date formats are mixed with ISO 8601 (1 row; first: 2)"),
    "two-digit years": (with_dates("13.01.24", "14.01.24"), "such as '%d.%m.%y' (--date-format)"),
    "month first with a clock": (with_dates("01/13/2024 10:30"), "such as '%m/%d/%Y %H:%M' (--date-format)"),
    "day first with seconds": (with_dates("13-01-2024 10:30:05"), "such as '%d-%m-%Y %H:%M:%S' (--date-format)"),
    "year first with slashes": (with_dates("2024/01/13"), "dates are not ISO 8601 (1 row; first: 1): declare its date_format"),
    "spreadsheet days": (with_dates("45321", "45322"), "days are spreadsheet numbers, such as 40878 (2 rows; first: 1, 2)"),
    "mixed zones": (
        with_dates("2024-01-01T10:00:00Z", "2024-01-01T10:00:00", "2024-01-01T10:00:00+01:00"),
        "times without a zone among others (1 row; first: 2): export all times in UTC.",
    ),
    "rounded ids": (
        with_rows("A1,1.2E+11,2024-01-01,5", "A2,17,2024-01-02,5"),
        "column 'customer': ids were rounded by a spreadsheet, such as 1.2E+11 (1 row; first: 1): export the ids as text.",
    ),
    "rounded ids with a comma": (with_rows('A1,"1,2E+11",2024-01-01,5'), "ids were rounded by a spreadsheet"),
    "decimal comma": (
        with_rows(*(f'A{row},C1,2024-01-01,"{row},50"' for row in range(5))),
        "column 'amount': decimal comma in 100.0% of its rows, more than the 1.0% allowed (5 rows; first: 1, 2, 3): declare decimal: ','",
    ),
    "ragged rows": (with_rows("A1,C1,2024-01-01,5", "A2,C2"), "another number of fields than the header in 50.0% of its rows"),
    "order lines read as orders": (
        with_rows("A1,C1,2024-01-01,5", "A1,C1,2024-01-01,6"),
        "(2 rows; first: 1, 2): if each row is an order line, declare rows: lines",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OF_THE_FILE)
def test_is_refused(case: str, write: Write) -> None:
    content, message = OF_THE_FILE[case]
    with pytest.raises(DataError) as refusal:
        read_shop(shop(write(content)))
    assert message in str(refusal.value)
    assert refusal.value.file == "orders.csv"
    assert str(refusal.value).endswith(".")


@pytest.mark.parametrize("amount", ["12.50 EUR", "NaN", "inf", "1e400", "-inf"])
def test_a_wrong_amount_above_the_allowed_share_is_refused(amount: str, write: Write) -> None:
    lines = [*orders_text(9), f'A10,C1,2024-01-01,"{amount}"']
    with pytest.raises(
        DataError,
        match=r"column 'amount': not (a number|finite) in 10.0% of its rows.*first: 10\)",
    ):
        read_shop(shop(write(lines)))


def test_max_bad_share_is_what_decides(write: Write) -> None:
    path = write([*orders_text(99), "A100,C1,2024-01-01,free"])
    assert read_shop(shop(path)).ledger.quarantined == {"amount: not a number": 1}
    with pytest.raises(DataError, match=r"1.0% of its rows, more than the 0.9% allowed \(1 row; first: 100\)"):
        read_shop(shop(path), max_bad_share=0.009)


def test_rows_excluded_by_rule_do_not_count_for_the_share(write: Write) -> None:
    lines = [*orders_text(5), *(f"G{row},,2024-01-01,5" for row in range(95)), "A100,C1,2024-01-01,free"]
    with pytest.raises(DataError, match=r"16.7% of its rows"):
        read_shop(shop(write(lines), guests="exclude"))


def test_two_currencies_are_refused(write: Write) -> None:
    lines = [
        line + ("," + ("currency" if not row else "GBP" if row == 4 else "eur"))
        for row, line in enumerate(orders_text(9))
    ]
    columns = shop().columns | {"currency": "currency"}
    with pytest.raises(DataError, match=r"column 'currency': holds EUR, GBP, but .* \(EUR\) \(1 row; first: 4\)"):
        read_shop(shop(write(lines), columns=columns))


def test_a_declared_format_refuses_the_other_order(write: Write) -> None:
    path = write(with_dates("13/01/2024", "01/14/2024"))
    with pytest.raises(DataError, match=r"day-first and month-first dates are mixed \(1 row; first: 2\)"):
        read_shop(shop(path, source={"date_format": "%d/%m/%Y"}))


def test_a_cut_off_gzip_is_refused(write: Write) -> None:
    whole = gzip.compress("\n".join(orders_text(2000)).encode())
    with pytest.raises(DataError, match=r"orders.csv.gz: the gzip file is damaged or cut off"):
        read_shop(shop(write(whole[: len(whole) // 2], "orders.csv.gz")))


def test_a_damaged_parquet_is_refused(write: Write) -> None:
    with pytest.raises(DataError, match=r"orders.parquet: is not a readable Parquet file"):
        read_shop(shop(write(b"PAR1 no", "orders.parquet")))


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_an_unclosed_quote_near_the_end_loses_nothing_silently(place: int, write: Write) -> None:
    lines = orders_text(1000)
    fields = lines[990].split(",")
    fields[place] = f'"{fields[place]}'
    with pytest.raises(DataError, match=r"a quote is opened and not closed.*first: 990"):
        read_shop(shop(write([*lines[:990], ",".join(fields), *lines[991:]])))


def test_a_missing_file_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_shop(shop(tmp_path / "orders.csv"))


def test_an_unknown_ending_is_a_config_error(write: Write) -> None:
    with pytest.raises(ConfigError, match="the ending says no known format"):
        read_shop(shop(write(orders_text(3), "orders.docx")))


def test_no_refusal_shows_a_folder(write: Write) -> None:
    path = write("")
    with pytest.raises(DataError) as refusal:
        read_shop(shop(path))
    assert str(path.parent) not in str(refusal.value)
