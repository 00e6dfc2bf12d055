"""Calibration against scikit-learn and scipy, with values by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss as sklearn_log_loss

from cvo_ml.stats.calibration import (
    LogisticMap,
    clip_probability,
    decile_slope,
    expected_calibration_error,
    log_loss,
    logistic_recalibration,
    reliability,
)

RNG = np.random.default_rng(8)
TRUE = RNG.uniform(0.05, 0.95, 4000)
HAPPENED = RNG.uniform(size=4000) < TRUE


def test_log_loss_equals_scikit_learn() -> None:
    assert log_loss(HAPPENED, TRUE).mean() == pytest.approx(sklearn_log_loss(HAPPENED, TRUE), abs=1e-12)


def test_a_certain_mistake_costs_much_but_not_infinity() -> None:
    assert log_loss(np.array([1, 0]), np.array([0.0, 1.0])) == pytest.approx(-np.log(1e-9), rel=1e-6)
    assert log_loss(np.array([0.25]), np.array([1.0])) == pytest.approx(0.0, abs=1e-8)
    assert clip_probability(np.array([0.0, 0.5, 1.0])).tolist() == [1e-9, 0.5, 1 - 1e-9]


def test_weighted_recalibration_equals_scikit_learns_and_whole_weights_are_repeated_rows() -> None:
    distorted, weight = expit(0.4 + 1.7 * logit(TRUE)), RNG.integers(1, 4, len(TRUE)).astype(float)
    ours = logistic_recalibration(HAPPENED, distorted, weight=weight)
    theirs = LogisticRegression(C=1e9, tol=1e-10).fit(logit(distorted)[:, None], HAPPENED, sample_weight=weight)
    assert (ours.intercept, ours.slope) == pytest.approx((theirs.intercept_[0], theirs.coef_[0, 0]), abs=1e-4)
    times = weight.astype(int)
    repeated = logistic_recalibration(np.repeat(HAPPENED, times), np.repeat(distorted, times))
    assert (ours.slope, ours.slope_se) == pytest.approx((repeated.slope, repeated.slope_se), rel=1e-9)


def test_recalibration_equals_scikit_learns_logistic_regression() -> None:
    distorted = expit(0.4 + 1.7 * logit(TRUE))
    ours = logistic_recalibration(HAPPENED, distorted)
    theirs = LogisticRegression(C=1e10, tol=1e-10, max_iter=1000).fit(logit(distorted)[:, None], HAPPENED)
    assert ours.slope == pytest.approx(float(theirs.coef_[0, 0]), abs=1e-5)
    assert ours.intercept == pytest.approx(float(theirs.intercept_[0]), abs=1e-5)


def test_recalibration_undoes_a_known_distortion() -> None:
    fitted = logistic_recalibration(HAPPENED, expit(0.4 + 1.7 * logit(TRUE)))
    assert fitted.apply(expit(0.4 + 1.7 * logit(TRUE))) == pytest.approx(TRUE, abs=0.02)


def test_the_slopes_standard_error_is_that_of_the_likelihoods_curvature() -> None:
    def loss(beta: np.ndarray) -> float:
        return float(log_loss(HAPPENED, expit(beta[0] + beta[1] * logit(TRUE))).sum())

    fitted = logistic_recalibration(HAPPENED, TRUE)
    best = np.array([fitted.intercept, fitted.slope])
    assert minimize(loss, best, method="Nelder-Mead").x == pytest.approx(best, abs=1e-3)
    step = 1e-3
    curvature = np.empty((2, 2))
    for i, j in np.ndindex(2, 2):
        e, f = np.eye(2)[i] * step, np.eye(2)[j] * step
        curvature[i, j] = (loss(best + e + f) - loss(best + e - f) - loss(best - e + f) + loss(best - e - f)) / (
            4 * step**2
        )
    assert fitted.slope_se == pytest.approx(np.sqrt(np.linalg.inv(curvature)[1, 1]), rel=1e-3)
    interval = fitted.slope_interval()
    assert interval.upper - interval.lower == pytest.approx(2 * 1.959964 * fitted.slope_se, rel=1e-6)


@pytest.mark.parametrize("outcome", [np.zeros(50), np.ones(50)], ids=["nobody", "everybody"])
def test_one_class_or_separable_outcomes_stay_finite(outcome: np.ndarray) -> None:
    for predicted in (np.full(50, 0.5), np.linspace(0.01, 0.99, 50), np.zeros(50)):
        fitted = logistic_recalibration(outcome, predicted)
        assert np.isfinite([fitted.intercept, fitted.slope]).all()
    separable = logistic_recalibration(np.repeat([0, 1], 25), np.linspace(0.01, 0.99, 50))
    assert np.isfinite(separable.slope)


def test_a_strong_ridge_leaves_the_prediction_as_it_is() -> None:
    fitted = logistic_recalibration(HAPPENED, TRUE**3, ridge=1e9)
    assert (fitted.intercept, fitted.slope) == pytest.approx((0.0, 1.0), abs=1e-4)


@given(st.floats(-3, 3), st.floats(0.1, 3), st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_a_map_with_positive_slope_keeps_order_and_range(intercept: float, slope: float, p: list[float]) -> None:
    ordered = np.sort(np.array(p))
    mapped = LogisticMap(intercept, slope).apply(ordered)
    assert np.all(np.diff(mapped) >= 0)
    assert np.all((mapped >= 0) & (mapped <= 1))


def test_the_map_of_slope_one_and_intercept_zero_is_the_identity() -> None:
    assert LogisticMap(0.0, 1.0).apply(TRUE) == pytest.approx(TRUE, abs=1e-12)


def test_calibration_error_by_hand() -> None:
    # two groups of two: |0.5 - 0.15| and |1 - 0.85| weigh the same
    outcome, predicted = np.array([0, 1, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    assert expected_calibration_error(outcome, predicted, bins=2) == pytest.approx((0.35 + 0.15) / 2)


def test_reliability_by_hand_with_a_remainder() -> None:
    predicted, actual, size = reliability(np.array([5.0, 1.0, 3.0]), np.array([3.0, 1.0, 2.0]), bins=2)
    assert predicted.tolist() == [1.5, 3.0]
    assert actual.tolist() == [2.0, 5.0]
    assert size.tolist() == [2, 1]


def test_fewer_rows_than_bins_gives_as_many_groups_as_rows() -> None:
    assert len(reliability(np.arange(3.0), np.arange(3.0))[2]) == 3


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 4)), min_size=2, max_size=40), st.integers(0, 99))
def test_the_order_of_rows_changes_nothing_ties_included(rows: list[tuple[int, int]], seed: int) -> None:
    outcome = np.array([row[0] for row in rows], dtype=float)
    predicted = np.array([row[1] / 4 for row in rows])
    shuffled = np.random.default_rng(seed).permutation(len(rows))
    for ours, other in zip(
        reliability(outcome, predicted, 4), reliability(outcome[shuffled], predicted[shuffled], 4), strict=True
    ):
        assert ours == pytest.approx(other)
    assert expected_calibration_error(outcome, predicted, 4) == pytest.approx(
        expected_calibration_error(outcome[shuffled], predicted[shuffled], 4)
    )


def test_one_constant_prediction_at_the_rate_is_calibrated() -> None:
    outcome = np.repeat([0.0, 1.0], 50)
    assert expected_calibration_error(outcome, np.full(100, 0.5)) == pytest.approx(0.0)


def test_the_decile_slope_of_values_twice_too_high_is_one_half() -> None:
    predicted = np.random.default_rng(3).lognormal(3, 1, 2000)
    slope = decile_slope(predicted, 2 * predicted)
    assert slope.estimate == pytest.approx(0.5)
    assert (slope.lower, slope.upper) == pytest.approx((0.5, 0.5))


def test_the_decile_slope_of_honest_predictions_meets_one() -> None:
    rng = np.random.default_rng(4)
    predicted = rng.lognormal(3, 1, 3000)
    slope = decile_slope(predicted * rng.exponential(1.0, 3000), predicted)
    assert slope.lower < 1 < slope.upper
    assert slope.upper - slope.lower < 0.4


def test_a_constant_prediction_has_no_slope() -> None:
    assert np.isnan(decile_slope(np.arange(20.0), np.full(20, 3.0)).estimate)
