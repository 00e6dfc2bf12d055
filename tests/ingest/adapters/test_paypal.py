"""PayPal's activity download; kinds of movements are of developer.paypal.com/docs/reports/reference/tcodes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cvo_ml.ingest import ReadResult
from tests.ingest.adapters.conformance import Conformance, Example, Held

SHOP = "shop@example.org"
ROW: dict[str, str] = {
    "Date": "2026-01-16", "Time": "10:00:00", "TimeZone": "Europe/Berlin", "Name": "Ada L",
    "Type": "Express Checkout Payment", "Status": "Completed", "Currency": "EUR", "Gross": "100.00", "Fee": "-3.00",
    "Net": "97.00", "From Email Address": "ada@example.org", "To Email Address": SHOP, "Transaction ID": "A1",
    "Shipping and Handling Amount": "0.00", "Insurance Amount": "0.00", "Sales Tax": "0.00", "Reference Txn ID": "",
    "Balance": "97.00",
}  # fmt: skip


def paid(number: str, gross: str = "100.00", **said: str) -> dict[str, str]:
    return {**ROW, "Transaction ID": number, "Gross": gross, **{_header(name): text for name, text in said.items()}}


def back(number: str, of: str, gross: str, kind: str = "Payment Refund", to: str = "ada@example.org") -> dict[str, str]:
    """The shop sends it, the customer receives it."""
    return paid(number, gross, type=kind, date="2026-01-20", fee="0.00") | {
        "Reference Txn ID": of, "From Email Address": SHOP, "To Email Address": to,
    }  # fmt: skip


def _header(name: str) -> str:
    return {"tax": "Sales Tax", "shipping": "Shipping and Handling Amount", "sender": "From Email Address"}.get(
        name, name.capitalize()
    )


class TestPayPal(Conformance):
    """Of 132 with 22 of tax and 10 of shipping 100 are net, of which a quarter went back; the rest is no sale."""

    example: ClassVar[Example] = Example(
        adapter="paypal",
        rows=(
            paid("A1", "132.00", tax="22.00", shipping="10.00"),
            paid("A2", "60.00", sender="ben@example.org"),
            back("R1", "A1", "-33.00"),
            back("R2", "A2", "-60.00", "Chargeback", "ben@example.org"),
            paid("W1", "-50.00", type="General Withdrawal", sender=""),
            paid("H1", "-10.00", type="Account Hold for Open Authorization"),
            paid("S1", "-20.00", type="General Payment", sender=SHOP),
            paid("A3", "40.00", status="Pending"),
            paid("A4", "19.00", type="Mobile Payment"),
        ),
        tables={
            "orders": Held(3, {"net": 179.0, "payment_cost": 9.0}),
            "refunds": Held(2, {"amount": 85.0}),
        },
        needed="Reference Txn ID",
        money_in="Currency",
    )  # fmt: skip

    def test_refunds_are_of_who_receives_them(self, tmp_path: Path) -> None:
        refunds = self.read(tmp_path).tables.refunds.set_index("refund_id")
        assert refunds.loc["R1", ["customer_id", "order_id", "amount"]].tolist() == ["ada@example.org", "A1", 25.0]
        assert SHOP not in set(refunds["customer_id"])

    def test_what_is_no_sale_is_left_out_by_name(self, tmp_path: Path) -> None:
        assert self.read(tmp_path).ledger_of("orders").excluded == {
            "refund (read as a refund)": 2, "no payment of a customer (Type)": 2, "payment that the shop made": 1,
            "pending (status)": 1,
        }  # fmt: skip

    def test_amounts_after_fees_may_be_declared_and_refunds_follow(self, tmp_path: Path) -> None:
        declared = replace(self.example, settings={"columns": {"net": "Net"}})
        rows = [{**paid("A1"), "Net": "97.00"}, {**back("R1", "A1", "-30.00"), "Net": "-29.00"}]
        tables = self.read(tmp_path, replace(declared, rows=rows)).tables
        assert (tables.orders["net"].tolist(), tables.refunds["amount"].tolist()) == ([97.0], [29.0])

    def test_a_refund_of_an_earlier_payment_is_kept_by_its_customer(self, tmp_path: Path) -> None:
        result = self.of(tmp_path, [paid("A1"), back("R9", "A0", "-30.00")])
        assert result.tables.refunds[["order_id", "customer_id", "amount"]].fillna("").values.tolist() == [
            ["", "ada@example.org", 30.0]
        ]
        assert any("1 are of payments that the download does not have" in note for note in result.notes)

    @pytest.mark.parametrize(
        ("kind", "gross", "counts"),
        [("Website Payment", "10.00", True), ("Subscription Payment", "10.00", True),
         ("Donation Payment", "5.00", True),
         ("PreApproved Payment Bill User Payment", "10.00", True), ("General Currency Conversion", "10.00", False),
         ("Reversal of General Account Hold", "10.00", False), ("Bank Deposit to PP Account", "10.00", False),
         ("Payment Hold", "-10.00", False), ("PayPal Buyer Credit Payment Funding", "10.00", False)],
    )  # fmt: skip
    def test_kinds_of_movements(self, kind: str, gross: str, counts: bool, tmp_path: Path) -> None:
        result = self.of(tmp_path, [paid("A1"), paid("A2", gross, type=kind)])
        assert ("A2" in set(result.tables.orders["order_id"])) == counts
        assert len(result.tables.refunds) == 0

    def of(self, folder: Path, rows: list[dict[str, Any]]) -> ReadResult:
        return self.read(folder, Example("paypal", rows, self.example.tables, None))
