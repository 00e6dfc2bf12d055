"""Google Analytics' export: purchases, refunds, arrivals, as Google's documentation describes the fields."""

from __future__ import annotations

import gzip
import json
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import ReadResult, read_shop
from cvo_ml.ingest.look import text_files
from cvo_ml.ingest.sources import event_lines, event_sources
from cvo_ml.workflows.init import InitRequest, init
from tests.ingest.adapters.conformance import Conformance, Example, Held

Write = Callable[..., Path]
Event = dict[str, Any]
_START = 1_704_103_200_000_000  # 2024-01-01 10:00 in Google's microseconds


def event(name: str, minutes: float, user: str | None = "1.1", **more: Any) -> Event:
    """An event so many minutes after 2024-01-01 10:00, in the shape of the export schema
    (https://support.google.com/analytics/answer/7029846)."""
    time = str(_START + round(minutes * 60_000_000))
    base = {"event_date": "20240101", "event_timestamp": time, "event_name": name, "user_pseudo_id": user}
    return {**base, "event_params": [], "traffic_source": {"source": "google"}, "items": [], **more}


def purchase(order: str, minutes: float, value: float | None = 20.0, user: str | None = "1.1", **more: Any) -> Event:
    ecommerce = {"transaction_id": order, **({} if value is None else {"purchase_revenue": value})}
    ecommerce |= more.pop("ecommerce", {})
    parameters = [parameter("currency", "EUR"), *more.pop("event_params", [])]
    return event("purchase", minutes, user, ecommerce=ecommerce, event_params=parameters, **more)


def refund(order: str, minutes: float, value: float | None = None, **more: Any) -> Event:
    ecommerce = {"transaction_id": order, **({} if value is None else {"refund_value": value})}
    return event("refund", minutes, more.pop("user", "1.1"), ecommerce=ecommerce, **more)


def parameter(key: str, value: str, kind: str = "string_value") -> Event:
    return {"key": key, "value": {kind: value}}


def item(name: str, price: float | None, quantity: str | None = "1") -> Event:
    found = {"item_id": name, "price": price, "quantity": quantity}
    return {key: value for key, value in found.items() if value is not None}


def read(write: Write, events: Sequence[object], **settings: Any) -> ReadResult:
    text = "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in events)
    return read_file(write(text, "events.jsonl"), **settings)


def read_file(path: Path, **settings: Any) -> ReadResult:
    shop = {"name": "s", "currency": "EUR", "adapter": "ga4", "source": {"path": str(path)}, **settings}
    return read_shop(ShopConfig.model_validate(shop), max_bad_share=settings.get("max_bad_share"))


class TestConformance(Conformance):
    example: ClassVar[Example] = Example(
        adapter="ga4",
        rows=[
            event("first_visit", 0, collected_traffic_source={"manual_source": "news", "manual_medium": "email"}),
            event("session_start", 0, collected_traffic_source={"manual_source": "news", "manual_medium": "email"}),
            event("page_view", 1),
            purchase("T1", 5, 25.0, items=[item("MUG", 10.0, "2"), item("TEA", 5.0)]),
            refund("T1", 90, 5.0),
            event("session_start", 100, "2.2"),
            purchase("T2", 110, 8.0, "2.2", items=[item("TEA", 4.0, "2")]),
            refund("T2", 200),
            {**purchase("T3", 300, 7.0, "2.2", items=[item("TEA", 7.0)]), "event_params": [], "currency": "EUR"},
        ],
        tables={
            "orders": Held(3, {"net": 40.0}),
            "order_lines": Held(4, {"quantity": 6.0}),
            "refunds": Held(2, {"amount": 13.0}),
            "touchpoints": Held(2),
        },
        needed="event_name",
        money_in="currency",
    )


class TestPurchases:
    @pytest.mark.parametrize("reloads", [1, 4])
    def test_one_that_was_sent_again_on_reload_counts_once(self, reloads: int, write: Write) -> None:
        """300 orders of 20; the earlier event is kept, wherever it stands; 1.3 % of reloads are no fault."""
        events = [purchase(f"T{n}", 60 * n, user=f"u{n}") for n in range(300)]
        again = [purchase(f"T{n}", 60 * n + (7 if n else -7), user=f"u{n}") for n in range(reloads)]
        result = read(write, [*events, *again])
        orders = result.tables.orders
        assert (len(orders), orders["net"].sum()) == (300, 6000.0)
        assert orders["ordered_at"].min() == pd.Timestamp("2024-01-01 09:53")
        assert result.ledger_of("orders").excluded == {"sent again": reloads}
        assert not result.ledger.quarantined

    def test_a_reload_elsewhere_is_the_same_purchase(self, write: Write) -> None:
        """What an event says of the place and the page is of its moment; id, user and value are of the order."""
        there = purchase("T1", 90, geo={"city": "Musterstadt"}, traffic_source={"source": "mail"})
        assert read(write, [purchase("T1", 0), there]).tables.orders["net"].tolist() == [20.0]

    @pytest.mark.parametrize("other", [{"value": 30.0}, {"user": "2.2"}], ids=["another value", "another user"])
    def test_two_orders_under_one_id_are_set_aside_whole(self, other: Mapping[str, Any], write: Write) -> None:
        result = read(write, [purchase("T1", 0), purchase("T1", 9, **other), purchase("T2", 0)], max_bad_share=1.0)
        reason = "ecommerce.transaction_id: order id with conflicting rows"
        assert result.ledger_of("orders").quarantined == {reason: 2}
        assert result.tables.orders["order_id"].tolist() == ["T2"]

    @pytest.mark.parametrize("nothing", ["(not set)", "", None])
    def test_one_without_an_id_is_quarantined(self, nothing: str | None, write: Write) -> None:
        result = read(write, [purchase("T1", 0), {**purchase("", 1), "ecommerce": {"transaction_id": nothing}}],
                      max_bad_share=1.0)  # fmt: skip
        assert result.ledger_of("orders").quarantined == {"ecommerce.transaction_id: null": 1}

    @pytest.mark.parametrize("nobody", ["(not set)", "", None])
    def test_one_without_consent_is_a_guests(self, nobody: str | None, write: Write) -> None:
        """Consent mode: https://support.google.com/analytics/answer/9976101, no id of the device is kept."""
        result = read(write, [purchase("T1", 0), purchase("T2", 1, user=nobody), refund("T2", 9)])
        assert result.ledger_of("orders").excluded["guest (no customer)"] == 1
        assert result.ledger_of("refunds").excluded == {"its order was excluded": 1}

    def test_the_parameter_value_stands_in_for_revenue(self, write: Write) -> None:
        """Of it Google makes the revenue, where the currency is known."""
        found = purchase("T1", 0, None, event_params=[parameter("value", "12.5", "double_value")])
        assert read(write, [found]).tables.orders["net"].tolist() == [12.5]

    def test_all_money_in_dollars(self, write: Write) -> None:
        money = {"purchase_revenue_in_usd": 22.0, "tax_value": 4.0, "tax_value_in_usd": 4.4}
        back = refund("T1", 9, 10.0)
        back["ecommerce"]["refund_value_in_usd"] = 11.0
        result = read(write, [purchase("T1", 0, ecommerce=money), back], currency="USD",
                      columns={"net": "ecommerce.purchase_revenue_in_usd"})  # fmt: skip
        assert result.tables.orders[["net", "tax"]].to_numpy().tolist() == [[22.0, 4.4]]
        assert result.tables.refunds["amount"].tolist() == [11.0]

    def test_what_is_taken_off_the_value_is_taken_off_its_refunds(self, write: Write) -> None:
        """25 with 4 of tax and 1 of shipping is worth 20: half of it back is 10."""
        sold = purchase("T1", 0, 25.0, ecommerce={"tax_value": 4.0, "shipping_value": 1.0})
        result = read(write, [sold, refund("T1", 9, 12.5)], net_less=["tax", "shipping"])
        assert (result.tables.orders["net"].sum(), result.tables.refunds["amount"].sum()) == (20.0, 10.0)


class TestBrokenLines:
    """A tracker that stops while it writes leaves half a line: what it was, nobody knows, so it is one of all."""

    @pytest.mark.parametrize("large", [False, True])
    def test_their_share_is_one_of_all_lines(self, large: bool, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        """2 of 402 lines are 0.5 %, though half as many as the orders; nothing of them is lost from the account."""
        monkeypatch.setattr(event_sources, "LARGE", 0 if large else 1 << 40)
        views = [event("page_view", minute) for minute in range(398)]
        result = read(write, [*views, '{"event_name": "page_v', '{"event', purchase("T1", 5), purchase("T2", 9)])
        ledger = result.ledger_of("orders")
        assert result.tables.orders["net"].sum() == 40.0
        assert (ledger.rows_in, ledger.quarantined) == (402, {"not a JSON object": 2})
        assert result.quarantine["row"].tolist() == [399, 400]
        assert not any("JSON" in note for note in result.notes)

    @pytest.mark.parametrize("large", [False, True])
    def test_more_than_allowed_are_refused(self, large: bool, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(event_sources, "LARGE", 0 if large else 1 << 40)
        views = [event("page_view", minute) for minute in range(97)]
        with pytest.raises(DataError, match=r"not a JSON object in 2.0% of its rows"):
            read(write, [*views, "{", "{", purchase("T1", 5)])

    def test_those_that_may_have_been_orders_are_said(self, write: Write) -> None:
        """Lines of orders are the long ones, which are cut first: few of all, and perhaps all of the money."""
        views = [event("page_view", minute) for minute in range(300)]
        result = read(write, [*views, json.dumps(purchase("T1", 5))[:-9], purchase("T2", 9)])
        assert result.tables.orders["net"].tolist() == [20.0]
        assert any(note.startswith("1 lines are no JSON objects and look as if") for note in result.notes)


class TestKindsOfTexts:
    """Whoever writes Parquet chooses one of Arrow's kinds: pandas' categories, the large texts of Polars, bytes."""

    @pytest.mark.parametrize(
        "kind",
        [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string()), pa.binary()],
        ids=str,
    )
    def test_each_is_read(self, kind: pa.DataType, tmp_path: Path) -> None:
        events = [purchase("T1", 1, 20.0), purchase("T2", 2, 30.0), event("page_view", 0)]
        table = pa.Table.from_pylist(events)
        place = table.schema.get_field_index("event_name")
        names = table["event_name"]
        names = names.dictionary_encode() if pa.types.is_dictionary(kind) else names.cast(kind)
        pq.write_table(table.set_column(place, "event_name", names), tmp_path / "events.parquet")
        orders = read_file(tmp_path / "events.parquet").tables.orders
        assert (orders["order_id"].tolist(), orders["net"].sum()) == (["T1", "T2"], 50.0)

    def test_a_missing_field_is_not_named_as_one_that_is_there(self, write: Write) -> None:
        with pytest.raises(DataError, match=r"ecommerce\.transaction_id") as error:
            read(write, [event("purchase", 0, ecommerce={"purchase_revenue": 5.0})])
        assert "did you mean 'ecommerce.transaction_id'" not in str(error.value)


class TestRefunds:
    """https://developers.google.com/analytics/devguides/collection/ga4/set-up-ecommerce#refund"""

    def test_one_with_the_id_alone_is_of_the_whole_order(self, write: Write) -> None:
        result = read(write, [*(purchase(f"T{n}", n) for n in range(300)), refund("T1", 400)])
        assert result.tables.refunds[["order_id", "amount"]].to_numpy().tolist() == [["T1", 20.0]]
        assert len(result.tables.orders) == 300

    def test_one_with_items_alone_gives_back_their_price(self, write: Write) -> None:
        sold = purchase("T1", 0, 25.0, items=[item("MUG", 10.0, "2"), item("TEA", 5.0)])
        result = read(write, [sold, refund("T1", 9, items=[item("MUG", 10.0)]), refund("T1", 19)])
        assert result.tables.refunds["amount"].tolist() == [10.0, 15.0]  # the second is of what is left

    def test_a_value_below_zero_goes_back_too(self, write: Write) -> None:
        assert read(write, [purchase("T1", 0), refund("T1", 9, -5.0)]).tables.refunds["amount"].tolist() == [5.0]

    def test_no_more_goes_back_than_was_paid(self, write: Write) -> None:
        result = read(write, [purchase("T1", 0), refund("T1", 9, 15.0), refund("T1", 19, 15.0)])
        assert result.tables.refunds["amount"].tolist() == [15.0, 5.0]
        assert "refunds: 1 were above what was left of their order, and were lowered to it" in result.notes

    def test_whose_it_is_the_order_says(self, write: Write) -> None:
        """A server that reports it has no id of the browser."""
        refunds = read(write, [purchase("T1", 0), refund("T1", 9, user="server")]).tables.refunds
        assert refunds["customer_id"].tolist() == ["1.1"]

    def test_of_an_order_that_is_not_in_the_export(self, write: Write) -> None:
        result = read(write, [purchase("T1", 0), refund("T0", 9), refund("T9", 9, 5.0)], max_bad_share=1.0)
        ledger = result.ledger_of("refunds")
        assert ledger.excluded == {"whole refund of an order that is not in the export": 1}
        assert ledger.quarantined == {"ecommerce.transaction_id: names an unknown order": 1}


class TestTouches:
    """https://developers.google.com/analytics/bigquery/traffic-attribution-data"""

    def test_the_source_of_the_session_comes_first(self, write: Write) -> None:
        last = {"manual_campaign": {"source": "bing", "medium": "cpc", "campaign_name": "spring"}}
        collected = {"manual_source": "news", "manual_medium": "email"}
        touched = event("session_start", 0, session_traffic_source_last_click=last, collected_traffic_source=collected)
        found = self.touches(write, [touched])
        assert found == [("1.1", "Paid Search", "bing", "cpc", "spring", "session_start")]

    def test_googles_own_channel_is_kept(self, write: Write) -> None:
        cross = {"source": "google", "medium": "cpc", "campaign_name": "x", "default_channel_group": "Cross-network"}
        touched = event("session_start", 0, session_traffic_source_last_click={"cross_channel_campaign": cross})
        assert self.touches(write, [touched])[0][1] == "Cross-network"

    def test_a_click_on_an_ad_and_parameters_and_the_first_visit(self, write: Write) -> None:
        click = event("session_start", 0, "1.1", collected_traffic_source={"gclid": "abc"})
        tagged = event("session_start", 0, "2.2", event_params=[parameter("source", "t.co"),
                                                                parameter("medium", "referral")])  # fmt: skip
        first = event("first_visit", 0, "3.3", traffic_source={"source": "(direct)", "medium": "(none)"})
        unknown = event("session_start", 0, "4.4", traffic_source={"source": "google", "medium": "organic"})
        channels = [touch[1] for touch in self.touches(write, [click, tagged, first, unknown])]
        assert channels == ["Paid Search", "Organic Social", "Direct", "Unassigned"]

    def test_channels_follow_googles_rules(self, write: Write) -> None:
        """Each rule for traffic tagged by hand of https://support.google.com/analytics/answer/9756891, in its order."""
        rules = {
            ("(direct)", "(none)", ""): "Direct",
            ("google", "cpc", "x-Cross-network"): "Cross-network",
            ("etsy.com", "ppc", ""): "Paid Shopping",
            ("partner", "paid", "spring shopping"): "Paid Shopping",
            ("bing", "cpc", ""): "Paid Search",
            ("l.instagram.com", "paid-social", ""): "Paid Social",
            ("youtube", "cpv", ""): "Paid Video",
            ("youtube", "cpm", ""): "Paid Video",
            ("partner", "cpm", ""): "Display",
            ("partner", "banner", ""): "Display",
            ("partner", "retargeting", ""): "Paid Other",
            ("amazon.de", "referral", ""): "Organic Shopping",
            ("partner", "social", ""): "Organic Social",
            ("partner", "video", ""): "Organic Video",
            ("duckduckgo", "referral", ""): "Organic Search",
            ("partner", "organic", ""): "Organic Search",
            ("partner", "referral", ""): "Referral",
            ("e-mail", "crm", ""): "Email",
            ("partner", "affiliate", ""): "Affiliates",
            ("partner", "audio", ""): "Audio",
            ("sms", "crm", ""): "SMS",
            ("partner", "web-push", ""): "Mobile Push Notifications",
            ("partner", "odd", "workshop"): "Unassigned",
        }
        events = [
            event("session_start", 0, f"{n:02}.1", collected_traffic_source={
                "manual_source": source, "manual_medium": medium, "manual_campaign_name": named})
            for n, (source, medium, named) in enumerate(rules)
        ]  # fmt: skip
        assert [touch[1] for touch in self.touches(write, events)] == [*rules.values()]

    def test_one_for_each_visit(self, write: Write) -> None:
        session = [parameter("ga_session_id", "17", "int_value")]
        known = {"manual_source": "news", "manual_medium": "email"}
        visit = [event("session_start", 0, event_params=session),
                 event("first_visit", 0, event_params=session, collected_traffic_source=known)]  # fmt: skip
        result = read(write, [purchase("T1", 3), *visit, event("session_start", 200)])
        assert result.tables.get("touchpoints")["kind"].tolist() == ["first_visit", "session_start"]
        assert result.ledger_of("touchpoints").excluded == {"further event of its visit": 1}

    def test_ids_of_users_move_orders_refunds_and_touches(self, write: Write) -> None:
        """What a browser did before somebody signed in is theirs, where nobody else used it."""
        events = [
            event("session_start", 0, "1.1"),
            event("session_start", 0, "9.9"),
            event("login", 1, "1.1", user_id="ada"),
            purchase("T1", 2, user="2.2", user_id="ada"),
            refund("T1", 9, user="server"),
        ]
        result = read(write, events, columns={"customer_id": "user_id"})
        tables = [result.tables.get(name)["customer_id"].tolist() for name in ("orders", "refunds", "touchpoints")]
        assert tables == [["ada"], ["ada"], ["ada"]]
        assert result.ledger_of("touchpoints").excluded == {"touch of nobody known": 1}

    @staticmethod
    def touches(write: Write, events: Sequence[Event]) -> list[tuple[Any, ...]]:
        found = read(write, [purchase("T1", 0), *events]).tables.get("touchpoints")
        columns = ["customer_id", "channel", "source", "medium", "campaign", "kind"]
        return [
            tuple(row)
            for row in found.sort_values("customer_id")[columns]
            .astype(object)
            .where(lambda f: f.notna(), None)
            .to_numpy()
        ]


class TestBesideOrders:
    """Where the shop's own orders are known, events give touches alone: a tracker sees fewer orders than the shop."""

    EVENTS: ClassVar[list[Event]] = [
        event("session_start", 0, "C1"),
        event("session_start", 99, "C1"),
        purchase("T1", 5),
    ]

    @pytest.mark.parametrize("large", [False, True])
    def test_touches_come_from_events(self, large: bool, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        if large:
            monkeypatch.setattr(event_sources, "LARGE", 1)
        orders = write("order,customer,day,net\nA1,C1,2024-01-05,9\n", "orders.csv")
        events = write(_lines(self.EVENTS), "events.jsonl")
        shop = {
            "name": "s", "currency": "EUR", "source": {"path": str(orders)},
            "columns": {"order_id": "order", "customer_id": "customer", "ordered_at": "day", "net": "net"},
            "tables": {"touchpoints": {"source": {"path": str(events)}, "adapter": "ga4"}},
        }  # fmt: skip
        result = read_shop(ShopConfig.model_validate(shop))
        assert result.tables.get("touchpoints")["customer_id"].tolist() == ["C1", "C1"]
        assert "order_lines" not in result.tables

    def test_init_takes_no_orders_from_them(self, tmp_path: Path, write: Write) -> None:
        orders = write("order,customer,day,net\nA1,C1,2024-01-05,9\nA2,C1,2024-02-15,9\n", "orders.csv")
        events = write(_lines(self.EVENTS), "events.jsonl")
        files = (str(orders), str(events))
        init(InitRequest(files=files, out=tmp_path / "s.yaml", currency="EUR", timezone="UTC"),
             Workspace(tmp_path, tmp_path))  # fmt: skip
        shop = load_config(tmp_path / "s.yaml", ShopConfig)
        assert {name: table.adapter for name, table in shop.tables.items()} == {"touchpoints": "ga4"}


class TestStream:
    """The whole of a stream is read block by block; what comes out is the same."""

    EVENTS: ClassVar[list[object]] = [
        event("page_view", 0),
        *(purchase(f"T{n}", n, user=f"u{n % 7}", items=[item("MUG", 20.0)]) for n in range(40)),
        "", "   ",
        *(event("session_start", n * 50, f"u{n % 7}") for n in range(40)),
        refund("T3", 900), refund("T4", 900, 5.0), purchase("T5", 70, user="u5"),
        "not json", "[1]", '{"event_name": "page_view"', '{"a": 1}{"b": 2}',
        '{"event_name": "page_view", "x": NaN}', event("caf\u00e9", 3),
    ]  # fmt: skip

    @pytest.mark.parametrize("block", [200, 3_000])
    def test_in_blocks_and_spooled_it_is_the_same(
        self, block: int, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = read(write, self.EVENTS, max_bad_share=1.0)
        monkeypatch.setattr(event_lines, "BLOCK", block)
        monkeypatch.setattr(event_sources, "LARGE", 1)
        _same(read_file(tmp_path / "events.jsonl", max_bad_share=1.0), whole)

    def test_every_line_is_accounted_for(self, write: Write) -> None:
        result = read(write, self.EVENTS, max_bad_share=1.0)
        ledger = result.ledger_of("orders")
        assert (ledger.rows_in, ledger.used) == (90, 40)
        assert ledger.quarantined == {"not a JSON object": 4}
        assert ledger.excluded == {
            "other event": 3, "sent again": 1, "refund event (read as a refund)": 2, "touch (read as a touchpoint)": 40,
        }  # fmt: skip
        assert result.quarantine["row"].tolist() == [85, 86, 87, 88]

    @pytest.mark.parametrize("large", [False, True])
    def test_daily_shards_gzip_and_documents(
        self, large: bool, tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A refund in an earlier shard than its order finds it; BigQuery names its lines ``.json``."""
        if large:
            monkeypatch.setattr(event_sources, "LARGE", 1)
        good = [one for one in self.EVENTS if isinstance(one, dict)]
        whole = read(write, good)
        days = tmp_path / "days"
        days.mkdir()
        (days / "events_1.json.gz").write_bytes(gzip.compress(_lines(good[80:]).encode()))
        (days / "events_2.json").write_text(_lines(good[:50]))
        (days / "events_3.json").write_text(json.dumps(good[50:80], indent=1))
        result = read_file(days)
        for name in ("orders", "order_lines", "refunds", "touchpoints"):
            pd.testing.assert_frame_equal(result.tables.get(name), whole.tables.get(name))
        assert list(result.ledgers["orders"]) == ["events_1.json.gz", "events_2.json", "events_3.json"]
        assert result.ledger_of("orders").rows_in == len(good)

    def test_nested_parquet_is_the_same(self, tmp_path: Path, write: Write) -> None:
        """BigQuery's other export of the same schema, whose fields are typed, and null where nothing was sent."""
        good = [one for one in self.EVENTS if isinstance(one, dict)]
        result = read_file(_as_parquet(good, tmp_path / "events.parquet"))
        whole = read(write, good)
        for name in ("orders", "order_lines", "refunds", "touchpoints"):
            pd.testing.assert_frame_equal(result.tables.get(name), whole.tables.get(name))
        assert result.ledger == whole.ledger

    @pytest.mark.parametrize("name", ["events.jsonl", "events.parquet"])
    def test_init_finds_a_stream_larger_than_what_it_looks_at(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(text_files, "WHOLE", 4_000)
        monkeypatch.setattr(text_files, "_PIECES", (2_000, 1_000, 1_000))
        good = [one for one in self.EVENTS if isinstance(one, dict)]
        path = tmp_path / name
        if name.endswith("jsonl"):
            path.write_text(_lines(good))
        else:
            _as_parquet(good, path)
        init(InitRequest(files=(str(path),), out=tmp_path / "s.yaml", currency="EUR"), Workspace(tmp_path, tmp_path))
        shop = load_config(tmp_path / "s.yaml", ShopConfig)
        assert shop.adapter == "ga4"
        assert len(read_shop(shop).tables.orders) == 40

    def test_init_reads_the_currency_where_google_writes_it(self, tmp_path: Path, write: Write) -> None:
        path = write(_lines([*(event("page_view", n) for n in range(200)), purchase("T1", 0)]), "events.jsonl")
        init(InitRequest(files=(str(path),), out=tmp_path / "s.yaml"), Workspace(tmp_path, tmp_path))
        assert load_config(tmp_path / "s.yaml", ShopConfig).currency == "EUR"

    def test_a_file_without_any_event_is_refused(self, write: Write) -> None:
        with pytest.raises(DataError, match="no event has this field"):
            read(write, [{"name": "purchase", "when": 1}])


def _lines(events: Sequence[object]) -> str:
    return "".join(json.dumps(one) + "\n" for one in events)


def _as_parquet(events: Sequence[Event], path: Path) -> Path:
    schema = pa.schema(
        [
            ("event_name", pa.string()), ("event_timestamp", pa.int64()), ("user_pseudo_id", pa.string()),
            ("event_params", pa.list_(pa.struct([("key", pa.string()),
                                                 ("value", pa.struct([("string_value", pa.string())]))]))),
            ("traffic_source", pa.struct([("source", pa.string())])),
            ("ecommerce", pa.struct([("transaction_id", pa.string()), ("purchase_revenue", pa.float64()),
                                     ("refund_value", pa.float64())])),
            ("items", pa.list_(pa.struct([("item_id", pa.string()), ("price", pa.float64()),
                                          ("quantity", pa.int64())]))),
        ]
    )  # fmt: skip
    typed = [
        {
            **one,
            "event_timestamp": int(one["event_timestamp"]),
            "items": [{**item, "quantity": int(item["quantity"])} for item in one["items"]],
        }
        for one in events
    ]
    pq.write_table(pa.Table.from_pylist(typed, schema), path)
    return path


def _same(result: ReadResult, other: ReadResult) -> None:
    assert set(result.tables) == set(other.tables)
    for name in other.tables:
        pd.testing.assert_frame_equal(result.tables.get(name), other.tables.get(name))
    assert result.ledgers == other.ledgers
    assert result.notes == other.notes
    pd.testing.assert_frame_equal(result.quarantine, other.quarantine)


orders_of_a_stream = st.lists(
    st.tuples(
        st.integers(1, 500),  # value
        st.integers(0, 2),  # reloads
        st.lists(st.one_of(st.none(), st.integers(1, 300)), max_size=3),  # refunds, None = of the whole order
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(orders_of_a_stream, st.randoms(use_true_random=False))
def test_what_is_left_of_each_order_is_what_was_paid_less_what_went_back(
    sold: list[tuple[int, int, list[int | None]]], shuffled: random.Random
) -> None:
    """Counted order by order in plain arithmetic, whatever the order of the lines."""
    events, left = [], {}
    for number, (value, reloads, back) in enumerate(sold):
        events += [purchase(f"T{number}", number + 50 * n, float(value), f"u{number}") for n in range(reloads + 1)]
        left[f"T{number}"] = value
        for place, amount in enumerate(back):
            events.append(refund(f"T{number}", 5_000 + place, amount))
            left[f"T{number}"] -= left[f"T{number}"] if amount is None else min(amount, left[f"T{number}"])
    shuffled.shuffle(events)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        path.write_text(_lines(events))
        tables = read_file(path).tables
    went_back = tables.refunds.groupby("order_id")["amount"].sum()
    orders = tables.orders.set_index("order_id")["net"]
    assert (orders - went_back.reindex(orders.index).fillna(0)).to_dict() == pytest.approx(left)
