"""How levels are cut: by size of the shop, by fixed values, by gaps, and kept frozen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvo_ml.config.loader import config_dir, load_config
from cvo_ml.config.segments import FrequencyCuts, MonetaryCuts, RecencyCuts, SegmentPolicy
from cvo_ml.core.errors import ConfigError
from cvo_ml.segments import choose_scale, fit_edges, rfm_group, segment
from cvo_ml.segments.rules.edges import cut, typical_gap
from tests.segments.customers import rfm

FIXED = load_config(config_dir() / "policies/segments_fixed.yaml", SegmentPolicy)


@pytest.mark.parametrize(
    ("buyers", "scale"), [(0, 3), (1, 3), (29_999, 3), (30_000, 4), (200_000, 4), (200_001, 5), (10_000_000, 5)]
)
def test_the_scale_follows_the_number_of_buyers_with_both_ends_in_the_middle_band(buyers: int, scale: int) -> None:
    assert choose_scale(buyers) == scale  # methods B2


def test_the_scale_is_chosen_by_the_customers_at_hand_unless_the_policy_says_it() -> None:
    few, many = rfm((1.0, 1.0, 1.0)), rfm(*[(1.0, 1.0, 1.0)] * 30_000)
    assert [fit_edges(table, SegmentPolicy()).scale for table in (few, many)] == [3, 4]
    assert fit_edges(few, SegmentPolicy(scale=5)).scale == 5


def test_the_worked_examples_hold_under_the_fixed_preset() -> None:
    # methods B1: ordered today = 5, none since last year = 1; 10+ orders = 5, one = 1; spends a lot = 5, not much = 1
    rows = [(float(20 * i), 2.0 + i % 3, 50.0 + i) for i in range(2, 20)]
    table = rfm((0.0, 10.0, 5000.0), (366.0, 1.0, 3.0), *rows, (365.0, 9.0, 60.0), (1.0, 14.0, 61.0))
    found = segment(table, fit_edges(table, FIXED))
    best, least = found.cells()[0], found.cells()[1]
    assert (best, least) == ("555", "111")
    assert (found.r[-2], found.f[-2], found.f[-1]) == (2, 4, 5)
    assert rfm_group(5, 5, 5, scale=5, vocabulary="reveal") == "Soulmates" == found.groups()[0]
    assert found.groups()[1] == "Break-up"


def test_about_to_dump_you_begins_after_six_months_under_the_fixed_preset() -> None:
    # methods B7: 'last order more than 6 months ago'
    table = rfm(*[(float(day), 5.0, 10.0 + day % 7) for day in range(0, 400, 5)])
    groups = pd.Series(segment(table, fit_edges(table, FIXED)).groups(), index=table.index).astype(str)
    days = table["days_since_last_order"]
    assert (groups == "About to dump you").tolist() == ((days > 180) & (days <= 365)).tolist()


def test_gap_multiples_are_multiples_of_the_shops_typical_gap() -> None:
    table = rfm(*[(float(day), 2.0, 10.0) for day in range(0, 200, 10)])
    table["mean_gap_days"] = [np.nan] * 5 + [20.0] * 5 + [30.0] * 7 + [400.0] * 3
    policy = SegmentPolicy(recency=RecencyCuts(method="gap_multiple", at=(1, 2.5)))
    edges = fit_edges(table, policy)
    assert typical_gap(table) == 30.0
    assert (edges.recency_days, edges.methods[0]) == ((30.0, 75.0), "gap_multiple of 30.0 days")
    assert segment(table, edges).r.tolist() == [3] * 4 + [2] * 4 + [1] * 12


def test_without_any_gap_quantiles_take_the_place_and_the_edges_say_so() -> None:
    table = rfm((1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (3.0, 1.0, 1.0))
    edges = fit_edges(table, SegmentPolicy(recency=RecencyCuts(method="gap_multiple", at=(1, 2))))
    assert edges.recency_days == (1.0, 2.0)
    assert edges.methods[0].startswith("quantile: nobody came back")


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=60), st.integers(3, 5))
def test_each_level_holds_its_share_as_nearly_as_ties_allow(drawn: list[int], parts: int) -> None:
    values = np.array(drawn, dtype=float)
    shares = np.linspace(0, 1, parts + 1)[1:-1]
    largest_block = np.unique(values, return_counts=True)[1].max() / len(values)
    for edge, share in zip(cut(values, shares), shares, strict=True):
        assert abs((values <= edge).mean() - share) <= largest_block / 2 + 1e-12


def test_quantile_edges_without_ties_are_pandas_own() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    for parts in (4, 5):
        shares = np.linspace(0, 1, parts + 1)[1:-1]
        ours = np.searchsorted(cut(values, shares), values, side="left")
        assert np.array_equal(ours, pd.qcut(values, parts, labels=False))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recency: {method: fixed}", "method quantile takes no 'at', the others need it"),
        ("recency: {at: [1, 2]}", "method quantile takes no 'at', the others need it"),
        ("recency: {method: fixed, at: [30, 30]}", "'at' must ascend"),
        ("recency: {method: fixed, at: [-1, 30]}", "none is negative"),
        ("frequency: {method: fixed, at: [1, 3]}", "one order always scores 1"),
        ("monetary: {method: fixed, at: [0, 3]}", "a total of 0 or less always scores 1"),
        ("monetary: {method: gap_multiple, at: [1, 3]}", "only recency can be cut by it"),
        ("{scale: 5, recency: {method: fixed, at: [1, 3]}}", "2 values in 'at' make 3 levels, and the scale is 5"),
        ("recency: {method: fixed, at: [1, 2, 3, 4, 5]}", "'at' makes 6 levels: use 3, 4 or 5"),
        ("vocabulary: own", "vocabulary own and groups go together"),
        ("{vocabulary: own, groups: [{name: a, r: [1, 3], f: [1, 3], m: [1, 3]}]}", "need a fixed scale"),
        ("{scale: 3, vocabulary: own, groups: [{name: a, r: [1, 4], f: [1, 3], m: [1, 3]}]}", "reaches level 4"),
        ("{scale: 3, vocabulary: own, groups: [{name: a, r: [3, 1], f: [1, 3], m: [1, 3]}]}", "lowest to its highest"),
        ("triggers: [{name: a}]", "a trigger needs a state to enter"),
        ("triggers: [{name: a, churn_enter: 0.5}]", "go together"),
        ("triggers: [{name: a, churn_enter: 0.5, churn_leave: 0.6}]", "at churn_enter or below"),
        (
            "ladders: [{name: a, rungs: [{name: x, at_least: {orders: 1}}, {name: y}]}]",
            "the first rung asks for nothing",
        ),
        ("tiers: [{name: a, share: 0.5}, {name: a, share: 0.5}]", "two tiers have one name"),
    ],
)
def test_a_policy_that_cannot_hold_is_refused_in_words(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "segments.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path, SegmentPolicy)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_fixed_levels_begin_at_the_values_named() -> None:
    policy = SegmentPolicy(
        frequency=FrequencyCuts(method="fixed", at=(3, 5)), monetary=MonetaryCuts(method="fixed", at=(100, 250.5))
    )
    table = rfm((1.0, 2.0, 99.99), (1.0, 3.0, 100.0), (1.0, 4.0, 250.0), (1.0, 5.0, 250.5))
    found = segment(table, fit_edges(table, policy))
    assert (found.f.tolist(), found.m.tolist()) == ([1, 2, 2, 3], [1, 2, 2, 3])
