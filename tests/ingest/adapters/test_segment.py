"""Segment's calls: orders, updates, refunds, cancellations and arrivals, as its specification describes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

import pandas as pd
import pytest

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import ConfigError, UsageError
from cvo_ml.ingest import ReadResult, read_frame, read_shop
from tests.ingest.adapters.conformance import Conformance, Example, Held

Write = Callable[..., Path]
Call = dict[str, Any]
_EXPORT: Final = Path(__file__).parents[1] / "exports" / "segment_track.jsonl"


def call(event: str | None, at: str, user: str | None = "c", /, **more: Any) -> Call:
    """A call with the fields of every call (https://segment.com/docs/connections/spec/common/)."""
    base = {"type": "track" if event else "page", "event": event, "userId": user, "timestamp": f"2024-01-{at}Z"}
    return {key: value for key, value in {**base, **more}.items() if value is not None}


def order(number: str, at: str, event: str = "Order Completed", user: str | None = "c", **properties: Any) -> Call:
    """The money of the specification's example of ``Order Completed``: 22.50 net of 27.50."""
    money = {"total": 27.5, "subtotal": 22.5, "revenue": 25.0, "shipping": 3, "tax": 2, "discount": 2.5}
    return call(event, at, user, properties={"order_id": number, "currency": "EUR", **(properties or money)})


def campaign(source: str, medium: str, name: str | None = None) -> Call:
    return {"campaign": {"source": source, "medium": medium, "name": name}}


def product(name: str, price: float, quantity: int = 1) -> Call:
    return {"product_id": name, "price": price, "quantity": quantity}


def declared(path: Path, currency: str = "EUR", **settings: Any) -> ShopConfig:
    shop = {"name": "s", "currency": currency, "adapter": "segment", "source": {"path": str(path)}, **settings}
    return ShopConfig.model_validate(shop)


def read(write: Write, calls: Sequence[Call], **settings: Any) -> ReadResult:
    path = write("".join(json.dumps(one) + "\n" for one in calls), "calls.jsonl")
    return read_shop(declared(path, **settings), max_bad_share=settings.get("max_bad_share"))


def refunds(result: ReadResult) -> list[tuple[Any, ...]]:
    found = result.tables.refunds[["order_id", "amount", "reason"]]
    return [tuple(row) for row in found.to_numpy().tolist()]


class TestConformance(Conformance):
    example: ClassVar[Example] = Example(
        adapter="segment",
        rows=[
            call(None, "01T08:00:00", context=campaign("news", "email"), properties={"path": "/"}, messageId="m1"),
            call("Product Viewed", "01T08:01:00", messageId="m2", properties={"product_id": "MUG"}),
            {**order("1", "01T09:00:00"), "messageId": "m3"},
            {**order("2", "02T09:00:00", subtotal=40, products=[product("MUG", 10.0, 3), product("TEA", 10.0)]),
             "messageId": "m4"},
            {**order("2", "02T10:00:00", "Order Updated", subtotal=30, products=[product("MUG", 10.0, 3)]),
             "messageId": "m5"},
            {**order("1", "03T09:00:00", "Order Refunded", total=11.0), "messageId": "m6"},
            {**order("2", "04T09:00:00", "Order Cancelled", total=30.0), "messageId": "m7"},
            {**order("3", "05T09:00:00", subtotal=7.0), "messageId": "m8"},
        ],
        tables={
            "orders": Held(3, {"net": 59.5}),
            "order_lines": Held(1, {"quantity": 3.0}),
            "refunds": Held(2, {"amount": 39.0}),
            "touchpoints": Held(1),
        },
        needed="event",
        money_in="properties.currency",
    )  # fmt: skip


class TestOrders:
    def test_completed_orders_are_orders_with_lines(self) -> None:
        result = read_shop(declared(_EXPORT, "USD"), max_bad_share=1.0)
        orders = result.tables.orders[["order_id", "customer_id", "net"]].to_numpy().tolist()
        assert orders == [["50314b8e9bcf000000000001", "u-1", 22.5], ["00042", "u-2", 10.0]]
        assert sorted(result.tables.get("order_lines")["product_id"]) == ["p-G-32", "p-G-33", "p-G-33"]
        assert dict(result.ledger_of("order_lines").excluded) == {
            "its order was excluded": 1,
            "line of an order that was sent again": 2,
        }

    def test_a_call_sent_twice_counts_once(self) -> None:
        ledger = read_shop(declared(_EXPORT, "USD"), max_bad_share=1.0).ledger_of("orders")
        assert (ledger.rows_in, ledger.used) == (6, 2)
        assert dict(ledger.excluded) == {
            "exact duplicate by order_id": 1,
            "guest (no customer)": 1,
            "touch (read as a touchpoint)": 1,
            "refund event (read as a refund)": 1,
        }

    @pytest.mark.parametrize(
        ("money", "net"),
        [
            ({"subtotal": 22.5, "total": 27.5}, 22.5),
            ({"total": 27.5, "revenue": 25.0, "shipping": 3, "tax": 2, "discount": 2.5}, 22.5),
            ({"revenue": 25.0, "total": 27.5}, 25.0),
            ({"total": 27.5, "tax": 2}, 25.5),
        ],
    )
    def test_net_is_before_tax_and_shipping(self, money: Call, net: float, write: Write) -> None:
        """Of the specification's example, which has all parts, with some of them left out."""
        assert read(write, [order("1", "01T09:00:00", **money)]).tables.orders["net"].tolist() == [net]

    @pytest.mark.parametrize(
        ("written", "date_format"),
        [("%Y-%m-%d %H:%M:%S UTC", None), ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M"), ("%s", "epoch_s")],
    )
    def test_the_last_state_is_told_by_times_as_they_are_written(
        self, written: str, date_format: str | None, write: Write
    ) -> None:
        """The newest line first, in the times of a warehouse: placed on the first, worth 30 in the end."""
        days = [("03", "Order Updated", 30), ("02", "Order Updated", 20), ("01", "Order Completed", 10)]
        calls = [order("1", f"{day}T09:00:00", event, subtotal=net) for day, event, net in days]
        for one in calls:
            moment = pd.Timestamp(one["timestamp"])
            one["timestamp"] = str(int(moment.timestamp())) if written == "%s" else moment.strftime(written)
        path = write("".join(json.dumps(one) + "\n" for one in calls), "calls.jsonl")
        orders = read_shop(declared(path, source={"path": str(path), "date_format": date_format})).tables.orders
        placed = pd.Timestamp("2024-01-01 09:00")
        assert orders[["ordered_at", "net"]].to_numpy().tolist() == [[placed, 30.0]]

    def test_the_last_state_of_an_order_is_what_it_is_worth(self, write: Write) -> None:
        calls = [
            order("1", "02T09:00:00", "Order Updated", subtotal=50),
            order("1", "01T09:00:00", subtotal=40),
            order("1", "01T10:00:00", "Order Updated", subtotal=45),
            order("2", "01T10:00:00", "Order Updated", subtotal=45),
            order("3", "03T09:00:00", subtotal=1),
        ]
        result = read(write, calls)
        assert result.tables.orders[["order_id", "net"]].to_numpy().tolist() == [["1", 50.0], ["3", 1.0]]
        assert result.tables.orders["ordered_at"].iloc[0] == pd.Timestamp("2024-01-01 09:00")
        assert result.ledger_of("orders").excluded == {
            "earlier state of an order that was updated": 2,
            "update of an order that was not completed": 1,
        }

    def test_single_fields_may_be_mapped_otherwise(self, write: Write) -> None:
        """The refund and the lines follow the order's id."""
        sold = order("1", "01T09:00:00", shop_order="N1", subtotal=20, products=[product("MUG", 20.0)])
        sold |= {"receivedAt": "2024-01-01T09:00:05Z"}
        back = order("1", "02T09:00:00", "Order Refunded", shop_order="N1")
        columns = {"order_id": "properties.shop_order", "ordered_at": "receivedAt"}
        result = read(write, [sold, back], columns=columns)
        assert result.tables.orders["ordered_at"].tolist() == [pd.Timestamp("2024-01-01 09:00:05")]
        assert result.tables.get("order_lines")["order_id"].tolist() == ["N1"]
        assert refunds(result) == [("N1", 20.0, "refund")]

    def test_lines_that_are_no_objects_are_quarantined(self, write: Write) -> None:
        path = write(_EXPORT.read_text() + "not json\n[1]\n" + "[" * 100_000 + "\n", "calls.jsonl")
        result = read_shop(declared(path, "USD"), max_bad_share=1.0)
        assert dict(result.ledger_of("orders").quarantined) == {"not a JSON object": 3}
        assert result.quarantine["row"].tolist() == [7, 8, 9]

    def test_odd_values_are_faults_of_their_rows(self, write: Write) -> None:
        sold = [order(f"odd-{n}", "01T09:00:00", subtotal=net)
                for n, net in enumerate(["NaN", "1e400", True, [5], {"x": 1}, None])]  # fmt: skip
        sold.append({**order("1", "01T09:00:00"), "properties": "none"})
        result = read(write, [*sold, order("2", "01T09:00:00")], max_bad_share=1.0)
        assert sum(result.ledger_of("orders").quarantined.values()) == 7
        assert len(result.tables.orders) == 1

    def test_a_frame_cannot_hold_json(self) -> None:
        with pytest.raises(UsageError, match="is JSON: read it from a file"):
            read_frame(pd.DataFrame({"a": [1]}), declared(_EXPORT))

    def test_another_ending_is_a_config_error(self, write: Write) -> None:
        with pytest.raises(ConfigError, match="this format is JSON"):
            read_shop(declared(write("a,b\n1,2\n", "calls.csv")))


class TestRefunds:
    """https://segment.com/docs/connections/spec/ecommerce/v2/#order-refunded; its total is counted as the order's."""

    def test_a_cancelled_order_goes_back_whole_at_its_time(self, write: Write) -> None:
        calls = [order("3", "03T10:00:00", subtotal=100), order("3", "04T10:00:00", "Order Cancelled", total=100)]
        result = read(write, calls)
        assert refunds(result) == [("3", 100.0, "cancellation")]
        assert result.tables.refunds["refunded_at"].tolist() == [pd.Timestamp("2024-01-04 10:00")]
        assert result.tables.orders["net"].sum() - result.tables.refunds["amount"].sum() == 0

    def test_a_part_goes_back_in_proportion_of_net_to_total(self, write: Write) -> None:
        """11 of 27.50 are two fifths, and so are 9 of 22.50."""
        result = read(write, [order("1", "01T09:00:00"), order("1", "02T09:00:00", "Order Refunded", total=11)])
        assert refunds(result) == [("1", 9.0, "refund")]

    def test_products_alone_go_back_at_their_share(self, write: Write) -> None:
        """Listed at 40 and sold for 30: one of 10 is 7.50 of it."""
        sold = order("1", "01T09:00:00", subtotal=30, products=[product("MUG", 10.0, 3), product("TEA", 10.0)])
        back = order("1", "02T09:00:00", "Order Refunded", products=[product("TEA", 10.0)])
        assert refunds(read(write, [sold, back])) == [("1", 7.5, "refund")]

    def test_neither_total_nor_products_is_the_whole_order_once(self, write: Write) -> None:
        back = order("1", "02T09:00:00", "Order Refunded", reason_code="late")
        cancelled = order("1", "03T09:00:00", "Order Cancelled", total=27.5)
        result = read(write, [order("1", "01T09:00:00"), back, cancelled])
        assert refunds(result) == [("1", 22.5, "refund")]
        assert result.ledger_of("refunds").excluded == {"refund of zero": 1}

    def test_one_that_was_sent_again_counts_once(self, write: Write) -> None:
        """A library that got no answer sends the same ``messageId`` again; its corrected time differs."""
        first, again = (
            {**order("1", f"02T09:00:0{second}", "Order Refunded", total=11), "messageId": "m"} for second in (0, 1)
        )
        other = {**order("1", "02T09:00:00", "Order Refunded", total=11), "messageId": "n"}
        result = read(write, [order("1", "01T09:00:00"), first, again, other])
        assert refunds(result) == [("1", 9.0, "refund")] * 2
        assert result.ledger_of("refunds").excluded == {"sent again": 1}


class TestTouches:
    def test_calls_with_a_campaign_are_touches_one_a_visit(self, write: Write) -> None:
        mail, ad = campaign("news", "email", "spring"), campaign("facebook", "cpc")
        calls = [
            order("1", "01T12:00:00"),
            call(None, "01T09:00:00", context=mail),
            call("Product Viewed", "01T09:10:00", context=mail),
            call(None, "01T09:15:00", context=ad),
            call(None, "02T09:00:00", context=mail),
            call("Product Viewed", "02T09:00:00", context={"page": {"path": "/"}}),
        ]
        result = read(write, calls)
        columns = ["channel", "source", "medium", "campaign", "kind"]
        found = result.tables.get("touchpoints")[columns].astype(object).where(lambda f: f.notna(), None)
        assert [tuple(row) for row in found.to_numpy()] == [
            ("Email", "news", "email", "spring", "page"),
            ("Paid Social", "facebook", "cpc", None, "page"),
            ("Email", "news", "email", "spring", "page"),
        ]
        assert result.ledger_of("touchpoints").excluded == {"further event of its visit": 1}

    def test_what_came_before_somebody_is_known_is_theirs(self, write: Write) -> None:
        """https://segment.com/docs/connections/spec/identify/: a call with both ids ties the two together."""
        mail = campaign("news", "email")
        calls = [
            order("1", "01T12:00:00"),
            call(None, "01T09:00:00", None, anonymousId="a1", context=mail),
            {**call(None, "01T10:00:00", "c", anonymousId="a1"), "type": "identify"},
            call(None, "01T09:00:00", None, anonymousId="shared", context=mail),
            {**call(None, "01T10:00:00", "c", anonymousId="shared"), "type": "identify"},
            {**call(None, "01T11:00:00", "d", anonymousId="shared"), "type": "identify"},
            call(None, "01T09:00:00", None, anonymousId="a3", context=mail),
        ]
        result = read(write, calls)
        assert result.tables.get("touchpoints")["customer_id"].tolist() == ["c"]
        assert result.ledger_of("touchpoints").excluded == {"touch of nobody known": 2}
