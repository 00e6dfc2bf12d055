"""Times: counted since 1970, of twelve hours, in words; what must be declared is suggested whole."""

# ruff: noqa: E501 (tables of cases)

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError
from cvo_ml.ingest import ReadResult, read_frame, read_shop

from .conftest import shop

MOMENTS = st.datetimes(datetime(2001, 1, 1), datetime(2100, 1, 1)).map(lambda moment: moment.replace(microsecond=0))
#: Formats that a source may declare, and how many of a time's parts each keeps.
FORMATS = ("%d.%m.%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%d %b %Y %H:%M:%S", "%B %d, %Y %I:%M:%S %p", "%Y%m%d%H%M%S")


def read(dates: Sequence[Any], timezone: str = "UTC", **source: Any) -> ReadResult:
    ids = [f"A{number}" for number in range(len(dates))]
    frame = pd.DataFrame({"order": ids, "customer": "C1", "date": dates, "amount": "5.50"})
    return read_frame(frame, shop(source=source, timezone=timezone, max_bad_share=0.4))


def times(dates: Sequence[Any], timezone: str = "UTC", **source: Any) -> list[pd.Timestamp]:
    return read(dates, timezone, **source).tables.orders["ordered_at"].tolist()


@settings(max_examples=10, deadline=None)
@given(moments=st.lists(MOMENTS, min_size=1, max_size=20), date_format=st.sampled_from(FORMATS))
def test_a_time_is_read_as_it_was_written(moments: list[datetime], date_format: str) -> None:
    written = [moment.strftime(date_format) for moment in moments]
    assert times(written, date_format=date_format) == sorted(map(pd.Timestamp, moments))


@settings(max_examples=10, deadline=None)
@given(
    moments=st.lists(MOMENTS, min_size=1, max_size=20),
    unit=st.sampled_from([("epoch_s", 1), ("epoch_ms", 1000), ("epoch_us", 10**6)]),
)
def test_a_time_since_1970_is_read_in_its_unit(moments: list[datetime], unit: tuple[str, int]) -> None:
    counts = [int(moment.replace(tzinfo=UTC).timestamp()) * unit[1] for moment in moments]
    for dates in (counts, [str(count) for count in counts], [float(count) for count in counts]):
        assert times(dates, date_format=unit[0]) == sorted(map(pd.Timestamp, moments))


def test_a_fraction_of_a_second_is_kept() -> None:
    assert times(["1704067200.25", "1704067200250"[:10]], date_format="epoch_s") == [
        pd.Timestamp("2024-01-01"),
        pd.Timestamp("2024-01-01 00:00:00.25"),
    ]


@pytest.mark.parametrize(
    ("declared", "right", "number"),
    [("epoch_ms", "epoch_s", 1704067200), ("epoch_s", "epoch_ms", 1704067200000), ("epoch_s", "epoch_us", 1704067200000000)],
)  # fmt: skip
def test_another_unit_is_refused(declared: str, right: str, number: int) -> None:
    with pytest.raises(DataError, match=rf"count another unit than {declared} .*declare date_format: {right}"):
        times([str(number), str(number + 5)], date_format=declared)


@pytest.mark.parametrize("noon", ["12:00 AM", "12:30 PM", "1:05 am", "11:59 pm"])
def test_a_clock_of_twelve_hours(noon: str) -> None:
    right = {"12:00 AM": "00:00", "12:30 PM": "12:30", "1:05 am": "01:05", "11:59 pm": "23:59"}[noon]
    assert times([f"1/13/24 {noon}"], date_format="%m/%d/%y %I:%M %p") == [pd.Timestamp(f"2024-01-13 {right}")]


WRITTEN = [
    ("13/01/2024 3:30 PM", "%d/%m/%Y %I:%M %p"),
    ("1/13/24 3:30:05 pm", "%m/%d/%y %I:%M:%S %p"),
    ("13.01.2024, 15:30", "%d.%m.%Y, %H:%M"),
    ("13-01-2024 15:30:05.123", "%d-%m-%Y %H:%M:%S.%f"),
    ("13/01/2024 15:30 +0100", "%d/%m/%Y %H:%M %z"),
    ("13/01/2024 15:30:00 UTC", "%d/%m/%Y %H:%M:%S UTC"),
    ("13.01.2024 15:30 Uhr", "%d.%m.%Y %H:%M Uhr"),
    ("2024/01/13 15:30", "%Y/%m/%d %H:%M"),
    ("13 Jan 2024", "%d %b %Y"),
    ("Sat, 13 Jan 2024 15:30:05", "%a, %d %b %Y %H:%M:%S"),
    ("January 13, 2024", "%B %d, %Y"),
    ("13-Jan-24", "%d-%b-%y"),
    ("20240113", "%Y%m%d"),
    ("1704067200", "epoch_s"),
    ("1704067200123", "epoch_ms"),
]


@pytest.mark.parametrize(("date", "suggested"), WRITTEN)
def test_the_suggested_format_is_whole_and_reads_the_date(date: str, suggested: str) -> None:
    with pytest.raises(DataError) as refusal:
        times([date])
    assert suggested in refusal.value.remedy
    assert times([date], date_format=suggested)[0].date() == (
        pd.Timestamp("2024-01-01" if "epoch" in suggested else "2024-01-13").date()
    )


def test_either_order_is_suggested_where_both_are_possible() -> None:
    with pytest.raises(DataError, match=r"'%d/%m/%Y %I:%M %p' or '%m/%d/%Y %I:%M %p'"):
        times(["01/02/2024 3:30 PM"])


@pytest.mark.parametrize("date", ["13. Januar 2024", "13 févr. 2024", "13 de enero de 2024", "13 okt 2024"])
def test_months_of_other_languages_are_refused_clearly(date: str) -> None:
    with pytest.raises(DataError, match=r"names of months that are not English.*export the dates in numbers"):
        times([date, date])


def test_an_impossible_day_among_times_with_a_zone_is_one_faulty_row() -> None:
    result = read(["2024-01-01T10:00:00Z", "2024-02-30", "2024-01-03T10:00:00+02:00"])
    assert result.ledger.quarantined == {"date: impossible date": 1}


def test_a_zone_in_brackets_is_only_a_name() -> None:
    assert times(["2024-01-10T15:30+01:00[Europe/Berlin]"]) == [pd.Timestamp("2024-01-10 14:30")]


@pytest.mark.parametrize("dates", [["2024-01-01T22:00:00Z"], ["2024-01-01T22:00:00 UTC"]])
@pytest.mark.parametrize("end", ["Z", " UTC", " %Z"])
def test_a_zone_in_words_in_the_format_is_a_zone(dates: list[str], end: str) -> None:
    """Midnight in Berlin is an hour before that of UTC, so both readings differ."""
    written = [date.removesuffix("Z").removesuffix(" UTC") + end.replace("%Z", "GMT") for date in dates]
    marked = times([date.replace(" UTC", "Z") for date in dates], "Europe/Berlin")
    assert times(written, "Europe/Berlin", date_format=f"%Y-%m-%dT%H:%M:%S{end}") == marked


@pytest.mark.parametrize(
    ("dates", "declared", "said"),
    [
        (
            ["01/13/2024", "01/02/2024"],
            "%d/%m/%Y",
            "all dates are of %m/%d/%Y, not of the declared %d/%m/%Y .*declare date_f",
        ),
        (["01/13/2024", "13/01/2024"], "%d/%m/%Y", r"day-first and month-first dates are mixed \(1 row; first: 1\)"),
        (
            ["2024-01-13", "2024-01-14"],
            "%d/%m/%Y",
            r"all dates are ISO 8601, not of the declared .*leave date_format out",
        ),
        (["2024-01-13", "14/01/2024"], "%d/%m/%Y", "several date formats are mixed: ISO 8601 among others"),
        (["13.01.2024 10:00"], "%d.%m.%Y", r"no date is of the declared format %d.%m.%Y .*such as '%d.%m.%Y %H:%M'"),
        (["13 Jan 2024"], "%d.%m.%Y", r"no date is of the declared format .*such as '%d %b %Y'"),
        (["soon", "later"], "%d.%m.%Y", r"no date is of the declared format %d.%m.%Y .*correct it, or leave it out"),
    ],
)
def test_a_format_that_is_simply_wrong_says_so(dates: list[str], declared: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        times(dates, date_format=declared)


@pytest.mark.parametrize("date_format", ["%d/%m/%Y %I:%M", "%d/%m/%Y %H:%M %p"])
def test_a_clock_of_which_half_is_not_said_is_refused(date_format: str) -> None:
    """Python reads 3:30 PM by %H as 3:30 in the morning, and by %I alone too."""
    with pytest.raises(ValidationError, match=r"%I .* and %p .* need each other"):
        shop(source={"date_format": date_format})


def test_months_without_a_day_are_refused_with_their_format(tmp_path: Path) -> None:
    """Totals of the books are often of ``2024-01``: what the refusal names reads them, each on its first day."""
    orders, months = tmp_path / "orders.csv", tmp_path / "months.csv"
    orders.write_text("order,customer,date,amount\nA1,C1,2024-01-05,5\n")
    months.write_text("month,net\n2024-01,500\n2024-02,400\n")
    columns = {"order_id": "order", "customer_id": "customer", "ordered_at": "date", "net": "amount"}

    def read(**source: str) -> pd.DataFrame:
        table = {"source": {"path": str(months), **source}, "columns": {"month": "month", "net": "net"}}
        shop = {"name": "s", "currency": "EUR", "source": {"path": str(orders)}, "columns": columns}
        return read_shop(ShopConfig.model_validate({**shop, "tables": {"months": table}})).tables.get("months")

    with pytest.raises(DataError, match=r"months are written without a day.*'%Y-%m'"):
        read()
    assert read(date_format="%Y-%m")["month"].tolist() == [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-02-01")]


def test_days_are_not_taken_for_counts() -> None:
    days = [(datetime(2024, 1, 1) + timedelta(days=day)).strftime("%Y%m%d") for day in range(3)]
    with pytest.raises(DataError, match="days are written without signs"):
        times([int(day) for day in days])
