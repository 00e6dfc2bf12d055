"""Scores judged by what came: rankings, churn, lookalikes, and honest silence where nothing can be said."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.core.errors import UsageError
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import window_outcome
from cvo_ml.features.customer import customer_features
from cvo_ml.monitoring import judge
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


def judge_it(scores: pd.DataFrame, features: pd.DataFrame, shop: Tables, as_of: date = SHOP_CUT) -> dict:
    return judge(scores, features, shop, as_of, horizon=HORIZON, icp_age=Horizon("60D"))


def test_a_perfect_prediction_leads_every_ranking_and_has_no_bias(shop, judged_shop) -> None:
    scores, features = judged_shop
    actual = window_outcome(shop, SHOP_CUT, HORIZON, features.index)
    perfect = scores.assign(
        predicted_clv=actual["value"], predicted_clv_p05=actual["value"], predicted_clv_p95=actual["value"],
        clv_horizon_days=90.0,
    )  # fmt: skip
    value = judge_it(perfect, features, shop)["value"]
    assert all(lead["lower"] > 0 for lead in value["lead"].values())
    assert value["predicted_total"] == pytest.approx(value["actual_total"])
    assert value["interval_coverage"] == 1.0
    assert value["deciles"]["predicted"] == pytest.approx(value["deciles"]["actual"])


def test_totals_compare_the_same_customers(shop, judged_shop) -> None:
    """Who has no CLV counts neither in what was predicted nor in what came, as in the outcome ledger."""
    scores, features = judged_shop
    actual = window_outcome(shop, SHOP_CUT, HORIZON, features.index)["value"]
    without = actual > actual.quantile(0.9)
    partly = scores.assign(
        predicted_clv=actual.mask(without), clv_reason=np.where(without, "no_order_left", None), clv_horizon_days=90.0
    )
    value = judge_it(partly, features, shop)["value"]
    assert value["scored"] == int((~without).sum())
    assert value["actual_total"] == pytest.approx(value["predicted_total"])
    assert sum(value["deciles"]["customers"]) == value["scored"]


def test_true_churn_probabilities_are_found_to_separate(shop, judged_shop) -> None:
    scores, features = judged_shop
    stayed = window_outcome(shop, SHOP_CUT, HORIZON, features.index)["orders"] > 0
    certain = scores.assign(churn_probability=np.where(stayed, 0.05, 0.95), churn_horizon_days=90.0)
    churn = judge_it(certain, features, shop)["churn"]
    assert churn["auc"]["estimate"] == 1.0
    assert churn["churn_rate"] == pytest.approx(1 - stayed.mean())
    assert churn["eligible"] == len(features)


def test_a_churn_score_of_another_horizon_is_not_judged_on_this_one(shop, judged_shop) -> None:
    scores, features = judged_shop
    other = scores.assign(churn_probability=0.5, churn_horizon_days=30.0)
    assert judge_it(other, features, shop)["churn"] == {"reason": "another_horizon", "predicted_horizon_days": 30.0}


def test_the_total_of_a_year_is_not_compared_with_what_came_in_a_quarter(shop, judged_shop) -> None:
    scores, features = judged_shop
    value = judge_it(scores.assign(predicted_clv=1.0, clv_horizon_days=365.0), features, shop)["value"]
    assert (value["reason"], value["predicted_horizon_days"]) == ("another_horizon", 365.0)
    assert "predicted_total" not in value
    assert "deciles" not in value
    assert value["rankings"][0]["name"] == "predicted_clv"  # an order of customers can be judged on any window


def test_those_who_counted_as_gone_are_counted_with_who_came_back(shop, judged_shop) -> None:
    scores, features = judged_shop
    stayed = window_outcome(shop, SHOP_CUT, HORIZON, features.index)["orders"] > 0
    gone = np.arange(len(scores)) % 3 == 0
    partly = scores.assign(
        churn_probability=np.where(gone, np.nan, 0.5), churn_horizon_days=90.0,
        churn_reason=np.where(gone, "gone_already", None),
    )  # fmt: skip
    found = judge_it(partly, features, shop)["churn"]["gone"]
    assert found == {"customers": int(gone.sum()), "returned": int(stayed[gone].sum())}


def test_parts_without_scores_say_why(shop, judged_shop) -> None:
    scores, features = judged_shop
    judged = judge_it(scores, features, shop)
    assert judged["value"]["reason"] == judged["churn"]["reason"] == judged["icp"]["reason"] == "not_trained"
    assert [row["name"] for row in judged["value"]["rankings"]] == ["recency", "RFM", "formula CLV"]


def test_an_open_window_is_refused(shop, judged_shop) -> None:
    scores, features = judged_shop
    last = shop.orders["ordered_at"].max().date()
    with pytest.raises(UsageError, match="not known yet"):
        judge_it(scores, features, shop, last - timedelta(days=30))


def test_few_new_customers_are_not_enough_to_judge_lookalikes(shop, judged_shop) -> None:
    scores, features = judged_shop
    judged = judge_it(scores.assign(icp_score=0.5), features, shop)
    assert "customers first ordered" in judged["icp"]["reason"]


def test_the_action_list_is_never_called_proven(shop, judged_shop) -> None:
    assert "held out" in judge_it(*judged_shop, shop)["actions"]
