"""Scores judged by what came: rankings, churn, lookalikes, and honest silence where nothing can be said."""

import json
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.core.errors import UsageError
from cvo_ml.core.result import from_json
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import window_outcome
from cvo_ml.features.customer import customer_features
from cvo_ml.monitoring import evaluate_run
from cvo_ml.monitoring.outcomes import ChurnEvaluation, GoneCustomers, NotEvaluated, RunEvaluation, ValueAmounts
from cvo_ml.segments import assign, fit_edges
from tests.builders import SHOP_CUT, null_scores

HORIZON = Horizon("90D")


@pytest.fixture(scope="module")
def judged_shop(shop: Tables) -> tuple[pd.DataFrame, pd.DataFrame]:
    features = customer_features(shop, SHOP_CUT)
    scores = null_scores(list(features.index))
    edges = fit_edges(features, SegmentPolicy())
    segments = assign(scores, features, edges)
    return scores.assign(**{str(name): segments[name] for name in segments}), features


def judge_it(scores: pd.DataFrame, features: pd.DataFrame, shop: Tables, as_of: date = SHOP_CUT) -> RunEvaluation:
    return evaluate_run(scores, features, shop, as_of, horizon=HORIZON, icp_age=Horizon("60D"))


def test_a_perfect_prediction_leads_every_ranking_and_has_no_bias(shop, judged_shop) -> None:
    scores, features = judged_shop
    actual = window_outcome(shop, SHOP_CUT, HORIZON, features.index)
    perfect = scores.assign(
        predicted_clv=actual["value"], predicted_clv_p05=actual["value"], predicted_clv_p95=actual["value"],
        clv_horizon_days=90.0,
    )  # fmt: skip
    value = judge_it(perfect, features, shop).value
    assert all(lead.lower > 0 for lead in value.lead.values())
    assert value.amounts.predicted_total == pytest.approx(value.amounts.actual_total)
    assert value.amounts.interval_coverage == 1.0
    assert value.amounts.deciles.predicted == pytest.approx(value.amounts.deciles.actual)


def test_totals_compare_the_same_customers(shop, judged_shop) -> None:
    """Who has no CLV counts neither in what was predicted nor in what came, as in the outcome ledger."""
    scores, features = judged_shop
    actual = window_outcome(shop, SHOP_CUT, HORIZON, features.index).value
    without = actual > actual.quantile(0.9)
    partly = scores.assign(
        predicted_clv=actual.mask(without), clv_reason=np.where(without, "no_order_left", None), clv_horizon_days=90.0
    )
    value = judge_it(partly, features, shop).value
    assert value.amounts.scored == int((~without).sum())
    assert value.amounts.actual_total == pytest.approx(value.amounts.predicted_total)
    assert sum(value.amounts.deciles.customers) == value.amounts.scored


def test_true_churn_probabilities_are_found_to_separate(shop, judged_shop) -> None:
    scores, features = judged_shop
    stayed = window_outcome(shop, SHOP_CUT, HORIZON, features.index)["orders"] > 0
    certain = scores.assign(churn_probability=np.where(stayed, 0.05, 0.95), churn_horizon_days=90.0)
    churn = judge_it(certain, features, shop).churn
    assert churn.auc.estimate == 1.0
    assert churn.churn_rate == pytest.approx(1 - stayed.mean())
    assert churn.eligible == len(features)


def test_a_churn_score_of_another_horizon_is_not_judged_on_this_one(shop, judged_shop) -> None:
    scores, features = judged_shop
    other = scores.assign(churn_probability=0.5, churn_horizon_days=30.0)
    assert judge_it(other, features, shop).churn == NotEvaluated("another_horizon", 30.0)


def test_the_total_of_a_year_is_not_compared_with_what_came_in_a_quarter(shop, judged_shop) -> None:
    scores, features = judged_shop
    value = judge_it(scores.assign(predicted_clv=1.0, clv_horizon_days=365.0), features, shop).value
    assert value.amounts == NotEvaluated("another_horizon", 365.0)
    assert set(value.to_json()) == {"rankings", "lead", "reason", "predicted_horizon_days"}
    assert value.rankings[0].name == "predicted_clv"  # an order of customers can be judged on any window


def test_those_who_counted_as_gone_are_counted_with_who_came_back(shop, judged_shop) -> None:
    scores, features = judged_shop
    stayed = window_outcome(shop, SHOP_CUT, HORIZON, features.index)["orders"] > 0
    gone = np.arange(len(scores)) % 3 == 0
    partly = scores.assign(
        churn_probability=np.where(gone, np.nan, 0.5), churn_horizon_days=90.0,
        churn_reason=np.where(gone, "gone_already", None),
    )  # fmt: skip
    found = judge_it(partly, features, shop).churn.gone
    assert found == GoneCustomers(customers=int(gone.sum()), returned=int(stayed[gone].sum()))


def test_parts_without_scores_say_why(shop, judged_shop) -> None:
    scores, features = judged_shop
    judged = judge_it(scores, features, shop)
    assert judged.value.amounts == judged.churn == judged.icp == NotEvaluated("not_trained")
    assert [row.name for row in judged.value.rankings] == ["recency", "RFM", "formula CLV"]


def test_an_open_window_is_refused(shop, judged_shop) -> None:
    scores, features = judged_shop
    last = shop.orders["ordered_at"].max().date()
    with pytest.raises(UsageError, match="not known yet"):
        judge_it(scores, features, shop, last - timedelta(days=30))


def test_few_new_customers_are_not_enough_to_judge_lookalikes(shop, judged_shop) -> None:
    scores, features = judged_shop
    judged = judge_it(scores.assign(icp_score=0.5), features, shop)
    assert "customers first ordered" in judged.icp.reason


def test_the_action_list_is_never_called_proven(shop, judged_shop) -> None:
    assert "held out" in judge_it(*judged_shop, shop).actions


def test_a_stored_evaluation_is_read_back(shop, judged_shop) -> None:
    scores, features = judged_shop
    known = scores.assign(
        predicted_clv=1.0, predicted_clv_p05=0.0, predicted_clv_p95=9.0, clv_horizon_days=90.0,
        churn_probability=np.linspace(0.1, 0.9, len(scores)), churn_horizon_days=90.0,
    )  # fmt: skip
    for evaluated in (judge_it(scores, features, shop), judge_it(known, features, shop)):
        document = json.loads(json.dumps(evaluated.to_json()))
        assert from_json(RunEvaluation, document).to_json() == document


def test_an_evaluation_of_the_first_format_is_read_too(shop, judged_shop) -> None:
    """It knew nothing of customers who had gone, and summed up everybody."""
    scores, features = judged_shop
    known = scores.assign(
        predicted_clv=1.0, clv_horizon_days=90.0, churn_probability=np.linspace(0.1, 0.9, len(scores)),
        churn_horizon_days=90.0,
    )  # fmt: skip
    document = json.loads(json.dumps(judge_it(known, features, shop).to_json()))
    del document["churn"]["gone"], document["value"]["scored"]
    stored = from_json(RunEvaluation, document)
    assert isinstance(stored.churn, ChurnEvaluation)
    assert stored.churn.gone is None
    assert isinstance(stored.value.amounts, ValueAmounts)
    assert stored.value.amounts.scored is None
