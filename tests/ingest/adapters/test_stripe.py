"""Stripe's subscriptions: monthly revenue by Stripe's own rules and documented examples."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError
from cvo_ml.ingest import ReadResult, read_shop
from tests.ingest.adapters.conformance import Conformance, Example, Held

Row = dict[str, Any]
Read = Callable[..., ReadResult]
JANUARY, FEBRUARY, JUNE = 1704067200, 1706745600, 1717200000  # 2024, the first of each, in UTC


def price(amount: int | None = 10000, interval: str = "month", count: int = 1, **more: Any) -> Row:
    exact = None if amount is None else str(amount)
    recurring = {"interval": interval, "interval_count": count, "usage_type": more.pop("usage_type", "licensed")}
    return {"id": "price_1", "unit_amount": amount, "unit_amount_decimal": exact, "recurring": recurring, **more}


def subscription(*items: Row, number: int = 1, **more: Any) -> Row:
    held = [{"quantity": 1, **item} for item in items or ({"price": price()},)]
    return {
        "id": f"sub_{number}", "object": "subscription", "customer": f"cus_{number}", "status": "active",
        "currency": "eur", "start_date": JANUARY, "items": {"object": "list", "data": held}, **more,
    }  # fmt: skip


def coupon(duration: str = "forever", end: int | None = None, **more: Any) -> Row:
    return {"id": "di_1", "start": JANUARY, "end": end, "coupon": {"id": "c", "duration": duration, **more}}


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read objects as the subscriptions of a shop."""

    def _read(*rows: Mapping[str, Any], currency: str = "EUR", **declared: Any) -> ReadResult:
        path = tmp_path / "subscriptions.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        content = {"name": "s", "currency": currency, "adapter": "stripe", "source": {"path": str(path)}, **declared}
        return read_shop(ShopConfig.model_validate(content), max_bad_share=1.0)

    return _read


def mrr(result: ReadResult) -> list[float]:
    return list(result.tables.get("subscriptions").sort_values("subscription_id")["mrr"])


class TestStripe(Conformance):
    """docs.stripe.com/api/subscriptions/object."""

    example = Example(
        adapter="stripe",
        rows=[
            subscription(number=5, livemode=False),
            subscription({"price": price(2900), "quantity": 3}, number=1, current_period_end=FEBRUARY),
            subscription({"price": price(120000, "year")}, number=2, status="past_due"),
            subscription(
                {"price": price(2000), "current_period_end": FEBRUARY}, {"price": price(500)}, number=3,
                customer={"id": "cus_3", "object": "customer"}, discounts=[coupon(percent_off=50.0)],
            ),
            subscription(number=4, status="trialing"),
        ],
        tables={"subscriptions": Held(4, {"mrr": 87.0 + 100.0 + 12.5, "seats": 3 + 1 + 2 + 1})},
        needed="customer",
        money_in="currency",
    )  # fmt: skip


class TestAmounts:
    """docs.stripe.com/currencies: zero-decimal and three-decimal currencies, and the special cases."""

    @pytest.mark.parametrize(
        ("currency", "amount", "right"),
        [
            ("jpy", 500, 500), ("mga", 500, 500), ("usd", 1000, 10), ("isk", 500, 5), ("ugx", 500, 5),
            ("huf", 1045, 10.45), ("twd", 80045, 800.45), ("kwd", 5120, 5.12), ("tnd", 5120, 5.12), ("iqd", 5100, 51),
        ],
    )  # fmt: skip
    def test_the_documented_examples(self, currency: str, amount: int, right: float, read: Read) -> None:
        row = subscription({"price": price(amount)}, currency=currency)
        assert mrr(read(row, currency=currency.upper())) == pytest.approx([right])

    def test_a_dinar_of_kuwait_with_quantity_0_a_coupon_a_trial_and_usage(self, read: Read) -> None:
        whole = {"price": price(10000), "quantity": 1}
        rows = [
            subscription(whole, number=1),
            subscription({"price": price(10000), "quantity": 0}, number=2),
            subscription(whole, number=3, discount={"coupon": {"percent_off": 50, "duration": "forever"}}),
            subscription(whole, number=4, status="trialing"),
            subscription({"price": price(5, usage_type="metered"), "quantity": None}, number=5),
        ]
        result = read(*({**row, "currency": "kwd"} for row in rows), currency="KWD")
        assert mrr(result) == [10.0, 0.0, 5.0, 0.0, 0.0]
        assert (
            "subscriptions: 1 have items that are billed by usage, which count 0 until they are billed" in result.notes
        )

    def test_an_exact_price_may_be_a_part_of_a_cent(self, read: Read) -> None:
        row = subscription({"price": {**price(1), "unit_amount": None, "unit_amount_decimal": "0.5"}, "quantity": 1000})
        assert mrr(read(row)) == pytest.approx([5.0])

    def test_a_price_of_another_currency_counts_by_its_option_alone(self, read: Read) -> None:
        option = {"eur": {"unit_amount": 900, "unit_amount_decimal": "900"}}
        rows = [
            subscription({"price": price(1000, currency="usd", currency_options=option)}, number=1),
            subscription({"price": price(1000, currency="usd")}, number=2),
        ]
        result = read(*rows)
        assert mrr(result) == [9.0]
        assert dict(result.ledger.quarantined) == {"price of items: null": 1}


class TestMonthlyRevenue:
    """docs.stripe.com/billing/subscriptions/analytics and support.stripe.com/questions/billing-analytics."""

    def test_the_documented_sum(self, read: Read) -> None:
        """100 subscribers at 100 a month and 50 at 600 a year are 12,500 a month."""
        monthly = [subscription({"price": price(10000)}, number=n) for n in range(100)]
        yearly = [subscription({"price": price(60000, "year")}, number=100 + n) for n in range(50)]
        assert sum(mrr(read(*monthly, *yearly))) == pytest.approx(12_500)

    @pytest.mark.parametrize(
        ("interval", "count", "right"), [("year", 1, 100), ("month", 3, 400), ("week", 1, 1200 * 30.4375 / 7)]
    )
    def test_each_interval_is_brought_to_a_month(self, interval: str, count: int, right: float, read: Read) -> None:
        assert mrr(read(subscription({"price": price(120000, interval, count)}))) == pytest.approx([right])

    @pytest.mark.parametrize(
        ("status", "right"),
        [
            ("active", 100), ("past_due", 100), ("canceled", 100), ("trialing", 0), ("unpaid", 0), ("paused", 0),
            ("incomplete", 0), ("incomplete_expired", 0),
        ],
    )  # fmt: skip
    def test_who_pays_by_its_status(self, status: str, right: float, read: Read) -> None:
        assert mrr(read(subscription(status=status))) == [right]

    @pytest.mark.parametrize(
        ("behavior", "resumes", "right"),
        [
            ("void", None, 0), ("mark_uncollectible", JUNE, 0), ("keep_as_draft", None, 100),
            ("void", JANUARY, 100), (None, None, 100),
        ],
    )  # fmt: skip
    def test_a_paused_collection(self, behavior: str | None, resumes: int | None, right: float, read: Read) -> None:
        """docs.stripe.com/billing/subscriptions/pause-payment: drafts are collected later, the others never."""
        pause = None if behavior is None else {"behavior": behavior, "resumes_at": resumes}
        row = subscription(pause_collection=pause)
        assert mrr(read(row, extracted_at=datetime(2024, 3, 1))) == [right]

    def test_a_tax_in_the_price_is_taken_out_where_its_rate_is_known(self, read: Read) -> None:
        rates = [{"percentage": 19.0, "inclusive": True}]
        rows = [
            subscription({"price": price(11900, tax_behavior="inclusive")}, number=1, default_tax_rates=rates),
            subscription({"price": price(11900), "tax_rates": rates}, number=2),
            subscription({"price": price(10000)}, number=3, default_tax_rates=[{**rates[0], "inclusive": False}]),
            subscription({"price": price(11900, tax_behavior="inclusive")}, number=4),
        ]
        result = read(*rows)
        assert mrr(result) == pytest.approx([100, 100, 100, 119])
        assert any("1 have prices with tax whose rate the export does not say" in note for note in result.notes)

    def test_a_plan_of_the_older_interface(self, read: Read) -> None:
        plan = {"id": "gold", "amount": 2000, "interval": "month", "interval_count": 1, "currency": "eur"}
        found = read(subscription({"plan": plan, "quantity": 2})).tables.get("subscriptions")
        assert found[["mrr", "plan", "seats"]].to_numpy().tolist() == [[40.0, "gold", 2.0]]

    def test_items_that_go_on_elsewhere_are_set_aside(self, read: Read) -> None:
        row = subscription()
        row["items"]["has_more"] = True
        result = read(row, subscription(number=2))
        assert dict(result.ledger.quarantined) == {"price of items: null": 1}


class TestTiers:
    """docs.stripe.com/products-prices/pricing-models: the documented examples with flat amounts, in minor units."""

    _ENDS = ((5, 500, 1000), (10, 400, 2000), (15, 300, 3000), (20, 200, 4000), (None, 100, 5000))

    @pytest.mark.parametrize(
        ("mode", "quantity", "right"),
        [("volume", 12, 66), ("graduated", 12, 111), ("volume", 0, 10), ("graduated", 0, 10), ("volume", 25, 75)],
    )
    def test_the_documented_examples(self, mode: str, quantity: int, right: float, read: Read) -> None:
        tiers = [{"up_to": end, "unit_amount": unit, "flat_amount": flat} for end, unit, flat in self._ENDS]
        tiered = price(None, billing_scheme="tiered", tiers_mode=mode, tiers=tiers)
        assert mrr(read(subscription({"price": tiered, "quantity": quantity}))) == [right]

    def test_tiers_that_are_not_expanded_are_set_aside(self, read: Read) -> None:
        tiered = price(None, billing_scheme="tiered", tiers_mode="volume")
        result = read(subscription({"price": tiered}), subscription(number=2))
        assert (mrr(result), dict(result.ledger.quarantined)) == ([100.0], {"price of items: null": 1})

    @pytest.mark.parametrize(("rounded", "right"), [("up", 30), ("down", 20)])
    def test_packages_are_bought_whole(self, rounded: str, right: float, read: Read) -> None:
        packed = price(1000, transform_quantity={"divide_by": 5, "round": rounded})
        assert mrr(read(subscription({"price": packed, "quantity": 12}))) == [right]


class TestDiscounts:
    """docs.stripe.com/billing/subscriptions/coupons; what runs is asked of ``extracted_at``."""

    @pytest.mark.parametrize(
        ("discount", "right"),
        [
            (coupon(percent_off=50.0), 50), (coupon("repeating", JUNE, percent_off=25.0), 75),
            (coupon("repeating", FEBRUARY, percent_off=25.0), 100), (coupon("once", percent_off=25.0), 100),
            (coupon("repeating", percent_off=25.0, duration_in_months=1), 100),
            (coupon("repeating", percent_off=25.0, duration_in_months=12), 75),
            (coupon(amount_off=3000, currency="eur"), 70), (coupon(amount_off=30000, currency="eur"), 0),
            (coupon(amount_off=9, currency="usd", currency_options={"eur": {"amount_off": 1000}}), 90),
            ({"source": {"type": "coupon", "coupon": {"percent_off": 10.0, "duration": "forever"}}}, 90),
        ],
    )  # fmt: skip
    def test_what_runs_is_taken_off(self, discount: Row, right: float, read: Read) -> None:
        result = read(subscription(discounts=[discount]), extracted_at=datetime(2024, 3, 1))
        assert mrr(result) == pytest.approx([right])
        assert any("2024-03-01 (extracted_at)" in note for note in result.notes) == (right < 100)

    def test_without_extracted_at_the_latest_time_of_the_export_says_what_runs(self, read: Read) -> None:
        rows = [subscription(discounts=[coupon("repeating", FEBRUARY, percent_off=50.0)])]
        assert mrr(read(*rows)) == [50.0]
        assert mrr(read(*rows, subscription(number=2, start_date=JUNE))) == [100.0, 100.0]

    def test_an_amount_is_taken_off_each_invoice(self, read: Read) -> None:
        yearly, off = {"price": price(120000, "year")}, coupon(amount_off=1200, currency="eur")
        assert mrr(read(subscription(yearly, discounts=[off]))) == pytest.approx([99.0])
        assert mrr(read(subscription(yearly, {"price": price()}, discounts=[off]))) == pytest.approx([188.0])

    def test_stacked_discounts_count_in_their_order(self, read: Read) -> None:
        half, ten = coupon(percent_off=50.0), coupon(amount_off=1000, currency="eur")
        assert mrr(read(subscription(discounts=[half, {**ten, "id": "di_2"}]))) == pytest.approx([40.0])
        assert mrr(read(subscription(discounts=[{**ten, "id": "di_2"}, half]))) == pytest.approx([45.0])

    def test_one_of_an_item_and_one_of_some_products(self, read: Read) -> None:
        first, second = {"price": price(product="prod_a")}, {"price": price(product="prod_b")}
        assert mrr(read(subscription({**first, "discounts": [coupon(percent_off=50.0)]}, second))) == [150.0]
        some = coupon(percent_off=100.0, applies_to={"products": ["prod_b"]})
        assert mrr(read(subscription(first, second, discounts=[some]))) == [100.0]

    def test_that_of_the_customer_counts_where_the_subscription_has_none(self, read: Read) -> None:
        customer = {"id": "cus_1", "discount": coupon(percent_off=20.0)}
        assert mrr(read(subscription(customer=customer))) == [80.0]
        assert mrr(read(subscription(customer=customer, discounts=[coupon(percent_off=50.0)]))) == [50.0]

    def test_what_a_subscription_brought_until_it_ended(self, read: Read) -> None:
        half = [coupon("repeating", FEBRUARY, percent_off=50.0)]
        row = subscription(status="canceled", ended_at=JANUARY + 86_400, discounts=half)
        assert mrr(read(row, extracted_at=datetime(2024, 6, 1))) == [50.0]

    def test_ids_alone_are_refused_with_what_to_expand(self, read: Read) -> None:
        with pytest.raises(DataError, match=r"1 row; first: 2\).*expand\[\]=data.discounts"):
            read(subscription(), subscription(number=2, discounts=["di_1"]))

    def test_an_id_whose_discount_stands_beside_it_is_known(self, read: Read) -> None:
        row = subscription(discounts=["di_1"], discount=coupon(percent_off=50.0))
        assert mrr(read(row)) == [50.0]


class TestStates:
    def test_the_last_state_of_a_subscription_counts(self, read: Read) -> None:
        result = read(subscription(status="trialing"), subscription(), subscription({"price": price(500)}, number=2))
        assert mrr(result) == [100.0, 5.0]
        assert dict(result.ledger.excluded) == {"subscription that stands here again, later": 1}

    def test_other_objects_and_the_test_mode_are_left_out(self, read: Read) -> None:
        result = read(subscription(), {"id": "cus_1", "object": "customer"}, subscription(number=2, livemode=False))
        assert dict(result.ledger.excluded) == {"no subscription": 1, "test mode (livemode)": 1}

    def test_when_it_ended(self, read: Read) -> None:
        rows = [
            subscription(number=1, status="canceled", canceled_at=JANUARY, ended_at=FEBRUARY),
            subscription(number=2, status="canceled", canceled_at=FEBRUARY),
            subscription(number=3, cancel_at_period_end=True, canceled_at=JANUARY, cancel_at=FEBRUARY),
        ]
        ended = read(*rows).tables.get("subscriptions").sort_values("subscription_id")["ended_at"]
        assert ended.tolist()[:2] == [pd.Timestamp("2024-02-01")] * 2
        assert ended.isna().tolist() == [False, False, True]
