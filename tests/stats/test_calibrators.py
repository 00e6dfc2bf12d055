"""The calibration maps: against scikit-learn and their own definitions, as JSON, and chosen out of time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from cvo_ml.stats.calibration import log_loss
from cvo_ml.stats.calibrators import METHODS, calibrator_of, choose, fit_logistic
from cvo_ml.stats.isotonic import fit_isotonic

RNG = np.random.default_rng(3)
P = RNG.uniform(0.02, 0.98, 3000)
TRUE = expit(-0.6 + 0.7 * logit(P))
Y = RNG.uniform(size=3000) < TRUE


@pytest.mark.parametrize("method", [name for name in METHODS if name not in ("none", "shift")])
def test_a_map_finds_the_true_probabilities(method: str) -> None:
    mapped = METHODS[method](Y, P).apply(P)
    assert np.abs(mapped - TRUE).mean() < 0.03
    assert np.abs(P - TRUE).mean() > 0.1, "there is nothing to repair: this test shows nothing"


def test_a_shift_meets_the_observed_rate_and_keeps_the_spread() -> None:
    mapped = METHODS["shift"](Y, P)
    assert mapped.apply(P).mean() == pytest.approx(Y.mean(), abs=1e-3)
    assert np.ptp(logit(mapped.apply(P)) - logit(P)) == pytest.approx(0.0, abs=1e-9)


def test_the_logistic_map_is_scikit_learns_on_the_log_odds() -> None:
    theirs = LogisticRegression(C=1e8).fit(logit(P)[:, None], Y)
    ours = fit_logistic(Y, P)
    assert (ours.intercept, ours.slope) == pytest.approx((theirs.intercept_[0], theirs.coef_[0, 0]), abs=0.01)


def test_isotonic_is_scikit_learns_inside_the_range() -> None:
    theirs = IsotonicRegression().fit(P, Y)
    inside = (P > 0.1) & (P < 0.9)
    assert fit_isotonic(Y, P).apply(P)[inside] == pytest.approx(theirs.predict(P)[inside], abs=1e-9)


@given(st.sampled_from(list(METHODS)), st.integers(0, 10_000))
def test_no_map_turns_the_order_of_two_customers_around(method: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    p = generator.uniform(0, 1, 60)
    mapped = METHODS[method](generator.uniform(size=60) < p, p).apply(np.sort(p))
    assert (np.diff(mapped) >= -1e-12).all()
    assert ((mapped >= 0) & (mapped <= 1)).all()


@pytest.mark.parametrize("method", METHODS)
def test_json_rebuilds_the_map(method: str) -> None:
    fitted = METHODS[method](Y, P)
    back = calibrator_of(fitted.to_json())
    assert back == fitted
    assert np.array_equal(back.apply(P), fitted.apply(P))


@pytest.mark.parametrize(
    "broken",
    [
        {"method": "magic"},
        {"method": "isotonic", "scores": [0.5, 0.2], "lower": [0.1, 0.2], "upper": [0.1, 0.2]},
        {"method": "isotonic", "scores": [], "lower": []},
        {"method": "venn_abers", "scores": [0.2], "lower": [0.1], "upper": [0.2]},
    ],
)
def test_a_map_that_is_damaged_or_unknown_is_refused(broken: dict) -> None:
    with pytest.raises(ValueError):
        calibrator_of(broken)


def windows(drift: float, n: int = 4) -> list:
    """Windows of ten days; the log-odds of each are off by a step more than those before."""
    found = []
    for k in range(n):
        p = RNG.uniform(0.05, 0.95, 2000)
        found.append((10 * k, RNG.uniform(size=2000) < expit(logit(p) + drift), p))
    return found


def test_a_lasting_level_is_corrected_and_one_that_turns_about_is_not() -> None:
    found = choose(windows(-0.8), 10)
    assert found.method != "none"
    assert found.losses[found.method] < found.losses["none"] - 0.02
    up, down = windows(0.8, 2), windows(-0.8, 2)
    turned = choose([up[0], down[1]], 10).losses
    assert min(turned, key=lambda name: turned[name]) == "none"


def test_nothing_is_chosen_from_windows_that_were_not_over() -> None:
    assert choose(windows(-0.8), 1000).losses == {}
    assert choose(windows(-0.8), 1000).method == "none"
    # with two windows the only comparison is the first one's map on the second
    first, second = windows(-0.8, 2)
    expected = log_loss(second[1], METHODS["shift"](first[1], first[2]).apply(second[2])).mean()
    assert choose([first, second], 10).losses["shift"] == pytest.approx(float(expected))


def test_a_map_that_helps_one_window_and_hurts_another_is_not_chosen() -> None:
    rng = np.random.default_rng(9)

    def window(day: int, level: float) -> tuple[int, np.ndarray, np.ndarray]:
        p = rng.uniform(0.1, 0.9, 4000)
        return day, rng.uniform(size=4000) < expit(logit(p) + level), p

    wandering = [window(day, level) for day, level in ((0, 0.5), (10, 0.7), (20, 0.2), (30, 0.6), (40, 0.1))]
    found = choose(wandering, 10)
    assert min(found.losses.values()) < found.losses["none"], "no map is better on average: this test shows nothing"
    assert found.method == "none"
    steady = [window(day, 0.4) for day in range(0, 50, 10)]
    assert choose(steady, 10).method != "none"
    assert choose(steady[:2], 10).method == "none", "one window is no evidence"
