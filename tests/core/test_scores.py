"""Scores: every null has its group's reason, and the hash knows values, not row order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.errors import ContractError
from cvo_ml.core.score_cells import reasons_where
from cvo_ml.core.scores import (
    OLDER_FORMAT,
    REASON_COLUMNS,
    SINCE_FORMAT_2,
    Reason,
    columns_of,
    reasons_of,
    score_columns,
    scores_hash,
    validate_scores,
)
from cvo_ml.core.store import of_format_1
from tests.builders import null_scores

#: The columns of format 2 and the reason of each group, word for word.
DESIGN = """customer_id as_of currency value_basis clv_horizon_days discount_rate historic_clv predicted_clv
predicted_clv_p05 predicted_clv_p95 predicted_revenue predicted_cost_to_serve total_clv clv_total_grade season_factor
margin_rate value_at_risk historic_number_of_orders predicted_number_of_orders average_order_value
average_days_between_orders expected_date_of_next_order p_alive p_top_decile churn_definition churn_horizon_days
churn_probability churn_probability_p05 churn_probability_p95 churn_band icp_score icp_percentile icp_tier
rfm_r rfm_f rfm_m rfm_scale rfm_cell rfm_group
rfm_group_previous rfm_change_cause value_tier expected_profit_of_action next_action channel priority_rank holdout
reasons
clv_model clv_model_version clv_grade churn_model churn_model_version churn_grade icp_model icp_model_version icp_grade
clv_reason churn_reason icp_reason economics_reason total_reason reasons_reason segment_reason priority_reason"""


def test_scores_have_exactly_the_columns_of_the_design() -> None:
    assert sorted(score_columns()) == sorted(DESIGN.split())


def test_a_table_of_nulls_with_reasons_is_valid_and_comes_back_in_order() -> None:
    scores = null_scores(["a", "b"])
    assert list(validate_scores(scores[score_columns()[::-1]]).columns) == score_columns()


@pytest.mark.parametrize("group", list(REASON_COLUMNS))
def test_a_null_without_its_own_groups_reason_is_refused(group: str) -> None:
    scores = null_scores(["a", "b", "c"])
    scores.loc["b", REASON_COLUMNS[group]] = None
    with pytest.raises(ContractError, match=rf"null without a reason.*\(1 row; first: 2\): set {group}_reason"):
        validate_scores(scores)


def test_scores_of_format_1_are_read_with_nulls_that_say_why() -> None:
    """Format 1 had neither economics nor season, and its reasons were a list: those of churn."""
    today = null_scores(["a", "b"])
    old = today.drop(columns=[name for group in SINCE_FORMAT_2 for name in (*columns_of(group), f"{group}_reason")])
    old["reasons"] = pd.Series(['[{"feature": "recency", "direction": "up", "effect": 0.2}]', None], old.index).astype(
        "str"
    )
    read = validate_scores(of_format_1(old))
    assert (read["economics_reason"] == OLDER_FORMAT).all()
    assert read["predicted_revenue"].isna().all()
    assert [reasons_of(text) for text in read["reasons"]] == [[Reason("recency", "up", 0.2)], []]
    assert read["reasons_reason"].fillna("").tolist() == ["", OLDER_FORMAT]


def test_a_group_without_nulls_needs_no_reason() -> None:
    scores = null_scores(["a"])
    for name in columns_of("icp"):
        scores[name] = 0.5 if scores[name].dtype == float else "x"
    scores["icp_reason"] = pd.Series([None], index=scores.index, dtype="str")
    assert validate_scores(scores)["icp_score"].tolist() == [0.5]


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("customer_id", "a", "the key repeats"),
        ("predicted_clv", np.inf, "infinite amount"),
        ("currency", None, "null in a required column"),
        ("churn_probability", "0.5", "has type str, not number"),
    ],
)
def test_a_broken_value_is_refused(column: str, value: object, problem: str) -> None:
    scores = null_scores(["a", "b"])
    scores[column] = pd.Series([value] * 2, index=scores.index)
    with pytest.raises(ContractError, match=problem):
        validate_scores(scores)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ContractError, match="columns missing: p_alive"):
        validate_scores(null_scores(["a"]).drop(columns="p_alive"))


def test_reasons_of_one_group_are_joined_and_nulls_skipped() -> None:
    flags = {"a": np.array([True, True, False, False]), "b": np.array([True, False, True, False])}
    assert reasons_where(flags).tolist() == ["a;b", "a", "b", None]


def test_the_hash_ignores_row_order_index_and_the_sign_of_zero() -> None:
    scores = null_scores(["a", "b", "c"]).assign(historic_clv=[1.0, 0.0, 3.0])
    other = scores.iloc[[2, 0, 1]].reset_index(drop=True).assign(historic_clv=[3.0, 1.0, -0.0])
    assert scores_hash(scores) == scores_hash(other)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("historic_clv", np.nextafter(1.0, 2.0)),
        ("historic_clv", np.nan),
        ("holdout", True),
        ("rfm_group", "Champions"),
        ("clv_reason", None),
        ("as_of", pd.Timestamp("2023-11-02")),
    ],
)
def test_the_hash_sees_every_value_to_the_last_bit(column: str, value: object) -> None:
    scores = null_scores(["a", "b"]).assign(historic_clv=[1.0, 2.0])
    changed = scores.copy()
    changed.loc["a", column] = value
    assert scores_hash(changed) != scores_hash(scores)
