"""Stripe's payments as the Dashboard exports them: support.stripe.com/questions/exporting-payment-data."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import ReadResult, read_shop
from cvo_ml.workflows.init import InitRequest, init
from tests.ingest.adapters.conformance import Conformance, Example, Held

Row = dict[str, str]
Read = Callable[..., ReadResult]


def payment(number: int, amount: str = "100.00", back: str = "0.00", **more: str) -> Row:
    """A row with the columns that the export has by default; keys of ``more`` are headers with _ for spaces."""
    row = {
        "id": f"ch_{number}", "Created date (UTC)": f"2024-01-{number:02} 10:00:00", "Amount": amount,
        "Amount Refunded": back, "Currency": "eur", "Captured": "true", "Converted Amount": amount,
        "Converted Amount Refunded": back, "Converted Currency": "eur", "Decline Reason": "", "Description": "Order",
        "Fee": "1.75", "Refunded date (UTC)": "", "Statement Descriptor": "", "Status": "Paid",
        "Seller Message": "Payment complete.", "Taxes On Fee": "0.00", "Card ID": "card_1",
        "Customer ID": f"cus_{number}", "Customer Description": "", "Customer Email": f"p{number}@example.org",
        "Invoice ID": "", "Transfer": "",
    }  # fmt: skip
    return {**row, **{header.replace("_", " "): value for header, value in more.items()}}


def dated(row: Row, when: str) -> Row:
    return {**row, "Refunded date (UTC)": when}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def _write(*rows: Row) -> Path:
        path = tmp_path / "unified_payments.csv"
        headers = list(dict.fromkeys(header for row in rows for header in row))
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, headers, restval="")
            writer.writeheader()
            writer.writerows(rows)
        return path

    return _write


@pytest.fixture
def read(write: Callable[..., Path]) -> Read:
    def _read(*rows: Row, currency: str = "EUR", as_of: date | None = None, **declared: Any) -> ReadResult:
        source = {"path": str(write(*rows))}
        content = {"name": "s", "currency": currency, "adapter": "stripe_payments", "source": source, **declared}
        return read_shop(ShopConfig.model_validate(content), max_bad_share=1.0, as_of=as_of)

    return _read


def refunds(result: ReadResult) -> list[tuple[Any, ...]]:
    rows = result.tables.refunds.sort_values(["order_id", "refunded_at"])
    return list(rows[["order_id", "refunded_at", "amount", "reason"]].itertuples(index=False, name=None))


class TestStripePayments(Conformance):
    example = Example(
        adapter="stripe_payments",
        rows=[
            payment(1),
            dated(payment(2, "80.00", "30.00"), "2024-01-20 09:00:00"),
            dated(payment(3, "50.00", "50.00", Status="Refunded"), "2024-01-21 09:00:00"),
            payment(4, Status="Failed", Captured="false", Converted_Amount=""),
            payment(5, Captured="false"),
            payment(6, Customer_ID="", Customer_Email=""),
        ],
        tables={
            "orders": Held(3, {"net": 230.0, "payment_cost": 5.25}),
            "refunds": Held(2, {"amount": 80.0}),
        },
        needed="Amount Refunded",
    )  # fmt: skip


class TestChosenColumns(Conformance):
    """Whoever exports may leave columns out, and older exports call the time otherwise."""

    example = Example(
        adapter="stripe_payments",
        rows=[
            {
                "id": f"ch_{number}", "Created (UTC)": f"2018-01-{number:02} 10:00", "Amount": "10.00",
                "Amount Refunded": back, "Currency": "usd", "Status": "Paid", "Customer ID": f"cus_{number % 2}",
            }
            for number, back in ((1, "0.00"), (2, "4.00"), (3, "0.00"))
        ],
        tables={"orders": Held(3, {"net": 30.0}), "refunds": Held(1, {"amount": 4.0})},
        needed="Status",
        currency="USD",
        money_in="Currency",
    )  # fmt: skip


class TestMoney:
    def test_each_refund_has_its_own_time_and_one_without_counts_from_the_latest(self, read: Read) -> None:
        rows = [dated(payment(1, back="40.00"), "2024-02-01 08:00:00"), payment(2, back="10.00")]
        assert refunds(read(*rows)) == [
            ("ch_1", pd.Timestamp("2024-02-01 08:00"), 40.0, "refund"),
            ("ch_2", pd.Timestamp("2024-02-01 08:00"), 10.0, "refund"),
        ]
        later = read(*rows, extracted_at=datetime(2024, 3, 1))
        assert refunds(later)[1][1] == pd.Timestamp("2024-03-01")
        assert any("1 have no time of their own in this format and count from extracted_at" in n for n in later.notes)

    @pytest.mark.parametrize(
        ("status", "amount", "right"),
        [("lost", "100.00", [100.0]), ("won", "100.00", []), ("needs_response", "100.00", []), ("lost", "", [])],
    )
    def test_a_dispute_that_was_lost_goes_back(self, status: str, amount: str, right: list[float], read: Read) -> None:
        row = {**payment(1), "Disputed Amount": amount, "Dispute Status": status, "Dispute Reason": "fraudulent",
               "Dispute Date (UTC)": "2024-02-10 00:00"}  # fmt: skip
        found = refunds(read(row, payment(2)))
        assert [amount for _, _, amount, _ in found] == right
        assert all(when == pd.Timestamp("2024-02-10") and why == "dispute" for _, when, _, why in found)

    def test_a_dispute_after_a_refund_takes_what_is_left(self, read: Read) -> None:
        row = {**dated(payment(1, back="30.00"), "2024-01-05 00:00"), "Disputed Amount": "100.00",
               "Dispute Status": "lost", "Dispute Date (UTC)": "2024-02-10 00:00"}  # fmt: skip
        assert [amount for _, _, amount, _ in refunds(read(row))] == [30.0, 70.0]

    def test_what_was_released_before_it_was_captured_is_no_sale(self, read: Read) -> None:
        result = read(
            payment(1), payment(2, back="100.00", Status="Refunded", Captured="false"), payment(3, Captured="FALSE")
        )
        assert result.tables.orders["order_id"].tolist() == ["ch_1"]
        assert refunds(result) == []
        assert dict(result.ledger_of("orders").excluded) == {"not a sale (status)": 1, "pending (status)": 1}

    def test_payments_in_other_currencies_count_as_stripe_converted_them(self, read: Read) -> None:
        """What goes back does so at the rate of its payment: 20 of 50 dollars that were 45 euros are 18."""
        other = dated(payment(2, "50.00", "20.00", Currency="usd", Converted_Amount="45.00"), "2024-01-09 00:00")
        other["Converted Amount Refunded"] = "18.40"
        result = read(payment(1), other)
        assert result.tables.orders["net"].tolist() == [100.0, 45.0]
        assert [amount for _, _, amount, _ in refunds(result)] == [18.0]
        assert "1 payments in other currencies count as Stripe converted them" in result.notes
        assert result.tables.orders["payment_cost"].tolist() == [1.75, 1.75]

    def test_a_fee_in_another_currency_than_the_payment_is_none(self, read: Read) -> None:
        row = payment(1, Currency="usd", Converted_Amount="90.00")
        assert read(row, currency="USD").tables.orders["payment_cost"].isna().all()

    def test_two_currencies_that_stripe_did_not_convert_into_the_shops_are_refused(self, read: Read) -> None:
        with pytest.raises(DataError, match=r"holds EUR, USD, but one run holds one currency \(EUR\)"):
            read(payment(1), payment(2, Currency="usd", Converted_Currency="usd"))

    def test_decimal_commas_are_read_as_they_are_declared(self, read: Read, tmp_path: Path) -> None:
        row = {**payment(1, "1.250,50", "0,00", Fee="1,75"), "Disputed Amount": "250,50", "Dispute Status": "lost",
               "Dispute Date (UTC)": "2024-02-10 00:00"}  # fmt: skip
        written = {"path": str(tmp_path / "unified_payments.csv"), "decimal": ",", "amounts": {"thousands": "."}}
        read(row)
        shop = ShopConfig.model_validate(
            {"name": "s", "currency": "EUR", "adapter": "stripe_payments", "source": written}
        )
        result = read_shop(shop, max_bad_share=1.0)
        assert result.tables.orders["net"].tolist() == [1250.5]
        assert [amount for _, _, amount, _ in refunds(result)] == [250.5]


class TestPeopleAndTimes:
    def test_who_has_no_id_is_known_by_the_address(self, read: Read) -> None:
        rows = [
            payment(1), payment(2, Customer_ID="", Customer_Email="p1@example.org"), payment(3, Customer_ID=""),
            payment(4, Customer_ID="", Customer_Email=""),
        ]  # fmt: skip
        result = read(*rows)
        assert result.tables.orders["customer_id"].tolist() == ["cus_1", "cus_1", "p3@example.org"]
        assert dict(result.ledger_of("orders").excluded) == {"guest (no customer)": 1}
        assert any(note.startswith("2 payments have no Customer ID: 1 are of the one") for note in result.notes)

    def test_addresses_may_be_the_customers(self, read: Read) -> None:
        found = read(payment(1), columns={"customer_id": "Customer Email"}).tables.orders
        assert found["customer_id"].tolist() == ["p1@example.org"]

    def test_times_are_in_utc_as_their_headers_say(self, read: Read) -> None:
        row = {**payment(1), "Created date (UTC)": "2024-01-31 23:30:00"}
        found = read(row, timezone="Europe/Berlin").tables.orders
        assert found["ordered_at"].tolist() == [pd.Timestamp("2024-02-01 00:30")]

    def test_the_test_mode_is_left_out(self, read: Read) -> None:
        result = read(payment(1, Mode="Live"), payment(2, Mode="Test"))
        assert dict(result.ledger_of("orders").excluded) == {"test mode (Mode)": 1}

    def test_a_refund_after_as_of_is_not_known_then(self, read: Read) -> None:
        row = dated(payment(1, back="40.00"), "2024-02-01 08:00:00")
        assert refunds(read(row, payment(2), as_of=date(2024, 1, 31))) == []


def test_init_takes_the_currency_into_which_several_were_converted(write: Callable[..., Path], tmp_path: Path) -> None:
    path = write(payment(1), payment(2, "50.00", Currency="usd", Converted_Amount="45.00"))
    init(InitRequest(files=(str(path),), out=tmp_path / "shop.yaml"), Workspace(tmp_path, tmp_path))
    result = read_shop(load_config(tmp_path / "shop.yaml", ShopConfig), max_bad_share=1.0)
    assert result.tables.orders["net"].tolist() == [100.0, 45.0]
