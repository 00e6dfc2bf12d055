"""Shopify's export of orders. Rules: https://help.shopify.com/en/manual/orders/export-orders and the states of
https://shopify.dev/docs/api/admin-graphql/latest/enums/OrderDisplayFinancialStatus; people and amounts are invented."""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import ReadResult, read_frame, read_shop
from cvo_ml.workflows.init import InitRequest, init
from tests.ingest.adapters.conformance import Conformance, Example, Held

EXPORT = Path(__file__).parents[1] / "exports" / "shopify_orders.csv"
ORDER: dict[str, str] = {
    "Name": "#1001", "Email": "ada@example.org", "Financial Status": "paid", "Paid at": "2026-03-01 10:00:00 +0100",
    "Currency": "EUR", "Subtotal": "100.00", "Shipping": "0.00", "Taxes": "0.00", "Total": "100.00",
    "Discount Code": "", "Discount Amount": "0.00", "Created at": "2026-03-01 10:00:00 +0100",
    "Lineitem quantity": "1", "Lineitem name": "Chair", "Lineitem price": "100.00", "Lineitem sku": "C-1",
    "Lineitem requires shipping": "true", "Lineitem taxable": "true", "Cancelled at": "", "Payment Method": "Card",
    "Refunded Amount": "0.00", "Vendor": "House", "Outstanding Balance": "0.00", "Id": "", "Tags": "", "Source": "web",
    "Lineitem discount": "0.00", "Tax 1 Name": "", "Tax 1 Value": "", "Duties": "",
}  # fmt: skip
OF_ORDER = (
    "Financial Status", "Paid at", "Currency", "Subtotal", "Shipping", "Taxes", "Total", "Discount Code",
    "Discount Amount", "Payment Method", "Refunded Amount", "Outstanding Balance", "Id", "Tags", "Source",
    "Tax 1 Name", "Tax 1 Value", "Duties",
)  # fmt: skip


def order(**said: str) -> dict[str, str]:
    """The row of an order, with headers in words: ``total="132.00"``, ``lineitem_name="Mug"``."""
    return {**ORDER, **{_header(name): value for name, value in said.items()}}


def line(**said: str) -> dict[str, str]:
    """A further line of an order: its own columns are blank."""
    return {**order(**said), **dict.fromkeys(OF_ORDER, "")}


def _header(name: str) -> str:
    known = {re.sub(r"\W+", "_", header).lower(): header for header in ORDER}
    return known[name]


def written(folder: Path, rows: Sequence[Mapping[str, str]], name: str = "orders_export_1.csv") -> Path:
    headers = list(dict.fromkeys(header for row in rows for header in row))
    with (folder / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, headers, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return folder / name


def read(path: Path, currency: str = "EUR", **more: Any) -> ReadResult:
    source = {"path": str(path), **more.pop("source", {})}
    content = {"name": "shop", "currency": currency, "adapter": "shopify", "source": source, **more}
    return read_shop(ShopConfig.model_validate(content), max_bad_share=1.0)


def nets(result: ReadResult) -> dict[str, float]:
    return dict(zip(result.tables.orders["order_id"], result.tables.orders["net"], strict=True))


def back(result: ReadResult) -> dict[str, float]:
    return dict(zip(result.tables.refunds["order_id"], result.tables.refunds["amount"], strict=True))


class TestConformance(Conformance):
    """Two lines of one order and three more orders: 100 with tax and taxed shipping, 80 of which 40 went back."""

    example: ClassVar[Example] = Example(
        adapter="shopify",
        rows=(
            order(name="#1", id="1", subtotal="120.00", shipping="12.00", taxes="22.00", total="132.00",
                  lineitem_price="60.00", tax_1_name="VAT 20%", tax_1_value="22.00"),
            line(name="#1", lineitem_price="60.00", lineitem_sku="C-2"),
            order(name="#2", id="2", email="ben@example.org", financial_status="partially_refunded", subtotal="80.00",
                  taxes="16.00", total="96.00", refunded_amount="48.00"),
            order(name="#3", id="3", email="cy@example.org", financial_status="voided"),
            order(name="#4", id="4", email="", source="pos"),
            order(name="#5", id="5", subtotal="7.50", total="7.50"),
        ),
        tables={
            "orders": Held(3, {"net": 187.5}),
            "order_lines": Held(4, {"quantity": 4.0}),
            "refunds": Held(1, {"amount": 40.0}),
        },
        needed="Financial Status",
        money_in="Currency",
    )  # fmt: skip


class TestNet:
    def test_of_known_cases(self, tmp_path: Path) -> None:
        """Prices with tax and taxed shipping; with tax; without it."""
        rows = [
            order(name="#1", subtotal="120.00", shipping="12.00", taxes="22.00", total="132.00"),
            order(name="#2", subtotal="240.00", taxes="40.00", total="240.00", refunded_amount="120.00",
                  financial_status="partially_refunded"),
            order(name="#4", subtotal="200.00", taxes="20.00", total="220.00", refunded_amount="110.00",
                  financial_status="partially_refunded"),
            order(name="#7", financial_status="expired"),
        ]  # fmt: skip
        for each in rows:  # an older export, without the columns that came later
            for header in ("Tax 1 Name", "Tax 1 Value", "Duties", "Lineitem taxable", "Lineitem discount"):
                del each[header]
        result = read(written(tmp_path, rows))
        assert nets(result) == {"#1": 100.0, "#2": 200.0, "#4": 200.0}
        assert back(result) == {"#2": 100.0, "#4": 100.0}
        assert result.ledger_of("orders").excluded == {"not a sale (status)": 1}

    @pytest.mark.parametrize(
        ("taxes", "named", "right"),
        [("22.00", "VAT 20%", 100.0), ("20.00", "VAT 20%", 100.0), ("20.00", "", 100.0), ("22.00", "", 100.0)],
    )
    def test_shipping_is_taxed_or_not_as_the_rate_tells(
        self, taxes: str, named: str, right: float, tmp_path: Path
    ) -> None:
        value = taxes if named else ""
        row = order(subtotal="120.00", shipping="12.00", taxes=taxes, total="132.00", tax_1_name=named,
                    tax_1_value=value)  # fmt: skip
        assert nets(read(written(tmp_path, [row])))["#1001"] == right

    def test_the_rates_of_several_taxes_tell_it_too(self, tmp_path: Path) -> None:
        """119 at 19 % and 107 at 7 % are 200; shipping of 5.95 has 19 % or none."""
        row = order(subtotal="226.00", shipping="5.95", total="231.95", tax_1_name="MwSt 19%", lineitem_price="226.00")
        taxed = {**row, "Taxes": "26.95", "Tax 1 Value": "19.95", "Tax 2 Name": "MwSt 7%", "Tax 2 Value": "7.00"}
        untaxed = {**row, "Taxes": "26.00", "Tax 1 Value": "19.00", "Tax 2 Name": "MwSt 7%", "Tax 2 Value": "7.00"}
        assert nets(read(written(tmp_path, [untaxed])))["#1001"] == 200.0
        # of a shipping at one of several rates the export does not say which: in proportion, 20 cents off
        assert nets(read(written(tmp_path, [taxed])))["#1001"] == pytest.approx(200.0, abs=0.3)

    def test_untaxed_goods_bear_no_tax(self, tmp_path: Path) -> None:
        """A chair of 120 with 20 of tax, a book of 50 without any, taxed shipping of 12: 100 + 50."""
        rows = [
            order(subtotal="170.00", shipping="12.00", taxes="22.00", total="182.00", lineitem_price="120.00"),
            line(lineitem_name="Book", lineitem_price="50.00", lineitem_sku="B", lineitem_taxable="false"),
        ]
        assert nets(read(written(tmp_path, rows)))["#1001"] == 150.0

    def test_tips_and_duties_are_no_revenue(self, tmp_path: Path) -> None:
        rows = [
            order(name="#1", taxes="20.00", total="120.00"),
            order(name="#2", taxes="20.00", total="135.00", duties="10.00"),
            order(name="#3", subtotal="120.00", taxes="20.00", total="123.00"),
        ]
        result = read(written(tmp_path, rows))
        assert nets(result) == {"#1": 100.0, "#2": 100.0, "#3": 100.0}
        assert any("2 orders hold 8.00 beside goods, shipping, tax: tips" in note for note in result.notes)

    @pytest.mark.parametrize(("currency", "subtotal", "taxes", "net"), [
        ("JPY", "1100", "100", 1000.0), ("JPY", "999", "91", 908.0), ("KWD", "10.500", "0.500", 10.0),
    ])  # fmt: skip
    def test_other_currencies_have_other_decimals(
        self, currency: str, subtotal: str, taxes: str, net: float, tmp_path: Path
    ) -> None:
        row = order(currency=currency, subtotal=subtotal, taxes=taxes, total=subtotal)
        assert nets(read(written(tmp_path, [row]), currency))["#1001"] == net

    def test_amounts_are_read_as_the_source_says(self, tmp_path: Path) -> None:
        """A file that a German spreadsheet saved again."""
        row = order(subtotal="1200.00", taxes="200.00", total="1200.00", refunded_amount="600.00",
                    financial_status="partially_refunded", lineitem_price="1200.00")  # fmt: skip
        row = {header: re.sub(r"^1?(\d*)\.(\d\d)$", lambda found: found[0].replace(".", ","), value)
               for header, value in row.items()}  # fmt: skip
        row = {header: value.replace("1200,00", "1.200,00") for header, value in row.items()}
        result = read(written(tmp_path, [row]), source={"decimal": ",", "amounts": {"thousands": "."}})
        assert (nets(result), back(result)) == ({"#1001": 1000.0}, {"#1001": 500.0})

    def test_an_amount_that_cannot_be_read_is_a_fault(self, tmp_path: Path) -> None:
        rows = [order(name="#1", subtotal="n/a?"), order(name="#2", subtotal="120.00", taxes="20.00", total="120.00"),
                order(name="#3", refunded_amount="ten")]  # fmt: skip
        result = read(written(tmp_path, rows))
        assert nets(result) == {"#2": 100.0, "#3": 100.0}
        assert result.ledger.quarantined == {
            "Subtotal: not a number": 1, "order_lines: Name: its order is in quarantine": 1,
            "refunds: Refunded Amount: not a number": 1,
        }  # fmt: skip


class TestRefunds:
    def test_cancelled_orders_go_back_at_their_own_time(self, tmp_path: Path) -> None:
        rows = [
            order(name="#1", cancelled_at="2026-03-04 10:00:00 +0100"),
            order(name="#2", financial_status="refunded", refunded_amount="100.00"),
            order(name="#3", financial_status="partially_refunded", refunded_amount="25.00",
                  cancelled_at="2026-03-05 10:00:00 +0100"),
            order(name="#4", created_at="2026-03-09 09:00:00 +0100"),
        ]  # fmt: skip
        result = read(written(tmp_path, rows), timezone="Europe/Berlin")
        rows_ = result.tables.refunds[["order_id", "amount", "reason", "refunded_at"]]
        assert rows_.values.tolist() == [
            ["#1", 100.0, "cancellation", pd.Timestamp("2026-03-04 10:00")],
            ["#3", 25.0, "cancellation", pd.Timestamp("2026-03-05 10:00")],
            ["#2", 100.0, "refund", pd.Timestamp("2026-03-09 09:00")],
        ]
        assert any("1 have no time of their own" in note for note in result.notes)

    def test_a_refund_of_all_that_was_paid_is_all_of_net(self, tmp_path: Path) -> None:
        """With shipping and tax; above the total, as with a goodwill on top; of an order that was edited."""
        paid = {"subtotal": "100.00", "shipping": "10.00", "taxes": "22.00", "total": "132.00"}
        rows = [
            order(name="#1", financial_status="refunded", refunded_amount="132.00", **paid),
            order(name="#2", financial_status="partially_refunded", refunded_amount="150.00", **paid),
            order(name="#3", financial_status="refunded", refunded_amount="120.00", **paid),
            order(name="#4", financial_status="partially_refunded", refunded_amount="33.00", **paid),
        ]
        result = read(written(tmp_path, rows))
        assert back(result) == {"#1": 100.0, "#2": 100.0, "#3": 100.0, "#4": 25.0}
        assert any("1 were above the total of their order" in note for note in result.notes)


class TestStates:
    @pytest.mark.parametrize(
        ("state", "sale"),
        [("paid", True), ("partially_paid", True), ("partially_refunded", True), ("refunded", True),
         ("pending", False), ("authorized", False), ("voided", False), ("expired", False)],
    )  # fmt: skip
    def test_of_the_documentation(self, state: str, sale: bool, tmp_path: Path) -> None:
        rows = [order(name="#1"), order(name="#2", financial_status=state)]
        assert ("#2" in nets(read(written(tmp_path, rows)))) == sale

    def test_test_orders_are_no_sales(self, tmp_path: Path) -> None:
        rows = [order(name="#1"), order(name="#2", payment_method="(for testing) Bogus Gateway")]
        result = read(written(tmp_path, rows))
        assert list(nets(result)) == ["#1"]
        assert result.ledger_of("orders").excluded == {"test order (Bogus Gateway)": 1}
        assert result.ledger_of("order_lines").excluded == {"its order was excluded": 1}

    def test_what_is_outstanding_is_said(self, tmp_path: Path) -> None:
        """An exchange for a dearer chair: its line was added, and 30 are still to pay."""
        rows = [order(subtotal="130.00", total="130.00", outstanding_balance="30.00"),
                line(lineitem_name="Dearer chair", lineitem_price="130.00")]  # fmt: skip
        result = read(written(tmp_path, rows))
        assert (nets(result), len(result.tables.get("order_lines"))) == ({"#1001": 130.0}, 2)
        assert "1 orders have 30.00 outstanding: they count whole" in result.notes

    def test_free_orders_are_purchases(self, tmp_path: Path) -> None:
        row = order(subtotal="0.00", total="0.00", discount_code="GIFT", discount_amount="100.00")
        assert nets(read(written(tmp_path, [row]))) == {"#1001": 0.0}


class TestGiftCards:
    CARD: ClassVar[dict[str, str]] = {
        "lineitem_name": "Gift Card - 50", "lineitem_sku": "", "lineitem_price": "50.00", "lineitem_taxable": "false",
        "lineitem_requires_shipping": "false",
    }  # fmt: skip

    def test_a_card_that_is_sold_is_no_revenue_until_it_is_used(self, tmp_path: Path) -> None:
        """Of cards alone, of a chair and a card (with tax on the chair alone), and of a chair paid by the card."""
        rows = [
            order(name="#1", subtotal="50.00", total="50.00", **self.CARD),
            order(name="#2", subtotal="170.00", shipping="12.00", taxes="22.00", total="182.00",
                  lineitem_price="120.00"),
            line(name="#2", **self.CARD),
            order(name="#3", payment_method="gift_card"),
        ]  # fmt: skip
        result = read(written(tmp_path, rows))
        assert nets(result) == {"#2": 100.0, "#3": 100.0}
        assert "2 orders hold gift cards (100.00): no revenue until they are used" in result.notes
        assert result.ledger_of("orders").excluded == {
            "further line of its order": 1, "gift cards alone (no revenue until they are used)": 1,
        }  # fmt: skip
        assert sorted(result.tables.get("order_lines")["product_id"]) == ["C-1", "C-1"]

    def test_a_thing_that_is_called_like_one_and_sent_is_none(self, tmp_path: Path) -> None:
        row = order(lineitem_name="Gift card holder")
        assert nets(read(written(tmp_path, [row]))) == {"#1001": 100.0}


class TestRows:
    def test_the_row_with_the_orders_own_columns_is_the_order_wherever_it_stands(self, tmp_path: Path) -> None:
        rows = [line(name="#2", lineitem_sku="B"), order(name="#1"), line(name="#1", lineitem_sku="A"),
                order(name="#2", subtotal="70.00", total="70.00")]  # fmt: skip
        result = read(written(tmp_path, rows))
        assert nets(result) == {"#1": 100.0, "#2": 70.0}
        assert len(result.tables.get("order_lines")) == 4

    def test_an_order_in_several_files_counts_as_the_last_has_it(self, tmp_path: Path) -> None:
        """Two exports of overlapping months; between them #2 was refunded in part."""
        first = [order(name="#1"), order(name="#2"), line(name="#2", lineitem_sku="B")]
        second = [order(name="#2", financial_status="partially_refunded", refunded_amount="50.00"),
                  line(name="#2", lineitem_sku="B"), order(name="#3")]  # fmt: skip
        written(tmp_path, first, "2026-03.csv")
        written(tmp_path, second, "2026-04.csv")
        result = read(tmp_path)
        assert (nets(result), back(result)) == ({"#1": 100.0, "#2": 100.0, "#3": 100.0}, {"#2": 50.0})
        assert len(result.tables.get("order_lines")) == 4
        assert result.ledgers["orders"]["2026-03.csv"].excluded == {"order that a later file has too": 2}

    def test_an_order_that_is_cut_between_two_files_is_one(self, tmp_path: Path) -> None:
        written(tmp_path, [order(name="#1")], "orders_export_1.csv")
        written(tmp_path, [line(name="#1", lineitem_sku="B"), order(name="#2")], "orders_export_2.csv")
        result = read(tmp_path)
        assert (list(nets(result)), len(result.tables.get("order_lines"))) == (["#1", "#2"], 3)

    def test_two_orders_of_one_name_are_set_aside(self, tmp_path: Path) -> None:
        rows = [order(name="#1", id="7"), order(name="#1", id="8", subtotal="5.00"), order(name="#2", id="9")]
        result = read(written(tmp_path, rows))
        assert list(nets(result)) == ["#2"]
        assert result.ledger_of("orders").quarantined == {"Name: order id with conflicting rows": 2}

    def test_columns_that_somebody_filled_down_change_nothing(self, tmp_path: Path) -> None:
        rows = [order(name="#1"), order(name="#1", lineitem_sku="B", lineitem_price="20.00")]
        result = read(written(tmp_path, rows))
        assert (nets(result), len(result.tables.get("order_lines"))) == ({"#1": 100.0}, 2)

    def test_rows_without_a_name_are_faults_not_lines(self) -> None:
        frame = pd.read_csv(EXPORT, dtype=str)
        frame.loc[[0, 1], "Name"] = None
        result = read_frame(frame, ShopConfig.model_validate(
            {"name": "shop", "currency": "EUR", "adapter": "shopify", "source": {"path": str(EXPORT)}}
        ), max_bad_share=1.0)  # fmt: skip
        assert dict(result.ledger_of("orders").quarantined) == {"Name: null": 2, "Created at: null": 1}

    def test_other_currencies_are_refused_with_rates_named(self, tmp_path: Path) -> None:
        rows = [order(name="#1"), order(name="#2", currency="CHF")]
        with pytest.raises(DataError, match=r"holds CHF, EUR.*tables: \{fx: …\}"):
            read(written(tmp_path, rows))

    def test_other_currencies_are_converted_by_declared_rates(self, tmp_path: Path) -> None:
        rows = [order(name="#1"), order(name="#2", currency="CHF", subtotal="120.00", taxes="20.00", total="120.00",
                                        financial_status="refunded", refunded_amount="120.00")]  # fmt: skip
        (tmp_path / "rates.csv").write_text("date,currency,rate\n2026-01-01,CHF,1.10\n", encoding="utf-8")
        columns = {name: name for name in ("date", "currency", "rate")}
        rates = {"source": {"path": str(tmp_path / "rates.csv")}, "columns": columns}
        result = read(written(tmp_path, rows), tables={"fx": rates})
        assert nets(result) == pytest.approx({"#1": 100.0, "#2": 110.0})
        assert back(result) == pytest.approx({"#2": 110.0})


class TestExampleFile:
    """An export with all columns that Shopify writes."""

    def test_orders_lines_and_what_is_left_out(self) -> None:
        result = read(EXPORT)
        assert nets(result) == {"#1001": 25.5, "#1002": 72.0, "#1003": 10.0, "#1006": 10.0}
        assert result.tables.orders["ordered_at"].iloc[1] == pd.Timestamp("2024-03-01 23:30")
        assert dict(result.ledger_of("orders").excluded) == {
            "further line of its order": 2, "guest (no customer)": 1, "not a sale (status)": 1,
        }  # fmt: skip
        lines = result.tables.get("order_lines")
        assert lines.loc[lines["order_id"] == "#1001", "product_id"].tolist() == ["Gift wrap", "MUG-B", "TEA-1"]
        assert (result.ledger_of("order_lines").rows_in, result.ledger_of("orders").rows_in) == (8, 8)

    def test_refunds_count_from_extracted_at(self) -> None:
        result = read(EXPORT, extracted_at=datetime(2024, 4, 1))
        assert result.tables.refunds[["order_id", "amount", "refunded_at"]].values.tolist() == [
            ["#1003", 10.0, pd.Timestamp("2024-03-06 08:00")], ["#1002", 16.81, pd.Timestamp("2024-04-01")],
        ]  # fmt: skip

    def test_an_order_before_as_of_keeps_its_value_when_it_is_cancelled_later(self) -> None:
        shop = ShopConfig.model_validate(
            {"name": "shop", "currency": "EUR", "adapter": "shopify", "source": {"path": str(EXPORT)}}
        )
        result = read_shop(shop, as_of=date(2024, 3, 6), max_bad_share=1)
        assert ("#1003" in nets(result), len(result.tables.refunds)) == (True, 0)

    def test_a_frame_is_read_by_the_same_rules(self) -> None:
        shop = ShopConfig.model_validate(
            {"name": "shop", "currency": "EUR", "adapter": "shopify", "source": {"path": str(EXPORT)}}
        )
        assert nets(read_frame(pd.read_csv(EXPORT, dtype=str), shop, max_bad_share=1.0)) == nets(read(EXPORT))

    def test_customers_and_consent_come_along(self) -> None:
        customers = read(EXPORT).tables.get("customers").set_index("customer_id")
        assert customers.loc["ben@example.org", ["country", "marketing_consent"]].tolist() == ["DE", True]


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


class TestGenerator:
    @pytest.mark.parametrize("seed", [1, 2])
    def test_net_and_refunds_are_those_of_the_draws(self, seed: int, tmp_path: Path) -> None:
        """Rates, prices with and without tax, shipping taxed and not, refunds; taxes rounded by line."""
        draw = random.Random(seed)
        rows: list[dict[str, str]] = []
        right, given_back = {}, {}
        for number in range(120):
            name, rate = f"#{number}", draw.choice(["20", "19", "7", "5.5", "8.1", "25"])
            part, included, taxed = Decimal(rate) / 100, draw.random() < 0.6, draw.random() < 0.5
            lines = [(draw.randint(1, 4), Decimal(draw.randint(100, 50_000)) / 100) for _ in range(draw.randint(1, 4))]
            values = [quantity * price for quantity, price in lines]
            shipped, divisor = Decimal(draw.choice([0, 495, 1000])) / 100, 1 + part if included else Decimal(1)
            tax = sum(cents(value / divisor * part) for value in values)
            of_shipping = cents(shipped / divisor * part) if taxed else Decimal(0)
            net = sum(values) - (tax if included else 0)
            total = sum(values) + shipped + (0 if included else tax + of_shipping)
            refund = cents(total * draw.choice([Decimal(0), Decimal("0.5"), Decimal(1)]))
            right[name] = float(net)
            if refund:
                given_back[name] = float(net * refund / total)
            for place, (quantity, price) in enumerate(lines):
                rows.append((order if place == 0 else line)(
                    name=name, subtotal=str(sum(values)), shipping=str(shipped), taxes=str(tax + of_shipping),
                    total=str(total), lineitem_quantity=str(quantity), lineitem_price=str(price),
                    refunded_amount=str(refund), tax_1_name=f"VAT {rate}%", tax_1_value=str(tax + of_shipping),
                    financial_status="partially_refunded" if refund else "paid",
                ))  # fmt: skip
        draw.shuffle(rows)
        result = read(written(tmp_path, rows))
        assert nets(result) == pytest.approx(right, abs=0.011)  # a cent of four roundings at most
        assert back(result) == pytest.approx(given_back, abs=0.011)


def test_init_makes_one_customer_of_an_address_in_two_cases(tmp_path: Path) -> None:
    """A guest types the address anew at each checkout."""
    rows = [order(name="#1", email="Ada@Example.org"), order(name="#2", email="ada@example.org")]
    path, out = written(tmp_path, rows), tmp_path / "shop.yaml"
    init(InitRequest(files=(str(path),), out=out), Workspace(tmp_path, tmp_path))
    assert read_shop(load_config(out, ShopConfig)).tables.orders["customer_id"].nunique() == 1


def test_a_refund_below_zero_is_one_and_one_without_an_amount_is_said(tmp_path: Path) -> None:
    rows = [
        order(name="#1", financial_status="partially_refunded", refunded_amount="-40.00"),
        order(name="#2", financial_status="partially_refunded", refunded_amount=""),
    ]
    result = read(written(tmp_path, rows))
    assert back(result) == {"#1": 40.0}
    assert any("1 orders are partially refunded and do not say how much" in note for note in result.notes)
