"""Rankings against scikit-learn, and the rules that any measure of order must keep."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import roc_auc_score

from cvo_ml.stats.ranking import auc, capture, gini, lift, top_weights

Floats = np.ndarray
#: Few distinct scores, so that ties are the rule.
SCORES = arrays(np.float64, st.integers(2, 40), elements=st.integers(0, 6).map(float))


@st.composite
def judged(draw: st.DrawFn) -> tuple[Floats, Floats]:
    score = draw(SCORES)
    outcome = draw(arrays(np.int64, len(score), elements=st.integers(0, 1)))
    outcome[0], outcome[1] = 0, 1
    return outcome, score


MEASURES: dict[str, Callable[[Floats, Floats], float]] = {
    "auc": auc,
    "gini": lambda outcome, score: gini(outcome.astype(float), score),
    "lift": lambda outcome, score: lift(outcome, score, 0.3),
    "capture": lambda outcome, score: capture(outcome.astype(float), score, 0.25),
}


@given(judged())
def test_auc_equals_scikit_learn_ties_included(rows: tuple[Floats, Floats]) -> None:
    assert auc(*rows) == pytest.approx(roc_auc_score(*rows), abs=1e-12)


@given(judged(), st.data())
def test_weighted_auc_equals_scikit_learn_and_equal_weights_change_nothing(
    rows: tuple[Floats, Floats], data: st.DataObject
) -> None:
    weight = data.draw(arrays(np.float64, len(rows[0]), elements=st.floats(0.1, 5)))
    assert auc(*rows, weight) == pytest.approx(roc_auc_score(*rows, sample_weight=weight), abs=1e-9)
    assert auc(*rows, np.full(len(rows[0]), 3.0)) == pytest.approx(auc(*rows), abs=1e-12)


@given(judged())
def test_gini_of_a_yes_or_no_outcome_is_twice_auc_less_one_times_the_rate_of_no(rows: tuple[Floats, Floats]) -> None:
    outcome, score = rows
    expected = (2 * roc_auc_score(outcome, score) - 1) * (1 - outcome.mean())
    assert gini(outcome.astype(float), score) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", list(MEASURES))
@given(rows=judged())
def test_a_monotone_transform_of_the_score_changes_nothing(name: str, rows: tuple[Floats, Floats]) -> None:
    outcome, score = rows
    assert MEASURES[name](outcome, np.exp(score / 3) - 5) == pytest.approx(MEASURES[name](outcome, score), abs=1e-12)


@pytest.mark.parametrize("name", list(MEASURES))
@given(rows=judged(), seed=st.integers(0, 99))
def test_the_order_of_rows_changes_nothing_ties_included(name: str, rows: tuple[Floats, Floats], seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(len(rows[0]))
    assert MEASURES[name](rows[0][shuffled], rows[1][shuffled]) == pytest.approx(MEASURES[name](*rows), abs=1e-12)


@given(judged())
def test_the_reverse_order_mirrors_auc_and_gini(rows: tuple[Floats, Floats]) -> None:
    outcome, score = rows
    assert auc(outcome, -score) == pytest.approx(1 - auc(outcome, score))
    assert gini(outcome.astype(float), -score) == pytest.approx(-gini(outcome.astype(float), score))


@given(SCORES, st.floats(0.01, 1.0))
def test_the_top_holds_its_fraction_of_rows_and_prefers_higher_scores(score: Floats, fraction: float) -> None:
    weights = top_weights(score, fraction)
    assert weights.sum() == pytest.approx(fraction * len(score))
    assert np.all((weights >= 0) & (weights <= 1))
    assert np.all(np.diff(weights[np.argsort(score)]) >= -1e-12)
    assert all(np.ptp(weights[score == level]) == 0 for level in np.unique(score))


@pytest.mark.parametrize("score", [np.zeros(20), np.full(20, 3.0)])
def test_a_constant_score_is_worth_nothing(score: Floats) -> None:
    outcome = np.array([1] * 5 + [0] * 15)
    assert auc(outcome, score) == 0.5
    assert lift(outcome, score, 0.1) == pytest.approx(1.0)
    assert gini(outcome.astype(float), score) == pytest.approx(0.0)


def test_four_customers_by_hand() -> None:
    value, score = np.array([6.0, 0.0, 3.0, 1.0]), np.array([4.0, 3.0, 2.0, 1.0])
    assert capture(value, score, 0.5) == pytest.approx(0.6)
    assert capture(value, score, 0.125) == pytest.approx(0.3)  # half of the first customer
    assert lift(np.array([1, 0, 1, 0]), score, 0.5) == 1.0
    # ranks by score 4 3 2 1: 2 x (24 + 6 + 1) / 10 - 5 = 1.2, over n = 4
    assert gini(value, score) == pytest.approx(0.3)
    # by value itself: ranks 4 1 3 2: 2 x (24 + 9 + 2) / 10 - 5 = 2, over 4
    assert gini(value) == pytest.approx(0.5)


def test_gini_is_twice_the_area_between_diagonal_and_concentration_curve() -> None:
    value = np.random.default_rng(2).lognormal(size=200)
    score = value * np.random.default_rng(3).lognormal(size=200)
    curve = np.concatenate([[0.0], np.cumsum(value[np.argsort(score)]) / value.sum()])
    area = np.trapezoid(curve, np.linspace(0, 1, 201))
    assert gini(value, score) == pytest.approx(1 - 2 * area)


def test_what_is_undefined_is_nan_and_never_zero() -> None:
    assert np.isnan(auc(np.ones(3), np.arange(3.0)))
    assert np.isnan(auc(np.zeros(3), np.arange(3.0)))
    assert np.isnan(capture(np.zeros(3), np.arange(3.0)))
    assert np.isnan(lift(np.zeros(3), np.arange(3.0)))
    assert np.isnan(gini(np.zeros(3)))
    assert np.isnan(gini(np.empty(0)))


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.1])
def test_a_fraction_lies_above_0_and_at_most_at_1(fraction: float) -> None:
    with pytest.raises(ValueError, match="fraction"):
        top_weights(np.arange(3.0), fraction)
