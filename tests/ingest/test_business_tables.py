"""Every table of the product goes through a file and comes back whole; a row that breaks a rule is named.

The truth is the generator's (``valid_tables``): its rows break nothing, so each case knows the one row that it broke.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.contract import TableContract
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.errors import DataError
from cvo_ml.core.tables import Tables
from cvo_ml.core.visibility import visible_table
from cvo_ml.features.engine import engine
from cvo_ml.ingest import ReadResult, read_shop

from .valid_tables import valid_tables

VALID = valid_tables()
SIDES = tuple(name for name in CONTRACTS if name != "orders")


def in_files(folder: Path, tables: dict[str, pd.DataFrame], **declared: Any) -> ShopConfig:
    """The tables as CSV files, and the shop that declares all of them."""
    for name, frame in tables.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    sources = {name: {"path": str(folder / f"{name}.csv")} for name in tables}
    columns = {name: {column: column for column in frame} for name, frame in tables.items()}
    content = {"name": "test", "currency": "EUR", "source": sources["orders"], "columns": columns["orders"]}
    sides = {name: {"source": sources[name], "columns": columns[name]} for name in tables if name != "orders"}
    return ShopConfig.model_validate({**content, "tables": sides, **declared})


def read(folder: Path, tables: dict[str, pd.DataFrame], as_of: date | None = None, **declared: Any) -> ReadResult:
    return read_shop(in_files(folder, tables, **declared), as_of=as_of, max_bad_share=1.0)


def some(*names: str) -> dict[str, pd.DataFrame]:
    """The orders, and these tables."""
    return {name: VALID[name].copy() for name in ("orders", *names)}


def broken(table: str, row: int, cells: dict[str, object], beside: Iterable[str] = ()) -> dict[str, pd.DataFrame]:
    """A table of which one row (1 = the first) holds other cells, beside the tables that it names."""
    named = {column.names for column in CONTRACTS[table].columns if column.names} - {"orders"}
    tables = some(*dict.fromkeys([*sorted(named - {table}), *beside, table]))
    frame = tables[table].astype(object)
    for column, value in cells.items():
        frame.loc[row - 1, column] = value
    return {**tables, table: frame}


def alike(found: pd.DataFrame, written: pd.DataFrame, contract: TableContract) -> None:
    """The same rows in any order, texts, times, numbers and flags alike."""
    names = [name for name in contract.names if name != "part_of"]  # the reading of an amount, no part of the table
    both = []
    for frame in (found, written):
        texts = frame[names].map(lambda cell: "" if pd.isna(cell) else str(cell)).sort_values(names, ignore_index=True)
        both.append(texts)
    pd.testing.assert_frame_equal(*both)


@pytest.mark.usefixtures("both_readers")
def test_every_table_comes_back_from_its_file_whole(tmp_path: Path) -> None:
    written = valid_tables(1)
    result = read(tmp_path, written)
    assert set(written) == set(CONTRACTS)
    for name, contract in CONTRACTS.items():
        ledger = result.ledger_of(name)
        assert (ledger.rows_in, ledger.used) == (len(written[name]), len(written[name])), name
        alike(contract.validate(result.tables.get(name)), written[name], contract)
    assert result.notes == ()  # nothing is said of rows that break nothing
    assert len(result.quarantine) == 0


@pytest.mark.parametrize("name", SIDES)
def test_a_table_reads_with_its_required_columns_alone(name: str, tmp_path: Path) -> None:
    contract = CONTRACTS[name]
    told = [*contract.required, *(group[0] for group in contract.one_of), *["score"] * (name == "surveys")]
    wanted = dict.fromkeys([*told, *["would_buy"] * (name == "price_answers")])
    if name == "price_answers":
        wanted = dict.fromkeys([*contract.required, "offered_price", "would_buy"])
    tables = some(name)
    tables[name] = tables[name][[column for column in contract.names if column in wanted]]
    if name == "deals":
        tables["leads"] = VALID["leads"]
    if name == "surveys":
        tables[name] = tables[name].dropna(subset="score")
    result = read(tmp_path, tables)
    assert result.ledger_of(name).used == len(tables[name])
    assert visible_table(result.tables, name, date(2030, 1, 1)).shape[0] <= len(tables[name])


FOUR = {"too_cheap": 50, "cheap": 55, "expensive": 60, "too_expensive": 70}
FAULTS = [
    ("deliveries", {"order_id": "O999"}, "order_id: names an unknown order"),
    ("deliveries", {"delivered_at": "2021-01-01 10:00"}, "delivered_at: delivered before it was shipped"),
    ("deliveries", {"shipped_at": "2021-01-01 10:00"}, "shipped_at: before its order"),
    ("deliveries", {"promised_at": "2021-01-01 10:00"}, "promised_at: promised before its order"),
    ("deliveries", {"shipped_at": ""}, "shipped_at: null"),
    ("reviews", {"order_id": "O999"}, "order_id: names an unknown order"),
    ("reviews", {"reviewed_at": "2021-01-01"}, "reviewed_at: before its order"),
    ("reviews", {"rating": 6}, "rating: outside 1 to 5"),
    ("reviews", {"rating": 0}, "rating: outside 1 to 5"),
    ("returns", {"order_id": "O999"}, "order_id: names an unknown order"),
    ("order_lines", {"order_id": "O999"}, "order_id: names an unknown order"),
    ("surveys", {"order_id": "O999"}, "order_id: names an unknown order"),
    ("surveys", {"kind": "nps_pre", "score": 11}, "score: outside 0 to 10, the scale of nps_pre"),
    ("surveys", {"kind": "CSAT", "score": 6, "scale": ""}, "score: outside 1 to 5, the scale of csat"),
    ("surveys", {"kind": "ces", "score": 8, "scale": ""}, "score: outside 1 to 7, the scale of ces"),
    ("surveys", {"kind": "ces", "score": 6, "scale": 5}, "score: outside 1 to 7, the scale of ces"),
    ("surveys", {"kind": "nps", "score": 50, "scale": 100}, "score: outside 0 to 10, the scale of nps"),
    ("surveys", {"kind": "csat", "score": ""}, "score: no score"),
    ("surveys", {"kind": "goal", "score": "", "text": ""}, "names neither score nor text"),
    ("referrals", {"referrer_id": "C010", "referred_id": "C010"}, "referred_id: refers itself"),
    ("accounts", {"parent_id": "A999"}, "parent_id: names an unknown account"),
    ("accounts", {"parent_id": "A002"}, "parent_id: its parents lead back to itself"),
    ("touchpoints", {"customer_id": "", "lead_id": ""}, "names neither customer nor lead"),
    ("touchpoints", {"lead_id": "L999"}, "lead_id: names an unknown lead"),
    ("costs_to_serve", {"customer_id": "", "segment": "", "driver": ""}, "names neither customer, segment nor driver"),
    ("tickets", {"resolved_at": "2021-01-01"}, "resolved_at: resolved before it was opened"),
    ("tickets", {"resolved": False}, "resolved: resolved at a time, and said not to be"),
    ("tickets", {"minutes": -1}, "minutes: below zero"),
    ("treatments", {"propensity": 0}, "propensity: outside 0 to 1"),
    ("fx", {"rate": 0}, "rate: not above zero"),
    ("feature_requests", {"customer_id": "C999"}, "customer_id: names an unknown customer"),
    ("feature_requests", {"feature_id": "F999"}, "feature_id: names an unknown feature"),
    ("feature_requests", {"feature_id": "", "title": ""}, "names neither feature nor title"),
    ("product_features", {"weight": 1.5}, "weight: outside 0 to 1"),
    ("product_features", {"lift_low": 0.5}, "lift_high: its bounds are the wrong way round"),
    ("initiatives", {"effort": 0}, "effort: not above zero"),
    ("initiatives", {"value_low": 9999}, "value: outside its own range"),
    ("initiatives", {"ends_at": "2021-01-01"}, "ends_at: ends before it begins"),
    ("okrs", {"base": 5, "target": 5}, "target: its target is where it began"),
    ("okrs", {"ends_at": "2021-01-01"}, "ends_at: ends before it begins"),
    ("milestones", {"start": 5, "target": 5}, "target: its target is where it began"),
    ("milestones", {"step": 0}, "step: below 1"),
    ("prices", {"valid_to": "2021-01-01"}, "valid_to: ends before it begins"),
    ("months", {"orders": "", "net": ""}, "names neither orders nor net"),
    ("price_answers", FOUR | {"cheap": 40}, "the four prices do not rise"),
    ("price_answers", FOUR | {"cheap": ""}, "not all four prices"),
    ("price_answers", {"would_buy": ""}, "would_buy: no answer to the price that was shown"),
    ("leads", {"mql_at": "2021-01-01"}, "mql_at: qualified before it was created"),
    ("deals", {"lead_id": "L999"}, "lead_id: names an unknown lead"),
    ("deals", {"sales_minutes": -5}, "sales_minutes: below zero"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "cells", "reason"), FAULTS, ids=[f"{table}-{why}" for table, _, why in FAULTS])
def test_a_row_that_breaks_a_rule_is_named(table: str, cells: dict[str, object], reason: str, tmp_path: Path) -> None:
    result = read(tmp_path, broken(table, 3, cells))
    found = [
        (row.file, row.row, f"{row.column}: {row.reason}" if row.column else row.reason)
        for row in result.quarantine.itertuples()
        if row.reason != "its account is in quarantine"
    ]
    assert found == [(f"{table}.csv", 3, reason)]
    ledger = result.ledger_of(table)
    assert ledger.rows_in == ledger.used + sum(ledger.quarantined.values())


class TestRowsTogether:
    def test_a_circle_of_accounts_takes_those_below_it_along(self, tmp_path: Path) -> None:
        accounts = pd.DataFrame(
            {"account_id": ["top", "a", "b", "c", "d", "e"], "parent_id": [None, "b", "c", "a", "c", "top"]}
        )
        result = read(tmp_path, {**some(), "accounts": accounts})
        assert result.quarantine[["row", "reason"]].values.tolist() == [
            [2, "its parents lead back to itself"],
            [3, "its parents lead back to itself"],
            [4, "its parents lead back to itself"],
            [5, "its account is in quarantine"],
        ]
        assert result.tables.get("accounts")["account_id"].tolist() == ["e", "top"]

    def test_the_first_who_referred_somebody_counts(self, tmp_path: Path) -> None:
        referrals = pd.DataFrame(
            [("C001", "C002", "2024-01-05"), ("C003", "C002", "2024-01-04"), ("C003", "C004", "2024-01-04")],
            columns=["referrer_id", "referred_id", "at"],
        )
        result = read(tmp_path, {**some(), "referrals": referrals})
        kept = result.tables.get("referrals")[["referrer_id", "referred_id"]].values.tolist()
        assert sorted(kept) == [["C003", "C002"], ["C003", "C004"]]
        assert dict(result.ledger_of("referrals").excluded) == {"referred before": 1}

    def test_of_two_prices_that_meet_the_later_is_at_fault(self, tmp_path: Path) -> None:
        prices = pd.DataFrame(
            [
                ("P1", "2024-01-01", "2024-03-01", "seat", 9),
                ("P1", "2024-03-01", "", "seat", 10),  # begins when the first ends
                ("P1", "2024-02-01", "2024-02-10", "seat", 11),  # inside the first
                ("P1", "2024-02-01", "2024-02-10", "month", 12),  # of another unit
                ("P2", "2024-02-01", "", "seat", 13),
                ("P2", "2024-02-01", "", "seat", 14),  # at once with another
                ("P2", "2024-05-01", "", "seat", 15),  # the open one ends here
            ],
            columns=["product_id", "valid_from", "valid_to", "unit", "price"],
        )
        result = read(tmp_path, {**some(), "prices": prices})
        reason = "begins before an earlier price ends"
        assert result.quarantine[["row", "reason"]].values.tolist() == [[3, reason], [6, reason]]

    def test_one_alternative_of_a_task_is_chosen(self, tmp_path: Path) -> None:
        tasks = {"one": "yn", "nobody": "nn", "both": "yy", "alone": "y"}
        choices = pd.DataFrame(
            [
                ("R1", task, str(place), sign, "2024-01-01")
                for task, signs in tasks.items()
                for place, sign in enumerate(signs)
            ],
            columns=["respondent_id", "task_id", "alternative_id", "chosen", "answered_at"],
        )  # fmt: skip
        result = read(tmp_path, {**some(), "choices": choices})
        assert result.quarantine[["row", "column", "reason"]].values.tolist() == [
            [3, "chosen", "not one of its task was chosen"],
            [4, "chosen", "not one of its task was chosen"],
            [5, "chosen", "several of its task were chosen"],
            [6, "chosen", "several of its task were chosen"],
            [7, "task_id", "alone in its task"],
        ]
        assert result.tables.get("choices")["task_id"].tolist() == ["one", "one"]

    def test_a_month_is_told_once(self, tmp_path: Path) -> None:
        months = pd.DataFrame({"month": ["2023-01-01", "2023-01-31", "2023-02-28", "2023-03-01"], "net": [1, 2, 3, 4]})
        result = read(tmp_path, {**some(), "months": months})
        assert "months.csv: column 'month': 2 days stand for their months" in result.notes
        assert result.quarantine[["row", "reason"]].values.tolist() == [
            [1, "key with conflicting rows"],
            [2, "key with conflicting rows"],
        ]
        assert result.tables.get("months")["month"].dt.day.tolist() == [1, 1]

    @pytest.mark.parametrize(
        ("table", "rows", "left"),
        [
            # a rate of one currency that is told twice is no fault of the other's
            ("fx", ["2024-01-01,USD,0.9", "2024-01-01,USD,0.8", "2024-01-01,CHF,1.1"], ["CHF"]),
            # nor is a customer in two variants one of the whole experiment
            ("assignments", ["E1,C001,a,2024-01-01", "E1,C001,b,2024-01-02", "E1,C002,a,2024-01-01"], ["C002"]),
        ],
    )
    def test_a_key_told_twice_takes_no_other_along(
        self, table: str, rows: list[str], left: list[str], tmp_path: Path
    ) -> None:
        columns = CONTRACTS[table].required
        frame = pd.DataFrame([row.split(",") for row in rows], columns=list(columns))
        result = read(tmp_path, {**some(), table: frame})
        assert result.tables.get(table)[CONTRACTS[table].key[1]].tolist() == left

    def test_customers_of_an_unknown_account_are_kept_with_what_they_refuse(self, tmp_path: Path) -> None:
        result = read(tmp_path, broken("customers", 4, {"account_id": "A999"}))
        assert "customers: 1 rows name an unknown account (the first: row 4); they were kept" in result.notes
        assert len(result.tables.get("customers")) == len(VALID["customers"])

    def test_rows_of_an_order_that_is_left_out_go_with_it(self, tmp_path: Path) -> None:
        tables = broken("orders", 1, {"is_test": True}, ["deliveries", "reviews", "returns", "surveys"])
        tables["orders"].loc[1, "net"] = "free"  # in quarantine
        result = read(tmp_path, tables)
        for name in ("deliveries", "reviews", "returns", "surveys"):
            counts = VALID[name]["order_id"].value_counts()
            ledger = result.ledger_of(name)
            assert ledger.excluded.get("its order was excluded", 0) == counts.get("O000", 0), name
            assert ledger.quarantined.get("order_id: its order is in quarantine", 0) == counts.get("O001", 0), name


def test_an_open_deal_is_converted_at_the_day_it_was_created(tmp_path: Path) -> None:
    rates = pd.DataFrame(
        {"date": ["2024-01-01", "2024-02-01", "2024-03-01"], "currency": "USD", "rate": [0.9, 0.8, 0.7]}
    )
    deals = pd.DataFrame(
        [("D1", "L1", "2024-01-09", "2024-02-09", 100.0, "USD"), ("D2", "L2", "2024-01-09", "", 100.0, "USD")],
        columns=["deal_id", "lead_id", "created_at", "closed_at", "amount", "currency"],
    )
    result = read(tmp_path, {**some(), "deals": deals, "fx": rates})
    assert result.tables.get("deals").set_index("deal_id")["amount"].to_dict() == pytest.approx(
        {"D1": 80.0, "D2": 90.0}
    )


class TestMoments:
    @pytest.mark.parametrize("name", [name for name in SIDES if CONTRACTS[name].event_time])
    def test_rows_on_or_after_the_date_are_left_out(self, name: str, tmp_path: Path) -> None:
        tables, time = some(*(["leads"] if name == "deals" else []), name), str(CONTRACTS[name].event_time)
        times = tables[name][time]
        as_of = times.sort_values().iloc[len(times) // 2].date()
        before = int((times < pd.Timestamp(as_of)).sum())
        result = read(tmp_path, tables, as_of=as_of)
        gone = result.ledger_of(name).excluded
        assert gone.get("after as_of", 0) == len(times) - before
        assert not (result.tables.get(name)[time] >= pd.Timestamp(as_of)).any()

    def test_a_month_is_known_when_it_is_over(self, tmp_path: Path) -> None:
        months = pd.DataFrame(
            {"month": ["2024-01-01", "2024-02-01"], "net": [1.0, 2.0], "known_at": ["", "2024-03-09"]}
        )
        for columns in (["month", "net"], ["month", "net", "known_at"]):
            tables = read(tmp_path, {**some(), "months": months[columns]}).tables
            seen = {day: len(visible_table(tables, "months", date.fromisoformat(day))) for day in
                    ("2024-01-15", "2024-02-01", "2024-03-01", "2024-03-09")}  # fmt: skip
            late = "known_at" in columns
            assert list(seen.values()) == [0, 1, 1 if late else 2, 2]

    def test_a_frame_of_months_is_known_when_they_are_over_too(self) -> None:
        months = pd.DataFrame({"month": pd.to_datetime(["2024-01-01", "2024-02-01"]), "net": [1.0, 2.0]})
        tables = Tables({"orders": VALID["orders"], "months": months}, "EUR")
        assert len(visible_table(tables, "months", date(2024, 2, 10))) == 1
        with engine(tables) as opened:
            assert opened.known("months", date(2024, 2, 10)).count().execute() == 1

    def test_a_month_that_had_not_ended_is_left_out(self, tmp_path: Path) -> None:
        months = pd.DataFrame({"month": ["2024-01-01", "2024-02-01"], "net": [1.0, 2.0]})
        result = read(tmp_path, {**some(), "months": months}, extracted_at="2024-02-20")
        assert dict(result.ledger_of("months").excluded) == {"its month had not ended": 1}


def test_a_fault_of_the_whole_file_refuses_it_with_what_to_do(tmp_path: Path) -> None:
    tables = some("surveys")
    tables["surveys"]["score"] = 90.0  # per cent
    with pytest.raises(DataError, match=r"column 'score': outside 0 to 10, the scale of nps_pre .*: .*constants"):
        read_shop(in_files(tmp_path, tables))


@pytest.mark.parametrize(
    ("table", "columns", "wanted"),
    [
        ("touchpoints", ["at", "channel"], "map customer_id or lead_id"),
        ("costs_to_serve", ["period", "activity", "quantity", "unit_cost"], "map customer_id, segment or driver"),
        ("months", ["month"], "map orders or net"),
        ("feature_requests", ["requested_at", "customer_id"], "map feature_id or title"),
        ("surveys", ["customer_id", "answered_at", "kind"], "map score or text"),
    ],
)
def test_one_of_several_columns_must_be_mapped(table: str, columns: list[str], wanted: str, tmp_path: Path) -> None:
    tables = some(table)
    tables[table] = tables[table][columns]
    with pytest.raises(ValueError, match=f"tables: {table}: {wanted}: each row names one of them"):
        in_files(tmp_path, tables)
