"""Known export formats: small files in the true format (invented people) to tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import ConfigError, DataError, UsageError
from cvo_ml.ingest import ReadResult, read_frame, read_shop

EXPORTS = Path(__file__).with_name("exports")
Write = Callable[..., Path]


def declared(adapter: str, path: Path, currency: str = "EUR", **more: Any) -> ShopConfig:
    return ShopConfig.model_validate(
        {"name": adapter, "currency": currency, "adapter": adapter, "source": {"path": str(path)}, **more}
    )


def read(adapter: str, name: str, currency: str = "EUR", **more: Any) -> ReadResult:
    return read_shop(declared(adapter, EXPORTS / name, currency, **more), max_bad_share=1.0)


def records(result: ReadResult, table: str, *columns: str) -> list[tuple[Any, ...]]:
    return list(result.tables.get(table)[list(columns)].itertuples(index=False, name=None))


class TestShopify:
    def test_orders_are_the_first_rows_of_each_name(self) -> None:
        result = read("shopify", "shopify_orders.csv")
        orders = result.tables.orders
        assert orders["order_id"].tolist() == ["#1001", "#1002", "#1003", "#1006"]
        assert orders["net"].tolist() == [25.5, 72.0, 10.0, 10.0]
        assert orders["ordered_at"].iloc[1] == pd.Timestamp("2024-03-01 23:30")
        assert dict(result.ledger_of("orders").excluded) == {
            "further line of its order": 2,
            "guest (no customer)": 1,
            "not a sale (status)": 1,
        }

    def test_every_row_is_an_order_line(self) -> None:
        result = read("shopify", "shopify_orders.csv")
        lines = result.tables.get("order_lines")
        assert lines.loc[lines["order_id"] == "#1001", "product_id"].tolist() == ["Gift wrap", "MUG-B", "TEA-1"]
        assert result.ledger_of("order_lines").rows_in == 8
        assert dict(result.ledger_of("order_lines").excluded) == {"its order was excluded": 2}

    def test_refunds_and_cancellations_have_their_own_time_and_never_exceed_net(self) -> None:
        result = read("shopify", "shopify_orders.csv", extracted_at=datetime(2024, 4, 1))
        assert records(result, "refunds", "order_id", "amount", "reason", "refunded_at") == [
            ("#1003", 10.0, "cancellation", pd.Timestamp("2024-03-06 08:00")),
            ("#1002", 20.0, "refund", pd.Timestamp("2024-04-01")),
        ]
        assert any("1 have no time of their own" in note for note in result.notes)
        assert any("1 were above their order's net" in note for note in result.notes)

    def test_an_undated_refund_counts_from_the_latest_time_in_the_export(self) -> None:
        refunds = read("shopify", "shopify_orders.csv").tables.refunds
        assert refunds.set_index("order_id").loc["#1002", "refunded_at"] == pd.Timestamp("2024-03-20 07:15")

    def test_prices_with_tax_are_brought_to_net(self) -> None:
        result = read("shopify", "shopify_orders.csv")
        assert result.tables.orders.set_index("order_id").loc["#1006", "net"] == 10.0
        assert "1 orders have prices with tax: net is Subtotal less Taxes" in result.notes

    def test_an_order_before_as_of_keeps_its_value_when_it_is_cancelled_later(self) -> None:
        result = read_shop(declared("shopify", EXPORTS / "shopify_orders.csv"), as_of=date(2024, 3, 6), max_bad_share=1)
        assert "#1003" in set(result.tables.orders["order_id"])
        assert len(result.tables.refunds) == 0

    def test_rows_without_a_name_are_faults_not_lines(self, tmp_path: Path) -> None:
        frame = pd.read_csv(EXPORTS / "shopify_orders.csv", dtype=str)
        frame.loc[[0, 1], "Name"] = None
        result = read_frame(frame, declared("shopify", EXPORTS), max_bad_share=1.0)
        assert dict(result.ledger_of("orders").quarantined) == {"Name: null": 2, "Created at: null": 1}

    def test_customers_and_consent_come_along(self) -> None:
        customers = read("shopify", "shopify_orders.csv").tables.get("customers").set_index("customer_id")
        assert customers.loc["ben@example.org", ["country", "marketing_consent"]].tolist() == ["DE", True]

    def test_an_export_of_two_files_is_one_shop(self, tmp_path: Path) -> None:
        lines = pd.read_csv(EXPORTS / "shopify_orders.csv", dtype=str)
        lines[:4].to_csv(tmp_path / "1.csv", index=False)
        lines[4:].to_csv(tmp_path / "2.csv", index=False)
        result = read_shop(declared("shopify", tmp_path), max_bad_share=1.0)
        assert result.tables.orders.equals(read("shopify", "shopify_orders.csv").tables.orders)
        assert list(result.ledgers["orders"]) == ["1.csv", "2.csv"]

    def test_a_frame_is_read_by_the_same_rules(self) -> None:
        frame = pd.read_csv(EXPORTS / "shopify_orders.csv", dtype=str)
        result = read_frame(frame, declared("shopify", EXPORTS), max_bad_share=1.0)
        assert result.tables.orders["net"].tolist() == [25.5, 72.0, 10.0, 10.0]


class TestSegment:
    def test_completed_orders_are_orders_with_lines(self) -> None:
        result = read("segment", "segment_track.jsonl", "USD")
        assert records(result, "orders", "order_id", "customer_id", "net") == [
            ("50314b8e9bcf000000000001", "u-1", 22.5),
            ("00042", "u-2", 10.0),
        ]
        assert sorted(result.tables.get("order_lines")["product_id"]) == ["p-G-32", "p-G-33", "p-G-33"]
        assert dict(result.ledger_of("order_lines").excluded) == {
            "its order was excluded": 1,
            "line of an order that was sent again": 2,
        }

    def test_a_call_sent_twice_counts_once(self) -> None:
        ledger = read("segment", "segment_track.jsonl", "USD").ledger_of("orders")
        assert (ledger.rows_in, ledger.used) == (6, 2)
        assert dict(ledger.excluded) == {
            "exact duplicate by order_id": 1,
            "guest (no customer)": 1,
            "other event": 1,
            "refund event (read as a refund)": 1,
        }

    def test_a_refund_event_is_a_refund_at_its_own_time(self) -> None:
        refunds = read("segment", "segment_track.jsonl", "USD").tables.refunds
        assert refunds[["amount", "refunded_at"]].values.tolist() == [[10.0, pd.Timestamp("2024-03-10 12:00")]]

    def test_lines_that_are_no_objects_are_quarantined(self, write: Write) -> None:
        text = (EXPORTS / "segment_track.jsonl").read_text() + "not json\n[1]\n" + "[" * 100_000 + "\n"
        result = read_shop(declared("segment", write(text, "calls.jsonl"), "USD"), max_bad_share=1.0)
        assert dict(result.ledger_of("orders").quarantined) == {"not a JSON object": 3}
        assert result.quarantine["row"].tolist() == [7, 8, 9]

    def test_odd_values_are_faults_of_their_rows(self, write: Write) -> None:
        calls = [json.loads(line) for line in (EXPORTS / "segment_track.jsonl").read_text().splitlines()]
        order = calls[3]
        for number, net in enumerate(["NaN", "1e400", True, [5], {"x": 1}, None]):
            calls.append({**order, "properties": {"order_id": f"odd-{number}", "subtotal": net, "currency": "USD"}})
        calls.append({**order, "properties": "none"})
        path = write("\n".join(map(json.dumps, calls)) + "\n", "calls.jsonl")
        result = read_shop(declared("segment", path, "USD"), max_bad_share=1.0)
        assert sum(result.ledger_of("orders").quarantined.values()) == 7
        assert len(result.tables.orders) == 2

    def test_a_frame_cannot_hold_json(self) -> None:
        with pytest.raises(UsageError, match="is JSON: read it from a file"):
            read_frame(pd.DataFrame({"a": [1]}), declared("segment", EXPORTS))

    def test_another_ending_is_a_config_error(self, write: Write) -> None:
        with pytest.raises(ConfigError, match="this format is JSON"):
            read_shop(declared("segment", write("order,day\n1,2024-01-02\n", "orders.csv")))

    def test_another_export_is_refused_with_its_adapter_named(self) -> None:
        with pytest.raises(ConfigError, match="and this is Shopify's export of orders: declare adapter: shopify"):
            read("segment", "shopify_orders.csv")


class TestGa4:
    def test_purchases_and_refunds(self) -> None:
        result = read("ga4", "ga4_events.jsonl")
        assert records(result, "orders", "order_id", "net") == [("T-1", 25.5), ("T-2", 11.0), ("T-3", 5.5)]
        assert result.tables.orders["ordered_at"].iloc[0] == pd.Timestamp("2024-03-01 10:00:00.000001")
        assert records(result, "refunds", "order_id", "amount") == [("T-1", 5.5)]
        assert len(result.tables.get("order_lines")) == 4
        assert dict(result.ledger_of("orders").excluded) == {"other event": 1, "refund event (read as a refund)": 1}

    def test_a_transaction_without_id_is_quarantined(self, write: Write) -> None:
        text = (EXPORTS / "ga4_events.jsonl").read_text().replace('"T-3"', '"(not set)"')
        result = read_shop(declared("ga4", write(text, "events.jsonl")), max_bad_share=1.0)
        assert dict(result.ledger_of("orders").quarantined) == {"ecommerce.transaction_id: null": 1}

    def test_two_purchases_of_one_transaction_conflict(self, write: Write) -> None:
        text = (EXPORTS / "ga4_events.jsonl").read_text().replace('"T-3"', '"T-2"')
        result = read_shop(declared("ga4", write(text, "events.jsonl")), max_bad_share=1.0)
        reason = "ecommerce.transaction_id: order id with conflicting rows"
        assert dict(result.ledger_of("orders").quarantined) == {reason: 2}

    @pytest.mark.parametrize("reloads", [1, 4])
    def test_a_purchase_sent_again_on_reload_counts_once(self, reloads: int, write: Write) -> None:
        """Orders and money are those of the generator; the earlier event is kept, wherever it stands."""
        events = [purchase(number, minutes=60 * number) for number in range(300)]
        again = [purchase(number, minutes=60 * number + (7 if number else -7)) for number in range(reloads)]
        result = read_shop(declared("ga4", write("\n".join([*events, *again]), "events.jsonl")))
        orders = result.tables.orders
        assert (len(orders), orders["net"].sum()) == (300, 6000.0)
        assert orders["ordered_at"].min() == pd.Timestamp("2024-01-01 09:53")
        assert result.ledger_of("orders").excluded == {"sent again": reloads}
        assert not result.ledger.quarantined


def purchase(number: int, minutes: int) -> str:
    """A GA4 event of 20 EUR, so many minutes after 2024-01-01 10:00."""
    time = 1_704_103_200_000_000 + minutes * 60_000_000
    currency = {"key": "currency", "value": {"string_value": "EUR"}}
    revenue = {"transaction_id": f"T{number}", "purchase_revenue": 20.0}
    return json.dumps({"event_name": "purchase", "user_pseudo_id": f"u{number}", "event_timestamp": str(time),
                       "event_params": [currency], "ecommerce": revenue, "items": []})  # fmt: skip


class TestStripe:
    def test_monthly_revenue_and_period_end_in_both_shapes_of_the_api(self) -> None:
        until = read("stripe", "stripe_until_2025.jsonl").tables.get("subscriptions").set_index("subscription_id")
        since = read("stripe", "stripe_since_2025.json").tables.get("subscriptions").set_index("subscription_id")
        assert until.loc["sub_test001", "current_period_end"] == pd.Timestamp("2024-02-01")
        assert since.loc["sub_test004", "current_period_end"] == pd.Timestamp("2024-02-01")
        assert until["mrr"].tolist() == pytest.approx([87.0, 10.0, 5 * 30.4375 / 7], abs=1e-6)
        assert since["mrr"].tolist() == pytest.approx([107.0, 0.0])  # the second is a trial
        assert since.loc["sub_test004", ["plan", "seats"]].tolist() == ["Pro+Support", 5.0]

    def test_an_ended_subscription_has_its_end_and_reason(self) -> None:
        rows = read("stripe", "stripe_until_2025.jsonl").tables.get("subscriptions").set_index("subscription_id")
        assert rows.loc["sub_test002", "ended_at"] == pd.Timestamp("2024-03-01")
        assert rows.loc["sub_test002", ["status", "cancel_reason"]].tolist() == ["canceled", "cancellation_requested"]
        assert rows["ended_at"].notna().sum() == 1

    @pytest.mark.parametrize(
        ("currency", "right"), [("JPY", 8700), ("KWD", 8.7), ("ISK", 87), ("MGA", 8700), ("TND", 8.7)]
    )
    def test_amounts_are_in_the_minor_units_that_stripe_documents(
        self, currency: str, right: float, write: Write
    ) -> None:
        """docs.stripe.com/currencies: none, three decimals, and the crown of Iceland in hundredths all the same."""
        text = (EXPORTS / "stripe_until_2025.jsonl").read_text().replace('"eur"', f'"{currency.lower()}"')
        result = read_shop(declared("stripe", write(text, "subs.jsonl"), currency), max_bad_share=1.0)
        assert result.tables.get("subscriptions")["mrr"].max() == pytest.approx(right)

    def test_tiered_prices_are_quarantined(self, write: Write) -> None:
        text = (EXPORTS / "stripe_until_2025.jsonl").read_text().replace("12000", "null").replace('"null"', "null")
        result = read_shop(declared("stripe", write(text, "subs.jsonl")), max_bad_share=1.0)
        assert dict(result.ledger.quarantined) == {"price of items: null": 1}

    def test_two_currencies_are_refused(self, write: Write) -> None:
        text = (EXPORTS / "stripe_until_2025.jsonl").read_text().replace('"currency": "eur"', '"currency": "usd"', 2)
        with pytest.raises(DataError, match=r"holds EUR, USD, but one run holds one currency \(EUR\)"):
            read_shop(declared("stripe", write(text, "subs.jsonl")), max_bad_share=1.0)

    def test_subscriptions_stand_beside_orders(self) -> None:
        subscriptions = {"adapter": "stripe", "source": {"path": str(EXPORTS / "stripe_since_2025.json")}}
        result = read("shopify", "shopify_orders.csv", tables={"subscriptions": subscriptions})
        assert (len(result.tables.orders), len(result.tables.get("subscriptions"))) == (4, 2)
        assert "subscriptions: 2 rows of 2 customers without an order were kept" in result.notes


@pytest.mark.parametrize(
    ("adapter", "name", "currency"),
    [
        ("shopify", "shopify_orders.csv", "EUR"),
        ("segment", "segment_track.jsonl", "USD"),
        ("ga4", "ga4_events.jsonl", "EUR"),
        ("stripe", "stripe_until_2025.jsonl", "EUR"),
    ],
)
def test_every_ledger_of_an_export_balances(adapter: str, name: str, currency: str) -> None:
    result = read(adapter, name, currency)
    for table in result.ledgers:
        ledger = result.ledger_of(table)
        quarantined = (result.quarantine["table"] == table).sum()
        assert ledger.rows_in == ledger.used + quarantined + sum(ledger.excluded.values())
