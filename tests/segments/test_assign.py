"""Edges, scores and tiers: monotone, defined for any population, the same for one customer as for all."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvo_ml.config.policies import SegmentPolicy
from cvo_ml.core.scores import columns_of, validate_scores
from cvo_ml.segments import SegmentEdges, assign, fit_edges, rfm_group
from cvo_ml.segments.assign import rfm_scores
from tests.builders import null_scores

POLICY = SegmentPolicy()


def rfm(*rows: tuple[float, float, float]) -> pd.DataFrame:
    """R in days, F in orders, M in money; customers c000, c001, ..."""
    index = pd.Index([f"c{number:03}" for number in range(len(rows))], dtype="str")
    return pd.DataFrame(
        rows, columns=["days_since_last_order", "number_of_orders", "net_value"], index=index, dtype=float
    )


def assigned(table: pd.DataFrame, edges: SegmentEdges | None = None, vocabulary: str = "klaviyo") -> pd.DataFrame:
    scores = null_scores(list(table.index))
    return assign(scores, table, edges or fit_edges(table, POLICY), vocabulary)  # type: ignore[arg-type]


CUSTOMERS = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 9), st.integers(-50, 500)), min_size=1, max_size=30
).map(lambda rows: rfm(*rows))


@settings(max_examples=20)
@given(CUSTOMERS, st.sampled_from([3, 4, 5]), st.sampled_from(["klaviyo", "reveal"]))
def test_every_customer_has_one_cell_its_group_and_one_tier(table: pd.DataFrame, scale: int, vocabulary: str) -> None:
    edges = fit_edges(table, SegmentPolicy(scale=scale))  # type: ignore[arg-type]
    segments = assigned(table, edges, vocabulary)
    values = segments[["rfm_r", "rfm_f", "rfm_m"]]
    assert values.isin(range(1, scale + 1)).all(axis=None)
    for row in segments.itertuples():
        assert row.rfm_cell == f"{row.rfm_r:.0f}{row.rfm_f:.0f}{row.rfm_m:.0f}"
        cell = int(row.rfm_r), int(row.rfm_f), int(row.rfm_m)
        assert row.rfm_group == rfm_group(*cell, scale=scale, vocabulary=vocabulary)  # type: ignore[arg-type]
    assert set(segments["value_tier"]) <= {"high", "middle", "low"}
    validate_scores(null_scores(list(table.index)).assign(**segments))


@given(CUSTOMERS)
def test_later_more_often_and_more_never_score_lower(table: pd.DataFrame) -> None:
    r, f, m = rfm_scores(table, fit_edges(table, POLICY))
    for column, score in (("number_of_orders", f), ("net_value", m)):
        assert np.all(np.diff(score[np.argsort(table[column].to_numpy(), kind="stable")]) >= 0)
    assert np.all(np.diff(r[np.argsort(table["days_since_last_order"].to_numpy(), kind="stable")]) <= 0)


@settings(max_examples=6)
@given(CUSTOMERS)
def test_one_customer_has_the_same_segment_alone_as_among_all(table: pd.DataFrame) -> None:
    edges = fit_edges(table, POLICY)
    together = assigned(table, edges)
    for customer in table.index[:4]:
        pd.testing.assert_frame_equal(assigned(table.loc[[customer]], edges), together.loc[[customer]])


@given(CUSTOMERS, st.integers(0, 99))
def test_edges_do_not_depend_on_the_order_of_customers(table: pd.DataFrame, seed: int) -> None:
    assert fit_edges(table.sample(frac=1, random_state=seed), POLICY) == fit_edges(table, POLICY)


def test_nine_customers_by_hand() -> None:
    table = rfm(*[(10.0 * i, i, 100.0 * i) for i in range(1, 10)])
    edges = fit_edges(table, POLICY)
    assert (edges.recency_days, edges.frequency, edges.monetary) == ((30.0, 60.0), (5.0,), (300.0, 600.0))
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


def test_all_one_time_buyers_score_1_and_a_later_repeat_buyer_above_them() -> None:
    table = rfm((5.0, 1.0, 10.0), (50.0, 1.0, 20.0), (500.0, 1.0, 30.0))
    edges = fit_edges(table, POLICY)
    assert assigned(table, edges)["rfm_f"].tolist() == [1, 1, 1]
    assert assigned(rfm((5.0, 2.0, 10.0)), edges)["rfm_f"].iloc[0] in (2, 3)


def test_equal_customers_have_equal_segments() -> None:
    segments = assigned(rfm(*[(30.0, 3.0, 99.0)] * 7))
    assert (segments.drop_duplicates().shape[0], segments["rfm_group"].nunique()) == (1, 1)


def test_one_customer_is_a_population() -> None:
    assert assigned(rfm((30.0, 1.0, 99.0)))[["rfm_scale", "value_tier"]].iloc[0].tolist() == [3.0, "high"]


def test_a_negative_total_is_the_lowest_money_and_the_lowest_tier() -> None:
    segments = assigned(rfm((1.0, 1.0, -5.0), *[(1.0, 1.0, 10.0 * i) for i in range(9)]))
    assert segments[["rfm_m", "value_tier"]].iloc[0].tolist() == [1.0, "low"]


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
    back = SegmentEdges.from_dict(json.loads(json.dumps(edges.as_dict())))
    assert (back, back.version) == (edges, edges.version)
    assert fit_edges(rfm((1.0, 2.0, 3.0), (4.0, 5.0, 7.0)), POLICY).version != edges.version
