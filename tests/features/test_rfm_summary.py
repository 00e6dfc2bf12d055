"""The RFM summary against lifetimes, and the rules of time and refunds."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from lifetimes.utils import summary_data_from_transaction_data

from cvo_ml.core.errors import ContractError, UsageError
from cvo_ml.core.tables import Tables
from cvo_ml.features import rfm_summary
from tests.builders import orders_of, shop_of
from tests.features.by_hand import orders_left
from tests.features.shops import AS_OF, CUT, shops

SUMMARY = ["frequency", "recency", "T", "monetary_value"]


def lifetimes_summary(orders: pd.DataFrame, as_of: str, value: str = "net") -> pd.DataFrame:
    """lifetimes' summary of whole days up to the day before ``as_of``."""
    days = orders.assign(day=orders["ordered_at"].dt.normalize())
    return summary_data_from_transaction_data(
        days, "customer_id", "day", value, observation_period_end=pd.Timestamp(as_of) - pd.Timedelta(days=1)
    )


def same(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(
        ours[SUMMARY], theirs[SUMMARY], check_dtype=False, check_index_type=False, check_names=False, rtol=1e-12
    )


@pytest.mark.parametrize("as_of", ["1997-10-01", "1997-02-11"])
def test_summary_of_cdnow_equals_lifetimes(as_of: str, public_data: Path) -> None:
    raw = pd.read_csv(public_data / "cdnow" / "cdnow_master.csv.gz", dtype={"customer_id": "str"})
    orders = pd.DataFrame(
        {
            "order_id": [str(number) for number in range(len(raw))],
            "customer_id": raw["customer_id"],
            "ordered_at": pd.to_datetime(raw["date"]),
            "net": raw["amount"],
        }
    )
    assert orders["customer_id"].nunique() == 23_570  # the CDNOW master file (Fader & Hardie)
    ours = rfm_summary(orders, as_of=as_of)
    before = orders[orders["ordered_at"] < as_of]
    assert len(ours) == before["customer_id"].nunique()
    same(ours, lifetimes_summary(before, as_of))


@settings(max_examples=12)
@given(shop=shops())
def test_summary_equals_lifetimes_on_the_orders_left(shop: Tables) -> None:
    left = orders_left(shop, CUT)
    ours = rfm_summary(shop, as_of=AS_OF)
    assert list(ours.index) == sorted(left["customer_id"].unique())
    if len(left):
        same(ours, lifetimes_summary(left, AS_OF, value="left"))


def test_an_order_at_midnight_of_as_of_is_not_seen_and_one_a_microsecond_before_is() -> None:
    orders = orders_of(
        ("1", "a", "2024-02-28", 5.0),
        ("2", "a", "2024-02-29 23:59:59.999999", 7.0),
        ("3", "a", "2024-03-01 00:00:00", 100.0),
    )
    assert rfm_summary(orders, as_of="2024-03-01").loc["a"].to_dict() == {
        "frequency": 1.0,
        "recency": 1.0,
        "T": 1.0,
        "monetary_value": 7.0,
    }


def test_leap_day_counts_as_a_day() -> None:
    orders = orders_of(("1", "a", "2024-02-28", 5.0), ("2", "a", "2024-03-01", 7.0))
    assert rfm_summary(orders, as_of="2024-03-02").loc["a", ["recency", "T"]].tolist() == [2.0, 2.0]
    orders = orders_of(("1", "a", "2023-02-28", 5.0), ("2", "a", "2023-03-01", 7.0))
    assert rfm_summary(orders, as_of="2023-03-02").loc["a", ["recency", "T"]].tolist() == [1.0, 1.0]


def test_two_orders_on_one_day_are_one_purchase_of_their_sum() -> None:
    orders = orders_of(
        ("1", "a", "2024-01-01 08:00", 5.0),
        ("2", "a", "2024-01-01 20:00", 5.0),
        ("3", "a", "2024-01-05 08:00", 3.0),
        ("4", "a", "2024-01-05 20:00", 4.0),
    )
    row = rfm_summary(orders, as_of="2024-02-01").loc["a"]
    assert (row["frequency"], row["monetary_value"]) == (1.0, 7.0)


def test_units_scale_recency_and_age_only() -> None:
    orders = orders_of(("1", "a", "2024-01-01", 5.0), ("2", "a", "2024-01-15", 7.0))
    row = rfm_summary(orders, as_of="2024-01-30", unit="W").loc["a"]
    assert row.to_dict() == {"frequency": 1.0, "recency": 2.0, "T": 4.0, "monetary_value": 7.0}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_any_resolution_of_time_gives_the_same(unit: str) -> None:
    orders = orders_of(("1", "a", "2024-01-01", 5.0), ("2", "a", "2024-01-15", 7.0), ("3", "a", "2024-02-01", 9.0))
    other = orders.assign(ordered_at=orders["ordered_at"].astype(f"datetime64[{unit}]"))
    pd.testing.assert_frame_equal(rfm_summary(orders, as_of="2024-02-01"), rfm_summary(other, as_of="2024-02-01"))


def test_nobody_has_ordered_yet() -> None:
    empty = rfm_summary(orders_of(("1", "a", "2024-01-01", 5.0)), as_of="2024-01-01")
    assert (len(empty), list(empty.columns)) == (0, SUMMARY)


def test_a_wholly_refunded_order_counts_in_neither_frequency_nor_money_once_it_is_known() -> None:
    orders = [("1", "a", "2024-01-01", 5.0), ("2", "a", "2024-01-10", 7.0), ("3", "b", "2024-01-10", 9.0)]
    shop = shop_of(orders, [("2", "2024-01-20", 7.0), ("3", "2024-01-20", 9.0)])
    assert rfm_summary(shop, as_of="2024-01-20").loc["a", ["frequency", "monetary_value"]].tolist() == [1.0, 7.0]
    after = rfm_summary(shop, as_of="2024-01-21")
    assert after.loc["a", ["frequency", "recency", "monetary_value"]].tolist() == [0.0, 0.0, 0.0]
    assert list(after.index) == ["a"]


def test_a_partly_refunded_order_keeps_its_day_and_loses_the_money() -> None:
    shop = shop_of([("1", "a", "2024-01-01", 5.0), ("2", "a", "2024-01-10", 7.0)], [("2", "2024-01-12", 3.0)])
    assert rfm_summary(shop, as_of="2024-02-01").loc["a", ["frequency", "monetary_value"]].tolist() == [1.0, 4.0]


def test_a_frame_that_is_no_orders_table_is_refused() -> None:
    with pytest.raises(ContractError, match="column 'net'"):
        rfm_summary(orders_of(("1", "a", "2024-01-01", 5.0)).drop(columns="net"), as_of="2024-02-01")
    with pytest.raises(UsageError, match="unit 'Q' is unknown"):
        rfm_summary(orders_of(("1", "a", "2024-01-01", 5.0)), as_of="2024-02-01", unit="Q")
