"""The one logistic regression against scikit-learn's, against scipy's general minimiser, and by its properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from cvo_ml.stats.logistic import fit_logistic

RNG = np.random.default_rng(2)
X = np.column_stack([np.ones(800), RNG.normal(size=(800, 2))])
Y = RNG.uniform(size=800) < 1 / (1 + np.exp(-X @ [0.3, 1.0, -0.5]))


def loss(beta: np.ndarray, ridge: np.ndarray, centre: np.ndarray, offset: np.ndarray, weight: np.ndarray) -> float:
    z = offset + X @ beta
    return float((weight * (np.logaddexp(0, z) - Y * z)).sum() + (ridge * (beta - centre) ** 2).sum() / 2)


def test_without_a_pull_it_is_scikit_learns() -> None:
    theirs = LogisticRegression(C=1e12, tol=1e-12, max_iter=10_000).fit(X[:, 1:], Y)
    ours = fit_logistic(X, Y, ridge=1e-12).coefficients
    assert ours == pytest.approx([theirs.intercept_[0], *theirs.coef_[0]], abs=1e-5)


def test_pull_centre_offset_and_weight_are_those_of_the_loss() -> None:
    ridge, centre, offset = np.array([1.0, 50.0, 5.0]), np.array([0.0, 1.0, 0.5]), RNG.normal(size=800)
    weight = RNG.uniform(0, 3, 800)

    def second(one: np.ndarray, other: np.ndarray, h: float = 1e-3) -> float:
        """The second difference of the loss at the minimum."""
        steps = [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]
        at = [
            sign * loss(ours.coefficients + h * (a * one + b * other), ridge, centre, offset, weight)
            for a, b, sign in steps
        ]
        return sum(at) / (4 * h * h)

    theirs = minimize(loss, centre, args=(ridge, centre, offset, weight), method="BFGS", tol=1e-8)
    ours = fit_logistic(X, Y, ridge=ridge, centre=centre, offset=offset, weight=weight)
    assert ours.coefficients == pytest.approx(theirs.x, abs=1e-4)
    assert loss(ours.coefficients, ridge, centre, offset, weight) <= theirs.fun + 1e-9
    curved = np.array([[second(each, other) for other in np.eye(3)] for each in np.eye(3)])
    assert ours.covariance == pytest.approx(np.linalg.inv(curved), rel=1e-4)


def test_a_whole_weight_is_as_many_rows() -> None:
    weight = np.arange(800) % 3
    repeated = np.repeat(np.arange(800), weight)
    ours, theirs = fit_logistic(X, Y, ridge=1.0, weight=weight), fit_logistic(X[repeated], Y[repeated], ridge=1.0)
    assert ours.coefficients == pytest.approx(theirs.coefficients, abs=1e-9)
    assert ours.covariance == pytest.approx(theirs.covariance, abs=1e-9)


@given(st.floats(-25, 25), st.booleans())
def test_separable_data_and_far_offsets_stay_finite_and_end_where_the_slope_is_zero(offset: float, mixed: bool) -> None:
    y = np.arange(200) % 2 == 0 if mixed else np.ones(200)
    found = float(fit_logistic(np.ones((200, 1)), y, ridge=1.0, offset=offset).coefficients[0])
    slope = float((y - 1 / (1 + np.exp(-(offset + found)))).sum() - found)
    assert abs(slope) < 1e-6
