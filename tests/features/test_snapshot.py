"""The snapshot against plain pandas, and the wall between what was known on a date and what came later."""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import FEATURES, first_order_features, snapshot
from cvo_ml.features.customer import customer_features, known_customers
from cvo_ml.features.snapshot import is_gone
from tests.builders import SHOP_CUT, frame, seeded_shop, shop_of
from tests.features.by_hand import known_rows, snapshot_by_hand
from tests.features.shops import AS_OF, CUT, shop_from, shops, with_later_news


def agrees(ours: pd.DataFrame, by_hand: pd.DataFrame) -> None:
    assert sorted(ours.index) == sorted(by_hand.index)
    assert set(FEATURES) <= set(by_hand.columns)
    pd.testing.assert_frame_equal(
        ours.reindex(by_hand.index)[by_hand.columns], by_hand, check_names=False, rtol=1e-9, atol=1e-9
    )


def test_every_column_of_the_seeded_shop_equals_the_computation_by_hand(shop: Tables) -> None:
    ours = snapshot(shop, SHOP_CUT)
    assert len(ours) > 150
    agrees(ours, snapshot_by_hand(shop, str(SHOP_CUT)))


@settings(max_examples=8)
@given(shop=shops())
def test_every_column_equals_the_computation_by_hand(shop: Tables) -> None:
    by_hand = snapshot_by_hand(shop, AS_OF)
    ours = snapshot(shop, AS_OF)
    if len(by_hand):
        agrees(ours, by_hand)
    else:
        assert len(ours) == 0


@settings(max_examples=6)
@given(data=st.data())
def test_rows_that_come_later_change_no_feature_to_the_last_bit(data: st.DataObject) -> None:
    shop = data.draw(shops(seen_only=True))
    more = with_later_news(data.draw, shop)
    pd.testing.assert_frame_equal(customer_features(more, AS_OF), customer_features(shop, AS_OF), check_exact=True)
    assert known_customers(more, AS_OF).equals(known_customers(shop, AS_OF))


def test_a_shop_cut_at_a_date_has_the_features_of_the_whole_shop_to_the_last_bit(shop: Tables) -> None:
    """Thousands of later rows, so that the engine has reason to order its joins in another way."""
    cut = pd.Timestamp(SHOP_CUT)
    orders = known_rows(shop.orders, "ordered_at", cut)
    truncated = Tables(
        {
            "orders": orders,
            "refunds": known_rows(shop.refunds, "refunded_at", cut),
            "order_lines": shop.get("order_lines")[shop.get("order_lines")["order_id"].isin(orders["order_id"])],
            "customers": shop.get("customers"),
        },
        shop.currency,
    )
    later = seeded_shop(900, seed=12)
    moved = {
        "orders": later.orders.assign(
            order_id="x" + later.orders["order_id"], ordered_at=later.orders["ordered_at"] + pd.Timedelta(days=400)
        ),
        "refunds": later.refunds.assign(refunded_at=later.refunds["refunded_at"] + pd.Timedelta(days=400)),
    }
    whole = Tables(
        {**shop.frames, **{name: pd.concat([shop.frames[name], rows]) for name, rows in moved.items()}}, shop.currency
    )
    expected = customer_features(truncated, SHOP_CUT)
    pd.testing.assert_frame_equal(customer_features(whole, SHOP_CUT), expected, check_exact=True)


LATE = "2024-02-02"
#: One row of each table that happened before 2024-02-01 and was heard of the day after it.
LATE_NEWS = {
    "order": {"orders": [("9", "b", "2024-01-20", 9.0, LATE)]},
    "refund": {"refunds": [("2", "2024-01-20", 9.0, "a", LATE)]},
    "order of a refund that names no customer": {"orders": [("unknown", "b", "2024-01-20", 9.0, LATE)]},
    "line": {"order_lines": [("1", "p9", 5.0, 8.0, LATE)]},
    "country": {"customers": [("b", "FR", LATE)]},
}


OLD_NEWS = {
    "orders": [("1", "a", "2024-01-01", 100.0), ("2", "a", "2024-01-11", 50.0), ("3", "b", "2024-01-05", 7.0)],
    "refunds": [("unknown", "2024-01-15", 4.0, None), ("1", "2024-01-16", 4.0, None)],
    "order_lines": [("1", "p1", 1.0, 100.0)],
    "customers": [("a", "DE")],
}


@cache
def features_with(news: str, as_of: str) -> pd.DataFrame:
    """Features of the small shop with some late news, or none."""
    rows = {name: old + LATE_NEWS.get(news, {}).get(name, []) for name, old in OLD_NEWS.items()}
    shop = shop_from(rows["orders"], rows["refunds"], rows["order_lines"], rows["customers"])
    return customer_features(shop, as_of)


@pytest.mark.parametrize("news", list(LATE_NEWS))
def test_what_is_heard_of_after_the_cut_changes_nothing_at_it_and_something_later(news: str) -> None:
    at_the_cut, later = "2024-02-01", "2024-02-03"
    pd.testing.assert_frame_equal(features_with(news, at_the_cut), features_with("none", at_the_cut), check_exact=True)
    assert not features_with(news, later).equals(features_with("none", later))


def test_the_order_of_rows_changes_nothing(shop: Tables) -> None:
    shuffled = Tables(
        {name: rows.sample(frac=1, random_state=3) for name, rows in shop.frames.items()}, currency=shop.currency
    )
    ours, other = customer_features(shop, SHOP_CUT), customer_features(shuffled, SHOP_CUT)
    pd.testing.assert_frame_equal(ours, other, rtol=1e-12)


def test_two_orders_of_the_same_minute_have_one_last_value_in_any_row_order() -> None:
    rows = [("1", "a", "2024-01-05 10:00", 5.0), ("2", "a", "2024-01-05 10:00", 8.0)]
    values = [snapshot(shop_of(order), "2024-02-01").loc["a", "last_order_value"] for order in (rows, rows[::-1])]
    assert values == [8.0, 8.0]


def test_money_times_k_gives_value_times_k_and_shifted_dates_give_the_same(shop: Tables) -> None:
    shift = pd.Timedelta(days=91)
    orders = shop.orders.assign(net=shop.orders["net"] * 8, ordered_at=shop.orders["ordered_at"] + shift)
    refunds = shop.refunds.assign(amount=shop.refunds["amount"] * 8, refunded_at=shop.refunds["refunded_at"] + shift)
    moved = snapshot(Tables({"orders": orders, "refunds": refunds}, "EUR"), (pd.Timestamp(SHOP_CUT) + shift).date())
    money = ["monetary_value", "average_order_value", "last_order_value", "net_value", "net_30d", "net_90d", "net_180d"]
    expected = snapshot(shop, SHOP_CUT)[[*FEATURES, "monetary_value"]]
    expected[money] *= 8
    pd.testing.assert_frame_equal(moved[expected.columns], expected, rtol=1e-12)


ORDERS = [("1", "a", "2024-01-01", 100.0), ("2", "a", "2024-01-11", 50.0), ("3", "b", "2024-01-05", 7.0)]


def test_a_wholly_refunded_order_is_taken_from_the_value_once_and_not_twice() -> None:
    row = snapshot(shop_of(ORDERS, [("2", "2024-01-15", 50.0)]), "2024-02-01").loc["a"]
    assert (row["number_of_orders"], row["net_value"], row["average_order_value"]) == (1.0, 100.0, 100.0)
    assert (row["number_of_refunds"], row["refunded_share"]) == (1.0, 50 / 150)


def test_a_refund_counts_from_the_moment_it_is_known_and_not_when_it_happened() -> None:
    shop = shop_of(ORDERS, [("2", "2024-01-15", 20.0, "a", "2024-01-25")])
    value = {day: snapshot(shop, day).loc["a", "net_value"] for day in ("2024-01-20", "2024-01-25", "2024-01-26")}
    assert value == {"2024-01-20": 150.0, "2024-01-25": 130.0, "2024-01-26": 130.0}


def test_a_cancellation_after_the_cut_does_not_touch_an_order_before_it() -> None:
    with_refund = snapshot(shop_of(ORDERS, [("2", "2024-02-01", 50.0)]), "2024-02-01")
    without = snapshot(shop_of(ORDERS, [("9", "2024-02-01", 50.0)]), "2024-02-01")
    pd.testing.assert_frame_equal(with_refund, without, check_exact=True)


def test_a_customer_with_nothing_left_is_not_in_the_snapshot_and_still_known() -> None:
    shop = shop_of(ORDERS, [("3", "2024-01-15", 7.0)])
    assert list(snapshot(shop, "2024-02-01").index) == ["a"]
    assert list(known_customers(shop, "2024-02-01")) == ["a", "b"]
    assert list(snapshot(shop, "2024-01-15").index) == ["a", "b"]


def test_free_orders_count_as_orders_and_not_in_the_mean_value() -> None:
    shop = shop_of([*ORDERS, ("4", "a", "2024-01-20", 0.0), ("5", "c", "2024-01-20", 0.0)])
    rows = snapshot(shop, "2024-02-01")
    assert rows.loc["a", ["number_of_orders", "average_order_value"]].tolist() == [3.0, 75.0]
    assert rows.loc["c", "number_of_orders"] == 1.0
    assert np.isnan(rows.loc["c", "average_order_value"])


def test_nobody_known_gives_an_empty_snapshot_with_all_columns() -> None:
    empty = snapshot(shop_of(ORDERS), "2023-12-31")
    assert len(empty) == 0
    assert set(FEATURES) <= set(empty.columns)


def test_the_engine_can_read_no_file_however_the_customers_are_called() -> None:
    name = "x'; SELECT * FROM read_csv('/etc/passwd'); --"
    assert list(snapshot(shop_of([("1", name, "2024-01-01", 5.0)]), "2024-02-01").index) == [name]


def test_a_country_counts_from_the_moment_it_is_known() -> None:
    people = frame("customers", ["customer_id", "country", "known_at"], [("a", "DE", "2024-01-20"), ("b", "FR", None)])
    shop = shop_of(ORDERS, customers=people)
    for features in (snapshot, first_order_features):
        assert features(shop, "2024-01-20")["country"].to_dict() == {"a": "DE", "b": "FR"}
        assert features(shop, "2024-01-19")["country"].isna().to_dict() == {"a": True, "b": False}


@pytest.mark.parametrize(
    ("since_last", "median_gap", "gone"),
    [
        (180.0, np.nan, False),  # max(2 x 90, -) = 180, and the rule says more than
        (181.0, np.nan, True),
        (181.0, 10.0, True),  # 3 x 10 < 180
        (300.0, 100.0, False),  # 3 x 100 = 300
        (301.0, 100.0, True),
        (0.0, 0.0, False),
    ],
)
def test_gone_is_more_than_two_horizons_and_three_own_gaps(since_last: float, median_gap: float, gone: bool) -> None:
    row = pd.DataFrame({"days_since_last_order": [since_last], "median_gap_days": [median_gap]})
    assert is_gone(row, Horizon("90D")).tolist() == [gone]


def test_as_of_may_be_a_date_or_its_text(shop: Tables) -> None:
    pd.testing.assert_frame_equal(snapshot(shop, "2023-11-01"), snapshot(shop, date(2023, 11, 1)))
    assert pd.Timestamp(AS_OF) == CUT
