"""What came after a date, and what was known at a customer's first order."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import first_order_features, window_outcome
from cvo_ml.features.first_order import FIRST_ORDER_FEATURES
from cvo_ml.features.labels import is_closed
from cvo_ml.features.value_at_age import value_by_age
from cvo_ml.ingest import read_frame
from tests.builders import SHOP_CUT, frame, shop_of
from tests.features.by_hand import value_by_age_by_hand, window_by_hand
from tests.features.shops import AS_OF, CUSTOMERS, CUT, shops

ORDERS = [
    ("1", "a", "2024-01-01 09:15", 10.0),
    ("2", "a", "2024-01-31 23:59", 20.0),
    ("3", "a", "2024-02-01 00:00", 40.0),
    ("4", "a", "2024-02-29 12:00", 80.0),
    ("5", "a", "2024-03-02 00:00", 160.0),
    ("6", "b", "2024-03-01 00:00", 5.0),
]


@settings(max_examples=8)
@given(shop=shops())
def test_the_window_equals_the_computation_by_hand(shop: Tables) -> None:
    ours = window_outcome(shop, AS_OF, Horizon("30D"), pd.Index(CUSTOMERS))
    by_hand = window_by_hand(shop, CUT, CUT + pd.Timedelta(days=30), pd.Index(CUSTOMERS))
    pd.testing.assert_frame_equal(ours, by_hand, check_names=False, check_index_type=False, rtol=1e-9)


def test_the_window_holds_its_first_midnight_and_not_its_last() -> None:
    # [2024-02-01, 2024-03-02): orders 3 and 4, not 2 and 5
    outcome = window_outcome(shop_of(ORDERS), "2024-02-01", Horizon("30D"), pd.Index(["a", "b", "nobody"]))
    assert outcome["orders"].to_dict() == {"a": 2.0, "b": 1.0, "nobody": 0.0}
    assert outcome["value"].to_dict() == {"a": 120.0, "b": 5.0, "nobody": 0.0}


def test_only_the_customers_asked_for_are_told_in_their_order() -> None:
    assert list(window_outcome(shop_of(ORDERS), "2024-02-01", Horizon("30D"), pd.Index(["b"])).index) == ["b"]


def test_a_refund_counts_in_the_window_up_to_its_end_and_never_for_an_order_before_it() -> None:
    refunds = [
        ("1", "2024-02-10", 10.0),  # of an order before the window: not the window's money
        ("3", "2024-02-10", 15.0),
        ("4", "2024-03-03", 80.0),  # known after the window's end
        ("6", "2024-03-01 12:00", 5.0),  # wholly refunded: counts in neither orders nor value
    ]
    outcome = window_outcome(shop_of(ORDERS, refunds), "2024-02-01", Horizon("30D"), pd.Index(["a", "b"]))
    assert outcome.loc["a"].to_dict() == {"orders": 2.0, "purchase_days": 2.0, "value": 105.0}
    assert outcome.loc["b"].to_dict() == {"orders": 0.0, "purchase_days": 0.0, "value": 0.0}


@pytest.mark.parametrize(("extracted_at", "closed"), [("2024-02-01", True), ("2024-01-31T23:00", False)])
def test_a_window_through_the_last_day_is_closed_when_the_source_was_written_after_it(
    extracted_at: str, closed: bool
) -> None:
    rows = pd.DataFrame({"o": ["1", "2"], "c": ["a", "b"], "d": ["2024-01-01", "2024-01-30"], "v": [5.0, 5.0]})
    declared = {"order_id": "o", "customer_id": "c", "ordered_at": "d", "net": "v"}
    told = ShopConfig.model_validate(
        {"name": "t", "currency": "EUR", "source": {"path": "-"}, "columns": declared, "extracted_at": extracted_at}
    )
    silent = told.model_copy(update={"extracted_at": None})
    assert is_closed(read_frame(rows, told).tables, "2024-01-02", Horizon("30D")) is closed
    assert not is_closed(read_frame(rows, silent).tables, "2024-01-02", Horizon("30D"))
    # rows from the cut on were left out, whenever the source was written
    assert not is_closed(read_frame(rows, told, as_of=date(2024, 1, 20)).tables, "2024-01-02", Horizon("30D"))


@pytest.mark.parametrize(("as_of", "closed"), [("2024-02-01", True), ("2024-02-02", False)])
def test_a_window_is_closed_when_the_data_reach_its_end(as_of: str, closed: bool) -> None:
    assert is_closed(shop_of(ORDERS), as_of, Horizon("30D")) is closed


@settings(max_examples=8)
@given(shop=shops())
def test_value_by_age_equals_the_computation_by_hand(shop: Tables) -> None:
    ours = value_by_age(shop, AS_OF, Horizon("30D"))
    assert ours["value"].to_dict() == pytest.approx(value_by_age_by_hand(shop, AS_OF, 30), abs=1e-9)


def test_age_is_counted_from_the_minute_of_the_first_order() -> None:
    rows = [
        ("1", "a", "2024-01-01 09:15", 1.0),
        ("2", "a", "2024-01-11 09:14", 2.0),
        ("3", "a", "2024-01-11 09:15", 4.0),
    ]
    assert value_by_age(shop_of(rows), "2024-02-01", Horizon("10D"))["value"].to_dict() == {"a": 3.0}


def test_a_customer_too_young_for_the_age_is_left_out() -> None:
    rows = [("1", "a", "2024-01-01", 1.0), ("2", "b", "2024-01-22", 2.0), ("3", "c", "2024-01-22 00:01", 2.0)]
    assert list(value_by_age(shop_of(rows), "2024-02-01", Horizon("10D")).index) == ["a", "b"]


def test_a_refund_after_the_age_leaves_the_value_at_that_age() -> None:
    rows = [("1", "a", "2024-01-01", 10.0)]
    for day, value in (("2024-01-11", 0.0), ("2024-01-12", 10.0)):
        shop = shop_of(rows, [("1", day, 10.0)])
        assert value_by_age(shop, "2024-02-01", Horizon("10D"))["value"].to_dict() == {"a": value}


def test_first_orders_by_hand() -> None:
    lines = frame(
        "order_lines",
        ["order_id", "product_id", "quantity", "unit_price"],
        [("1", "p", 2.0, 1.5), ("1", "p", 1.0, 2.5), ("1", "q", 4.0, 1.25), ("2", "r", 99.0, 99.0)],
    )
    row = first_order_features(shop_of(ORDERS, [("1", "2024-01-02", 10.0)], order_lines=lines), "2024-03-01").loc["a"]
    assert row["first_ordered_at"] == pd.Timestamp("2024-01-01 09:15")
    assert row[list(FIRST_ORDER_FEATURES)].dropna().to_dict() == {
        "first_order_value": 10.0,  # as it stood when ordered: the refund is later news
        "first_order_lines": 3.0,
        "first_order_units": 7.0,
        "first_order_products": 2.0,
        "first_order_mean_price": 1.75,
        "first_order_max_quantity": 4.0,
        "first_order_hour": 9.0,
        "first_order_weekday": 0.0,  # 2024-01-01 was a Monday
    }


def test_discount_code_and_channel_of_the_first_order_by_hand() -> None:
    shop = shop_of(ORDERS)
    told = shop.orders.assign(discount=[2.5, 0.0, 0.0, 0.0, 0.0, 0.0], channel=["app", *["web"] * 5])
    told["discount_code"] = pd.Series(["SPRING", None, None, None, None, None], dtype="str")
    rows = first_order_features(Tables({**shop.frames, "orders": told}, "EUR"), "2024-03-02")
    assert rows["first_order_discount_share"].to_dict() == {"a": 2.5 / 12.5, "b": 0.0}
    assert rows["first_order_code"].to_dict() == {"a": 1.0, "b": 0.0}
    assert rows["first_order_channel"].to_dict() == {"a": "app", "b": "web"}


def test_a_shop_without_lines_knows_value_hour_and_weekday_alone() -> None:
    row = first_order_features(shop_of(ORDERS), "2024-03-01").loc["a", list(FIRST_ORDER_FEATURES)]
    assert row.dropna().index.tolist() == ["first_order_value", "first_order_hour", "first_order_weekday"]


def test_lines_without_prices_leave_the_price_null() -> None:
    lines = frame("order_lines", ["order_id", "product_id", "quantity"], [("1", "p", 2.0)])
    row = first_order_features(shop_of(ORDERS, order_lines=lines), "2024-03-01").loc["a"]
    assert row["first_order_units"] == 2.0
    assert np.isnan(row["first_order_mean_price"])


def test_of_two_first_orders_at_the_same_minute_the_lower_id_is_first() -> None:
    rows = [("2", "a", "2024-01-01", 2.0), ("1", "a", "2024-01-01", 1.0)]
    assert first_order_features(shop_of(rows), "2024-02-01").loc["a", "first_order_value"] == 1.0


def test_the_first_order_of_each_customer_of_the_seeded_shop_equals_pandas(shop: Tables) -> None:
    ours = first_order_features(shop, SHOP_CUT)
    before = shop.orders[shop.orders["ordered_at"] < pd.Timestamp(SHOP_CUT)]
    first = before.sort_values(["ordered_at", "order_id"]).drop_duplicates("customer_id").set_index("customer_id")
    pd.testing.assert_series_equal(ours["first_order_value"], first["net"].sort_index(), check_names=False)
    assert (ours["first_order_lines"] == 2).all()
