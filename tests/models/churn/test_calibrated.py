"""What joins the trees: against scipy's optimizer, against the formula by hand, and through a bundle."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit

from cvo_ml.core.errors import BundleError, UsageError
from cvo_ml.features import SEASON
from cvo_ml.models.churn import (
    P_NO_ORDER,
    ChurnClassifier,
    HazardChurn,
    ProbabilityInterval,
    RecencyChurn,
    Season,
    Stack,
)
from cvo_ml.models.protocol import Parts
from cvo_ml.stats.calibrators import NONE

RNG = np.random.default_rng(3)
N = 3000
DAY = RNG.choice(np.arange(0, 360, 30), N)
X = pd.DataFrame(
    {
        "days_since_last_order": RNG.exponential(60, N),
        SEASON[0]: np.sin(2 * np.pi * DAY / 365.25),
        SEASON[1]: np.cos(2 * np.pi * DAY / 365.25),
        P_NO_ORDER: RNG.uniform(0.05, 0.95, N),
    }
)
KNOWN = expit(-1 + 0.02 * X["days_since_last_order"].to_numpy())
WAVE = 0.1 + 0.6 * X[SEASON[0]].to_numpy() - 0.4 * X[SEASON[1]].to_numpy()
Y = RNG.uniform(size=N) < expit(logit(KNOWN) + WAVE)
JOINED = Stack(0.25, typical=0.3, season=Season(0.1, 0.5, -0.4))
SMALL = {"num_threads": 1, "num_leaves": 4, "min_data_in_leaf": 40}


@pytest.fixture(scope="module")
def model() -> ChurnClassifier:
    """Trees, both companions, and a logistic map."""
    fitted = ChurnClassifier(("days_since_last_order",), rounds=20, parameters=SMALL).fit(X, Y)
    return fitted.with_calibration(stack=JOINED).calibrate(X, Y)


def test_the_wave_is_that_of_greatest_likelihood() -> None:
    ours = Season.fit(X, Y, KNOWN, ridge=1e-9)
    design = np.column_stack([np.ones(N), X[list(SEASON)].to_numpy()])

    def loss(beta: np.ndarray) -> float:
        z = logit(KNOWN) + design @ beta
        return float((np.logaddexp(0, z) - Y * z).sum())

    theirs = minimize(loss, np.zeros(3), method="BFGS").x
    # the intercept is pulled by one row
    assert (ours.intercept, ours.sine, ours.cosine) == pytest.approx(tuple(theirs), abs=2e-3)
    assert (ours.sine, ours.cosine) == pytest.approx((0.6, -0.4), abs=0.2)


def test_a_pull_shrinks_the_wave_towards_none() -> None:
    free, pulled = Season.fit(X, Y, KNOWN, ridge=1e-9), Season.fit(X, Y, KNOWN, ridge=5000)
    assert 0 < pulled.sine < 0.5 * free.sine


def test_the_trees_are_joined_on_the_log_odds() -> None:
    expected = 0.75 * logit(KNOWN) + 0.25 * logit(X[P_NO_ORDER]) + JOINED.season.at(X)
    assert JOINED.apply(KNOWN, X) == pytest.approx(expit(expected.to_numpy()))
    assert np.array_equal(Stack().apply(KNOWN, X), KNOWN)


def test_where_the_model_of_purchases_has_no_number_the_trees_stand_alone() -> None:
    stack = Stack(0.25)
    some = X.assign(**{P_NO_ORDER: X[P_NO_ORDER].where(X.index % 2 == 0)})
    p = stack.apply(KNOWN, some)
    assert p[1::2] == pytest.approx(KNOWN[1::2])
    assert p[::2] == pytest.approx(stack.apply(KNOWN, X)[::2])


def test_parts_of_the_reasons_still_add_up(model: ChurnClassifier) -> None:
    found = model.explain(X[:50])
    assert found.columns == ("days_since_last_order", P_NO_ORDER, SEASON[0])
    assert found.log_odds == pytest.approx(logit(model.raw(X[:50])))
    base = found.log_odds - found.parts.sum(axis=1)
    assert np.ptp(base) < 1e-9
    trees = model.trees.contributions(X[:1])[0, -1]
    assert base[0] == pytest.approx(0.75 * trees + 0.25 * 0.3)
    levers, effects, _ = found.by_lever()
    assert set(levers) == {"recency", "season"}
    without = model.calibration_.apply(expit(found.log_odds - found.parts[:, 2]))
    assert effects[:, levers.index("season")] == pytest.approx(model.predict_proba(X[:50])[:, 1] - without)


@pytest.mark.parametrize("kind", [ChurnClassifier, HazardChurn])
def test_json_brings_it_back_to_the_bit(kind: type) -> None:
    outcome = Y if kind is ChurnClassifier else np.where(Y, np.nan, 1.0 + DAY % 3)
    bare = kind(("days_since_last_order",), rounds=5, parameters=SMALL).fit(X, outcome)
    fitted = bare.with_calibration(stack=JOINED).calibrate(X, Y)
    parts = fitted.to_parts()
    back = kind.from_parts(Parts(json.loads(json.dumps(parts.parameters)), parts.files))
    assert back.stack_ == JOINED
    assert np.array_equal(back.predict_proba(X), fitted.predict_proba(X))
    assert np.array_equal(back.effects(X[:20])[1], fitted.effects(X[:20])[1])
    assert back.columns == ("days_since_last_order", P_NO_ORDER, *SEASON)
    older = {name: value for name, value in parts.parameters.items() if name != "composition"}
    assert kind.from_parts(Parts(older, parts.files)).stack_ == Stack()


def test_another_calibration_leaves_the_model_as_it_was(model: ChurnClassifier) -> None:
    before, parts = model.predict_proba(X), model.to_parts()
    wide = ProbabilityInterval(level_sd=0.1)
    other = model.with_calibration(stack=Stack(), calibrator=NONE, interval=wide)
    assert other.calibrate(X, Y, "beta").calibration_.method == "beta"
    assert other.predict_proba(X)[:, 1] == pytest.approx(model.trees.predict_positive(X)), "nothing but the trees"
    assert np.array_equal(model.predict_proba(X), before)
    assert model.to_parts() == parts
    assert model.with_calibration(interval=wide).stack_ == model.stack_, "what is not given stays"
    own = {"stack": model.stack_, "calibrator": model.calibration_, "interval": model.interval_}
    assert other.with_calibration(**own).to_parts() == parts


def test_a_number_that_is_not_finite_is_neither_saved_nor_loaded(model: ChurnClassifier) -> None:
    spoiled = model.with_interval(ProbabilityInterval(level_sd=float("nan")))
    with pytest.raises(BundleError, match="level_sd is nan"):
        spoiled.to_parts()
    parts = model.to_parts()
    null = Parts({**parts.parameters, "doubt": {"level_sd": None}}, parts.files)
    with pytest.raises(BundleError, match="level_sd is nan"):
        ChurnClassifier.from_parts(null)


def test_a_frame_without_its_columns_is_refused_by_name(model: ChurnClassifier) -> None:
    with pytest.raises(UsageError, match="columns to score are missing: season_sine"):
        model.predict_proba(X.drop(columns=SEASON[0]))


def test_order_of_columns_and_of_rows_changes_no_probability(model: ChurnClassifier) -> None:
    p = model.predict_proba(X)[:, 1]
    assert np.array_equal(model.predict_proba(X[X.columns[::-1]])[:, 1], p)
    assert np.array_equal(model.predict_proba(X.iloc[::-1])[::-1, 1], p)


def test_every_kind_has_an_interval_around_its_probability(model: ChurnClassifier) -> None:
    for each in (model, RecencyChurn().fit(X, Y)):
        p = each.predict_proba(X)[:, 1]
        assert each.predict_interval(X) == pytest.approx(np.column_stack([p, p])), "no interval was learnt"
        wide = each.with_interval(ProbabilityInterval(level_sd=0.2))
        assert np.array_equal(each.predict_interval(X)[:, 0], each.predict_interval(X)[:, 1]), "the model is as it was"
        low, high = wide.predict_interval(X, level=0.9).T
        assert logit(high) - logit(p) == pytest.approx(np.full(N, 1.6449 * 0.2), rel=1e-4)
        assert logit(p) - logit(low) == pytest.approx(logit(high) - logit(p))
        back = type(wide).from_parts(wide.to_parts())
        assert np.array_equal(back.predict_interval(X), wide.predict_interval(X))
