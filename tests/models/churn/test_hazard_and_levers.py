"""Hazards by period against their closed form; reasons that add up; the plain logistic baseline."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from cvo_ml.core.errors import ModelRefused
from cvo_ml.models.churn import (
    ChurnClassifier,
    Explanation,
    HazardChurn,
    LogisticChurn,
    ProbabilityInterval,
    agreement,
    lever_of,
)
from cvo_ml.models.protocol import Bundled

RNG = np.random.default_rng(11)
N = 4000
X = pd.DataFrame({"orders_90d": RNG.integers(0, 2, N).astype(float), "noise": RNG.normal(size=N)})
RATE = np.where(X["orders_90d"] > 0, 0.5, 0.1)
GAP = RNG.geometric(RATE).astype(float)
EVENT = np.where(GAP <= 3, GAP, np.nan)
SMALL = {"num_threads": 1, "num_leaves": 4}


@pytest.fixture(scope="module")
def hazard() -> HazardChurn:
    """Orders come with a constant hazard of .1 or .5 a period."""
    return HazardChurn(("orders_90d", "noise"), rounds=250, parameters=SMALL, periods=3).fit(X, EVENT)


def test_hazards_and_survival_are_those_of_the_geometric_law(hazard: HazardChurn) -> None:
    two = pd.DataFrame({"orders_90d": [0.0, 1.0], "noise": [0.0, 0.0]})
    assert hazard.hazards(two) == pytest.approx(np.array([[0.1] * 3, [0.5] * 3]), abs=0.06)
    assert hazard.survival(two)[:, -1] == pytest.approx([0.9**3, 0.5**3], abs=0.06)
    assert hazard.predict_proba(two)[:, 1] == pytest.approx(hazard.survival(two)[:, -1])


def test_it_agrees_with_the_model_of_the_whole_horizon(hazard: HazardChurn) -> None:
    whole = ChurnClassifier(("orders_90d", "noise"), rounds=250, parameters=SMALL).fit(X, np.isnan(EVENT))
    gap = np.abs(whole.predict_proba(X)[:, 1] - hazard.predict_proba(X)[:, 1])
    assert gap.mean() < 0.04


def test_where_the_event_is_the_churn_the_probability_is_what_survival_leaves() -> None:
    ends = HazardChurn(("orders_90d", "noise"), rounds=20, parameters=SMALL, event_is_churn=True).fit(X, EVENT)
    assert ends.predict_proba(X)[:, 1] == pytest.approx(1 - ends.survival(X)[:, -1])
    assert ends.predict_proba(X)[X["orders_90d"] > 0, 1].mean() > 0.7


def test_the_riskiest_period_is_that_of_the_true_peak() -> None:
    n = 3000
    rows = pd.DataFrame({"noise": RNG.normal(size=n)})
    period = RNG.choice([1.0, 2.0, 3.0, np.nan], size=n, p=[0.05, 0.45, 0.05, 0.45])
    ends = HazardChurn(("noise",), rounds=40, parameters=SMALL, event_is_churn=True).fit(rows, period)
    assert (ends.riskiest_period(rows) == 2).mean() > 0.95


def test_survival_never_rises_and_parts_rebuild_the_model(hazard: HazardChurn) -> None:
    assert (np.diff(hazard.survival(X), axis=1) <= 0).all()
    assert isinstance(hazard, Bundled)
    back = HazardChurn.from_parts(hazard.to_parts())
    assert np.array_equal(back.predict_proba(X), hazard.predict_proba(X))
    assert back.columns == hazard.columns == ("orders_90d", "noise")


def test_too_few_events_are_refused() -> None:
    with pytest.raises(ModelRefused, match="at least 100 of each"):
        HazardChurn(("noise",), fewest_outcomes=100).fit(X[:150], np.full(150, np.nan))


def test_the_logistic_baseline_is_scikit_learns_and_its_parts_add_up() -> None:
    y = np.isnan(EVENT)
    ours = LogisticChurn(("orders_90d", "noise")).fit(X, y)
    logs = np.sign(X) * np.log1p(np.abs(X))
    theirs = LogisticRegression().fit((logs - logs.mean()) / logs.std(ddof=0), y)
    assert ours.coefficients_ == pytest.approx(theirs.coef_[0], rel=1e-3)
    explained = ours.explain(X)
    assert expit(explained.parts.sum(axis=1) + ours.intercept_) == pytest.approx(ours.predict_proba(X)[:, 1])
    back = LogisticChurn.from_parts(ours.to_parts())
    assert np.array_equal(back.predict_proba(X), ours.predict_proba(X))
    holes = X.assign(noise=np.nan, orders_90d=np.inf)
    assert np.isfinite(ours.predict_proba(holes)).all()


def test_an_all_null_column_teaches_nothing_and_hurts_nothing() -> None:
    y = np.isnan(EVENT)
    plain = LogisticChurn(("orders_90d",)).fit(X, y).predict_proba(X)
    with_null = (
        LogisticChurn(("orders_90d", "empty")).fit(X.assign(empty=np.nan), y).predict_proba(X.assign(empty=np.nan))
    )
    assert with_null == pytest.approx(plain, abs=1e-6)
    trees = ChurnClassifier(("orders_90d", "empty"), rounds=5, parameters=SMALL).fit(X.assign(empty=np.nan), y)
    assert np.isfinite(trees.predict_proba(X.assign(empty=np.nan))).all()
    assert trees.trees.importance()["empty"] == 0


def test_a_monotone_column_can_only_raise_the_probability() -> None:
    y = RNG.uniform(size=N) < expit(np.sin(3 * X["noise"]))
    free, held = (
        ChurnClassifier(("noise",), rounds=30, parameters={**SMALL, **more}).fit(X, y)
        for more in ({}, {"monotone_constraints": [1]})
    )
    line = pd.DataFrame({"noise": np.linspace(-2, 2, 200)})
    assert (np.diff(held.predict_proba(line)[:, 1]) >= 0).all()
    assert not (np.diff(free.predict_proba(line)[:, 1]) >= 0).all()


def test_the_interval_widens_with_the_levels_wandering_and_holds_the_probability() -> None:
    p = np.array([0.1, 0.5, 0.9])
    narrow, wide = (ProbabilityInterval(level_sd=sd).bounds(p) for sd in (0.1, 0.5))
    assert ((wide[:, 0] < narrow[:, 0]) & (narrow[:, 0] < p) & (p < narrow[:, 1]) & (narrow[:, 1] < wide[:, 1])).all()
    # 90 % of a normal law lie within 1.645 standard deviations, here of the log-odds
    assert wide[1] == pytest.approx(expit([-1.6449 * 0.5, 1.6449 * 0.5]), abs=1e-4)


def test_the_same_parts_agree_and_others_do_not() -> None:
    one = Explanation(("orders_90d", "nps_mean"), np.array([[1.0, 0.1], [0.1, 1.0]]), np.zeros(2), expit)
    other = Explanation(("nps_mean", "orders_90d"), np.array([[0.1, 1.0], [0.1, 1.0]]), np.zeros(2), expit)
    assert agreement(one, one) == 1.0
    assert agreement(one, other) == 0.5


@pytest.mark.parametrize(
    ("column", "lever"),
    [
        ("discount_share_90d", "price"),
        ("open_tickets", "service"),
        ("events_30d", "engagement"),
        ("brands_90d", "product"),
    ],
)
def test_columns_belong_to_levers(column: str, lever: str) -> None:
    assert lever_of(column) == lever
