"""Intervals against scipy, hand-computed values and their own coverage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from cvo_ml.stats.intervals import Interval, bootstrap, mean_interval, wilson

COUNTS = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(COUNTS, st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_equals_scipy(counts: tuple[int, int], level: float) -> None:
    ours = wilson(*counts, level)
    theirs = binomtest(*counts).proportion_ci(level, method="wilson")
    assert (ours.lower, ours.upper) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert 0 <= ours.lower <= ours.estimate <= ours.upper <= 1


def test_wilson_of_one_in_ten_by_hand() -> None:
    # centre (.1 + z2/20) / (1 + z2/10), z2 = 1.959964^2 = 3.841459
    interval = wilson(1, 10)
    assert (interval.lower, interval.upper) == pytest.approx((0.0178762, 0.4041500), abs=1e-6)


@pytest.mark.parametrize("counts", [(1, 0), (0, 0), (3, 2), (-1, 2)])
def test_wilson_refuses_counts_that_cannot_be(counts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="0 <= successes <= trials"):
        wilson(*counts)


@pytest.mark.parametrize(
    ("low", "high", "meets"),
    [(0.9, 1.1, True), (1.5, 2.0, True), (0.0, 0.5, True), (1.6, 2.0, False), (0.0, 0.4, False)],
)
def test_two_intervals_meet_when_they_share_a_point(low: float, high: float, meets: bool) -> None:
    assert Interval(1.0, 0.5, 1.5).meets(low, high) is meets


def test_an_interval_without_bounds_meets_nothing() -> None:
    assert not Interval(1.0, float("nan"), float("nan")).meets(0.0, 2.0)


def test_the_bootstrap_of_a_mean_has_the_width_of_the_normal_theory() -> None:
    values = np.random.default_rng(1).normal(10, 2, 400)
    for interval in (mean_interval(values), bootstrap(lambda rows: float(values[rows].mean()), 400)):
        assert interval.estimate == pytest.approx(values.mean())
        assert interval.upper - interval.lower == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_the_95_interval_of_a_mean_holds_the_truth_about_95_times_in_100() -> None:
    rng = np.random.default_rng(5)
    hits = 0
    for seed in range(200):
        interval = mean_interval(rng.normal(0, 1, 100), replicates=200, seed=seed)
        hits += interval.lower <= 0 <= interval.upper
    assert 0.90 <= hits / 200 <= 0.99


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    values = np.arange(50.0)
    assert mean_interval(values, seed=3) == mean_interval(values, seed=3)
    assert mean_interval(values, seed=3) != mean_interval(values, seed=4)


def test_the_number_of_replicates_need_not_be_a_multiple_of_the_block() -> None:
    assert np.isfinite(mean_interval(np.arange(9.0), replicates=73).lower)


def test_a_weighted_mean_is_a_ratio_of_sums() -> None:
    interval = mean_interval(np.array([1.0, 3.0]), weights=np.array([3.0, 1.0]))
    assert interval.estimate == 1.5


def test_weight_zero_is_the_same_as_absence() -> None:
    values = np.concatenate([np.full(50, 7.0), np.arange(50.0)])
    interval = mean_interval(values, weights=np.repeat([1.0, 0.0], 50))
    assert (interval.estimate, interval.lower, interval.upper) == (7.0, 7.0, 7.0)


def test_replicates_without_an_answer_are_left_out_and_none_at_all_gives_nan() -> None:
    values = np.array([0.0, 1.0])
    interval = bootstrap(
        lambda rows: float(values[rows].sum() / (values[rows].sum() > 0)) if values[rows].any() else np.nan, 2
    )
    assert interval.lower == 1.0
    assert np.isnan(bootstrap(lambda rows: float("nan"), 3).lower)
