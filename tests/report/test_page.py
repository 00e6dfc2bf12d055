"""The report says what the scores say, and a hostile name does no harm in it."""

import pandas as pd
import plotly.graph_objects as go
import pytest

from cvo_ml.core.scores import validate_scores
from cvo_ml.priorities import Plan
from cvo_ml.report import charts, priorities_section, render
from cvo_ml.report.page import summary
from tests.builders import null_scores
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


def page(scores: pd.DataFrame, found: Plan, outcomes: dict[str, object] | None = None) -> str:
    manifest = {**MANIFEST, "plan": found.summary}
    return render(scores, manifest, outcomes, priorities=priorities_section(scores, manifest, found.table))


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
    top = summary(scores, found.summary)
    assert (top["customers"], top["historic"], top["predicted"], top["actions"], top["profit"]) == (2, 30, 110, 1, 23)


@pytest.mark.parametrize("rows", [0, 1])
def test_hardly_any_customers_are_reported_without_failing(rows: int) -> None:
    scores, found = nothing(*["a"] * rows)
    assert "Customer value report" in page(validate_scores(scores), found)


def test_outcomes_without_a_value_ranking_are_shown_as_such() -> None:
    share = {"estimate": 0.3, "lower": 0.2, "upper": 0.4, "level": 0.95}
    outcomes = {
        "as_of": "2023-11-01",
        "horizon_days": 90.0,
        "customers": 2,
        "buyers": 1,
        "total_value": 10.0,
        "value": {"rankings": [{"name": "recency", "top_decile_share": share}], "reason": "not_trained"},
        "churn": {"reason": "not_trained"},
        "icp": {"reason": "not_trained"},
        "actions": "cannot be judged",
    }
    shown = page(*scored(), outcomes)
    assert "No CLV ranking to judge: not_trained" in shown
    assert "cannot be judged" in shown
    assert shown.count("plotly-graph-div") >= 3


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
