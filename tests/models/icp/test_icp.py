"""The lookalike models and the reference that makes a percentile the same for one row as for a million."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import percentileofscore
from sklearn.linear_model import LogisticRegression

from cvo_ml.core.errors import ModelRefused
from cvo_ml.models.icp import FirstOrderValue, LookalikeClassifier
from cvo_ml.models.icp.reference import percentile, reference_quantiles
from cvo_ml.models.protocol import Bundled

RNG = np.random.default_rng(9)
N = 800
X = pd.DataFrame(
    {"first_order_value": RNG.lognormal(3, 1, N), "first_order_lines": RNG.integers(1, 9, N).astype(float)}
)
Y = X["first_order_value"] * RNG.lognormal(0, 0.5, N) > 60
FEATURES = ("first_order_value", "first_order_lines")
BOTH = {"lookalike": lambda: LookalikeClassifier(FEATURES, rounds=20), "first order": FirstOrderValue}


@pytest.mark.parametrize("positives", [0, 59])
def test_fewer_than_60_most_profitable_customers_are_refused(positives: int) -> None:
    y = np.arange(N) < positives
    with pytest.raises(ModelRefused, match=f"icp: {positives} most profitable customers among 800") as caught:
        LookalikeClassifier(FEATURES).fit(X, y)
    assert caught.value.reason_code == "too_few_icp_positives"


def test_sixty_are_enough_and_everybody_is_too_many() -> None:
    assert LookalikeClassifier(FEATURES, rounds=2).fit(X, np.arange(N) < 60).predict_proba(X).shape == (N, 2)
    with pytest.raises(ModelRefused):
        LookalikeClassifier(FEATURES).fit(X, np.ones(N))


@pytest.mark.parametrize("kind", list(BOTH))
def test_the_most_profitable_score_higher_and_parts_rebuild_the_model(kind: str) -> None:
    fitted = BOTH[kind]().fit(X, Y.to_numpy())
    assert isinstance(fitted, Bundled)
    p = fitted.predict_proba(X)
    assert p.sum(axis=1) == pytest.approx(1.0)
    assert p[Y, 1].mean() > p[~Y, 1].mean() + 0.2
    back = type(fitted).from_parts(fitted.to_parts())
    assert np.array_equal(back.predict_proba(X), p)
    assert np.array_equal(back.percentile(p[:, 1]), fitted.percentile(p[:, 1]))
    assert back.columns == fitted.columns


@pytest.mark.parametrize("kind", list(BOTH))
def test_percentiles_of_the_reference_customers_are_uniform(kind: str) -> None:
    fitted = BOTH[kind]().fit(X, Y.to_numpy())
    found = fitted.percentile(fitted.predict_proba(X)[:, 1])
    assert found.mean() == pytest.approx(50, abs=1.5)
    assert (found > 90).mean() == pytest.approx(0.1, abs=0.03)


def test_the_baseline_is_scikit_learns_logistic_on_the_log_of_the_first_value() -> None:
    ours = FirstOrderValue().fit(X, Y.to_numpy())
    theirs = LogisticRegression(C=1e9, max_iter=1000, tol=1e-8).fit(np.log1p(X[["first_order_value"]].to_numpy()), Y)
    assert (ours.intercept_, ours.slope_) == pytest.approx((theirs.intercept_[0], theirs.coef_[0, 0]), rel=1e-3)


def test_a_first_order_below_zero_scores_like_a_free_one() -> None:
    fitted = FirstOrderValue().fit(X, Y.to_numpy())
    p = fitted.predict_proba(pd.DataFrame({"first_order_value": [-5.0, 0.0, 1.0]}))[:, 1]
    assert p[0] == p[1] < p[2]


REFERENCE = st.lists(st.integers(0, 20).map(lambda n: n / 20), min_size=1, max_size=60)


@given(REFERENCE, st.lists(st.floats(-1, 2), min_size=2, max_size=10))
def test_a_higher_score_never_has_a_lower_percentile(reference: list[float], scores: list[float]) -> None:
    found = percentile(np.sort(np.array(scores)), reference_quantiles(np.array(reference)))
    assert (np.diff(found) >= -1e-9).all()
    assert ((found >= 0) & (found <= 100)).all()


@given(REFERENCE, st.floats(-1, 2))
def test_a_percentile_does_not_depend_on_who_else_is_scored(reference: list[float], score: float) -> None:
    quantiles = reference_quantiles(np.array(reference))
    alone = percentile(np.array([score]), quantiles)
    assert percentile(np.array([0.3, score, 9.0]), quantiles)[1] == alone[0]


def test_percentiles_follow_scipys_mean_rank() -> None:
    reference = RNG.normal(size=5000).round(1)
    quantiles = reference_quantiles(reference)
    for score in (-2.0, -0.5, 0.0, 0.7, 2.1):
        theirs = percentileofscore(reference, score, kind="mean")
        assert percentile(np.array([score]), quantiles)[0] == pytest.approx(theirs, abs=1.5)


def test_tied_reference_customers_stand_in_the_middle_of_their_range() -> None:
    quantiles = reference_quantiles(np.repeat([0.0, 1.0], [60, 40]))
    assert percentile(np.array([0.0, 1.0]), quantiles) == pytest.approx([30.0, 80.0], abs=1)
    assert percentile(np.array([0.5, 0.5]), reference_quantiles(np.full(9, 0.5))) == pytest.approx([50.0, 50.0])


def test_below_and_above_all_reference_customers_is_0_and_100() -> None:
    quantiles = reference_quantiles(np.linspace(0.2, 0.8, 50))
    assert percentile(np.array([0.0, 1.0]), quantiles).tolist() == [0.0, 100.0]
    assert np.isnan(percentile(np.array([np.nan]), quantiles)[0])
