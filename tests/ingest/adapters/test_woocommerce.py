"""WooCommerce: exports of orders, the report of orders, and the API. People and amounts are invented; rules are of
woocommerce.com/document/import-and-export-of-woocommerce-orders and woocommerce.github.io/woocommerce-rest-api-docs."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest

from cvo_ml.config.shops import AdapterName, ShopConfig
from cvo_ml.ingest import ReadResult, read_shop
from tests.ingest.adapters.conformance import Conformance, Example, Held

ORDER: dict[str, str] = {
    "order_id": "101", "order_number": "101", "order_date": "2026-03-01 10:00:00", "paid_date": "2026-03-01 10:01:00",
    "status": "completed", "shipping_total": "0.00", "shipping_tax_total": "0.00", "fee_total": "0.00",
    "fee_tax_total": "0.00", "tax_total": "0.00", "discount_total": "0.00", "order_total": "100.00",
    "order_currency": "EUR", "customer_id": "7", "billing_email": "ada@example.org", "billing_city": "Berlin",
    "billing_country": "DE", "refund_items": "",
}  # fmt: skip
MUG: dict[str, Any] = {"id": 1, "name": "Mug", "product_id": 12, "sku": "MUG", "quantity": 2, "total": "100.00"}
OBJECT: dict[str, Any] = {
    "id": 101, "number": "101", "status": "completed", "currency": "EUR", "prices_include_tax": True,
    "date_created": "2026-03-01T11:00:00", "date_created_gmt": "2026-03-01T10:00:00", "created_via": "checkout",
    "date_modified": "2026-03-01T11:00:00", "date_modified_gmt": "2026-03-01T10:00:00", "customer_id": 7,
    "billing": {"email": "ada@example.org", "city": "Berlin", "country": "DE"}, "discount_total": "0.00",
    "shipping_total": "0.00", "shipping_tax": "0.00", "total": "100.00", "total_tax": "0.00", "line_items": [MUG],
    "refunds": [],
}  # fmt: skip
REPORT: dict[str, str] = {
    "Date": "2026-03-01 10:00:00", "Order #": "101", "N. Revenue (formatted)": "100,00 EUR", "Status": "completed",
    "Customer": "Ada Lovelace", "Customer type": "returning", "Product(s)": "2× Mug", "Items sold": "2",
    "Coupon(s)": "", "Net Sales": "100", "Attribution": "Direct",
}  # fmt: skip


def order(**said: str) -> dict[str, str]:
    return {**ORDER, **said}


def fetched(**said: Any) -> dict[str, Any]:
    return {**OBJECT, **said}


def reported(**said: str) -> dict[str, str]:
    names = {"order": "Order #", "net": "Net Sales", "items": "Items sold"}
    return {**REPORT, **{names.get(name, name.capitalize()): value for name, value in said.items()}}


def read(folder: Path, adapter: AdapterName, rows: Sequence[Mapping[str, Any]], **more: Any) -> ReadResult:
    path = folder / ("orders.jsonl" if adapter == "woocommerce_api" else "orders.csv")
    if adapter == "woocommerce_api":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)), restval="")
            writer.writeheader()
            writer.writerows(rows)
    content = {"name": "shop", "currency": "EUR", "adapter": adapter, "source": {"path": str(path)}, **more}
    return read_shop(ShopConfig.model_validate(content), max_bad_share=1.0)


def records(result: ReadResult, table: str, *columns: str) -> list[list[Any]]:
    return result.tables.get(table)[list(columns)].values.tolist()


class TestOrders(Conformance):
    """Of 122 with 22 of tax and 10 of shipping 90 are net, of which half went back; a pending order; a guest."""

    example: ClassVar[Example] = Example(
        adapter="woocommerce",
        rows=(
            order(order_id="1", tax_total="22.00", shipping_total="10.00", order_total="122.00",
                  refund_items="amount:61.00|reason:Broken|date:2026-03-04 09:00:00",
                  line_item_1="name:Mug|product_id:12|sku:MUG|quantity:2|total:40.00|sub_total:40.00|tax:9.00",
                  line_item_2="name:Tea|product_id:13|sku:|quantity:1|total:50.00|sub_total:50.00"),
            order(order_id="2", status="pending"),
            order(order_id="3", customer_id="0", billing_email="guest@example.org", order_total="20.00"),
        ),
        tables={
            "orders": Held(2, {"net": 110.0}),
            "order_lines": Held(2, {"net": 90.0, "quantity": 3.0}),
            "refunds": Held(1, {"amount": 45.0}),
        },
        needed="order_total",
        money_in="order_currency",
    )  # fmt: skip

    def test_guests_are_known_by_their_address(self, tmp_path: Path) -> None:
        rows = [
            order(order_id="1"),
            order(order_id="2", customer_id="0", billing_email="Ada@example.org"),
            order(order_id="3", customer_id="0", billing_email="ben@example.org"),
            order(order_id="4", customer_id="0", billing_email=""),
        ]
        result = read(tmp_path, "woocommerce", rows)
        assert records(result, "orders", "order_id", "customer_id") == [
            ["1", "7"],
            ["2", "7"],
            ["3", "ben@example.org"],
        ]
        assert result.ledger_of("orders").excluded == {"guest (no customer)": 1}

    def test_each_refund_has_its_own_time_where_they_are_listed(self, tmp_path: Path) -> None:
        """``amount:…|reason:…|date:…`` for each; what is only summed up counts from the latest time."""
        listed = "amount:20.00|reason:|date:2026-03-04 09:00:00;amount:30|reason:Late; very|date:2026-04-01 12:30:00"
        rows = [
            order(order_id="1", refund_items=listed),
            order(order_id="2", refunded_total="25.00", order_date="2026-03-09 08:00:00"),
        ]
        result = read(tmp_path, "woocommerce", rows)
        assert records(result, "refunds", "order_id", "amount", "refunded_at", "reason") == [
            ["1", 20.0, pd.Timestamp("2026-03-04 09:00"), "refund"],
            ["2", 25.0, pd.Timestamp("2026-03-09 08:00"), "refund"],
            ["1", 30.0, pd.Timestamp("2026-04-01 12:30"), "Late; very"],
        ]
        assert any("1 have no time of their own" in note for note in result.notes)

    @pytest.mark.parametrize(
        ("status", "sale"),
        [("processing", True), ("completed", True), ("refunded", True), ("wc-completed", True), ("pending", False),
         ("on-hold", False), ("cancelled", False), ("failed", False), ("checkout-draft", False), ("trash", False)],
    )  # fmt: skip
    def test_states_of_the_documentation(self, status: str, sale: bool, tmp_path: Path) -> None:
        result = read(tmp_path, "woocommerce", [order(order_id="1"), order(order_id="2", status=status)])
        assert ("2" in set(result.tables.orders["order_id"])) == sale

    @pytest.mark.parametrize(
        ("listed", "fault"),
        [
            ("id:5|amount:1,132.00|reason:|date:2026-03-20 10:00:00", "refund amount: not a number"),
            ("id:5|amount:10,00|reason:|date:2026-03-20 10:00:00", "refund amount: decimal comma"),
            ("id:5|amount:10.00|reason:|date:2026-13-20 10:00:00", "refund date: impossible date"),
            ("refunded 10.00", "refund date: not an ISO 8601 date"),
        ],
    )
    def test_a_listed_refund_that_cannot_be_read_is_told_and_the_others_count(
        self, tmp_path: Path, listed: str, fault: str
    ) -> None:
        """As a spreadsheet or an extension wrote it: it neither ends the reading nor is lost in silence."""
        good = "id:6|amount:25.00|reason:|date:2026-03-20 10:00:00"
        rows = [order(order_id="1", refund_items=listed), order(order_id="2", refund_items=good)]
        result = read(tmp_path, "woocommerce", rows)
        assert dict(result.ledger_of("refunds").quarantined) == {fault: 1}
        assert records(result, "refunds", "order_id", "amount") == [["2", 25.0]]

    def test_a_refund_below_zero_is_one(self, tmp_path: Path) -> None:
        rows = [order(refunded_total="-10.00")]
        assert records(read(tmp_path, "woocommerce", rows), "refunds", "amount") == [[10.0]]

    def test_a_list_that_cannot_be_read_beside_its_sum_counts_by_the_sum(self, tmp_path: Path) -> None:
        rows = [order(refund_items="refunded 10.00", refunded_total="10.00")]
        assert records(read(tmp_path, "woocommerce", rows), "refunds", "amount") == [[10.0]]

    def test_a_refunded_order_without_an_amount_goes_back_whole(self, tmp_path: Path) -> None:
        rows = [order(order_id="1", status="refunded", tax_total="20.00", order_total="120.00")]
        assert records(read(tmp_path, "woocommerce", rows), "refunds", "order_id", "amount") == [["1", 100.0]]


class TestRowsOfItems(Conformance):
    """The other extension: ``date``, ``refunded_total``, and a row for each item."""

    ITEM: ClassVar[dict[str, str]] = {
        **{"date" if name == "order_date" else name: text for name, text in ORDER.items() if name != "refund_items"},
        "refunded_total": "0.00", "item_name": "Mug", "item_sku": "MUG", "item_quantity": "1", "item_total": "100.00",
    }  # fmt: skip
    example: ClassVar[Example] = Example(
        adapter="woocommerce",
        rows=(
            {**ITEM, "order_id": "1", "order_total": "132.00", "shipping_total": "10.00", "tax_total": "22.00",
             "refunded_total": "66.00", "item_total": "60.00"},
            {**ITEM, "order_id": "1", "order_total": "132.00", "shipping_total": "10.00", "tax_total": "22.00",
             "refunded_total": "66.00", "item_total": "40.00", "item_sku": "", "item_name": "Tea"},
            {**ITEM, "order_id": "2"},
        ),
        tables={
            "orders": Held(2, {"net": 200.0}),
            "order_lines": Held(3, {"net": 200.0}),
            "refunds": Held(1, {"amount": 50.0}),
        },
        needed="tax_total",
        money_in=None,
    )  # fmt: skip


class TestApi(Conformance):
    """Prices with tax: of 132 with 22 of tax and 10 of shipping 100 are net; a quarter and all of it went back."""

    example: ClassVar[Example] = Example(
        adapter="woocommerce_api",
        rows=(
            fetched(id=1, total="132.00", total_tax="22.00", shipping_total="10.00",
                    refunds=[{"id": 9, "reason": "Broken", "total": "-33.00"}]),
            fetched(id=2, status="refunded", total="48.00", total_tax="8.00",
                    refunds=[{"id": 10, "reason": "", "total": "-48.00"}], line_items=[MUG, {**MUG, "id": 2}]),
            fetched(id=4, status="on-hold", line_items=[]),
            fetched(id=3, customer_id=0, billing={"email": "ben@example.org"}, total="10.00", line_items=[]),
        ),
        tables={
            "orders": Held(3, {"net": 150.0}),
            "order_lines": Held(3, {"quantity": 6.0}),
            "refunds": Held(2, {"amount": 65.0}),
        },
        needed="total",
        money_in="currency",
    )  # fmt: skip

    def test_refunds_count_from_the_last_change_and_times_are_utc(self, tmp_path: Path) -> None:
        changed = "2026-03-05T08:00:00"
        rows = [fetched(refunds=[{"id": 9, "total": "-10.00"}, {"id": 11, "total": "-5.00",
                                  "date_created_gmt": "2026-03-02T08:00:00"}], date_modified_gmt=changed)]  # fmt: skip
        result = read(tmp_path, "woocommerce_api", rows, timezone="Europe/Berlin")
        assert records(result, "orders", "ordered_at") == [[pd.Timestamp("2026-03-01 11:00")]]
        assert records(result, "refunds", "amount", "refunded_at") == [
            [5.0, pd.Timestamp("2026-03-02 09:00")], [10.0, pd.Timestamp("2026-03-05 09:00")],
        ]  # fmt: skip

    def test_an_order_that_was_fetched_twice_counts_as_it_was_last_changed(self, tmp_path: Path) -> None:
        later = fetched(status="refunded", date_modified_gmt="2026-03-09T10:00:00",
                        refunds=[{"id": 9, "total": "-100.00"}])  # fmt: skip
        result = read(tmp_path, "woocommerce_api", [later, fetched(), fetched(id=5)])
        assert records(result, "refunds", "order_id", "amount") == [["101", 100.0]]
        assert (len(result.tables.orders), len(result.tables.get("order_lines"))) == (2, 2)
        assert result.ledger_of("orders").excluded == {"order that was fetched again later": 1}

    def test_an_amount_that_is_none_is_a_fault(self, tmp_path: Path) -> None:
        result = read(tmp_path, "woocommerce_api", [fetched(), fetched(id=2, total="free"), fetched(id=3, total=None)])
        assert result.ledger_of("orders").quarantined == {"net: not a number": 1, "net: null": 1}


class TestReport(Conformance):
    """An order, a refund of a part of it, one of its shipping alone (0), and an order without a name."""

    example: ClassVar[Example] = Example(
        adapter="woocommerce_analytics",
        rows=(
            reported(order="1"),
            reported(order="1", net="-40.5", items="-1", date="2026-03-05 08:00:00"),
            reported(order="1", net="0", items="0", date="2026-03-06 08:00:00"),
            reported(order="2", customer="Ben Ada", net="19.5"),
            reported(order="3", customer=""),
            reported(order="4", net="0", items="1"),
        ),
        tables={"orders": Held(3, {"net": 119.5}), "refunds": Held(1, {"amount": 40.5})},
        needed="Net Sales",
    )

    def test_numbers_that_are_kept_from_spreadsheets_are_read(self, tmp_path: Path) -> None:
        """woocommerce's csv-export puts a sign before what begins with a minus."""
        rows = [reported(order="1"), reported(order="1", net="'-40.5", items="-1"),
                reported(order="1", net="\t-9.5", items="0", date="2026-03-07 08:00:00")]  # fmt: skip
        result = read(tmp_path, "woocommerce_analytics", rows)
        assert result.tables.refunds["amount"].tolist() == [40.5, 9.5]

    def test_the_report_of_the_browser_calls_some_columns_otherwise(self, tmp_path: Path) -> None:
        names = {"Net Sales": "Net sales", "Attribution": "Origin"}
        rows = [{names.get(name, name): value for name, value in reported(order="1").items()}]
        for row in rows:
            del row["N. Revenue (formatted)"]
        result = read(tmp_path, "woocommerce_analytics", rows)
        assert records(result, "orders", "net", "channel") == [[100.0, "Direct"]]
