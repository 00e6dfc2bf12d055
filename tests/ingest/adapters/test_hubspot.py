"""HubSpot's deals and contacts: exports of views and objects of the API, with invented people.

Headers are the labels of https://knowledge.hubspot.com/crm-deals/hubspots-default-deal-properties and
https://knowledge.hubspot.com/properties/hubspots-default-contact-properties; objects have the shape of
https://developers.hubspot.com/docs/api-reference/latest/crm/objects/deals/guide.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import ReadResult, read_shop
from cvo_ml.workflows.init import InitRequest, init
from tests.ingest.adapters.conformance import Conformance, Example, Held
from tests.ingest.sheets import xlsx

Rows = list[dict[str, Any]]
_DEALS: Final = ("Record ID", "Deal Name", "Deal Stage", "Pipeline", "Amount", "Currency", "Close Date", "Create Date",
                 "Associated Contact IDs", "Associated Company IDs")  # fmt: skip
DEALS: Final[Rows] = [
    dict(zip(_DEALS, row, strict=True))
    for row in (
        ("9001", "Licences", "Closed Won", "Sales", "1200.50", "EUR", "2024-01-15 10:30", "2023-12-01 09:00",
         "501;502", "801"),
        ("9002", "More", "Closed Won", "Sales", "300", "EUR", "2024-03-15 10:30", "2024-02-01 09:00", "501", "801;802"),
        ("9003", "Trial", "Contract Sent", "Sales", "500", "EUR", "2030-03-31 12:00", "2024-02-05 09:00", "503", "802"),
        ("9004", "Lost", "Closed Lost", "Sales", "700", "EUR", "2024-02-20 08:00", "2024-01-05 09:00", "503", "802"),
        ("9006", "A person", "Closed Won", "Sales", "50", "EUR", "2024-04-20 08:00", "2024-04-05 09:00", "504", ""),
        ("9007", "New", "Appointment Scheduled", "Sales", "", "EUR", "", "2024-04-05 09:00", "", "804"),
        ("9005", "Imported", "Closed Won", "Sales", "99.99", "EUR", "2020-02-20 08:00", "2024-01-05 09:00",
         "502", "803"),
    )
]  # fmt: skip
_WON_BY_COMPANY: Final = 1200.50 + 300 + 99.99
_NAMES: Final = {"Deal Stage": "dealstage", "Amount": "amount", "Close Date": "closedate", "Create Date": "createdate",
                 "Currency": "deal_currency_code", "Pipeline": "pipeline", "Deal Name": "dealname"}  # fmt: skip
_STAGES: Final = {"Closed Won": "closedwon", "Closed Lost": "closedlost", "Contract Sent": "contractsent",
                  "Appointment Scheduled": "appointmentscheduled"}  # fmt: skip


def as_object(deal: Mapping[str, str]) -> dict[str, Any]:
    """A deal as the API gives it: internal names, times in UTC, associations as lists."""
    own = {name: deal[label] or None for label, name in _NAMES.items()}
    own |= {name: f"{own[name].replace(' ', 'T')}:00.000Z" for name in ("closedate", "createdate") if own[name]}
    listed = {
        kind: {"results": [{"id": one, "type": f"deal_to_{kind}"} for one in deal[label].split(";") for _ in (1, 2)]}
        for kind, label in (("contacts", "Associated Contact IDs"), ("companies", "Associated Company IDs"))
        if deal[label]
    }
    properties = {**own, "dealstage": _STAGES[deal["Deal Stage"]], "hs_object_id": deal["Record ID"]}
    return {
        "id": deal["Record ID"], "properties": properties, "createdAt": "2024-01-01T00:00:00Z", "archived": False,
        "associations": listed,
    }  # fmt: skip


class TestDeals(Conformance):
    example = Example(
        adapter="hubspot_deals",
        rows=DEALS,
        tables={"orders": Held(3, {"net": _WON_BY_COMPANY}), "deals": Held(6, {"amount": 2850.49})},
        needed="Amount",
        money_in="Currency",
    )


class TestDealsBesideOrders(Conformance):
    """A shop with orders of its own, and HubSpot for what sales does."""

    example = Example(
        adapter="hubspot_deals",
        rows=DEALS,
        tables={"deals": Held(6, {"amount": 2850.49})},
        needed="Deal Stage",
        beside=("801", "803"),
    )


class TestDealsOfTheApi(Conformance):
    example = Example(
        adapter="hubspot_deals_api",
        rows=[as_object(deal) for deal in DEALS],
        tables={"orders": Held(3, {"net": _WON_BY_COMPANY}), "deals": Held(6, {"amount": 2850.49})},
        needed="properties.amount",
        money_in="properties.deal_currency_code",
    )


_CONTACTS: Final = ("Record ID", "First Name", "Last Name", "Email", "Create Date", "Lifecycle Stage", "Country/Region",
                    "City", "Marketing contact status", "Unsubscribed from all email", "Original Traffic Source",
                    "Original Traffic Source Drill-Down 1", "Original Traffic Source Drill-Down 2", "Time First Seen",
                    "Latest Traffic Source", "Latest Traffic Source Date", "Latest Traffic Source Drill-Down 1",
                    "First Conversion", "First Conversion Date", "Associated Company IDs")  # fmt: skip
CONTACTS: Final[Rows] = [
    dict(zip(_CONTACTS, row, strict=True))
    for row in (
        ("501", "Ann", "A", "ann@example.org", "2023-11-01 09:00", "Customer", "Germany", "Berlin", "Marketing contact",
         "", "Paid Search", "spring_sale", "crm", "2023-10-30 18:00", "Email Marketing", "2024-02-11 09:12", "march",
         "Demo", "2023-11-01 08:59", "801"),
        ("502", "Ben", "B", "ben@example.org", "2023-11-02 09:00", "Lead", "Austria", "Wien", "Marketing contact",
         "true", "Offline Sources", "IMPORT", "list.csv", "2023-11-02 09:00", "", "", "", "", "", "801"),
        ("503", "Cem", "C", "cem@example.org", "2024-01-02 09:00", "Lead", "Germany", "Bonn", "Non-marketing contact",
         "", "Paid Social", "LinkedIn", "launch", "2024-01-01 09:00", "Paid Social", "2024-01-01 09:00", "LinkedIn",
         "", "", "802"),
        ("504", "Dee", "D", "dee@example.org", "2024-04-02 09:00", "Lead", "Germany", "Bonn", "", "",
         "Direct Traffic", "example.org/", "", "2024-04-01 09:00", "", "", "", "", "", ""),
    )
]  # fmt: skip


class TestContacts(Conformance):
    example = Example(
        adapter="hubspot_contacts",
        rows=CONTACTS,
        tables={"customers": Held(4, {"marketing_consent": 1})},
        needed="Create Date",
        beside=("501", "503"),
    )


class TestTouches(Conformance):
    """Five: Ann's first visit, her form and her latest visit, Cem's one visit, Dee's one; no import is a touch."""

    example = Example(
        adapter="hubspot_contacts",
        rows=CONTACTS,
        tables={"touchpoints": Held(5)},
        needed="Record ID",
        beside=("501", "503"),
    )

    def test_every_row_is_accounted_for(self, tmp_path: Path) -> None:
        ledger = self.read(tmp_path).ledger_of("touchpoints")
        assert (ledger.rows_in, ledger.used) == (5, 5)  # a contact has none, one, or several touches


class TestContactsOfTheApi(Conformance):
    example = Example(
        adapter="hubspot_contacts_api",
        rows=[
            {"id": row["Record ID"], "createdAt": "2024-01-01T00:00:00Z", "archived": False,
             "properties": {"email": row["Email"], "createdate": "1709208000000", "country": row["Country/Region"],
                            "hs_marketable_status": "true" if row["Record ID"] == "501" else "false",
                            "hs_analytics_source": row["Original Traffic Source"].upper().replace(" ", "_"),
                            "hs_analytics_first_timestamp": "2024-02-29T12:00:00Z"}}
            for row in CONTACTS
        ],
        tables={"customers": Held(4, {"marketing_consent": 1})},
        needed="properties.createdate",
        beside=("501", "503"),
    )  # fmt: skip


COMPANIES: Final[Rows] = [
    {"Record ID": number, "Company name": name, "Company owner": "Sam", "Create Date": "2023-01-05 08:00",
     "Country/Region": country, "Industry": "COMPUTER_SOFTWARE", "Number of Employees": "50", "Parent Company": parent,
     "Original Traffic Source": "Paid Search", "Original Traffic Source Drill-Down 1": "spring_sale",
     "Total Revenue": "1500.50"}
    for number, name, country, parent in (
        ("801", "Acme", "Germany", ""), ("802", "Acme Labs", "Austria", "801"), ("803", "Bolt", "Germany", ""),
    )
]  # fmt: skip


class TestCompanies(Conformance):
    example = Example(
        adapter="hubspot_companies",
        rows=COMPANIES,
        tables={"customers": Held(3)},
        needed="Create Date",
        beside=("801", "803"),
    )


class TestCompaniesOfTheApi(Conformance):
    example = Example(
        adapter="hubspot_companies_api",
        rows=[
            {"id": row["Record ID"], "archived": False,
             "properties": {"name": row["Company name"], "domain": "example.org", "createdate": "2023-01-05T08:00:00Z",
                            "hs_parent_company_id": row["Parent Company"] or None}}
            for row in COMPANIES
        ],
        tables={"accounts": Held(3)},
        needed="properties.createdate",
        beside=("501", "503"),
    )  # fmt: skip


class TestEmailEvents(Conformance):
    """developers.hubspot.com/docs/api-reference/legacy/email-analytics-v1/guide: ``created`` is in milliseconds."""

    example = Example(
        adapter="hubspot_email_events",
        rows=[
            {"id": f"e{number}", "created": 1709208000000 + number, "type": kind, "recipient": "ann@example.org",
             "emailCampaignId": 77, "appId": 113, "portalId": 1, "filteredEvent": filtered}
            for number, (kind, filtered) in enumerate(
                [("SENT", False), ("DELIVERED", False), ("OPEN", False), ("CLICK", False), ("CLICK", True)]
            )
        ],
        tables={"touchpoints": Held(1)},
        needed="recipient",
        beside=("ann@example.org", "ben@example.org"),
    )  # fmt: skip

    def test_only_a_click_of_a_person_is_a_touch(self, tmp_path: Path) -> None:
        result = self.read(tmp_path)
        assert dict(result.ledger_of("touchpoints").excluded) == {
            "no click": 2,
            "opened, by a person or a program": 1,
            "filtered by HubSpot": 1,
        }
        assert result.tables.get("touchpoints")["at"].tolist() == [pd.Timestamp("2024-02-29 12:00:00.003")]


def read(rows: Sequence[Mapping[str, Any]], folder: Path, **more: Any) -> ReadResult:
    example = replace(TestDeals.example, rows=rows, settings=more)
    return read_shop(example.shop(example.write(folder)), max_bad_share=1.0)


def contacts(folder: Path, **settings: Any) -> pd.DataFrame:
    example = replace(TestContacts.example, settings=settings)
    return read_shop(example.shop(example.write(folder))).tables.get("customers").set_index("customer_id")


class TestWhatADealIs:
    def test_a_deal_that_is_won_is_an_order_of_its_first_company_at_its_close_date(self, tmp_path: Path) -> None:
        result = read(DEALS, tmp_path)
        orders = result.tables.orders.set_index("order_id")
        assert orders["customer_id"].to_dict() == {"9001": "801", "9002": "801", "9005": "803"}
        assert orders.loc["9001", "ordered_at"] == pd.Timestamp("2024-01-15 10:30")
        assert dict(result.ledger_of("orders").excluded) == {
            "guest (no customer)": 1,
            "not a sale (status)": 1,
            "pending (status)": 2,
        }
        assert any("1 won deals name a contact and no company" in note for note in result.notes)

    def test_people_are_the_customers_where_the_shop_says_so(self, tmp_path: Path) -> None:
        orders = read(DEALS, tmp_path, columns={"customer_id": "Associated Contact IDs"}).tables.orders
        assert sorted(orders["customer_id"]) == ["501", "501", "502", "504"]

    def test_people_are_the_customers_where_no_deal_names_a_company(self, tmp_path: Path) -> None:
        rows = [{key: value for key, value in row.items() if key != "Associated Company IDs"} for row in DEALS]
        assert sorted(read(rows, tmp_path).tables.orders["customer_id"]) == ["501", "501", "502", "504"]

    def test_only_closed_deals_have_an_end_and_only_won_ones_a_customer(self, tmp_path: Path) -> None:
        deals = read(DEALS, tmp_path).tables.get("deals").set_index("deal_id")
        assert deals.index[deals["closed_at"].isna()].tolist() == ["9003"]  # expected in 2030, and open
        assert deals["is_won"].astype("object").where(deals["is_won"].notna(), None).to_dict() == {
            "9001": True, "9002": True, "9003": None, "9004": False, "9005": True, "9006": True,
        }  # fmt: skip
        assert deals["customer_id"].dropna().to_dict() == {"9001": "801", "9002": "801", "9005": "803"}
        assert deals.loc["9005", "created_at"] == deals.loc["9005", "closed_at"]  # entered four years later

    def test_dates_may_be_written_as_the_source_declares(self, tmp_path: Path) -> None:
        """A spreadsheet between HubSpot and here writes days in its own way."""
        rows = [
            {**row, **{name: f"{row[name][8:10]}.{row[name][5:7]}.{row[name][:4]}" for name in
             ("Close Date", "Create Date") if row[name]}}
            for row in DEALS
        ]  # fmt: skip
        deals = read(rows, tmp_path, source={"date_format": "%d.%m.%Y"}).tables.get("deals").set_index("deal_id")
        assert deals.loc["9005", "created_at"] == pd.Timestamp("2020-02-20")
        assert len(deals) == 6

    def test_stages_with_names_of_their_own_are_told_by_what_hubspot_says_of_them(self, tmp_path: Path) -> None:
        own = {"Closed Won": "Kunde gewonnen", "Closed Lost": "Abgesagt", "Contract Sent": "Angebot",
               "Appointment Scheduled": "Angebot"}  # fmt: skip
        rows = [
            {
                **row,
                "Deal Stage": own[row["Deal Stage"]],
                "Is Closed Won": str(row["Deal Stage"] == "Closed Won").lower(),
                "Is Deal Closed?": str(row["Deal Stage"].startswith("Closed")).lower(),
            }
            for row in DEALS
        ]
        result = read(rows, tmp_path)
        assert result.tables.orders["net"].sum() == pytest.approx(_WON_BY_COMPANY)
        assert result.tables.get("deals").set_index("deal_id").loc["9006", "stage"] == "Kunde gewonnen"
        assert result.ledger_of("orders").excluded["pending (status)"] == 2

    def test_stages_that_nobody_knows_are_refused_with_all_of_them_named(self, tmp_path: Path) -> None:
        rows = [{**row, "Deal Stage": f"{row['Deal Stage']} (B2B)"} for row in DEALS]
        with pytest.raises(DataError, match=r"'Closed Won \(B2B\)' \(4\)|Closed Won \(B2B\) \(4\)") as caught:
            read(rows, tmp_path)
        assert "export 'Is Closed Won' too" in str(caught.value)
        known = {f"{stage} (B2B)": "sale" if stage == "Closed Won" else "pending" for stage in _STAGES}
        assert len(read(rows, tmp_path, statuses=known).tables.orders) == 3

    @pytest.mark.parametrize("renamed", [
        {"Record ID": "Deal ID", "Associated Company IDs": "Associated Company IDs (Primary)"},
        {**_NAMES, "Record ID": "hs_object_id"},
    ])  # fmt: skip
    def test_headers_of_other_versions_and_internal_names_are_read(
        self, renamed: dict[str, str], tmp_path: Path
    ) -> None:
        rows = [{renamed.get(key, key): value for key, value in row.items()} for row in DEALS]
        assert read(rows, tmp_path).tables.orders["net"].sum() == pytest.approx(_WON_BY_COMPANY)

    def test_pages_of_the_api_are_read_as_they_come(self, tmp_path: Path) -> None:
        page = {"results": TestDealsOfTheApi.example.rows, "paging": {"next": {"after": "9007", "link": "?after=9007"}}}
        (tmp_path / "page.json").write_text(json.dumps(page))
        shop = TestDealsOfTheApi.example.shop(tmp_path / "page.json")
        assert read_shop(shop).tables.orders["net"].sum() == pytest.approx(_WON_BY_COMPANY)


class TestWhoAContactIs:
    def test_consent_is_a_marketing_contact_who_did_not_unsubscribe(self, tmp_path: Path) -> None:
        consent = contacts(tmp_path)["marketing_consent"]
        assert consent.to_dict() == {"501": True, "502": False, "503": False, "504": False}

    def test_nobody_consents_by_not_unsubscribing(self, tmp_path: Path) -> None:
        rows = [{key: text for key, text in row.items() if key != "Marketing contact status"} for row in CONTACTS]
        example = replace(TestContacts.example, rows=rows)
        customers = read_shop(example.shop(example.write(tmp_path))).tables.get("customers")
        assert not customers["marketing_consent"].any()

    def test_what_is_written_after_the_sale_is_no_field(self, tmp_path: Path) -> None:
        assert not any("Customer" in set(values) for _, values in contacts(tmp_path).astype("str").items())

    def test_campaigns_stand_where_the_documentation_says(self, tmp_path: Path) -> None:
        """https://knowledge.hubspot.com/properties/understand-source-properties: of paid search the first drill-down
        is the campaign, of paid social the second."""
        found = contacts(tmp_path)[["acquisition_channel", "acquisition_campaign"]]
        assert found.loc["501"].tolist() == ["paid search", "spring_sale"]
        assert found.loc["503"].tolist() == ["paid social", "launch"]

    def test_touches_stand_at_their_own_times(self, tmp_path: Path) -> None:
        example = TestTouches.example
        touches = read_shop(example.shop(example.write(tmp_path))).tables.get("touchpoints")
        ann = touches[touches["lead_id"] == "501"]
        assert ann[["at", "channel", "campaign", "kind"]].fillna("").values.tolist() == [
            [pd.Timestamp("2023-10-30 18:00"), "paid search", "spring_sale", "first visit"],
            [pd.Timestamp("2023-11-01 08:59"), "website", "", "form"],
            [pd.Timestamp("2024-02-11 09:12"), "email marketing", "march", "visit"],
        ]


class TestInit:
    """``cvo init deals.csv contacts.csv`` finds both, and the ids that join."""

    def shop(self, folder: Path, *examples: Example) -> ShopConfig:
        folder.mkdir(exist_ok=True)
        paths = []
        for number, example in enumerate(examples):
            path = example.write(folder / str(number))
            paths += [path.with_name("orders.csv")] if example.beside is not None and not number else []
            paths.append(path)
        out = folder / "shop.yaml"
        init(InitRequest(files=tuple(map(str, paths)), out=out, currency="EUR"), Workspace(folder, folder))
        return load_config(out, ShopConfig)

    def test_contacts_of_companies_are_leads_not_customers(self, tmp_path: Path) -> None:
        shop = self.shop(tmp_path, TestDeals.example, replace(TestContacts.example, beside=None))
        assert set(shop.tables) == {"leads", "touchpoints"}
        text = (tmp_path / "shop.yaml").read_text()
        assert "none of its 'Record ID' or 'Email' is among" in " ".join(text.replace("#", " ").split())
        result = read_shop(shop)
        assert len(result.tables.get("leads")) == 4
        assert set(result.tables.get("deals")["lead_id"]) <= set(result.tables.get("leads")["lead_id"])

    def test_contacts_of_a_shop_join_by_the_address_that_its_orders_use(self, tmp_path: Path) -> None:
        shop = self.shop(tmp_path, replace(TestContacts.example, beside=("ann@example.org", "cem@example.org")))
        assert shop.tables["customers"].columns == {"customer_id": "Email"}
        assert shop.tables["touchpoints"].columns == {"customer_id": "Email"}
        assert "leads" not in shop.tables  # without deals nobody knows who bought
        assert "ann@example.org" in set(read_shop(shop).tables.get("customers")["customer_id"])

    def test_companies_are_the_customers_of_deals_and_else_the_accounts_of_people(self, tmp_path: Path) -> None:
        companies = replace(TestCompanies.example, beside=None)
        shop = self.shop(tmp_path / "b2b", TestDeals.example, companies)
        assert set(shop.tables) == {"customers"}
        customers = read_shop(shop).tables.get("customers").set_index("customer_id")
        assert customers.loc["801", ["acquisition_channel", "industry"]].tolist() == [
            "paid search",
            "COMPUTER_SOFTWARE",
        ]
        assert "1500.50" not in customers.astype("str").to_numpy()
        shop = self.shop(tmp_path / "people", TestContacts.example, companies)
        assert set(shop.tables) == {"customers", "touchpoints", "accounts"}
        tables = read_shop(shop).tables
        assert tables.get("accounts").set_index("account_id")["parent_id"].dropna().to_dict() == {"802": "801"}
        assert set(tables.get("customers")["account_id"].dropna()) <= set(tables.get("accounts")["account_id"])

    def test_ids_in_lists_of_objects_join_too(self, tmp_path: Path) -> None:
        contacts = replace(TestContactsOfTheApi.example, beside=None)
        shop = self.shop(tmp_path, TestDealsOfTheApi.example, contacts)
        assert {name: table.columns for name, table in shop.tables.items()} == {
            "leads": {"lead_id": "id"},
            "touchpoints": {"lead_id": "id"},
        }
        tables = read_shop(shop).tables
        assert len(tables.get("leads")) == 4
        assert set(tables.get("touchpoints")["lead_id"]) == {"501", "503", "504"}

    def test_who_else_could_be_the_customer_is_said(self, tmp_path: Path) -> None:
        self.shop(tmp_path, TestDeals.example)
        text = " ".join((tmp_path / "shop.yaml").read_text().replace("#", " ").split())
        assert "'Associated Contact IDs' in 6 rows: where others are the customers" in text

    def test_contacts_alone_are_no_shop(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="holds customers and leads and touchpoints and no orders"):
            self.shop(tmp_path, replace(TestContacts.example, beside=None))

    def test_a_spreadsheet_with_dates_as_cells_is_the_same(self, tmp_path: Path) -> None:
        def cell(header: str, text: str) -> Any:
            return datetime.fromisoformat(text) if header.endswith("Date") and text else float(text) if (
                header == "Amount" and text) else text or None  # fmt: skip

        path = tmp_path / "deals.xlsx"
        path.write_bytes(xlsx([_DEALS, *([cell(header, row[header]) for header in _DEALS] for row in DEALS)]))
        out = tmp_path / "shop.yaml"
        init(InitRequest(files=(str(path),), out=out, currency="EUR"), Workspace(tmp_path, tmp_path))
        tables = read_shop(load_config(out, ShopConfig)).tables
        assert tables.orders["net"].sum() == pytest.approx(_WON_BY_COMPANY)
        assert tables.get("deals").set_index("deal_id").loc["9005", "created_at"] == pd.Timestamp("2020-02-20 08:00")

    def test_contacts_that_join_nothing_are_left_unread_with_the_reason(self, tmp_path: Path) -> None:
        shop = self.shop(tmp_path, replace(TestContacts.example, beside=("K-1", "K-2")))
        assert not shop.tables
        assert "left unread" in (tmp_path / "shop.yaml").read_text()
