"""The list: safe for spreadsheets, complete, and explained row by row."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pandas as pd

from cvo_ml.core.store import StoredRun
from cvo_ml.priorities import ContactConstraints, Plan
from cvo_ml.report.contact_list import priorities_csv
from tests.builders import SHOP_CUT
from tests.priorities.makers import action, planned, scored

RUN = StoredRun(Path("scores/as_of=2023-11-01/0123456789ab"), {"as_of": "2023-11-01"})
CALL, OFFER = action("call", cost=4.0, effect=0.2, low=0.1), action("offer", cost=1.0, effect=0.05, kind="growth")


def listed(scores: pd.DataFrame, found: Plan) -> list[dict[str, str]]:
    whole = scores.assign(**found.columns)
    return list(csv.DictReader(io.StringIO(priorities_csv(whole, found.table, found.summary, RUN))))


def test_each_row_names_its_run_and_its_date() -> None:
    scores = scored(("a", 100, 1.0, 0.5), ("b", 90, 1.0, 0.5))
    rows = listed(scores, planned(scores, action("call", effect=0.5)))
    assert {(row["as_of"], row["run"]) for row in rows} == {("2023-11-01", "0123456789ab")}


def test_the_list_cannot_run_as_formulas() -> None:
    scores = scored(*[(name, 100 - n, 1.0, 0.5) for n, name in enumerate(["=1+1", "@x", "-2", "+3", "\n=4", "ok"])])
    rows = listed(scores, planned(scores, action("=cmd|calc", effect=0.5)))
    assert [row["customer_id"] for row in rows] == ["'=1+1", "'@x", "'-2", "'+3", "'\n=4", "ok"]
    assert {row["next_action"] for row in rows} == {"'=cmd|calc"}
    assert not [cell for row in rows for cell in row.values() if cell[:1] in ("=", "+", "@", "\t", "\r", "\n")]


def test_customers_without_a_possible_action_and_opt_outs_are_not_on_the_list() -> None:
    scores = scored(("a", 100, 1.0, 0.5), ("b", float("nan"), 1.0, 0.5), ("c", 100, 1.0, 0.5))
    found = planned(scores, CALL, constraints=ContactConstraints(SHOP_CUT, frozenset({"c"})))
    assert [row["customer_id"] for row in listed(scores, found)] == ["a"]


def test_each_row_says_why_this_customer_why_this_action_and_what_it_assumes() -> None:
    scores = scored(("a", 200, 1.0, 0.5)).assign(clv_horizon_days=180.0, churn_horizon_days=180.0)
    [row] = listed(scores, planned(scores, CALL, OFFER))
    # call: .1 x 100 - 4 = 6; offer: .05 x 200 x 90/180 - 1 = 4
    assert row["why_customer"] == "50 % likely to leave, 100 at stake"
    assert row["why_action"] == "call should earn 6.00 after its cost of 4; next best: offer with 4.00"
    assert row["assumes"] == "keeps 10.0 % of what is at stake (low end; middle 20.0 %; declared: assumed)"
    assert float(row["expected_profit_at_estimate"]) == 16.0
