"""The catalogue of bad inputs, transactions: each entry with its stated outcome.

Each stands for both readers: that of files at once, and that of files larger than memory, in batches.
E = the file is refused, naming what is wrong; Q = the row is quarantined and counted; H = handled and counted or reported.
"""

# ruff: noqa: E501 (tables of cases)

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from cvo_ml.core.errors import DataError
from cvo_ml.core.units import Horizon
from cvo_ml.ingest import ReadResult, read_shop
from cvo_ml.readiness import readiness

from .conftest import PLAIN, orders_text, shop

HEADER = "order,customer,date,amount"
GOOD = orders_text(200)


class Entry(NamedTuple):
    """A bad input: what it is, rows that replace or follow a clean file, and what must come of it."""

    what: str
    content: Any
    outcome: str
    declared: dict[str, Any] = {}


def after(*rows: str) -> list[str]:
    """A clean file of 200 orders, and these rows."""
    return [*GOOD, *rows]


def only(*rows: str, header: str = HEADER) -> list[str]:
    """A file of these rows."""
    return [header, *rows]


REFUSED = [
    Entry("decimal comma", only('A1,C1,2024-01-01,"1,50"', 'A2,C1,2024-01-02,"2,50"'), "decimal comma in 100.0%"),
    Entry("two currencies", only("A1,C1,2024-01-01,1,EUR", "A2,C1,2024-01-02,1,USD", header=HEADER + ",currency"),
          "holds EUR, USD", {"columns": PLAIN | {"currency": "currency"}}),
    Entry("day first against month first", only("A1,C1,02/06/2024,1"), "dates may be day-first or month-first"),
    Entry("Excel serial dates", only("A1,C1,45321,1"), "days are spreadsheet numbers"),
    Entry("mixed time zones, not all marked", only("A1,C1,2024-01-01T10:00Z,1", "A2,C1,2024-01-01T10:00,1"),
          "times with a zone among others"),
    Entry("ids rounded by a spreadsheet", only("A1,1.2E+11,2024-01-01,1"), "ids were rounded"),
    Entry("duplicate column names", only("A1,C1,2024-01-01,1,2", header=HEADER + ",amount"), "the header names it 2 times"),
    Entry("missing required column", only("A1,C1,2024-01-01,1", header="order,custmer,date,amount"),
          "did you mean 'custmer'?"),
    Entry("UTF-16", "\n".join(GOOD).encode("utf-16"), "declare encoding: utf-16"),
    Entry("Latin-1", "\n".join(after("A9,Müller,2024-01-01,1")).encode("latin-1"), "or declare encoding: latin-1"),
    Entry("wrong delimiter", [line.replace(",", ";") for line in GOOD], "declare delimiter: ';'"),
    Entry("unclosed quote", only('A1,"C1,2024-01-01,1', "A2,C2,2024-01-01,1"), "a quote is opened and not closed"),
    Entry("quote inside a field not doubled", after('A9,"Miller "Bob" Inc",2024-01-01,1'), "a quote inside a field is not doubled"),
    Entry("title lines above the header", ["Orders of shop X", "", *GOOD], "its header stands in line 3, not in line 1: declare header_row: 3."),
    Entry("amount in brackets", after("A9,C1,2024-01-01,(3.50)"), "declare amounts: {parentheses: true}"),
    Entry("JSON", '{"order": 1, "customer": 2}\n', "is JSON, not a table"),
    Entry("spreadsheet", b"PK\x03\x04\x14\x00" + bytes(range(256)), "is a spreadsheet or an archive, not text"),
    Entry("web page", "<html><body>Please sign in</body></html>", "is a web page"),
    Entry("empty file", "", "is empty"),
    Entry("header only", HEADER + "\n", "has a header but no rows"),
    Entry("truncated gzip", gzip.compress("\n".join(orders_text(5000)).encode())[:9000], "damaged or cut off"),
    Entry("lines wrapped whole in quotes", [f'"{line}"' for line in GOOD], "wrapped whole in quotes"),
    Entry("some lines wrapped whole in quotes", [f'"{line}"' if n % 30 == 7 else line for n, line in enumerate(GOOD)],
          "lines are wrapped whole in quotes (7 rows; first: 7, 37, 67)"),
    Entry("one wrapped line with inner quotes", after('"A9,""C1, the first"",2024-01-01,1"'), "wrapped whole in quotes (1 row; first: 201)"),
]  # fmt: skip

QUARANTINED = [
    Entry("NaN", "A201,C1,2024-01-01,NaN", "amount: not finite"),
    Entry("infinity", "A201,C1,2024-01-01,inf", "amount: not finite"),
    Entry("minus infinity", "A201,C1,2024-01-01,-inf", "amount: not finite"),
    Entry("1e400", "A201,C1,2024-01-01,1e400", "amount: not finite"),
    Entry("more money than there is", "A201,C1,2024-01-01,1e300", "amount: too large"),
    Entry("more money than cents can tell", "A201,C1,2024-01-01,-10000000000000", "amount: too large"),
    Entry("amount with a currency", "A201,C1,2024-01-01,12.50 EUR", "amount: not a number"),
    Entry("date after extracted_at", "A201,C1,2025-06-01,1", "date: after extracted_at", {"extracted_at": datetime(2025, 1, 1)}),
    Entry("sentinel 1900", "A201,C1,1900-01-01,1", "date: sentinel date"),
    Entry("sentinel 1970", "A201,C1,1970-01-01,1", "date: sentinel date"),
    Entry("sentinel 9999", "A201,C1,9999-12-31,1", "date: sentinel date"),
    Entry("null id", "A201,,2024-01-01,1", "customer: null"),
    Entry("the word null as id", "A201,NULL,2024-01-01,1", "customer: null"),
    Entry("ragged row", "A201,C1,2024-01-01", "another number of fields than the header"),
]  # fmt: skip


@pytest.mark.parametrize("entry", REFUSED, ids=lambda entry: entry.what)
@pytest.mark.usefixtures("both_readers")
def test_the_file_is_refused(entry: Entry, write: Callable[..., Path]) -> None:
    path = write(entry.content, "orders.csv.gz" if "gzip" in entry.what else "orders.csv")
    with pytest.raises(DataError) as refusal:
        read_shop(shop(path, **entry.declared))
    assert entry.outcome in str(refusal.value)


@pytest.mark.parametrize("entry", QUARANTINED, ids=lambda entry: entry.what)
@pytest.mark.usefixtures("both_readers")
def test_the_row_is_quarantined_and_counted(entry: Entry, write: Callable[..., Path]) -> None:
    result = read_shop(shop(write(after(entry.content)), **entry.declared))
    assert dict(result.ledger.quarantined) == {entry.outcome: 1}
    assert (result.ledger.rows_in, result.ledger.used) == (201, 200)


@pytest.mark.usefixtures("both_readers")
def test_blank_currency_is_quarantined(write: Callable[..., Path]) -> None:
    lines = [line + (",EUR" if number else ",currency") for number, line in enumerate(GOOD)]
    result = read_shop(shop(write([*lines, "A201,C1,2024-01-01,1,"]), columns=PLAIN | {"currency": "currency"}))
    assert dict(result.ledger.quarantined) == {"currency: blank currency": 1}


@pytest.mark.usefixtures("both_readers")
def test_same_order_id_with_another_amount_quarantines_all_its_rows(write: Callable[..., Path]) -> None:
    result = read_shop(shop(write(after("A7,C0,2024-01-08,9"))))
    assert dict(result.ledger.quarantined) == {"order: order id with conflicting rows": 2}


@pytest.mark.usefixtures("both_readers")
def test_a_refund_that_names_an_unknown_order_is_quarantined(write: Callable[..., Path]) -> None:
    refunds = write(
        ["order,at,amount", *(f"A{n},2024-06-01,.1" for n in range(1, 150)), "Z9,2024-06-01,1"], "refunds.csv"
    )
    columns = {"order_id": "order", "refunded_at": "at", "amount": "amount"}
    table = {"source": {"path": str(refunds)}, "columns": columns}
    result = read_shop(shop(write(GOOD), tables={"refunds": table}))
    assert dict(result.ledger.quarantined) == {"refunds: order: names an unknown order": 1}


class Handled(NamedTuple):
    """An oddity that is read right: the rows, and a check of the result."""

    what: str
    content: Any
    check: Callable[[ReadResult], bool]
    declared: dict[str, Any] = {}


def ids(result: ReadResult) -> list[str]:
    return result.tables.orders["customer_id"].tolist()


HANDLED = [
    Handled("negative amount is a return by rule", after("A1,C1,2024-02-01,-1"), lambda r: len(r.tables.refunds) == 1),
    Handled("zero is an order", after("Z,C1,2024-02-01,0"), lambda r: (r.tables.orders["net"] == 0).sum() == 1),
    Handled("declared decimal comma", only('A1,C1,2024-01-01,"1.234,50"'), lambda r: r.tables.orders["net"][0] == 1234.5,
            {"source": {"decimal": ","}}),
    Handled("exact duplicate by order id", after(GOOD[7]), lambda r: r.ledger.excluded == {"exact duplicate by order_id": 1}),
    Handled("zones, all marked", only("A1,C1,2024-01-01T10:00Z,1", "A2,C1,2024-01-01T10:00+02:00,1"),
            lambda r: r.tables.orders["ordered_at"].dt.hour.tolist() == [8, 10]),
    Handled("ids written as floats throughout", only("A1,17850.0,2024-01-01,1", "A2,13047.0,2024-01-02,1"),
            lambda r: ids(r) == ["17850", "13047"] and "2 ids written as floats" in r.notes[0]),
    Handled("trailing spaces", only("A1,C1  ,2024-01-01,1", "A2,C1,2024-01-02,1"),
            lambda r: ids(r) == ["C1", "C1"] and "1 ids were trimmed" in r.notes[0]),
    Handled("zero-width characters", only("A1,C\u200b1,2024-01-01,1"), lambda r: ids(r) == ["C1"] and "1 ids" in r.notes[0]),
    Handled("decomposed Unicode", only("A1,u\u0308,2024-01-01,1", "A2,ü,2024-01-02,1"), lambda r: len(set(ids(r))) == 1),
    Handled("other case is kept and reported", only("A1,c1,2024-01-01,1", "A2,C1,2024-01-02,1"),
            lambda r: len(set(ids(r))) == 2 and "upper and lower case" in r.notes[0]),
    Handled("quotes doubled, and a quote as a sign", only('A1,"the ""first""",2024-01-01,1', 'A2,5" pipe,2024-01-02,1'),
            lambda r: ids(r) == ['the "first"', '5" pipe']),
    Handled("a date ahead of any clock, with no extracted_at", after("A201,C1,2190-01-01,1"), lambda r: r.ledger.used == 201),
    Handled("leading zeros are kept", only("A1,007,2024-01-01,1"), lambda r: ids(r) == ["007"]),
    Handled("byte order mark", "\ufeff" + "\n".join(only("A1,C1,2024-01-01,1")), lambda r: ids(r) == ["C1"]),
    Handled("Windows line ends", "\r\n".join(only("A1,C1,2024-01-01,1")), lambda r: ids(r) == ["C1"]),
    Handled("quoted commas and newlines", only('"A1","C,\n1",2024-01-01,"1"'), lambda r: ids(r) == ["C,\n1"]),
    Handled("reordered and extra columns", only("x,1,2024-01-01,C1,A1", header="more,amount,date,customer,order"),
            lambda r: ids(r) == ["C1"]),
    Handled("unicode ids", only("A1,客户-7🦊,2024-01-01,1"), lambda r: ids(r) == ["客户-7🦊"]),
    Handled("one customer", only(*(f"A{n},C1,2024-01-{n:02},1" for n in range(1, 9))), lambda r: len(r.tables.orders) == 8),
    Handled("one date only", only(*(f"A{n},C{n},2024-01-01,1" for n in range(1, 9))), lambda r: len(r.tables.orders) == 8),
]  # fmt: skip


@pytest.mark.parametrize("entry", HANDLED, ids=lambda entry: entry.what)
@pytest.mark.usefixtures("both_readers")
def test_the_oddity_is_read_right(entry: Handled, write: Callable[..., Path]) -> None:
    result = read_shop(shop(write(entry.content), **entry.declared))
    assert entry.check(result)
    assert sum(result.ledger.quarantined.values()) == 0


def test_one_customer_with_a_million_orders() -> None:
    from cvo_ml.ingest import read_frame

    n = 1_000_000
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(pd.RangeIndex(n) % 1000, unit="D")
    frame = pd.DataFrame({"order": pd.RangeIndex(n), "customer": "C1", "date": days, "amount": 1.0})
    result = read_frame(frame, shop())
    assert (len(result.tables.orders), result.tables.orders["net"].sum()) == (n, float(n))


FEW = {
    "one customer": only(*(f"A{n},C1,2023-{n % 12 + 1:02}-{n % 28 + 1:02},5" for n in range(400))),
    "one date only": only(*(f"A{n},C{n},2023-06-01,5" for n in range(400))),
    "all one-time buyers": only(*(f"A{n},C{n},2023-{n % 12 + 1:02}-{n % 28 + 1:02},5" for n in range(400))),
    "fewer than 100 repeat buyers": only(
        *(f"A{n},C{n % 90},2023-{n % 12 + 1:02}-{n % 28 + 1:02},5" for n in range(400))
    ),
}


@pytest.mark.parametrize("what", FEW)
def test_what_cannot_carry_a_model_is_read_and_told_reason_and_help(what: str, write: Callable[..., Path]) -> None:
    report = readiness(read_shop(shop(write(FEW[what]))), as_of=date(2024, 1, 1), horizon=Horizon("90D"))
    assert report.contents.orders == 400
    for verdict in report.models:
        # without a model of purchases a formula serves: training CLV does not refuse
        status = "thin" if verdict.model == "clv" else "refused"
        assert (verdict.model, verdict.status) == (verdict.model, status)
        assert verdict.reasons
        assert verdict.helps
