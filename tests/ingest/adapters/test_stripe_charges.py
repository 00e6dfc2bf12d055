"""Stripe's charges and payment intents: docs.stripe.com/api/charges/object and /api/payment_intents/object."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cvo_ml.config.shops import ShopConfig
from cvo_ml.ingest import ReadResult, read_shop
from tests.ingest.adapters.conformance import Conformance, Example, Held

Row = dict[str, Any]
Read = Callable[..., ReadResult]
DAY = 86_400
JANUARY = 1704067200


def charge(number: int, amount: int = 10000, **more: Any) -> Row:
    return {
        "id": f"ch_{number}", "object": "charge", "amount": amount, "amount_captured": amount, "amount_refunded": 0,
        "billing_details": {"email": f"p{number}@example.org"}, "captured": True, "created": JANUARY + number * DAY,
        "currency": "eur", "customer": f"cus_{number}", "disputed": False, "invoice": None, "livemode": True,
        "paid": True, "payment_intent": None, "refunded": False, "status": "succeeded", **more,
    }  # fmt: skip


def intent(number: int, amount: int = 10000, **more: Any) -> Row:
    return {
        "id": f"pi_{number}", "object": "payment_intent", "amount": amount, "amount_received": amount,
        "created": JANUARY + number * DAY, "currency": "eur", "customer": f"cus_{number}", "latest_charge": None,
        "livemode": True, "status": "succeeded", **more,
    }  # fmt: skip


def refund(amount: int, day: int, **more: Any) -> Row:
    return {"id": f"re_{amount}_{day}", "object": "refund", "amount": amount, "created": JANUARY + day * DAY, **more}


def refunded(*listed: Row, told: int | None = None) -> Row:
    total = sum(one["amount"] for one in listed) if told is None else told
    return {"amount_refunded": total, "refunds": {"object": "list", "data": list(listed)}}


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def _read(*rows: Mapping[str, Any], currency: str = "EUR", **declared: Any) -> ReadResult:
        path = tmp_path / "charges.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        content = {"name": "s", "currency": currency, "adapter": "stripe_charges", "source": {"path": str(path)}}
        return read_shop(ShopConfig.model_validate({**content, **declared}), max_bad_share=1.0)

    return _read


def refunds(result: ReadResult) -> list[tuple[Any, ...]]:
    rows = result.tables.refunds.sort_values(["order_id", "refunded_at", "amount"])
    return list(rows[["order_id", "refunded_at", "amount", "reason"]].itertuples(index=False, name=None))


class TestCharges(Conformance):
    example = Example(
        adapter="stripe_charges",
        rows=[
            charge(1, livemode=False),
            charge(2, **refunded(refund(3000, 5, reason="requested_by_customer"), refund(2000, 6))),
            charge(3, 5000, amount_refunded=5000, refunded=True),
            charge(4, status="failed", captured=False, amount_captured=0, paid=False),
            charge(5, customer=None, billing_details={"email": None}),
            charge(6),
        ],
        tables={"orders": Held(3, {"net": 250.0}), "refunds": Held(3, {"amount": 100.0})},
        needed="amount",
        money_in="currency",
    )  # fmt: skip


class TestPaymentIntents(Conformance):
    example = Example(
        adapter="stripe_charges",
        rows=[
            intent(1, latest_charge=charge(1, **refunded(refund(2500, 9)))),
            intent(2, charges={"data": [charge(2, amount_refunded=1000)]}),  # before API 2022-11-15
            intent(3, status="requires_payment_method", amount_received=0),
            intent(4, customer={"id": "cus_4", "object": "customer"}),
        ],
        tables={"orders": Held(3, {"net": 300.0}), "refunds": Held(2, {"amount": 35.0})},
        needed="amount",
        money_in="currency",
    )


class TestMoney:
    @pytest.mark.parametrize(("currency", "amount", "right"), [("jpy", 500, 500), ("kwd", 5120, 5.12), ("ugx", 500, 5)])
    def test_amounts_are_in_minor_units(self, currency: str, amount: int, right: float, read: Read) -> None:
        """docs.stripe.com/currencies."""
        result = read(charge(1, amount, currency=currency, amount_refunded=amount), currency=currency.upper())
        assert result.tables.orders["net"].tolist() == pytest.approx([right])
        assert result.tables.refunds["amount"].tolist() == pytest.approx([right])

    def test_each_listed_refund_has_its_own_time(self, read: Read) -> None:
        listed = refund(3000, 5, reason="duplicate"), refund(500, 7, status="failed"), refund(100, 8, status="pending")
        found = refunds(read(charge(1, **refunded(*listed, told=3100)), charge(2)))
        assert found == [
            ("ch_1", pd.Timestamp("2024-01-06"), 30.0, "duplicate"),
            ("ch_1", pd.Timestamp("2024-01-09"), 1.0, "refund"),
        ]

    def test_what_is_not_listed_counts_from_the_latest_time(self, read: Read) -> None:
        rows = charge(1, **refunded(refund(3000, 5), told=4000)), charge(20)
        result = read(*rows)
        assert refunds(result)[1] == ("ch_1", pd.Timestamp("2024-01-21"), 10.0, "refund")
        assert any("1 have no time of their own in this format and count from the latest" in n for n in result.notes)
        assert refunds(read(*rows, extracted_at=datetime(2024, 3, 1)))[1][1] == pd.Timestamp("2024-03-01")

    @pytest.mark.parametrize(
        ("amount_refunded", "listed", "right"),
        [
            (4000, (), []), (4000, (refund(4000, 2),), []), (5000, (), [10.0]), (0, (), []),
            (5000, (refund(4000, 2), refund(1000, 3)), [10.0]),
        ],
    )  # fmt: skip
    def test_what_was_authorised_and_never_captured_is_no_refund(
        self, amount_refunded: int, listed: tuple[Row, ...], right: list[float], read: Read
    ) -> None:
        """docs.stripe.com/payments/place-a-hold-on-a-payment-method: what is not captured is released."""
        result = read(charge(1, amount_captured=6000, **refunded(*listed, told=amount_refunded)), charge(2))
        assert result.tables.orders["net"].tolist() == [60.0, 100.0]
        assert [amount for _, _, amount, _ in refunds(result)] == right

    @pytest.mark.parametrize(
        ("more", "rule"),
        [
            ({"status": "failed", "captured": False}, "not a sale (status)"),
            ({"captured": False}, "pending (status)"),
            ({"captured": False, "refunded": True, "amount_refunded": 10000}, "not a sale (status)"),
            ({"status": "pending"}, "pending (status)"),
        ],
    )
    def test_what_is_no_sale(self, more: Row, rule: str, read: Read) -> None:
        result = read(charge(1), charge(2, **more))
        assert dict(result.ledger_of("orders").excluded) == {rule: 1}
        assert refunds(result) == []

    @pytest.mark.parametrize(("status", "right"), [("lost", [70.0]), ("won", []), ("under_review", [])])
    def test_a_dispute_that_was_lost_goes_back(self, status: str, right: list[float], read: Read) -> None:
        dispute = {"id": "dp_1", "amount": 10000, "status": status, "created": JANUARY + 9 * DAY}
        result = read(charge(1, disputed=True, dispute=dispute, **refunded(refund(3000, 5))), charge(2))
        assert [amount for _, _, amount, why in refunds(result) if why == "dispute"] == right

    def test_a_known_tax_is_no_part_of_net_nor_of_what_goes_back(self, read: Read) -> None:
        """Of 119 with 19 of tax, 59.50 that go back are 50 before tax."""
        invoice = {"id": "in_1", "total": 11900, "total_excluding_tax": 10000}
        details = {"tax": {"total_tax_amount": 1900}}
        result = read(
            charge(1, 11900, invoice=invoice, **refunded(refund(5950, 5))),
            intent(2, 11900, amount_details=details, latest_charge=charge(9, 11900, amount_refunded=11900)),
        )
        assert result.tables.orders["net"].tolist() == [100.0, 100.0]
        assert result.tables.orders["tax"].tolist() == [19.0, 19.0]
        assert sorted(amount for _, _, amount, _ in refunds(result)) == [50.0, 100.0]


class TestObjects:
    def test_a_charge_whose_payment_stands_here_too_counts_once_and_says_what_went_back(self, read: Read) -> None:
        rows = intent(1, latest_charge="ch_1"), charge(1, payment_intent="pi_1", **refunded(refund(2500, 9)))
        result = read(*rows)
        assert result.tables.orders[["order_id", "net"]].to_numpy().tolist() == [["pi_1", 100.0]]
        assert refunds(result) == [("pi_1", pd.Timestamp("2024-01-10"), 25.0, "refund")]
        assert dict(result.ledger_of("orders").excluded) == {"charge of a payment that stands here too": 1}

    def test_other_objects_and_the_test_mode_are_left_out(self, read: Read) -> None:
        result = read(charge(1), charge(2, livemode=False), {**refund(100, 3), "currency": "eur", "charge": "ch_1"})
        assert dict(result.ledger_of("orders").excluded) == {"no payment": 1, "test mode (livemode)": 1}

    def test_who_has_no_customer_is_known_by_the_address(self, read: Read) -> None:
        same = {"billing_details": {"email": "p1@example.org"}, "customer": None}
        rows = [charge(1), charge(2, **same), charge(3, customer=None), charge(4, customer=None, billing_details={})]
        result = read(*rows)
        assert result.tables.orders["customer_id"].tolist() == ["cus_1", "cus_1", "p3@example.org"]
        assert dict(result.ledger_of("orders").excluded) == {"guest (no customer)": 1}
