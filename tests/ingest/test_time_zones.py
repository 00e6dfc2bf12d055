"""Days are those of the shop's zone, in every consumer; the outside truth is the standard library's zone database."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cvo_ml as cvo
from cvo_ml.core.visibility import as_known_on
from cvo_ml.features.customer import customer_features
from cvo_ml.features.truncated_tables import truncated
from cvo_ml.ingest import read_frame, read_shop

from .conftest import shop

Write = Callable[..., Path]
LA = "America/Los_Angeles"
COLUMNS = {"order_id": "o", "customer_id": "c", "ordered_at": "d", "net": "v"}
SAME_DAY = (
    "o,c,d,v\n1,A,2024-01-10 15:30,20\n2,A,2024-01-10 17:30,30\n3,B,2024-01-10 09:00,20\n4,B,2024-01-10 11:00,30\n"
)


@pytest.mark.parametrize("zone", ["", "-08:00"])
@pytest.mark.usefixtures("both_readers")
def test_two_orders_of_one_day_in_los_angeles_are_one_purchase_day(zone: str, write: Write) -> None:
    """The same four orders as the shop's clock shows them, and as a database exports them, with the offset."""
    lines = [line[:20] + zone + line[20:] if row else line for row, line in enumerate(SAME_DAY.splitlines())]
    tables = read_shop(shop(write(lines),
                            timezone=LA, columns=COLUMNS)).tables  # fmt: skip
    summary = cvo.rfm_summary(tables, as_of="2024-02-01")
    assert summary["frequency"].tolist() == [0, 0]
    assert summary["T"].tolist() == [21, 21]
    assert customer_features(tables, date(2024, 2, 1))["number_of_orders"].tolist() == [2, 2]


def test_the_shops_midnight_is_the_cut(write: Write) -> None:
    """By hand: 07:30 UTC on the first of February is still January in Los Angeles, 08:30 UTC is not."""
    lines = ["order,customer,date,amount", "A1,C1,2024-02-01T07:30Z,1", "A2,C1,2024-02-01T08:30Z,2"]
    result = read_shop(shop(write(lines), timezone=LA), as_of=date(2024, 2, 1))
    assert result.tables.orders["net"].tolist() == [1.0]
    assert result.tables.orders["ordered_at"].tolist() == [pd.Timestamp("2024-01-31 23:30")]
    assert result.ledger.excluded == {"after as_of": 1}


def test_extracted_at_is_compared_on_the_same_clock(write: Write) -> None:
    lines = ["order,customer,date,amount", *(f"A{n},C{n},2024-01-01T12:00Z,1" for n in range(200))]
    lines += ["B,C,2024-02-01T07:59Z,2", "C,C,2024-02-01T08:01Z,4"]
    for moment in ("2024-02-01", "2024-02-01T08:00+00:00"):
        extracted = datetime.fromisoformat(moment)
        result = read_shop(shop(write(lines), timezone=LA, extracted_at=extracted))
        assert result.ledger.quarantined == {"date: after extracted_at": 1}
        assert result.extracted_at == datetime(2024, 2, 1)


def test_a_midnight_that_the_clock_skips_is_a_day_and_another_time_that_it_skips_is_a_fault(write: Write) -> None:
    """In 2018 Sao Paulo went from 24:00 of 3 November to 01:00; the day was there, 00:30 was not."""
    lines = ["order,customer,date,amount", *(f"A{n},C{n},2018-11-0{n % 9 + 1},1" for n in range(200))]
    lines += ["B,C,2018-11-04 00:30,2", "C,C,2018-11-04 01:00,4"]
    result = read_shop(shop(write(lines), timezone="America/Sao_Paulo"))
    assert result.ledger.quarantined == {"date: time skipped by the clock": 1}
    assert (result.tables.orders["ordered_at"] == pd.Timestamp("2018-11-04")).sum() == 22


def test_in_the_hour_that_stands_twice_a_refund_is_not_called_too_early(tmp_path: Path) -> None:
    """Ordered 08:50 UTC (01:50 summer time), refunded 09:10 UTC (01:10 winter time): later, on a clock put back."""
    (tmp_path / "refunds.csv").write_text("o,at,back\nA1,2024-11-03T09:10Z,1\nA2,2024-11-03T07:00Z,1\n")
    refunds = {"source": {"path": str(tmp_path / "refunds.csv")},
               "columns": {"order_id": "o", "refunded_at": "at", "amount": "back"}}  # fmt: skip
    frame = pd.read_csv(
        io.StringIO("order,customer,date,amount\nA1,C1,2024-11-03T08:50Z,5\nA2,C1,2024-11-03T07:30Z,5\n")
    )
    result = read_frame(frame, shop(timezone=LA, tables={"refunds": refunds}), max_bad_share=0.5)
    assert result.tables.refunds["order_id"].tolist() == ["A1"]
    assert result.quarantine["reason"].tolist() == ["before its order"]


def test_tables_keep_their_zone_when_they_are_cut() -> None:
    frame = pd.DataFrame({"order_id": ["1"], "customer_id": ["a"], "ordered_at": ["2024-01-01 23:00"], "net": [1.0]})
    tables = cvo.read_orders(frame, timezone=LA, currency="USD")
    day = date(2024, 3, 1)
    assert {found.timezone for found in (tables, as_known_on(tables, day), truncated(tables, day))} == {LA}


@settings(max_examples=40, deadline=None)
@given(
    moments=st.lists(st.datetimes(datetime(2015, 1, 1), datetime(2030, 1, 1)), min_size=1, max_size=6),
    zone=st.sampled_from([LA, "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia", "America/Sao_Paulo", "UTC"]),
    offset=st.sampled_from(["Z", "+00:00", " UTC"]),
)
def test_days_are_those_of_the_zone_database(moments: list[datetime], zone: str, offset: str) -> None:
    texts = [moment.isoformat(timespec="seconds") + offset for moment in moments]
    frame = pd.DataFrame({"order": range(len(texts)), "customer": "C", "date": texts, "amount": 1.0})
    orders = read_frame(frame, shop(timezone=zone)).tables.orders
    utc = [moment.replace(microsecond=0, tzinfo=ZoneInfo("UTC")) for moment in moments]
    truth = [moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in utc]
    found = dict(zip(orders["order_id"], orders["ordered_at"], strict=True))
    assert [found[str(place)] for place in range(len(texts))] == [pd.Timestamp(moment) for moment in truth]
