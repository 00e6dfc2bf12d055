"""The report says what the scores say, and a hostile name does no harm in it."""

from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest

from cvo_ml.core.scores import validate_scores
from cvo_ml.core.store import StoredRun
from cvo_ml.monitoring.outcomes import (
    ChurnEvaluation,
    Deciles,
    GoneCustomers,
    LookalikeEvaluation,
    NotEvaluated,
    Ranked,
    Reliability,
    RunEvaluation,
    ValueAmounts,
    ValueEvaluation,
)
from cvo_ml.monitoring.truth import AliveDistance, TruthDistance, ValueDistance
from cvo_ml.priorities import Plan
from cvo_ml.report import charts
from cvo_ml.report.page import headline, render
from cvo_ml.report.priorities import priorities_section
from cvo_ml.stats.intervals import Interval
from tests.builders import SHOP_CUT, null_scores
from tests.priorities.makers import action, planned
from tests.priorities.makers import scored as customers

MANIFEST = {
    "shop": "<script>alert(1)</script>",
    "as_of": "2023-11-01",
    "currency": "EUR",
    "value_basis": "revenue",
    "models": {name: {"reason": "not_trained"} for name in ("clv", "churn", "icp")},
    "priorities": {"holdout": {"share": 0.1, "salt": "cvo"}},
    "row_ledger": {"rows_in": 3, "used": 2, "quarantined": {"null id": 1}, "excluded": {}},
    "customer_ledgers": {"clv": {"known": 2, "scored": 0, "ineligible": {"not_trained": 2}}},
    "notes": [],
    "readiness": ["clv: ready"],
}


HOSTILE = ("<img src=x onerror=alert(2)>", "=cmd|calc")
CALL = action("<b>call</b>", cost=2.0, effect=0.5)


def scored() -> tuple[pd.DataFrame, Plan]:
    scores = customers((HOSTILE[0], 100.0, 1.0, 0.5), (HOSTILE[1], 10.0, 1.0, 0.2), group="Champions")
    scores = scores.assign(historic_clv=[10.0, 20.0], clv_horizon_days=90.0)
    found = planned(scores, CALL, budget=3.0)
    return scores.assign(**found.columns), found


def page(scores: pd.DataFrame, found: Plan, outcomes: RunEvaluation | None = None) -> str:
    run = StoredRun(Path("run"), {**MANIFEST, "plan": found.summary.to_json()})
    return render(scores, run, outcomes, priorities=priorities_section(scores, run, found.table))


def nothing(*names: str) -> tuple[pd.DataFrame, Plan]:
    scores = null_scores(list(names))
    found = planned(scores, CALL)
    return scores.assign(**found.columns), found


def test_names_from_outside_are_escaped() -> None:
    shown = page(*scored()).split("</script>", 1)[1]
    assert "<script>alert(1)" not in shown
    assert "<img src=x" not in shown
    assert "<b>call" not in shown
    assert "&lt;img src=x" in shown


def test_a_shop_without_any_model_still_has_a_report() -> None:
    shown = page(*nothing("a", "b"))
    assert "refused: not_trained" in shown
    assert "No contact is expected to earn its cost" in shown
    assert "Not judged yet" in shown


def test_the_numbers_at_the_top_are_those_of_the_table() -> None:
    scores, found = scored()
    top = headline(scores, found.summary)
    assert (top.customers, top.historic, top.predicted, top.contacts, top.profit) == (2, 30, 110, 1, 23)


@pytest.mark.parametrize("rows", [0, 1])
def test_hardly_any_customers_are_reported_without_failing(rows: int) -> None:
    scores, found = nothing(*["a"] * rows)
    assert "Customer value report" in page(validate_scores(scores), found)


def test_outcomes_without_a_value_ranking_are_shown_as_such() -> None:
    ranking = Ranked("recency", Interval(0.3, 0.2, 0.4))
    missing = NotEvaluated("not_trained")
    value = ValueEvaluation((ranking,), missing)
    outcomes = RunEvaluation(SHOP_CUT, 90.0, 2, 1, 10.0, value, missing, missing, actions="cannot be judged")
    shown = page(*scored(), outcomes)
    assert "No CLV ranking to judge: not_trained" in shown
    assert "cannot be judged" in shown
    assert shown.count("plotly-graph-div") >= 3


def test_outcomes_with_everything_are_shown() -> None:
    interval = Interval(0.6, 0.5, 0.7)
    value = ValueEvaluation(
        (Ranked("predicted_clv", interval), Ranked("RFM", Interval(float("nan"), 0.0, 0.0))),
        ValueAmounts(90.0, 100.0, Deciles((1.0, 2.0), (1.0, 3.0), (1, 1)), scored=2, interval_coverage=0.9),
        lead={"RFM": interval},
    )
    churn = ChurnEvaluation(
        2, 0.5, 0.4, interval, 0.55, interval, 0.6, 0.1, interval, 1.5, Reliability((0.2,), (0.3,), (2,)),
        gone=GoneCustomers(4, 1),
    )  # fmt: skip
    icp = LookalikeEvaluation(60, 90.0, interval, 0.55, interval)
    truth = TruthDistance(ValueDistance(2, 0.8, 90.0, 95.0, 0.5, 0.6, 0.1), None, AliveDistance(0.9, 0.8, 0.85, 0.3))
    shown = page(*scored(), RunEvaluation(SHOP_CUT, 90.0, 2, 1, 10.0, value, churn, icp, truth=truth))
    for words in (
        "predicted_clv leads RFM by +60.0 points",
        "For the 2 customers with a CLV 90 was predicted in total and 100 came",
        "The 90 % intervals held 90% of the customers",
        "Churn: 2 eligible customers, AUC 0.600",
        "1 (25 %) bought again",
        "Lookalike: 60 customers new before the cut",
        "predicted 90, true expectation 95",
        "0.90 are alive",
    ):
        assert words in " ".join(shown.split()), words


def test_a_chart_stands_below_its_title_which_breaks_into_lines_on_a_narrow_screen() -> None:
    figure = charts.styled(go.Figure(go.Scatter(x=[1], y=[2])), "Churn < 5 % & more", "x", "y")
    drawn = charts.html(figure)
    assert drawn.startswith("<h3>Churn &lt; 5 % &amp; more</h3>")
    assert drawn.count("Churn") == 1
    assert figure.layout.title.text == "Churn < 5 % & more"


def test_the_list_the_limits_and_the_curve_are_shown() -> None:
    shown = page(*scored())
    assert "50 % likely to leave, 50 at stake" in shown
    assert "budget: 2.00 of 3.00 EUR are spent; more would earn nothing" in shown
    assert "What more or less money would be expected to earn" in shown
