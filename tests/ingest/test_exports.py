"""Known export formats: small files in the true format (invented people) to tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError
from cvo_ml.ingest import ReadResult, read_shop

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
