"""Tickets of Gorgias and Zendesk, whose customers are known by their addresses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import AdapterName, ShopConfig
from cvo_ml.core.errors import DataError
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import read_shop
from cvo_ml.workflows.init import InitRequest, init
from tests.ingest.adapters.conformance import Conformance, Example, Held

PEOPLE = ("ann@example.org", "bo@example.org", "cy@example.org")
Row = dict[str, Any]


def gorgias(number: int, who: str, closed: str = "", **more: str) -> Row:
    """A row of a view's export; its columns are those of 2026."""
    row = {
        "Ticket id": str(1000 + number), "Tags": "", "Initial channel": "email", "Priority": "normal",
        "Created by an agent": "False", "Subject": "About my order", "Creation date": f"2024-02-0{number} 10:00:00",
        "Closed date": closed, "Survey score": "", "Assignee name": "Dee", "Customer email": who,
        "Customer name": "Somebody", "First response time (s)": "205", "Resolution time (s)": "86400",
        "Number of agent messages": "2", "Ticket URL": "https://example.org/1", "Ticket Field: AI Intent": "",
    }  # fmt: skip
    return {**row, **more}


def gorgias_object(number: int, who: str | None, **more: Any) -> Row:
    """developers.gorgias.com/reference/tickets."""
    return {
        "id": 1000 + number, "status": "open", "customer": {"id": number, "email": who, "external_id": f"K{number}"},
        "created_datetime": f"2024-02-0{number}T10:00:00+00:00", "closed_datetime": None, "priority": "high",
        "spam": False, "trashed_datetime": None, "tags": [{"name": "returns"}, {"name": "vip"}], **more,
    }  # fmt: skip


def zendesk(number: int, who: str, status: str = "Open", solved: str = "-", **more: str) -> Row:
    """A row of the export of all tickets: support.zendesk.com/hc/en-us/articles/4408886165402."""
    row = {
        "Summation column": "1", "Id": str(number), "Requester": "Somebody", "Requester id": f"99{number}",
        "Requester external id": f"K{number}", "Requester email": who, "Requester domain": "example.org",
        "Submitter": "Somebody", "Assignee": "Dee", "Group": "Support", "Subject": "Help", "Tags": "a b",
        "Status": status, "Priority": "-", "Via": "Mail", "Ticket type": "Question",
        "Created at": f"2024-02-0{number} 10:00", "Updated at": "2024-03-01 09:00", "Solved at": solved,
        "Resolution time": "20.00", "Full resolution time in minutes": "1200",
    }  # fmt: skip
    return {**row, **more}


def zendesk_object(number: int, who: str | None, status: str = "open", solved: str | None = None, **more: Any) -> Row:
    """developer.zendesk.com/api-reference/ticketing/tickets/tickets, with its requester and metrics."""
    return {
        "id": number, "created_at": f"2024-02-0{number}T10:00:00Z", "status": status, "priority": "urgent",
        "type": "incident", "requester": {"id": 990 + number, "email": who, "external_id": f"K{number}"},
        "metric_set": {"solved_at": solved}, **more,
    }  # fmt: skip


class TestGorgias(Conformance):
    example = Example(
        adapter="gorgias",
        rows=[
            gorgias(1, PEOPLE[0], closed="2024-02-03 12:00:00"),
            gorgias(2, PEOPLE[1], Tags="returns,vip"),
            gorgias(3, "", **{"Initial channel": "facebook"}),
        ],
        tables={"tickets": Held(2)},
        needed="Closed date",
        beside=PEOPLE,
    )

    def test_topics_are_reasons_then_intents_then_tags(self, tmp_path: Path) -> None:
        rows = [
            gorgias(1, PEOPLE[0], Tags="a", **{"Ticket Field: Contact reason": "Order::Late"}),
            gorgias(2, PEOPLE[1], Tags="a", **{"Ticket Field: AI Intent": "Order::Status"}),
            gorgias(3, PEOPLE[2], Tags="returns,vip"),
        ]
        found = self.read(tmp_path, replace(self.example, rows=rows)).tables.get("tickets")
        assert found["topic"].tolist() == ["Order::Late", "Order::Status", "returns"]

    def test_what_passed_by_itself_is_no_work_and_closing_is_no_solving(self, tmp_path: Path) -> None:
        found = self.read(tmp_path).tables.get("tickets")
        assert not {"minutes", "resolved", "resolved_at"} & set(found.columns)
        assert found["closed_at"].tolist()[0] == pd.Timestamp("2024-02-03 12:00")
        assert found["closed_at"].isna().tolist() == [False, True]


class TestGorgiasObjects(Conformance):
    example = Example(
        adapter="gorgias_api",
        rows=[
            gorgias_object(1, PEOPLE[0], status="closed", closed_datetime="2024-02-03T12:00:00+00:00"),
            gorgias_object(2, PEOPLE[1], closed_datetime="2024-02-03T12:00:00+00:00"),
            gorgias_object(3, PEOPLE[2], spam=True),
            gorgias_object(4, PEOPLE[2], trashed_datetime="2024-02-05T12:00:00+00:00"),
            gorgias_object(5, None),
        ],
        tables={"tickets": Held(2)},
        needed="customer",
        beside=PEOPLE,
    )

    def test_a_ticket_that_was_opened_again_is_not_closed(self, tmp_path: Path) -> None:
        found = self.read(tmp_path).tables.get("tickets")
        assert found["closed_at"].isna().tolist() == [False, True]
        assert found["topic"].tolist() == ["returns"] * 2

    def test_the_reason_is_the_topic(self, tmp_path: Path) -> None:
        """custom_fields: developers.gorgias.com/reference/the-custom-field-object."""
        field = {"4": {"id": 4, "value": "Order::Late", "definition": {"label": "Contact reason"}}}
        rows = [gorgias_object(1, PEOPLE[0], custom_fields=field)]
        found = self.read(tmp_path, replace(self.example, rows=rows)).tables.get("tickets")
        assert found["topic"].tolist() == ["Order::Late"]


class TestZendesk(Conformance):
    example = Example(
        adapter="zendesk",
        rows=[
            zendesk(1, PEOPLE[0], "Closed", "2024-02-03 12:00", **{"Total time spent (sec) [int]": "150"}),
            zendesk(2, PEOPLE[1], "Open", "2024-02-03 12:00", Priority="High"),
            zendesk(3, "-"),
            zendesk(4, PEOPLE[2], "Deleted"),
        ],
        tables={"tickets": Held(2, {"minutes": 2.5})},
        needed="Created at",
        beside=PEOPLE,
    )

    def test_a_ticket_that_was_opened_again_is_not_solved(self, tmp_path: Path) -> None:
        found = self.read(tmp_path).tables.get("tickets")
        assert found["resolved"].tolist() == [True, False]
        for column in ("closed_at", "resolved_at"):
            assert found[column].isna().tolist() == [False, True]
        assert found["priority"].isna().tolist() == [True, False]
        assert found["minutes"].isna().tolist() == [False, True]


class TestZendeskObjects(Conformance):
    example = Example(
        adapter="zendesk_api",
        rows=[
            zendesk_object(1, PEOPLE[0], "solved", "2024-02-03T12:00:00Z"),
            zendesk_object(2, PEOPLE[1], "pending", "2024-02-03T12:00:00Z"),
            zendesk_object(3, None),
            zendesk_object(4, PEOPLE[2], "deleted"),
        ],
        tables={"tickets": Held(2)},
        needed="requester",
        beside=PEOPLE,
    )

    def test_a_ticket_that_was_opened_again_is_not_solved(self, tmp_path: Path) -> None:
        found = self.read(tmp_path).tables.get("tickets")
        assert found["resolved"].tolist() == [True, False]
        assert found["resolved_at"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("adapter", "rows"),
    [
        ("zendesk", [zendesk(1, PEOPLE[0]), zendesk(2, PEOPLE[1])]),
        ("gorgias_api", [gorgias_object(1, PEOPLE[0]), gorgias_object(2, PEOPLE[1])]),
    ],
)
def test_ids_of_the_shop_may_be_the_customers(adapter: AdapterName, rows: list[Row], tmp_path: Path) -> None:
    """``cvo init`` takes the column whose ids the orders use."""

    example = Example(adapter=adapter, rows=rows, tables={"tickets": Held(2)}, needed=None, beside=("K1", "K2"))
    path = example.write(tmp_path)
    files = (str(path.with_name("orders.csv")), str(path))
    init(InitRequest(files=files, out=tmp_path / "shop.yaml", currency="EUR"), Workspace(tmp_path, tmp_path))
    found = read_shop(load_config(tmp_path / "shop.yaml", ShopConfig), max_bad_share=1.0).tables.get("tickets")
    assert found["customer_id"].tolist() == ["K1", "K2"]


def test_init_says_in_which_file_dates_cannot_be_read(tmp_path: Path) -> None:
    """The tickets' dates are at fault: naming another header of the orders would not help."""
    orders, path = tmp_path / "orders.csv", tmp_path / "tickets.csv"
    pd.DataFrame(
        {"order_id": ["1"], "customer_id": ["a@example.org"], "ordered_at": ["2024-01-31"], "net": ["9.50"]}
    ).to_csv(orders, index=False)
    pd.DataFrame([{**gorgias(1, "a@example.org"), "Creation date": "last week"}]).to_csv(path, index=False)
    request = InitRequest(files=(str(orders), str(path)), out=tmp_path / "shop.yaml", currency="EUR")
    with pytest.raises(DataError) as caught:
        init(request, Workspace(tmp_path, tmp_path))
    assert "- tickets.csv: opened_at: no one format reads column 'Creation date'" in str(caught.value)
    assert "HEADER" not in str(caught.value)
