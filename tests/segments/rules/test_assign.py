"""Edges, scores and tiers: monotone, defined for any population, the same for one customer as for all."""

from __future__ import annotations

import json
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.core.errors import ContractError
from cvo_ml.core.scores import columns_of, validate_scores
from cvo_ml.segments import SegmentEdges, assign, fit_edges, rfm_group, segment
from cvo_ml.segments.rules.assign import value_tiers
from tests.builders import null_scores
from tests.segments.customers import CUSTOMERS, POLICIES, rfm

POLICY = SegmentPolicy()


def assigned(table: pd.DataFrame, edges: SegmentEdges | None = None) -> pd.DataFrame:
    return assign(null_scores(list(table.index)), table, edges or fit_edges(table, POLICY))


@settings(max_examples=20)
@given(CUSTOMERS, st.sampled_from([3, 4, 5]), st.sampled_from(["klaviyo", "reveal"]))
def test_every_customer_has_one_cell_its_group_and_one_tier(table: pd.DataFrame, scale: int, vocabulary: str) -> None:
    edges = fit_edges(table, SegmentPolicy(scale=scale, vocabulary=vocabulary))
    segments = assigned(table, edges)
    values = segments[["rfm_r", "rfm_f", "rfm_m"]]
    assert values.isin(range(1, scale + 1)).all(axis=None)
    for row in segments.itertuples():
        assert row.rfm_cell == f"{row.rfm_r:.0f}{row.rfm_f:.0f}{row.rfm_m:.0f}"
        cell = int(row.rfm_r), int(row.rfm_f), int(row.rfm_m)
        assert row.rfm_group == rfm_group(*cell, scale=scale, vocabulary=vocabulary)
    assert set(segments["value_tier"]) <= {"high", "middle", "low"}
    validate_scores(null_scores(list(table.index)).assign(**segments))


@given(CUSTOMERS, POLICIES)
def test_later_more_often_and_more_never_score_lower(table: pd.DataFrame, policy: SegmentPolicy) -> None:
    levels = segment(table, fit_edges(table, policy))
    for column, score in (("number_of_orders", levels.f), ("net_value", levels.m)):
        assert np.all(np.diff(score[np.argsort(table[column].to_numpy(), kind="stable")]) >= 0)
    assert np.all(np.diff(levels.r[np.argsort(table["days_since_last_order"].to_numpy(), kind="stable")]) <= 0)


@given(CUSTOMERS, st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_a_customer_who_does_better_never_scores_lower(
    table: pd.DataFrame, sooner: int, more: int, richer: int
) -> None:
    edges = fit_edges(table, POLICY)
    better = table.assign(
        days_since_last_order=(table["days_since_last_order"] - sooner).clip(lower=0),
        number_of_orders=table["number_of_orders"] + more,
        net_value=table["net_value"] + richer,
    )
    before, after = segment(table, edges), segment(better, edges)
    assert all(np.all(now >= then) for now, then in ((after.r, before.r), (after.f, before.f), (after.m, before.m)))


@settings(max_examples=40)
@given(CUSTOMERS, POLICIES, st.sampled_from([0.01, 0.5, 2.0, 4096.0, 117.3]))
def test_another_currency_changes_nothing(table: pd.DataFrame, policy: SegmentPolicy, rate: float) -> None:
    scaled = table.assign(net_value=table["net_value"] * rate)
    if policy.monetary.at:
        at = tuple(value * rate for value in policy.monetary.at)
        policy_scaled = policy.model_copy(update={"monetary": policy.monetary.model_copy(update={"at": at})})
    else:
        policy_scaled = policy
    before, after = fit_edges(table, policy), fit_edges(scaled, policy_scaled)
    assert segment(table, before).cell.tolist() == segment(scaled, after).cell.tolist()
    assert list(value_tiers(table, before)) == list(value_tiers(scaled, after))


@settings(max_examples=6)
@given(CUSTOMERS)
def test_one_customer_has_the_same_segment_alone_as_among_all(table: pd.DataFrame) -> None:
    edges = fit_edges(table, POLICY)
    together = assigned(table, edges)
    for customer in table.index[:4]:
        pd.testing.assert_frame_equal(assigned(table.loc[[customer]], edges), together.loc[[customer]])


@settings(max_examples=30)
@given(CUSTOMERS, st.integers(0, 99))
def test_the_order_of_customers_changes_nothing(table: pd.DataFrame, seed: int) -> None:
    shuffled = table.sample(frac=1, random_state=seed)
    assert fit_edges(shuffled, POLICY) == fit_edges(table, POLICY)
    pd.testing.assert_frame_equal(assigned(shuffled).loc[table.index], assigned(table))


def test_nine_customers_by_hand() -> None:
    table = rfm(*[(10.0 * i, i, 100.0 * i) for i in range(1, 10)])
    edges = fit_edges(table, POLICY)
    assert (edges.recency_days, edges.frequency, edges.monetary) == ((30.0, 60.0), (1.0, 5.0), (300.0, 600.0))
    segments = assigned(table)
    assert segments["rfm_r"].tolist() == [3, 3, 3, 2, 2, 2, 1, 1, 1]
    assert segments["rfm_f"].tolist() == [1, 2, 2, 2, 2, 3, 3, 3, 3]  # 2-5 and 6-9 among repeat buyers
    assert segments["rfm_m"].tolist() == [1, 1, 1, 2, 2, 2, 3, 3, 3]


@pytest.mark.parametrize("count", [10, 100, 1000, 337])
def test_a_tier_holds_its_share_of_customers(count: int) -> None:
    tiers = assigned(rfm(*[(1.0, 1.0, float(i)) for i in range(count)]))["value_tier"].value_counts()
    assert tiers["high"] == pytest.approx(0.1 * count, abs=1 - 1e-9)
    assert tiers["middle"] == pytest.approx(0.3 * count, abs=1 - 1e-9)


def test_the_high_tier_holds_the_highest_values() -> None:
    table = rfm(*[(1.0, 1.0, float(i * 37 % 100)) for i in range(100)])
    tier = assigned(table)["value_tier"]
    assert table.loc[tier == "high", "net_value"].min() > table.loc[tier == "middle", "net_value"].max()
    assert table.loc[tier == "middle", "net_value"].min() > table.loc[tier == "low", "net_value"].max()


def test_one_order_scores_1_and_repeat_buyers_share_the_rest_among_themselves() -> None:
    table = rfm(*[(1.0, 1.0, 1.0)] * 96, (1.0, 2.0, 1.0), (1.0, 3.0, 1.0), (1.0, 4.0, 1.0), (1.0, 5.0, 1.0))
    assert assigned(table)["rfm_f"].tolist() == [1] * 96 + [2, 2, 3, 3]


def test_all_one_time_buyers_score_1_and_each_further_order_is_a_level_until_somebody_repeats() -> None:
    table = rfm((5.0, 1.0, 10.0), (50.0, 1.0, 20.0), (500.0, 1.0, 30.0))
    edges = fit_edges(table, POLICY)
    assert assigned(table, edges)["rfm_f"].tolist() == [1, 1, 1]
    later = rfm((5.0, 2.0, 10.0), (5.0, 3.0, 10.0), (5.0, 9.0, 10.0))
    assert assigned(later, edges)["rfm_f"].tolist() == [2, 3, 3]


@pytest.mark.parametrize(("scale", "cell"), [(3, "222"), (4, "332"), (5, "333")])
def test_customers_who_are_all_equal_get_a_middle_level_and_the_tier_of_the_middle_customer(
    scale: Literal[3, 4, 5], cell: str
) -> None:
    table = rfm(*[(30.0, 3.0, 99.0)] * 7)
    segments = assigned(table, fit_edges(table, SegmentPolicy(scale=scale)))
    assert segments["rfm_cell"].tolist() == [cell] * 7
    assert segments["value_tier"].tolist() == ["low"] * 7  # 60 % of the customers are in it, the middle one too


def test_ties_that_hold_most_customers_leave_the_levels_above_to_the_others() -> None:
    # where pandas' qcut drops duplicate edges, levels vanish and cells are left without a group
    table = rfm(*[(10.0, 2.0, 50.0)] * 90, *[(1.0, 7.0, 80.0)] * 5, *[(0.0, 9.0, 90.0)] * 5)
    edges = fit_edges(table, SegmentPolicy(scale=5))
    found = assigned(table, edges)[["rfm_r", "rfm_f", "rfm_m"]]
    assert found.iloc[0].tolist() == [3, 3, 3]
    assert (found.iloc[90:] == 5).all(axis=None)


def test_one_customer_is_a_population() -> None:
    one = assigned(rfm((30.0, 1.0, 99.0)))
    assert one[["rfm_cell", "rfm_group", "value_tier"]].iloc[0].tolist() == ["212", "At risk", "low"]


def test_a_total_of_nothing_or_less_is_the_lowest_money_and_the_lowest_tier_whoever_else_there_is() -> None:
    table = rfm(*[(1.0, 1.0, value) for value in (-80.0, -70.0, -60.0, -50.0, 0.0, 0.0, 0.0, 5.0)])
    segments = assigned(table)
    assert segments["rfm_m"].tolist() == [1.0] * 7 + [3.0]
    assert segments["value_tier"].tolist() == ["low"] * 7 + ["high"]
    nobody = assigned(rfm((1.0, 1.0, -5.0), (2.0, 2.0, 0.0)))
    assert nobody[["rfm_m", "value_tier"]].to_numpy().tolist() == [[1.0, "low"]] * 2


def test_values_beyond_the_fitted_range_take_the_outer_levels() -> None:
    edges = fit_edges(rfm(*[(10.0 * i, i, 100.0 * i) for i in range(1, 10)]), POLICY)
    segments = assigned(rfm((0.0, 1000.0, 1e9), (1e6, 1.0, -1e9)), edges)
    assert segments["rfm_cell"].tolist() == ["333", "111"]


def test_a_customer_without_an_order_left_has_nulls_and_the_reason() -> None:
    table = rfm((1.0, 1.0, 1.0))
    segments = assign(null_scores(["gone", "c000"]), table, fit_edges(table, POLICY))
    assert list(segments.index) == ["gone", "c000"]
    assert segments.loc["gone", columns_of("segment")].isna().all()
    assert segments["segment_reason"].tolist() == ["no_order_left", "no_previous_run"]


def test_nobody_with_an_order_left_is_no_error() -> None:
    table = rfm()
    segments = assign(null_scores(["gone"]), table, fit_edges(table, POLICY))
    assert segments["segment_reason"].tolist() == ["no_order_left"]
    validate_scores(null_scores(["gone"]).assign(**segments))


def test_edges_survive_json_and_their_version_is_their_content() -> None:
    edges = fit_edges(rfm((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)), POLICY)
    back = SegmentEdges.from_json(json.loads(json.dumps(edges.to_json())))
    assert (back, back.version) == (edges, edges.version)
    assert fit_edges(rfm((1.0, 2.0, 3.0), (4.0, 5.0, 7.0)), POLICY).version != edges.version


def test_a_measure_that_is_missing_or_null_is_named() -> None:
    table = rfm((1.0, 1.0, 1.0), (2.0, 2.0, 2.0))
    edges = fit_edges(table, POLICY)
    with pytest.raises(ContractError, match="table rfm: column 'net_value': is missing"):
        fit_edges(table.drop(columns="net_value"), POLICY)
    broken = table.assign(number_of_orders=[1.0, np.nan])
    with pytest.raises(ContractError, match=r"'number_of_orders': holds nulls or infinities \(1 row; first: 2\)"):
        segment(broken, edges)


def test_tiers_hold_margin_where_it_is_known() -> None:
    table = rfm(*[(1.0, 1.0, float(value)) for value in range(1, 11)])
    by_margin = table.assign(margin=table["net_value"].to_numpy()[::-1])
    edges = fit_edges(by_margin, POLICY)
    assert edges.tier_basis == "margin"
    assert assigned(by_margin, edges)["value_tier"].tolist() == ["high"] + ["middle"] * 3 + ["low"] * 6
    assert assigned(table)["value_tier"].tolist() == ["low"] * 6 + ["middle"] * 3 + ["high"]
