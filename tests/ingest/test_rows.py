"""Faults of single rows, innocent oddities, and what is excluded by rule."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cvo_ml.ingest import ReadResult, read_frame, read_shop

from .conftest import PLAIN, orders_text, shop

Write = Callable[..., Path]


def quarantined(result: ReadResult) -> list[tuple[int, str, str]]:
    return list(result.quarantine[["row", "column", "reason"]].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ("A0,,2024-01-01,5", "customer", "null"),
        ("A0,NULL,2024-01-01,5", "customer", "null"),
        ("A0,nan,2024-01-01,5", "customer", "null"),
        ("None,C1,2024-01-01,5", "order", "null"),
        ("A0,\u200b ,2024-01-01,5", "customer", "null"),
        ("A0,C1,2024-01-01,", "amount", "null"),
        ("A0,C1,,5", "date", "null"),
        ("A0,C1,2024-01-01,NaN", "amount", "not finite"),
        ("A0,C1,2024-01-01,-inf", "amount", "not finite"),
        ("A0,C1,2024-01-01,1e400", "amount", "not finite"),
        ("A0,C1,2024-01-01,12.50 EUR", "amount", "not a number"),
        ("A0,C1,2024-01-01,0x1A", "amount", "not a number"),
        ('A0,C1,2024-01-01,"12,50"', "amount", "decimal comma"),
        ("A0,C1,2024-02-30,5", "date", "impossible date"),
        ("A0,C1,soon,5", "date", "not an ISO 8601 date"),
        ("A0,C1,1900-01-01,5", "date", "sentinel date"),
        ("A0,C1,1970-01-01,5", "date", "sentinel date"),
        ("A0,C1,9999-12-31,5", "date", "sentinel date"),
        ("A0,C1,2025-06-01,5", "date", "after extracted_at"),
        ("A0,C1,2024-01-01", "", "another number of fields than the header"),
        ("A0,C1,2024-01-01,5,6", "", "another number of fields than the header"),
    ],
)
def test_a_faulty_row_is_quarantined_with_its_number(row: str, column: str, reason: str, write: Write) -> None:
    lines = orders_text(200)
    result = read_shop(shop(write([*lines[:151], row, *lines[151:]]), extracted_at=datetime(2025, 1, 1)))
    assert quarantined(result) == [(151, column, reason)]
    assert (result.ledger.rows_in, result.ledger.used, len(result.tables.orders)) == (201, 200, 200)
    assert sum(result.ledger.quarantined.values()) == 1


def test_quarantine_never_holds_a_value(write: Write) -> None:
    result = read_shop(shop(write([*orders_text(200), "A201,canary@example.org,2024-01-01,canary-amount"])))
    assert list(result.quarantine.columns) == ["table", "file", "row", "column", "reason"]
    assert "canary" not in result.quarantine.to_csv() + str(result.ledger) + str(result.notes)


def test_the_first_fault_of_a_row_counts_once(write: Write) -> None:
    result = read_shop(shop(write([*orders_text(200), "A201,,soon,free"])))
    assert quarantined(result) == [(201, "customer", "null")]


def test_ids_written_as_floats_are_read_as_whole_numbers_and_counted(write: Write) -> None:
    lines = ["order,customer,date,amount", "1,17850.0,2024-01-01,5", "2,13047.0,2024-01-02,5"]
    result = read_shop(shop(write(lines)))
    assert result.tables.orders["customer_id"].tolist() == ["17850", "13047"]
    assert result.notes == (
        "orders.csv: column 'customer': 2 ids written as floats were read as whole numbers",
    )  # fmt: skip


def test_one_float_among_whole_ids_is_a_fault_of_the_row(write: Write) -> None:
    lines = [
        "order,customer,date,amount",
        *(f"{row},{row},2024-01-01,5" for row in range(1, 200)),
        "200,7.0,2024-01-01,5",
    ]
    assert quarantined(read_shop(shop(write(lines)))) == [(200, "customer", "id ends in .0 beside ids that do not")]


def test_ids_are_trimmed_normalised_and_keep_zeros_and_case(write: Write) -> None:
    lines = ["order,customer,date,amount", "001, a1 ,2024-01-01,5", "1,A1,2024-01-02,5"]
    lines += ["3,u\u0308,2024-01-03,5", "4,\u200bü,2024-01-04,5", '"5",x;\'--,2024-01-05,5']
    result = read_shop(shop(write(lines)))
    assert result.tables.orders["order_id"].tolist() == ["001", "1", "3", "4", "5"]
    assert result.tables.orders["customer_id"].tolist() == ["a1", "A1", "ü", "ü", "x;'--"]
    assert "3 ids were trimmed or brought into Unicode NFC" in result.notes[0]
    assert "1 distinct ids differ from another only in upper and lower case" in result.notes[1]


@pytest.mark.parametrize(
    "content",
    [
        "\ufefforder,customer,date,amount\nA1,C1,2024-01-01,5\n",
        "order,customer,date,amount\r\nA1,C1,2024-01-01,5\r\n",
        "order,customer,date,amount\nA1,C1,2024-01-01,5",
        "\n\norder,customer,date,amount\n\nA1,C1,2024-01-01,5\n\n\n",
        '"order","customer","date","amount"\n"A1","C1","2024-01-01","5"\n',
        'note,amount,date,customer,order\n"one, ""two""\nthree",5.00,2024-01-01,C1,A1\n',
        " order , customer ,date,amount\n A1 , C1 , 2024-01-01 , 5 \n",
        "order,customer,date,amount\nA1,C1,2024-01-01T00:00:00Z,+5\n",
        "order,customer,date,amount\nA1,C1,2024-01-01 02:00:00+02:00,5e0\n",
        "order,customer,date,amount\nA1,C1,2024-01-01 02:00:00 +0200,5\n",
        "order,customer,date,amount\nA1,C1,2024-01-01 00:00:00 UTC,5\n",
        "order,customer,date,amount\nA1,C1,2023-12-31T19:00-05,5\n",
        'order,customer,date,amount,size\nA1,C1,2024-01-01,5,5" nail\n',
    ],
)
def test_innocent_oddities_are_read_right(content: str, write: Write) -> None:
    expected = {"order_id": "A1", "customer_id": "C1", "ordered_at": pd.Timestamp("2024-01-01"), "net": 5.0}
    plain, packed = write(content), write(gzip.compress(content.encode()), "orders.csv.gz")
    for path in (plain, packed):
        result = read_shop(shop(path))
        assert result.tables.orders.to_dict("records") == [expected]
        assert (result.ledger.rows_in, result.ledger.used) == (1, 1)


def test_leading_blank_lines_do_not_move_row_numbers(write: Write) -> None:
    result = read_shop(shop(write(["", "", *orders_text(200), "A201,C1"])))
    assert quarantined(result)[0][0] == 201


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "cp1252"])
def test_a_declared_encoding_is_read(encoding: str, write: Write) -> None:
    path = write("order,customer,date,amount\nA1,Müller,2024-01-01,5\n", encoding=encoding)
    result = read_shop(shop(path, source={"encoding": encoding}))
    assert result.tables.orders["customer_id"].tolist() == ["Müller"]


def test_a_declared_dialect_is_read(write: Write) -> None:
    path = write("order;customer;date;amount\nA1;C1;31.12.2023;1.234,50\nA2;C1;01.02.2024;12\n")
    dialect = {"delimiter": ";", "decimal": ",", "date_format": "%d.%m.%Y"}
    orders = read_shop(shop(path, source=dialect)).tables.orders
    assert orders["net"].tolist() == [1234.5, 12.0]
    assert orders["ordered_at"].tolist() == [pd.Timestamp("2023-12-31"), pd.Timestamp("2024-02-01")]


def test_unmarked_times_and_bare_days_stay_as_the_shops_clock_showed_them(write: Write) -> None:
    lines = ["order,customer,date,amount", "A1,C1,2024-01-01 00:30,5", "A2,C1,2024-07-01 00:30,5"]
    times = read_shop(shop(write(lines), timezone="Europe/Berlin")).tables.orders["ordered_at"]
    assert times.tolist() == [pd.Timestamp("2024-01-01 00:30"), pd.Timestamp("2024-07-01 00:30")]
    days = ["order,customer,date,amount", "A1,C1,2024-01-01,5"]
    assert read_shop(shop(write(days), timezone="Europe/Berlin")).tables.orders["ordered_at"][0] == pd.Timestamp(
        "2024-01-01"
    )


def test_parquet_types_are_read_right(tmp_path: Path) -> None:
    zoned = pa.array([datetime(2024, 1, 1, 10, tzinfo=UTC)] * 2, pa.timestamp("ns", tz="Europe/Berlin"))
    table = pa.table(
        {
            "order": pa.array(["A1", "A2"]).dictionary_encode(),
            "customer": pa.array([17850.0, 13047.0]),
            "date": zoned,
            "amount": pa.array([Decimal("5.50"), Decimal("7.25")]),
        }
    )
    pq.write_table(table, tmp_path / "orders.parquet")
    orders = read_shop(shop(tmp_path / "orders.parquet")).tables.orders
    assert orders["customer_id"].tolist() == ["17850", "13047"]
    assert orders["net"].tolist() == [5.5, 7.25]
    assert orders["ordered_at"].tolist() == [pd.Timestamp("2024-01-01 10:00")] * 2


def test_a_frame_is_read_by_the_same_rules() -> None:
    frame = pd.DataFrame(
        {"order": [1, 2, 3], "customer": [7, None, 8], "date": pd.to_datetime(["2024-01-01"] * 3), "amount": [1, 2, 3]}
    )
    result = read_frame(frame, shop(guests="exclude"))
    assert result.tables.orders["customer_id"].tolist() == ["7", "8"]
    assert result.ledger.excluded == {"guest (no customer)": 1}
    assert result.fingerprint == read_frame(frame.set_axis([5, 6, 7]), shop(guests="exclude")).fingerprint
    assert result.fingerprint != read_frame(frame.assign(amount=4), shop(guests="exclude")).fingerprint


def test_rows_on_or_after_as_of_are_excluded_refunds_too(write: Write) -> None:
    lines = ["order,customer,date,amount", "A1,C1,2024-01-01,50", "A2,C1,2024-02-01,20", "A3,C1,2024-03-01,-50"]
    result = read_shop(shop(write(lines)), as_of=date(2024, 2, 1))
    assert result.tables.orders["order_id"].tolist() == ["A1"]
    assert (result.ledger.excluded, len(result.tables.refunds)) == ({"after as_of": 2}, 0)


def test_a_conflict_after_as_of_does_not_reach_the_order_before_it(write: Write) -> None:
    lines = [*orders_text(200), "A1,C1,2024-05-01,99"]
    result = read_shop(shop(write(lines)), as_of=date(2024, 3, 1))
    assert "A1" in set(result.tables.orders["order_id"])


def test_duplicates_are_judged_by_key(write: Write) -> None:
    lines = [*orders_text(300), "A7,C0,2024-01-08,7.50", "A8,C1,2024-01-09,9.99"]
    result = read_shop(shop(write(lines)))
    assert result.ledger.excluded == {"exact duplicate by order_id": 1}
    assert quarantined(result) == [
        (8, "order", "order id with conflicting rows"),
        (302, "order", "order id with conflicting rows"),
    ]
    assert (result.ledger.rows_in, result.ledger.used) == (302, 299)


def test_negative_net_is_a_refund_of_the_order_it_names(write: Write) -> None:
    lines = [
        "order,customer,date,amount",
        "A1,C1,2024-01-01,50",
        "A1,C1,2024-01-05,-20",
        "A1,C1,2024-01-06,-5",
        "R9,C1,2024-01-07,-1",
    ]
    result = read_shop(shop(write(lines)))
    refunds = result.tables.refunds
    assert refunds["amount"].tolist() == [20.0, 5.0, 1.0]
    assert refunds["order_id"].fillna("").tolist() == ["A1", "A1", ""]
    assert refunds["refund_id"].tolist() == ["A1:1", "A1:2", "R9:1"]
    assert (result.tables.orders["net"].tolist(), result.ledger.used) == ([50.0], 4)


def test_zero_net_is_an_order(write: Write) -> None:
    lines = ["order,customer,date,amount", "A1,C1,2024-01-01,0", "A2,C1,2024-01-02,-0.0"]
    result = read_shop(shop(write(lines)))
    assert (len(result.tables.orders), len(result.tables.refunds)) == (2, 0)


def test_a_blank_currency_is_quarantined_and_test_orders_are_excluded(write: Write) -> None:
    lines = [
        f"{line},{'eur' if row else 'currency'},{'no' if row else 'test'}" for row, line in enumerate(orders_text(200))
    ]
    lines += ["A201,C1,2024-01-01,5,,no", "A202,C1,2024-01-01,5,EUR,yes"]
    result = read_shop(shop(write(lines), columns=PLAIN | {"currency": "currency", "is_test": "test"}))
    assert quarantined(result) == [(201, "currency", "blank currency")]
    assert result.ledger.excluded == {"test order": 1}
