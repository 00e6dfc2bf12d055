"""Units: the only place where days become weeks, months and years."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta, timezone

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvo_ml.core.errors import UsageError
from cvo_ml.core.units import LONGEST, Horizon, days_per, midnight, parse_as_of


@pytest.mark.parametrize(
    ("text", "days"),
    [("90D", 90.0), ("2W", 14.0), ("1M", 30.4375), ("1Y", 365.25), ("0.5Y", 182.625), (" 3 D ", 3.0)],
)
def test_a_month_is_30_4375_days_and_a_year_365_25(text: str, days: float) -> None:
    assert Horizon(text).days == days


def test_twelve_months_are_a_year_and_52_weeks_and_a_bit() -> None:
    assert Horizon("12M") == Horizon("1Y")
    assert hash(Horizon("12M")) == hash(Horizon("1Y"))
    assert Horizon("1Y").to("W") == pytest.approx(52.178571428571)
    assert Horizon("1W") < Horizon("1M") < Horizon("1Y")


@pytest.mark.parametrize("text", ["0D", "0.4D", "-3D", "90", "D", "90d", "1e3D", "", "nanD", "90 days"])
def test_what_is_no_positive_span_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"not a positive span|shorter than a day"):
        Horizon(text)


@pytest.mark.parametrize("value", [90, None, 1.5, timedelta(days=1)])
def test_a_bare_number_is_not_a_horizon(value: object) -> None:
    with pytest.raises(UsageError, match="write a number and D, W, M or Y"):
        Horizon(value)


def test_windows_between_dates_hold_whole_days() -> None:
    assert Horizon("1M").delta == timedelta(days=30)
    assert Horizon("1Y").whole_days == 365
    assert Horizon("6M").whole_days == 183  # 182.625


def test_a_horizon_survives_copy_text_and_pickle() -> None:
    horizon = Horizon("12M")
    assert str(Horizon(horizon)) == str(pickle.loads(pickle.dumps(horizon))) == "12M"
    assert repr(horizon) == "Horizon('12M')"


SPANS = st.sampled_from("DWMY").flatmap(
    lambda unit: st.tuples(st.integers(1, int(LONGEST / days_per(unit))), st.just(unit))
)


@given(SPANS, st.sampled_from("DWMY"))
def test_a_span_is_the_same_in_any_unit(span: tuple[int, str], other: str) -> None:
    number, unit = span
    horizon = Horizon(f"{number}{unit}")
    assert horizon.to(unit) == pytest.approx(number)
    assert horizon.to(other) * days_per(other) == pytest.approx(horizon.days)
    assert Horizon(str(horizon)) == horizon


def test_an_unknown_unit_is_named() -> None:
    with pytest.raises(UsageError, match="'H' is unknown: use one of D, W, M, Y"):
        Horizon("1D").to("H")


@pytest.mark.parametrize("value", ["2024-02-29", " 2024-02-29 ", date(2024, 2, 29), pd.Timestamp("2024-02-29")])
def test_as_of_is_a_date_leap_days_included(value: object) -> None:
    assert parse_as_of(value) == date(2024, 2, 29)


@pytest.mark.parametrize("value", ["29.02.2024", "2023-02-29", "", "today", None, 20240229, "2024-02-29T00:00"])
def test_what_is_no_iso_date_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match="write it as YYYY-MM-DD"):
        parse_as_of(value)


def test_as_of_has_no_time_of_day() -> None:
    with pytest.raises(UsageError, match="is no day"):
        parse_as_of(datetime(2024, 2, 29, 12, 30, tzinfo=UTC))


def test_midnight_of_another_zone_is_no_day() -> None:
    with pytest.raises(UsageError, match="00:00 in the shop's zone"):
        parse_as_of(datetime(2024, 2, 29, tzinfo=timezone(timedelta(hours=2))))
    assert parse_as_of(datetime(2024, 2, 29, tzinfo=UTC)) == date(2024, 2, 29)


def test_midnight_is_zoneless_and_in_microseconds_like_all_tables() -> None:
    assert midnight(date(2024, 3, 31)) == pd.Timestamp("2024-03-31")
    assert midnight(date(2024, 3, 31)).tz is None
    assert midnight(date(2024, 3, 31)).unit == "us"
