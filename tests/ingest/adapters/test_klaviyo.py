"""Klaviyo's profiles and events: the export of a list, and answers of the API, with invented people.

Objects have the shape of https://developers.klaviyo.com/en/reference/get_events and get_profiles; the properties of
orders are those of
https://developers.klaviyo.com/en/docs/guide_to_integrating_a_platform_without_a_pre_built_klaviyo_integration.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import ReadResult, read_shop
from cvo_ml.workflows.init import InitRequest, init
from tests.ingest.adapters.conformance import Conformance, Example, Held

_PROFILES: Final = ("Email", "Klaviyo ID", "First Name", "Country", "State / Region", "City", "Source",
                    "Email Marketing Consent", "Email Suppressions", "Profile Created On", "First Active",
                    "Predicted Customer Lifetime Value", "Historic Number Of Orders")  # fmt: skip
PROFILES: Final[list[dict[str, str]]] = [
    dict(zip(_PROFILES, row, strict=True))
    for row in (
        ("ann@example.org", "01A", "Ann", "Germany", "BE", "Berlin", "Form", "SUBSCRIBED", "", "2024-01-02 10:00:00",
         "2024-01-02 10:00:00", "120.50", "3"),
        ("ben@example.org", "01B", "Ben", "Austria", "", "Wien", "Checkout", "NEVER_SUBSCRIBED", "",
         "2024-01-03 10:00:00", "2024-01-03 10:00:00", "80.00", "1"),
        ("cem@example.org", "01C", "Cem", "Germany", "", "Bonn", "Form", "Unsubscribed", "", "2024-01-04 10:00:00",
         "2024-01-04 10:00:00", "", "0"),
        ("dee@example.org", "01D", "Dee", "Germany", "", "Bonn", "Form", "SUBSCRIBED", "['HARD_BOUNCE']",
         "2024-01-05 10:00:00", "2024-01-05 10:00:00", "", "0"),
        ("", "01E", "Eve", "Germany", "", "Bonn", "SMS", "", "", "2024-01-06 10:00:00", "2024-01-06 10:00:00", "",
         "0"),
    )
]  # fmt: skip


class TestProfiles(Conformance):
    """Klaviyo's statuses: subscribed is yes; never subscribed, unsubscribed and suppressed are no
    (developers.klaviyo.com/en/docs/collect_email_and_sms_consent_via_api)."""

    example = Example(
        adapter="klaviyo_profiles",
        rows=PROFILES,
        tables={"customers": Held(4, {"marketing_consent": 1})},
        needed="Email",
        beside=("ann@example.org", "ben@example.org"),
    )


def profile(number: str, email: str, consent: str | None, suppressed: bool = False) -> dict[str, Any]:
    """A profile as Get Profiles gives it."""
    told = {
        "can_receive_email_marketing": consent != "UNSUBSCRIBED" and not suppressed,
        "consent": consent,
        "suppression": [{"reason": "HARD_BOUNCE", "timestamp": "2024-02-21T20:07:38+00:00"}] if suppressed else [],
        "list_suppressions": [],
    }
    location = {"country": "Germany", "region": None, "city": "Bonn"}
    attributes = {
        "email": email,
        "external_id": f"K-{number}",
        "created": "2024-01-08T00:00:00+00:00",
        "location": location,
        "properties": {},
        "predictive_analytics": {"churn_probability": 0.9},
    }
    asked = {"subscriptions": {"email": {"marketing": told}}} if consent else {}
    return {"type": "profile", "id": number, "attributes": {**attributes, **asked}}


class TestProfilesOfTheApi(Conformance):
    example = Example(
        adapter="klaviyo_profiles_api",
        rows=[
            profile("01A", "ann@example.org", "SUBSCRIBED"),
            profile("01B", "ben@example.org", "NEVER_SUBSCRIBED"),
            profile("01C", "cem@example.org", "UNSUBSCRIBED"),
            profile("01D", "dee@example.org", "SUBSCRIBED", suppressed=True),
        ],
        tables={"customers": Held(4, {"marketing_consent": 1})},
        needed="attributes.created",
        beside=("ann@example.org", "ben@example.org"),
    )


def event(number: int, metric: str, who: str, at: str, **properties: Any) -> dict[str, Any]:
    """An event as Get Events gives it, its metric and profile put in place of their ids."""
    person = {"email": f"{who}@example.org", "external_id": f"K-{who}"}
    return {
        "type": "event",
        "id": f"E{number}",
        "attributes": {"timestamp": 1, "datetime": at, "uuid": f"u{number}", "event_properties": properties},
        "relationships": {
            "profile": {"data": {"type": "profile", "id": who, "attributes": person}},
            "metric": {"data": {"type": "metric", "id": f"M-{metric}", "attributes": {"name": metric}}},
        },
    }


def _order(value: float, **more: Any) -> dict[str, Any]:
    return {"$value": value, "$value_currency": "EUR", **more}


_ITEMS: Final = [
    {"ProductID": "P1", "SKU": "S1", "ProductName": "Tea", "Quantity": 2, "ItemPrice": 9.99, "Categories": ["Tea"]},
    {"ProductID": "P2", "ProductName": "Mug", "Quantity": 1, "ItemPrice": 10.02, "Brand": "Clay"},
]
EVENTS: Final = [
    event(1, "Placed Order", "ann", "2024-01-05 10:00:00+00:00",
          **_order(30.0, OrderId="1001", **{"$event_id": "u-1"}, Items=_ITEMS)),
    event(2, "Ordered Product", "ann", "2024-01-05 10:00:00+00:00", OrderId="1001", ProductID="P1", Quantity=2),
    event(3, "Placed Order", "ben", "2024-01-06 10:00:00+00:00", **_order(20.0, **{"$event_id": "1002"})),
    event(4, "Ordered Product", "ben", "2024-01-06 10:00:00+00:00", OrderId="1002", SKU="S9", Quantity=4,
          **{"$value": 5.0}),
    event(5, "Refunded Order", "ann", "2024-01-09 10:00:00+00:00", **{"$event_id": "u-1", "$value": 12.0}),
    event(6, "Cancelled Order", "ann", "2024-01-10 10:00:00+00:00", **{"$event_id": "u-1", "$value": 30.0}),
    event(7, "Refunded Order", "ben", "2024-01-11 10:00:00+00:00", **{"$event_id": "1002", "$value": 23.8}),
    event(8, "Received Email", "ann", "2024-01-04 08:00:00+00:00", **{"Campaign Name": "January"}),
    event(9, "Opened Email", "ann", "2024-01-04 09:00:00+00:00",
          **{"Campaign Name": "January", "Apple Privacy Open": False}),
    event(10, "Opened Email", "ben", "2024-01-04 09:00:01+00:00",
          **{"Campaign Name": "January", "Apple Privacy Open": True}),
    event(11, "Clicked Email", "ann", "2024-01-04 09:05:00+00:00", **{"Campaign Name": "January"}),
    event(12, "Clicked SMS", "ben", "2024-01-05 09:05:00+00:00", **{"Message Name": "Sale"}),
    event(13, "Viewed Product", "ann", "2024-01-05 09:50:00+00:00", **{"$value": 9.99}),
    event(14, "Placed Order", "cem", "2024-01-12 10:00:00+00:00", **_order(7.5, OrderId="1003")),
]  # fmt: skip


class TestEvents(Conformance):
    """Ann's order of 30 goes back in two parts, Ben's of 20 whole though 23.80 were paid back with the tax."""

    example = Example(
        adapter="klaviyo_events",
        rows=EVENTS,
        tables={
            "orders": Held(3, {"net": 57.5}),
            "order_lines": Held(3, {"quantity": 7}),
            "refunds": Held(3, {"amount": 12 + 18 + 20}),
            "touchpoints": Held(3),
            "events": Held(1, {"value": 9.99}),
        },
        needed="attributes.event_properties",
        money_in="attributes.event_properties.$value_currency",
    )


class TestEventsBesideOrders(Conformance):
    """A shop with orders of its own: Klaviyo's orders are theirs a second time."""

    example = Example(
        adapter="klaviyo_events",
        rows=EVENTS,
        tables={"events": Held(1, {"value": 9.99}), "touchpoints": Held(3)},
        needed="relationships.profile.data.id",
        beside=("ann", "ben"),
    )


def read(rows: Sequence[Mapping[str, Any]], folder: Path, **more: Any) -> ReadResult:
    example = replace(TestEvents.example, rows=rows, settings=more)
    return read_shop(example.shop(example.write(folder)), max_bad_share=1.0)


class TestWhatAnEventIs:
    def test_every_event_is_named_by_what_it_is(self, tmp_path: Path) -> None:
        assert dict(read(EVENTS, tmp_path).ledger_of("orders").excluded) == {
            "open or click (read as a touchpoint)": 3,
            "opened or clicked by a machine": 1,
            "other event (read as an event)": 1,
            "product of an order (read as an order line)": 2,
            "refund or cancellation (read as a refund)": 3,
            "sent or shipped by the shop": 1,
        }

    @pytest.mark.parametrize("last", [True, False])
    def test_pages_whose_list_goes_on_are_said(self, last: bool, tmp_path: Path) -> None:
        """``links.next`` is null on the last page: https://developers.klaviyo.com/en/reference/api_overview."""
        for page, rows in enumerate((EVENTS[:8], EVENTS[8:]), 1):
            onward = None if last and page == 2 else f"https://example.org/api/events?page={page + 1}"
            (tmp_path / f"{page}.json").write_text(json.dumps({"data": rows, "links": {"next": onward}}))
        shop = {"name": "s", "currency": "EUR", "adapter": "klaviyo_events", "source": {"path": str(tmp_path)}}
        result = read_shop(ShopConfig.model_validate(shop))
        assert result.tables.orders["net"].sum() == 57.5
        assert [note for note in result.notes if "a list that goes on" in note] == (
            [] if last
            else ["2.json: is a page of a list that goes on, and its next pages are not here: ask for these too"]
        )  # fmt: skip

    def test_what_goes_back_is_named_by_the_event_id_of_the_order(self, tmp_path: Path) -> None:
        """As Klaviyo asks of integrations: community.klaviyo.com/custom-integrations-29/…-529."""
        result = read(EVENTS, tmp_path)
        back = result.tables.get("refunds")[["order_id", "amount", "reason"]].values.tolist()
        assert back == [
            ["1001", 12.0, "Refunded Order"],
            ["1001", 18.0, "Cancelled Order"],
            ["1002", 20.0, "Refunded Order"],
        ]
        assert any("1 were above what was left of their order" in note for note in result.notes)

    def test_lines_are_the_items_of_an_order_else_its_products(self, tmp_path: Path) -> None:
        lines = read(EVENTS, tmp_path).tables.get("order_lines").sort_values("product_id")
        assert lines[["order_id", "product_id", "quantity", "unit_price"]].values.tolist() == [
            ["1001", "P1", 2.0, 9.99], ["1001", "P2", 1.0, 10.02], ["1002", "S9", 4.0, 5.0],
        ]  # fmt: skip

    def test_touches_are_opens_and_clicks_of_people(self, tmp_path: Path) -> None:
        touches = read(EVENTS, tmp_path).tables.get("touchpoints")
        assert touches[["customer_id", "channel", "kind"]].values.tolist() == [
            ["ann", "email", "open"], ["ann", "email", "click"], ["ben", "sms", "click"],
        ]  # fmt: skip
        assert touches["campaign"].tolist()[:2] == ["January", "January"]

    def test_a_value_without_a_currency_is_in_the_shops(self, tmp_path: Path) -> None:
        older = event(15, "Placed Order", "dee", "2022-01-12 10:00:00+00:00", OrderId="900", **{"$value": 4})
        assert len(read([*EVENTS, older], tmp_path).tables.orders) == 4

    def test_a_column_may_be_mapped_into_what_is_else_not_held(self, tmp_path: Path) -> None:
        """``$extra`` of a shop's integration holds its whole order, the subtotal before tax among it."""
        extra = {"$extra": {"subtotal_price": "25.21", "line_items": [{"sku": "S1"}] * 3}}
        rows = [
            event(1, "Placed Order", "ann", "2024-01-05 10:00:00+00:00", **_order(30.0, OrderId="1"), **extra),
            event(2, "Refunded Order", "ann", "2024-01-07 10:00:00+00:00", OrderId="1", **{"$value": 15.0}),
        ]
        assert read(rows, tmp_path).tables.orders["net"].tolist() == [30.0]
        columns = {"net": "attributes.event_properties.$extra.subtotal_price"}
        tables = read(rows, tmp_path, columns=columns).tables
        assert tables.orders["net"].tolist() == [25.21]
        assert tables.get("refunds")["amount"].tolist() == [12.605]  # half of what was paid is half of the net

    def test_a_page_of_the_api_says_under_included_which_metric_an_event_is(self, tmp_path: Path) -> None:
        rows, included = [], {}
        for one in EVENTS:
            relations = {}
            for name, relation in one["relationships"].items():
                data = relation["data"]
                included[data["type"], data["id"]] = data
                relations[name] = {"data": {"type": data["type"], "id": data["id"]}, "links": {"self": "…"}}
            rows.append({**one, "relationships": relations})
        page = {"data": rows, "links": {"next": None}, "included": list(included.values())}
        path = tmp_path / "page.json"
        path.write_text(json.dumps(page))
        assert read_shop(TestEvents.example.shop(path)).tables.orders["net"].sum() == pytest.approx(57.5)
        path.write_text(json.dumps({"data": rows}))
        with pytest.raises(DataError, match="include=metric,profile"):
            read_shop(TestEvents.example.shop(path))


_ORDERS: Final = st.lists(st.tuples(st.integers(0, 9000), st.sampled_from("abc")), min_size=1, max_size=6)
_BACK: Final = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["Refunded Order", "Cancelled Order"]), st.integers(1, 9000)),
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(orders=_ORDERS, back=_BACK, rng=st.randoms(use_true_random=False))
def test_what_is_left_of_each_order_is_what_an_account_of_cents_says(
    orders: list[tuple[int, str]], back: list[tuple[int, str, int]], rng: random.Random, tmp_path: Path
) -> None:
    """Of each order at most its value goes back, all of it where it was cancelled, whatever the order of the rows."""
    rows = [
        event(number, "Placed Order", who, f"2024-01-0{number + 1}T10:00:00+00:00",
              **_order(cents / 100, OrderId=f"O{number}", **{"$event_id": f"u{number}"}))
        for number, (cents, who) in enumerate(orders)
    ]  # fmt: skip
    left = [cents for cents, _ in orders]
    for day, (number, metric, cents) in enumerate(back):
        of = number % len(orders)
        left[of] = 0 if metric == "Cancelled Order" else max(left[of] - cents, 0)
        rows.append(event(100 + day, metric, orders[of][1], f"2024-02-0{day + 1}T10:00:00+00:00",
                          **{"$event_id": f"u{of}", "$value": cents / 100}))  # fmt: skip
    rng.shuffle(rows)
    tables = read(rows, tmp_path).tables
    gone = tables.get("refunds").groupby("order_id")["amount"].sum()
    worth = tables.orders.set_index("order_id")["net"]
    remains = (worth - gone.reindex(worth.index).fillna(0)).to_dict()
    assert remains == pytest.approx({f"O{number}": cents / 100 for number, cents in enumerate(left)}, abs=1e-6)


class TestWhoConsents:
    @pytest.mark.parametrize("spelled", ["subscribed", "Subscribed", "SUBSCRIBED"])
    def test_statuses_are_known_in_any_case(self, spelled: str, tmp_path: Path) -> None:
        rows = [{**row, "Email Marketing Consent": spelled, "Email Suppressions": ""} for row in PROFILES]
        example = replace(TestProfiles.example, rows=rows)
        assert read_shop(example.shop(example.write(tmp_path))).tables.get("customers")["marketing_consent"].all()

    def test_a_status_that_nobody_knows_is_a_fault_and_no_consent(self, tmp_path: Path) -> None:
        rows = [{**PROFILES[0], "Email Marketing Consent": "maybe"}, *PROFILES[1:]]
        example = replace(TestProfiles.example, rows=rows)
        result = read_shop(example.shop(example.write(tmp_path)), max_bad_share=1)
        assert result.ledger_of("customers").quarantined == {"Email Marketing Consent: not a yes or no": 1}

    def test_consent_that_was_not_asked_for_is_not_said(self, tmp_path: Path) -> None:
        example = replace(TestProfilesOfTheApi.example, rows=[profile("01A", "ann@example.org", None)])
        result = read_shop(example.shop(example.write(tmp_path)))
        assert "marketing_consent" not in result.tables.get("customers")
        assert any("additional-fields[profile]=subscriptions" in note for note in result.notes)

    def test_klaviyos_own_predictions_are_no_columns(self, tmp_path: Path) -> None:
        customers = TestProfiles().read(tmp_path, TestProfiles.example).tables.get("customers")
        assert set(customers) == {"customer_id", "created_at", "country", "region", "city", "marketing_consent"}


class TestInit:
    """``cvo init orders.csv klaviyo_profiles.csv`` finds the id that joins."""

    def shop(self, folder: Path, example: Example) -> ShopConfig:
        path = example.write(folder)
        out = folder / "shop.yaml"
        files = (str(path.with_name("orders.csv")), str(path))
        init(InitRequest(files=files, out=out, currency="EUR"), Workspace(folder, folder))
        return load_config(out, ShopConfig)

    def test_a_profile_without_an_address_is_a_customer_where_numbers_are_the_ids(self, tmp_path: Path) -> None:
        shop = self.shop(tmp_path, replace(TestProfiles.example, beside=("01A", "01E")))
        customers = read_shop(shop).tables.get("customers")
        assert customers["customer_id"].tolist() == ["01A", "01B", "01C", "01D", "01E"]

    @pytest.mark.parametrize(
        ("ids", "mapped"),
        [(("ann@example.org", "K-7"), {}), (("01A", "01C"), {"customer_id": "Klaviyo ID"})],
    )
    def test_the_id_that_the_orders_use_is_counted(
        self, ids: Sequence[str], mapped: dict[str, str], tmp_path: Path
    ) -> None:
        assert self.shop(tmp_path, replace(TestProfiles.example, beside=ids)).tables["customers"].columns == mapped

    def test_addresses_join_in_any_case(self, tmp_path: Path) -> None:
        """Klaviyo writes addresses in small letters, whatever the shop writes."""
        shop = self.shop(tmp_path, replace(TestProfiles.example, beside=("Ann@Example.org", "ben@example.org")))
        assert shop.ids.fold_case
        tables = read_shop(shop).tables
        assert set(tables.orders["customer_id"]) <= set(tables.get("customers")["customer_id"])

    def test_events_join_by_the_address_of_their_profile(self, tmp_path: Path) -> None:
        shop = self.shop(tmp_path, replace(TestEventsBesideOrders.example, beside=("ann@example.org", "K-7")))
        email = {"customer_id": "relationships.profile.data.attributes.email"}
        assert {name: table.columns for name, table in shop.tables.items()} == {"touchpoints": email, "events": email}
        touches: pd.DataFrame = read_shop(shop).tables.get("touchpoints")
        assert set(touches["customer_id"]) == {"ann@example.org", "ben@example.org"}

    def test_profiles_that_join_nothing_are_left_unread_with_the_reason(self, tmp_path: Path) -> None:
        assert not self.shop(tmp_path, replace(TestProfiles.example, beside=("7", "8"))).tables
        text = " ".join((tmp_path / "shop.yaml").read_text().replace("#", " ").split())
        assert "none of its 'Email' or 'Klaviyo ID' is among those of the orders" in text
