"""Further tables with sources of their own: contracts, keys, and checks between tables, each with its outcome."""

# ruff: noqa: E501 (tables of cases)

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.errors import DataError
from cvo_ml.ingest import ReadResult, read_shop

from .conftest import PLAIN, orders_text, shop

Write = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("both_readers")
COLUMNS: dict[str, dict[str, str]] = {
    "refunds": {"refund_id": "id", "order_id": "order", "customer_id": "customer", "refunded_at": "at", "amount": "amount"},
    "order_lines": {"order_id": "order", "product_id": "product", "quantity": "units", "unit_cost": "cost"},
    "subscriptions": {"subscription_id": "id", "customer_id": "customer", "status": "status", "mrr": "mrr",
                      "started_at": "start", "ended_at": "end", "currency": "currency"},
    "tickets": {"ticket_id": "id", "customer_id": "customer", "opened_at": "opened", "closed_at": "closed"},
    "treatments": {"customer_id": "customer", "action": "action", "sent_at": "at", "propensity": "p"},
    "customers": {"customer_id": "customer", "created_at": "at", "country": "country"},
    "leads": {"lead_id": "lead", "created_at": "at"},
    "deals": {"deal_id": "deal", "lead_id": "lead", "is_won": "won"},
}  # fmt: skip


@pytest.fixture
def read(write: Write) -> Callable[..., ReadResult]:
    """Read 20 orders (A1…A20 of C0…C6 in January 2024) beside tables given as rows of their mapped headers."""

    def _read(more: dict[str, list[str]], as_of: date | None = None, **declared: Any) -> ReadResult:
        share = declared.pop("max_bad_share", 1.0)
        extra = declared.pop("orders", [])
        orders = write([*orders_text(20), *extra])
        tables = {}
        for name, rows in more.items():
            path = write([",".join(COLUMNS[name].values()), *rows], f"{name}.csv")
            tables[name] = {"source": {"path": str(path)}, "columns": COLUMNS[name]}
        return read_shop(shop(orders, tables=tables, **declared), as_of=as_of, max_bad_share=share)

    return _read


def reasons(result: ReadResult, table: str) -> dict[str, int]:
    ledger = result.ledger_of(table)
    return {**ledger.quarantined, **ledger.excluded}


Read = Callable[..., ReadResult]


class TestRefunds:
    def test_one_that_names_only_its_customer_is_kept(self, read: Read) -> None:
        result = read({"refunds": ["r1,,C1,2024-02-01,5", "r2,A1,,2024-02-01,1.5"]})
        refunds = result.tables.refunds.set_index("refund_id")
        assert refunds["order_id"].fillna("").to_dict() == {"r1": "", "r2": "A1"}
        assert set(refunds["customer_id"]) == {"C1"}  # A1 is an order of C1

    @pytest.mark.parametrize(
        ("row", "outcome"),
        [
            ("r1,Z9,C1,2024-02-01,5", "order: names an unknown order"),
            ("r1,,,2024-02-01,5", "names neither order nor customer"),
            ("r1,A1,C1,2024-02-01,-5", "amount: below zero"),
            ("r1,A1,C1,2024-02-01,0", "refund of zero"),
            ("r1,A9,C2,2024-01-01,5", "at: before its order"),
            ("r1,A1,C5,2024-02-01,1", "customer: another customer than its order's"),
            ("r1,A1,C1,,1", "at: null"),
            ("r1,A1,C1,2024-02-01,lots", "amount: not a number"),
            ("r1,A1,C1,2099-02-01,1", "at: after extracted_at"),
            ("r1,BAD,C1,2024-02-01,1", "order: its order is in quarantine"),
            ("r1,TEST,C1,2024-02-01,1", "its order was excluded"),
        ],
    )
    def test_each_fault_has_its_outcome(self, row: str, outcome: str, read: Read) -> None:
        orders = ["BAD,C1,2024-01-01,free", "TEST,C1,2024-01-01,1"]
        rules = [{"rule": "test", "column": "order_id", "equals": ["TEST"]}]
        result = read({"refunds": [row, "r2,A2,C2,2024-02-01,1"]}, orders=orders, exclude=rules,
                      extracted_at=datetime(2025, 1, 1))  # fmt: skip
        assert reasons(result, "refunds") == {outcome: 1}
        assert len(result.tables.refunds) == 1

    def test_above_the_order_they_are_kept_and_reported(self, read: Read) -> None:
        result = read({"refunds": ["r1,A1,C1,2024-02-01,1", "r2,A1,C1,2024-02-02,2"]})
        assert len(result.tables.refunds) == 2
        assert any("1 orders were refunded above their value, by 1.50 in all" in note for note in result.notes)

    def test_on_or_after_as_of_they_are_excluded(self, read: Read) -> None:
        result = read({"refunds": ["r1,A1,C1,2024-02-01,1", "r2,A2,C2,2024-03-01,1"]}, as_of=date(2024, 3, 1))
        assert reasons(result, "refunds") == {"after as_of": 1}

    def test_the_same_refund_twice_counts_once_and_conflicting_ones_not_at_all(self, read: Read) -> None:
        rows = ["r1,A1,C1,2024-02-01,1", "r1,A1,C1,2024-02-01,1", "r2,A2,C2,2024-02-01,1", "r2,A2,C2,2024-02-01,2"]
        assert reasons(read({"refunds": rows}), "refunds") == {
            "exact duplicate by refund_id": 1,
            "id: key with conflicting rows": 2,
        }

    def test_they_join_the_negative_rows_among_the_orders(self, read: Read) -> None:
        result = read({"refunds": ["r1,A1,C1,2024-02-01,1"]}, orders=["A2,C2,2024-01-20,-1"])
        assert result.tables.refunds["amount"].tolist() == [1.0, 1.0]
        assert result.tables.refunds["order_id"].tolist() == ["A2", "A1"]

    def test_too_many_unknown_orders_refuse_the_file(self, read: Read) -> None:
        with pytest.raises(
            DataError, match=r"refunds.csv: column 'order': names an unknown order in 100.0% of its rows"
        ):
            read({"refunds": ["r1,Z9,C1,2024-02-01,5"]}, max_bad_share=0.01)


class TestLines:
    def test_one_without_an_order_is_quarantined(self, read: Read) -> None:
        result = read({"order_lines": ["A1,P1,1,.5", "Z1,P1,1,.5"]})
        assert reasons(result, "order_lines") == {"order: names an unknown order": 1}

    def test_their_costs_become_the_order_s_where_all_are_known(self, read: Read) -> None:
        result = read({"order_lines": ["A1,P1,2,.5", "A1,P2,1,.25", "A2,P1,1,.5", "A2,P3,1,"]})
        cost = result.tables.orders.set_index("order_id")["cost"]
        assert cost["A1"] == 1.25
        assert cost[["A2", "A3"]].isna().all()

    def test_those_of_an_order_after_as_of_are_excluded_with_it(self, read: Read) -> None:
        result = read({"order_lines": ["A1,P1,1,.5", "A20,P1,1,.5"]}, as_of=date(2024, 1, 15))
        assert reasons(result, "order_lines") == {"its order was excluded": 1}


@pytest.mark.parametrize(
    ("table", "row", "outcome"),
    [
        ("subscriptions", "s1,C1,active,10,2024-02-01,2024-01-01,EUR", "end: ends before it begins"),
        ("subscriptions", "s1,C1,active,10,2024-02-01,,", "currency: blank currency"),
        ("subscriptions", "s1,C1,,10,2024-02-01,,EUR", "status: null"),
        ("tickets", "t1,C1,2024-02-01,2024-01-01", "closed: ends before it begins"),
        ("treatments", "C1,mail,2024-02-01,1.5", "p: outside 0 to 1"),
        ("treatments", "C1,mail,2024-02-01,0", "p: outside 0 to 1"),
    ],
)
def test_each_fault_of_a_table_has_its_outcome(table: str, row: str, outcome: str, read: Read) -> None:
    good = {
        "subscriptions": "s2,C2,active,10,2024-02-01,2024-03-01,EUR",
        "tickets": "t2,C2,2024-02-01,",
        "treatments": "C2,mail,2024-02-01,.5",
    }
    result = read({table: [row, good[table]]})
    assert reasons(result, table) == {outcome: 1}
    assert len(result.tables.get(table)) == 1


def test_a_deal_of_an_unknown_lead_is_quarantined(read: Read) -> None:
    result = read({"leads": ["L1,2024-01-01"], "deals": ["D1,L1,yes", "D2,L9,no"]})
    assert reasons(result, "deals") == {"lead: names an unknown lead": 1}


def test_a_further_table_to_which_nothing_happened_yet_is_a_table(read: Read) -> None:
    """A young shop has no refunds, and a nightly run no treatments on its first day."""
    result = read({name: [] for name in COLUMNS if name != "order_lines"}, max_bad_share=0.01)
    for name in set(COLUMNS) - {"order_lines", "customers"}:
        CONTRACTS[name].validate(result.tables.frames[name])
        assert len(result.tables.frames[name]) == 0
        assert result.ledger_of(name).rows_in == 0
        assert f"{name}: the table holds no rows yet" in result.notes
    assert (result.ledger.rows_in, result.ledger.used) == (20, 20)


def test_an_empty_parquet_table_needs_no_types(tmp_path: Path, write: Write) -> None:
    pd.DataFrame(columns=list(COLUMNS["refunds"].values())).to_parquet(tmp_path / "refunds.parquet")
    table = {"source": {"path": str(tmp_path / "refunds.parquet")}, "columns": COLUMNS["refunds"]}
    assert len(read_shop(shop(write(orders_text(5)), tables={"refunds": table})).tables.refunds) == 0


def test_rows_of_customers_without_an_order_are_kept_and_reported(read: Read) -> None:
    result = read({"tickets": ["t1,C1,2024-02-01,", "t2,X1,2024-02-01,", "t3,X1,2024-02-02,"]})
    assert len(result.tables.get("tickets")) == 3
    assert "tickets: 2 rows of 1 customers without an order were kept" in result.notes


def test_customers_who_differ_in_case_alone_are_said(write: Write) -> None:
    """Addresses of one system in capitals: none of its rows meets an order, and nothing else would say so."""
    orders = write(["order,customer,date,amount", "A1,ann@example.org,2024-01-01,5", "A2,ben@example.org,2024-01-01,5"])
    tickets = write(["who,at", "Ann@Example.org,2024-02-01", "X,2024-02-01", "ben@example.org,2024-02-01"], "t.csv")
    table = {"source": {"path": str(tickets)}, "columns": {"customer_id": "who", "opened_at": "at"}}
    notes = read_shop(shop(orders, tables={"tickets": table})).notes
    told = "1 of them are one with orders but for upper and lower case: write ids alike in both"
    assert f"tickets: 2 rows of 2 customers without an order were kept; {told}" in notes


def test_customers_of_a_table_are_completed_by_the_orders(write: Write) -> None:
    orders = write(["order,customer,date,amount,land", "A1,C1,2024-01-01,5,DE", "A2,C2,2024-01-01,5,FR"])
    customers = write(["customer,land,tier", "C1,AT,gold", "C9,IT,blue"], "customers.csv")
    table = {
        "source": {"path": str(customers)},
        "columns": {"customer_id": "customer", "country": "land"},
        "profile": {"tier": "tier"},
    }
    result = read_shop(shop(orders, columns=PLAIN | {"country": "land"}, tables={"customers": table}))
    found = result.tables.get("customers").set_index("customer_id")
    assert found["country"].to_dict() == {"C1": "AT", "C2": "FR", "C9": "IT"}
    assert found["tier"].fillna("").to_dict() == {"C1": "gold", "C2": "", "C9": "blue"}


def test_ledgers_of_all_tables_balance_and_add_up(read: Read) -> None:
    result = read({"refunds": ["r1,Z9,C1,2024-02-01,5", "r2,A1,C1,2024-02-01,1"], "tickets": ["t1,,2024-01-01,"]})
    assert {name: result.ledger_of(name).rows_in for name in result.ledgers} == {
        "orders": 20,
        "refunds": 2,
        "tickets": 1,
    }
    assert dict(result.ledger.quarantined) == {
        "refunds: order: names an unknown order": 1,
        "tickets: customer: null": 1,
    }
    assert result.quarantine[["table", "file", "row"]].values.tolist() == [
        ["refunds", "refunds.csv", 1],
        ["tickets", "tickets.csv", 1],
    ]


def test_values_and_constants_are_declared(write: Write) -> None:
    orders = write(orders_text(5))
    surveys = write(["who,when,stars,state", "C1,2024-01-01,5,Y", "C2,2024-01-02,4,N", "C3,2024-01-02,4,?"], "s.csv")
    table = {
        "source": {"path": str(surveys)},
        "columns": {"customer_id": "who", "answered_at": "when", "score": "stars", "text": "state"},
        "constants": {"kind": "csat"},
        "values": {"text": {"Y": "yes", "N": "no"}},
    }
    result = read_shop(shop(orders, tables={"surveys": table}), max_bad_share=1.0)
    assert result.tables.get("surveys")[["kind", "text"]].values.tolist() == [["csat", "yes"], ["csat", "no"]]
    assert reasons(result, "surveys") == {"state: a text without a declared meaning": 1}


@pytest.mark.parametrize("table", sorted(CONTRACTS))
def test_every_contract_names_its_keys_and_event_time(table: str) -> None:
    contract = CONTRACTS[table]
    assert {*contract.key, *contract.key_where_told, *itertools.chain(*contract.one_of)} <= set(contract.names)
    assert {name for span in contract.spans for name in (span.begins, span.ends)} <= set(contract.names)
    assert {column.names for column in contract.columns} - {None} <= set(CONTRACTS)
    assert contract.event_time is None or contract.column(contract.event_time).kind == "time"
    assert "known_at" in contract.names


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"refnds": {"source": {"path": "x.csv"}}}, "'refnds' is no table (did you mean 'refunds'?)"),
        ({"orders": {"source": {"path": "x.csv"}}}, "'orders' comes from the first source"),
        ({"tickets": {"source": {"path": "x.csv"}, "columns": {"customer_id": "a"}}}, "tickets: opened_at not mapped"),
        ({"tickets": {"source": {"path": "x.csv"}, "columns": {"custmer_id": "a"}}}, "(did you mean 'customer_id'?)"),
        ({"refunds": {"source": {"path": "x.csv"}, "columns": {"refunded_at": "a", "amount": "b"}}}, "map order_id or customer_id"),
        ({"tickets": {"source": {"path": "x.csv"}, "columns": {"customer_id": "a", "opened_at": "b"}, "profile": {"topic": "t"}}},
         "'topic' is a canonical column"),
        ({"tickets": {"source": {"path": "x.csv"}, "columns": {"customer_id": "a", "opened_at": "b"},
                      "exclude": [{"rule": "r", "column": "topic", "equals": ["x"]}]}}, "'topic' is not a mapped column"),
        ({"tickets": {"source": {"path": "x.csv"}, "colums": {}}}, "Extra inputs are not permitted"),
    ],
)  # fmt: skip
def test_a_wrong_declaration_is_refused(tables: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as error:
        shop(tables=tables)
    assert message in str(error.value)


def test_known_at_of_a_refund_is_its_time_where_it_has_none(write: Write) -> None:
    refunds = write(["order,at,amount,known", "A1,2024-02-01,1,2024-02-09", "A2,2024-02-02,1,"], "refunds.csv")
    columns = {"order_id": "order", "refunded_at": "at", "amount": "amount", "known_at": "known"}
    table = {"source": {"path": str(refunds)}, "columns": columns}
    result = read_shop(shop(write(orders_text(5)), tables={"refunds": table}))
    assert result.tables.refunds["known_at"].tolist() == [pd.Timestamp("2024-02-09"), pd.Timestamp("2024-02-02")]
