"""The report says what the scores say, and a hostile name does no harm in it."""

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.scores import validate_scores
from cvo_ml.report import render
from cvo_ml.report.page import summary
from tests.builders import null_scores

MANIFEST = {
    "shop": "<script>alert(1)</script>",
    "as_of": "2023-11-01",
    "currency": "EUR",
    "value_basis": "revenue",
    "models": {name: {"reason": "not_trained"} for name in ("clv", "churn", "icp")},
    "priorities": {
        "action": {"name": "call", "channel": "phone", "cost": 2.0, "save_rate": 0.05, "source": "declared"},
        "holdout": {"share": 0.1, "salt": "cvo"},
    },
    "row_ledger": {"rows_in": 3, "used": 2, "quarantined": {"null id": 1}, "excluded": {}},
    "customer_ledgers": {"clv": {"known": 2, "scored": 0, "ineligible": {"not_trained": 2}}},
    "notes": [],
    "readiness": ["clv: ready"],
}


def scored() -> pd.DataFrame:
    scores = null_scores(["<img src=x onerror=alert(2)>", "=cmd|calc"])
    return scores.assign(
        predicted_clv=[100.0, 50.0],
        historic_clv=[10.0, 20.0],
        clv_horizon_days=90.0,
        churn_probability=[0.5, 0.2],
        rfm_group=pd.Series(["Champions", "At risk"], index=scores.index, dtype="str"),
        value_tier=pd.Series(["high", "low"], index=scores.index, dtype="str"),
        expected_profit_of_action=[12.0, -1.0],
        next_action=pd.Series(["call", None], index=scores.index, dtype="str"),
        priority_rank=[1.0, 2.0],
        holdout=pd.Series([False, False], index=scores.index, dtype="boolean"),
    )


def test_names_from_outside_are_escaped() -> None:
    page = render(scored(), MANIFEST, None).split("</script>", 1)[1]
    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page


def test_a_shop_without_any_model_still_has_a_report() -> None:
    page = render(null_scores(["a", "b"]), MANIFEST, None)
    assert "refused: not_trained" in page
    assert "No contact is expected to earn its cost" in page
    assert "is not over in the data" in page


def test_the_numbers_at_the_top_are_those_of_the_table() -> None:
    top = summary(scored())
    assert (top["customers"], top["historic"], top["predicted"], top["actions"], top["profit"]) == (2, 30, 150, 1, 12)


@pytest.mark.parametrize("rows", [0, 1])
def test_hardly_any_customers_are_reported_without_failing(rows: int) -> None:
    scores = validate_scores(null_scores(["a"])).iloc[:rows]
    assert "Customer value report" in render(scores, MANIFEST, None)


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
    page = render(scored(), MANIFEST, outcomes)
    assert "No CLV ranking to judge: not_trained" in page
    assert "cannot be judged" in page
    assert np.char.count(page, "plotly-graph-div") >= 3
