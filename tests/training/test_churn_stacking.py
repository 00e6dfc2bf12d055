"""What joins the trees is chosen on windows that they did not see: by their log loss, and not by the number of rows."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from cvo_ml.config.churn import ChurnCalibration
from cvo_ml.config.jobs import ChurnJob
from cvo_ml.features import SEASON
from cvo_ml.models.churn import P_NO_ORDER, ChurnClassifier, ProbabilityInterval, Season, Stack
from cvo_ml.stats.calibrators import NONE
from training.churn.dataset import ChurnWindow, closed
from training.churn.recipe import calibrate
from training.churn.sections import CalibrationSpec, sections_of
from training.churn.stacking import STACKED, Fold, composed


def spec(**changes: object) -> CalibrationSpec:
    return sections_of(ChurnJob().model_copy(update=changes)).calibration


N = 4000
WAVE = Season(0.0, 0.5, 0.0)
TREES = ChurnClassifier(("x",))


def fold(month: int, wave: Season | None, *, follows: bool, skilled: bool) -> Fold:
    """A window whose level follows the wave or not, with a model of purchases that knows something or nothing."""
    rng = np.random.default_rng(month)
    day = date(2022, 1, 1) + timedelta(days=30 * month)
    angle = 2 * np.pi * day.timetuple().tm_yday / 365.25
    ability, seen = rng.normal(size=N), rng.normal(size=N)
    true = expit(ability + seen + (0.5 * np.sin(angle) if follows else 0.0))
    other = expit(2 * ability if skilled else rng.normal(size=N))
    X = pd.DataFrame({SEASON[0]: np.full(N, np.sin(angle)), SEASON[1]: np.cos(angle), P_NO_ORDER: other})
    window = ChurnWindow(day, X, rng.uniform(size=N) < true, np.full(N, np.nan), {"kind": "made up"})
    return Fold(window, TREES, expit(seen), wave)


@pytest.mark.parametrize(
    ("use", "follows", "used"),
    [("auto", True, True), ("auto", False, False), ("always", False, True), ("never", True, False)],
)
def test_the_wave_joins_where_later_windows_followed_it(use: str, follows: bool, used: bool) -> None:
    asked = spec(season_level=use, stack="never")
    tried = [fold(month, WAVE, follows=follows, skilled=False) for month in (1, 2, 7, 8)]
    joined, evidence = composed(tried, WAVE, asked, has_purchases=True)
    season = evidence["season"]
    assert (joined.season is not None) == used == season.used
    assert (season.losses["season"] < season.losses["trees"]) == follows
    assert joined.weight == 0


@pytest.mark.parametrize(
    ("use", "skilled", "used"),
    [("auto", True, True), ("auto", False, False), ("always", False, True), ("never", True, False)],
)
def test_the_model_of_purchases_joins_unless_windows_speak_against_it(use: str, skilled: bool, used: bool) -> None:
    tried = [fold(month, None, follows=False, skilled=skilled) for month in (1, 2)]
    joined, evidence = composed(tried, None, spec(stack=use), has_purchases=True)
    assert joined.weight == (STACKED if used else 0.0)
    losses = evidence["stack"].losses
    assert (losses["stack"] < losses["trees"]) == skilled
    if used:
        assert joined.typical == pytest.approx(np.mean([logit(f.window.X[P_NO_ORDER]).mean() for f in tried]))


def test_nothing_joins_that_is_not_there() -> None:
    tried = [fold(month, None, follows=True, skilled=True) for month in (1, 2)]
    assert composed(tried, None, spec(), has_purchases=False)[0].columns == ()
    contractual = spec(definition="subscription_ended")
    assert composed(tried, None, contractual, has_purchases=True)[0].weight == 0
    unseen = composed([], WAVE, spec(), has_purchases=True)[0]
    assert (unseen.weight, unseen.season) == (STACKED, None)


def test_the_map_is_fitted_on_what_is_joined() -> None:
    asked = spec(calibration=ChurnCalibration(method="logistic"), season_level="always")
    tried = [fold(month, WAVE, follows=True, skilled=True) for month in (1, 2, 7, 8)]
    found = calibrate(tried, asked, WAVE, has_purchases=True)
    y = np.concatenate([f.window.churned for f in tried])
    raw = np.concatenate([found.stack.apply(f.trees, f.window.X) for f in tried])
    more = [*tried, fold(9, None, follows=False, skilled=True)]
    assert found.map == calibrate(more, asked, WAVE, has_purchases=True).map, (
        "a window without a wave of its own teaches nothing of one"
    )
    assert np.mean(found.map.apply(raw)) == pytest.approx(y.mean(), abs=2e-3)


def test_calibrating_gives_another_model_and_leaves_the_given_one_as_it_is() -> None:
    tried = [fold(month, None, follows=False, skilled=True) for month in (1, 2)]
    found = calibrate(tried, spec(), has_purchases=True)
    made = found.applied(TREES)
    assert (made.stack_, made.calibration_, made.interval_) == (found.stack, found.map, found.interval)
    assert (TREES.stack_, TREES.calibration_, TREES.interval_) == (Stack(), NONE, ProbabilityInterval())


def test_a_model_learns_from_its_latest_windows_alone() -> None:
    windows = [fold(month, None, follows=False, skilled=False).window for month in range(6)]
    data = sections_of(ChurnJob(most_snapshots=2)).dataset
    known = closed(windows, windows[-1].day, data)
    assert [window.day for window in known] == [windows[1].day, windows[2].day]
