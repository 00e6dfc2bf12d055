"""The churn models: calibrated, explained, and refused where there is too little to learn from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from cvo_ml.core.errors import ModelRefused
from cvo_ml.models.churn import ChurnClassifier, RecencyChurn
from cvo_ml.models.protocol import Bundled
from cvo_ml.stats.calibration import LogisticMap, logistic_recalibration
from cvo_ml.stats.ranking import auc

RNG = np.random.default_rng(6)
N = 1200
X = pd.DataFrame({"days_since_last_order": RNG.exponential(60, N), "noise": RNG.normal(size=N)})
Y = RNG.uniform(size=N) < expit(-3 + 0.8 * np.log1p(X["days_since_last_order"]))
FEATURES = ("days_since_last_order", "noise")


@pytest.fixture(scope="module")
def model() -> ChurnClassifier:
    """Thirty trees, calibrated on the second half."""
    return ChurnClassifier(FEATURES, rounds=30).fit(X[:600], Y[:600]).calibrate(X[600:], Y[600:])


def rows_with(churned: int, staying: int) -> tuple[pd.DataFrame, np.ndarray]:
    y = np.repeat([1, 0], [churned, staying])
    return pd.DataFrame({"days_since_last_order": RNG.exponential(60, len(y)), "noise": 0.0}), y


@pytest.mark.parametrize("counts", [(99, 500), (500, 99), (0, 500), (500, 0), (0, 0)])
def test_fewer_than_100_of_either_outcome_is_refused_with_the_counts(counts: tuple[int, int]) -> None:
    with pytest.raises(ModelRefused, match=f"churn: {counts[0]} churned and {counts[1]} staying") as caught:
        ChurnClassifier(FEATURES).fit(*rows_with(*counts))
    assert caught.value.reason_code == "too_few_churn_outcomes"
    assert caught.value.exit_code == 4


def test_a_hundred_of_each_is_enough() -> None:
    assert ChurnClassifier(FEATURES, rounds=2).fit(*rows_with(100, 100)).predict_proba(X[:3]).shape == (3, 2)


@pytest.mark.parametrize("kind", [ChurnClassifier, RecencyChurn])
def test_probabilities_of_both_outcomes_sum_to_one(kind: type, model: ChurnClassifier) -> None:
    p = (model if kind is ChurnClassifier else RecencyChurn().fit(X, Y)).predict_proba(X)
    assert p.sum(axis=1) == pytest.approx(1.0)
    assert ((p >= 0) & (p <= 1)).all()
    assert p[Y, 1].mean() > p[~Y, 1].mean()


def test_calibration_makes_the_slope_of_overfitted_trees_one_on_its_rows() -> None:
    model = ChurnClassifier(FEATURES, rounds=300).fit(X[:600], Y[:600]).calibrate(X[600:], Y[600:])
    fitted = logistic_recalibration(Y[600:], model.predict_proba(X[600:])[:, 1])
    assert (fitted.intercept, fitted.slope) == pytest.approx((0.0, 1.0), abs=0.1)
    raw = logistic_recalibration(Y[600:], model.trees.predict_positive(X[600:]))
    assert raw.slope < 0.8, "the trees alone are calibrated already: this test shows nothing"


def test_calibration_keeps_the_order_of_customers(model: ChurnClassifier) -> None:
    order = np.argsort(model.trees.predict_positive(X), kind="stable")
    assert (np.diff(model.predict_proba(X)[order, 1]) >= 0).all()


def test_an_effect_is_the_probability_less_what_it_is_without_the_column(model: ChurnClassifier) -> None:
    names, effects = model.effects(X[:20])
    assert names == FEATURES
    p = model.predict_proba(X[:20])[:, 1]
    parts = model.trees.contributions(X[:20])[:, 0] * model.calibration_.slope
    assert effects[:, 0] == pytest.approx(p - expit(logit(p) - parts))


def test_permuted_labels_teach_nothing() -> None:
    shuffled = RNG.permutation(Y)
    p = ChurnClassifier(FEATURES, rounds=30).fit(X[:600], shuffled[:600]).predict_proba(X[600:])[:, 1]
    assert auc(shuffled[600:], p) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("kind", [ChurnClassifier, RecencyChurn])
def test_parts_rebuild_the_model(kind: type, model: ChurnClassifier) -> None:
    fitted = model if kind is ChurnClassifier else RecencyChurn().fit(X, Y)
    assert isinstance(fitted, Bundled)
    back = kind.from_parts(fitted.to_parts())
    assert np.array_equal(back.predict_proba(X), fitted.predict_proba(X))
    assert np.array_equal(back.effects(X)[1], fitted.effects(X)[1])
    assert back.columns == fitted.columns


def test_an_uncalibrated_model_is_the_trees_alone() -> None:
    fitted = ChurnClassifier(FEATURES, rounds=3).fit(X, Y)
    assert (fitted.calibration_.intercept, fitted.calibration_.slope) == (0.0, 1.0)
    assert fitted.predict_proba(X)[:, 1] == pytest.approx(fitted.trees.predict_positive(X))
    assert LogisticMap(0.0, 1.0).apply(np.array([0.25])) == pytest.approx([0.25])


def test_the_baseline_is_scikit_learns_logistic_on_log_recency() -> None:
    ours = RecencyChurn().fit(X, Y)
    design = np.log1p(X[["days_since_last_order"]].to_numpy())
    theirs = LogisticRegression(C=1e9, max_iter=1000, tol=1e-8).fit(design, Y)
    assert (ours.intercept_, ours.slope_) == pytest.approx((theirs.intercept_[0], theirs.coef_[0, 0]), rel=1e-3)
    assert ours.slope_ > 0
    assert ours.columns == ("days_since_last_order",)


def test_the_baselines_effect_of_a_customer_does_not_depend_on_who_else_is_scored() -> None:
    fitted = RecencyChurn().fit(X, Y)
    together = fitted.effects(X)[1]
    assert [fitted.effects(X.iloc[[row]])[1][0, 0] for row in (0, 1, 2)] == pytest.approx(together[:3, 0])
    assert np.sign(together[:, 0]).min() == -1
    assert np.sign(together[:, 0]).max() == 1
