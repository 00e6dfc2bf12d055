"""Scoring: each row by itself, every null with its reason, the bands and reasons of churn."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from cvo_ml.core.scores import columns_of, validate_scores
from cvo_ml.core.units import Horizon
from cvo_ml.features.snapshot import is_gone
from cvo_ml.models.churn import Explanation
from cvo_ml.models.clv.baselines import Formula
from cvo_ml.predict import LoadedModels, score
from cvo_ml.predict.churn import bands, reasons
from cvo_ml.predict.icp import tiers
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.kinds import bundle_of, model_of
from cvo_ml.registry.bundles.loaded import load_model
from tests.builders import SHOP_CUT, null_scores

CLV = bundle_of("clv", Formula(), {"horizon_days": 365.0, "discount_rate": 0.0}, {"verdict": {"grade": "D"}})


@pytest.fixture(scope="module")
def models(churn_bundle: Bundle, icp_bundle: Bundle) -> LoadedModels:
    """All three models of the seeded shop."""
    return LoadedModels.of(CLV, churn_bundle, icp_bundle)


@pytest.fixture(scope="module")
def with_nobody_left(shop_features: pd.DataFrame) -> pd.DataFrame:
    """The customers and one whose orders were all refunded, in the middle of the index."""
    return shop_features.reindex(pd.Index([*shop_features.index[:5], "c000x", *shop_features.index[5:]], dtype="str"))


@pytest.fixture(scope="module")
def scored(with_nobody_left: pd.DataFrame, models: LoadedModels) -> pd.DataFrame:
    """Everybody's scores."""
    return score(with_nobody_left, models, as_of=SHOP_CUT, currency="EUR")


def completed(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores with the columns of the parts to the right."""
    rest = null_scores(list(scores.index))
    return validate_scores(pd.concat([scores, rest.drop(columns=scores.columns)], axis=1))


def test_one_row_per_customer_in_the_order_given(scored: pd.DataFrame, with_nobody_left: pd.DataFrame) -> None:
    assert scored.index.equals(with_nobody_left.index)
    assert scored["customer_id"].tolist() == list(with_nobody_left.index)
    assert set(scored["as_of"]) == {pd.Timestamp(SHOP_CUT)}
    assert set(scored["currency"]) == {"EUR"}
    assert set(scored["value_basis"]) == {"revenue"}


def test_every_null_has_its_reason(scored: pd.DataFrame) -> None:
    assert len(completed(scored)) == len(scored)


@pytest.mark.parametrize("churn", ["churn_bundle", "recency_bundle"])
def test_one_customer_scores_the_same_alone_as_among_all(
    churn: str, with_nobody_left: pd.DataFrame, models: LoadedModels, request: pytest.FixtureRequest
) -> None:
    models = LoadedModels({**models.models, "churn": load_model(request.getfixturevalue(churn))})
    everybody = score(with_nobody_left, models, as_of=SHOP_CUT, currency="EUR")
    gone = is_gone(with_nobody_left, Horizon("90D"))
    for customer in ("c000x", gone.index[gone][0], *gone.index[~gone][:4]):
        alone = score(with_nobody_left.loc[[customer]], models, as_of=SHOP_CUT, currency="EUR")
        pd.testing.assert_frame_equal(alone, everybody.loc[[customer]], rtol=1e-12, check_dtype=False)


def test_the_order_of_rows_and_columns_changes_no_score(
    scored: pd.DataFrame, with_nobody_left: pd.DataFrame, models: LoadedModels
) -> None:
    mixed = with_nobody_left.iloc[::-1, np.random.default_rng(1).permutation(with_nobody_left.shape[1])]
    other = score(mixed, models, as_of=SHOP_CUT, currency="EUR")
    pd.testing.assert_frame_equal(other.loc[scored.index], scored, rtol=1e-12)


def test_churn_of_the_eligible_is_the_models_own(
    scored: pd.DataFrame, shop_features: pd.DataFrame, churn_bundle: Bundle
) -> None:
    eligible = shop_features[~is_gone(shop_features, Horizon("90D"))]
    assert 0 < len(eligible) < len(shop_features)
    found = scored.loc[eligible.index]
    assert found["churn_probability"].to_numpy() == pytest.approx(model_of(churn_bundle).predict_proba(eligible)[:, 1])
    assert found["churn_reason"].isna().all()
    assert set(found["churn_horizon_days"]) == {90.0}
    assert set(found["churn_definition"]) == {"no_order_within_horizon"}
    assert set(found["churn_model_version"]) == {churn_bundle.version}
    assert set(found["churn_grade"]) == {"B"}
    in_bands = bands(found["churn_probability"].to_numpy(), churn_bundle.settings["bands"])
    assert found["churn_band"].tolist() == in_bands.tolist()


def test_the_gone_have_no_churn_and_keep_their_clv(scored: pd.DataFrame, shop_features: pd.DataFrame) -> None:
    gone = scored.loc[shop_features.index[is_gone(shop_features, Horizon("90D"))]]
    assert len(gone) > 0
    assert gone[columns_of("churn")].isna().all(axis=None)
    assert set(gone["churn_reason"]) == {"gone_already"}
    assert gone["predicted_clv"].notna().all()
    assert gone["icp_score"].notna().all()


def test_all_gone_is_no_error(shop_features: pd.DataFrame, models: LoadedModels) -> None:
    gone = shop_features[is_gone(shop_features, Horizon("90D"))]
    scores = completed(score(gone, models, as_of=SHOP_CUT, currency="EUR"))
    assert set(scores["churn_reason"]) == {"gone_already"}


def test_a_customer_without_an_order_left_has_nulls_in_every_group(scored: pd.DataFrame) -> None:
    row = scored.loc["c000x"]
    for group in ("clv", "churn", "icp"):
        assert row[columns_of(group)].isna().all()
        assert row[f"{group}_reason"] == "no_order_left"


@pytest.mark.parametrize("rows", [["c000x"], []], ids=["only such a customer", "nobody"])
def test_nobody_to_score_is_no_error(rows: list[str], with_nobody_left: pd.DataFrame, models: LoadedModels) -> None:
    scores = score(with_nobody_left.loc[rows], models, as_of=SHOP_CUT, currency="EUR")
    assert len(completed(scores)) == len(rows)


def test_a_refused_model_leaves_its_columns_null_with_the_reason_and_the_rest_goes_on(
    with_nobody_left: pd.DataFrame, icp_bundle: Bundle
) -> None:
    models = LoadedModels.of(icp_bundle, refused={"clv": "too_few_repeat_buyers"})
    scores = completed(score(with_nobody_left, models, as_of=SHOP_CUT, currency="EUR"))
    here = scores[scores["customer_id"] != "c000x"]
    assert set(here["clv_reason"]) == {"too_few_repeat_buyers"}
    assert set(here["churn_reason"]) == {"not_trained"}
    assert here[["predicted_clv", "total_clv", "p_alive", "churn_probability"]].isna().all(axis=None)
    assert here["icp_score"].notna().all()


def test_facts_need_no_model(with_nobody_left: pd.DataFrame) -> None:
    scores = score(with_nobody_left, LoadedModels.of(), as_of=SHOP_CUT, currency="EUR")
    facts = {
        "historic_clv": "net_value",
        "historic_number_of_orders": "number_of_orders",
        "average_order_value": "average_order_value",
        "average_days_between_orders": "mean_gap_days",
    }
    for name, feature in facts.items():
        assert np.array_equal(scores[name], with_nobody_left[feature], equal_nan=True)


def test_clv_columns_of_the_formula(scored: pd.DataFrame, shop_features: pd.DataFrame) -> None:
    rows = scored.loc[shop_features.index]
    assert rows["total_clv"].to_numpy() == pytest.approx((rows["historic_clv"] + rows["predicted_clv"]).to_numpy())
    assert rows["clv_model"].unique().tolist() == ["clv.formula"]
    assert rows["clv_reason"].str.contains("formula_has_no_probabilities").all()
    assert (rows["clv_reason"].str.contains("one_order") == (shop_features["number_of_orders"] == 1)).all()
    # average value x orders per day x 365, by hand for one customer
    one = shop_features[shop_features["days_since_first_order"] > 30].iloc[0]
    expected = one["net_value"] / one["days_since_first_order"] * 365
    assert rows.loc[one.name, "predicted_clv"] == pytest.approx(expected)


def test_bands_end_on_their_upper_edge() -> None:
    edges = {"medium": 0.66, "low": 0.33}
    assert bands(np.array([0.0, 0.33, 0.3300001, 0.66, 0.6600001, 1.0]), edges).tolist() == [
        *("low", "low", "medium", "medium", "high", "high")
    ]
    assert bands(np.array([0.5]), {}).tolist() == ["high"]


def test_reasons_are_the_three_strongest_levers_with_their_column_direction_and_effect() -> None:
    columns = ("orders_90d", "days_since_last_order", "gaps_since_last_order", "nps_mean", "net_90d")
    parts = np.array([[0.1, 0.3, 0.4, -0.5, 0.0], [0.0, 0.0, 0.0, 0.0, -1.0]])
    texts = reasons(Explanation(columns, parts, parts.sum(axis=1), expit))
    first, second = (json.loads(text)["churn"] for text in texts)
    # recency's two columns count together, and the larger of them is named
    assert [(reason["lever"], reason["feature"], reason["direction"]) for reason in first] == [
        ("recency", "gaps_since_last_order", "up"),
        ("service", "nps_mean", "down"),
        ("frequency", "orders_90d", "up"),
    ]
    assert first[0]["effect"] == pytest.approx(expit(0.3) - expit(0.3 - 0.7), abs=1e-4)
    assert first[1]["effect"] == pytest.approx(expit(0.3) - expit(0.3 + 0.5), abs=1e-4)
    assert (second[0]["lever"], second[0]["direction"]) == ("value", "down")


def test_the_reasons_of_a_customer_name_the_models_columns(scored: pd.DataFrame, churn_bundle: Bundle) -> None:
    told = [json.loads(text)["churn"] for text in scored["reasons"].dropna()]
    assert all(len(reasons) == 3 for reasons in told)
    known = {*churn_bundle.parameters["features"], *churn_bundle.parameters["categories"]}
    assert {reason["feature"] for reasons in told for reason in reasons} <= known
    assert all(abs(reason["effect"]) <= 1 for reasons in told for reason in reasons)


def test_tiers_are_the_top_10_the_next_20_and_the_rest() -> None:
    assert tiers(np.array([100.0, 90.0, 89.9, 70.0, 69.9, 0.0])).tolist() == [
        *("top 10 %", "top 10 %", "next 20 %", "next 20 %", "rest", "rest")
    ]


def test_percentiles_lie_between_0_and_100_and_follow_the_score(scored: pd.DataFrame) -> None:
    rows = scored.dropna(subset=["icp_score"]).sort_values("icp_score")
    assert rows["icp_percentile"].between(0, 100).all()
    assert (np.diff(rows["icp_percentile"]) >= -1e-9).all()


def test_the_horizon_of_the_bundle_is_the_horizon_of_the_score(shop_features: pd.DataFrame) -> None:
    half = replace(CLV, settings={"horizon_days": 182.625, "discount_rate": 0.0})
    one = score(shop_features, LoadedModels.of(CLV), as_of=SHOP_CUT, currency="EUR")
    other = score(shop_features, LoadedModels.of(half), as_of=SHOP_CUT, currency="EUR")
    assert set(other["clv_horizon_days"]) == {182.625}
    assert other["predicted_clv"].to_numpy() == pytest.approx(one["predicted_clv"].to_numpy() * 182.625 / 365)


def test_as_of_is_the_callers(shop_features: pd.DataFrame) -> None:
    scores = score(shop_features.iloc[:1], LoadedModels.of(), as_of=date(2024, 2, 29), currency="EUR")
    assert scores["as_of"].tolist() == [pd.Timestamp("2024-02-29")]
