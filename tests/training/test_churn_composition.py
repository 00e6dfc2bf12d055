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
from cvo_ml.models.churn import P_NO_ORDER, BoostedChurn, Season
from training.churn.dataset import Window, closed
from training.churn.recipe import calibrated
from training.churn.stacking import STACKED, Fold, composed

JOB = ChurnJob()
N = 4000
WAVE = Season(0.0, 0.5, 0.0)
TREES = BoostedChurn(("x",))


def fold(month: int, wave: Season | None, *, follows: bool, skilled: bool) -> Fold:
    """A window whose level follows the wave or not, with a model of purchases that knows something or nothing."""
    rng = np.random.default_rng(month)
    day = date(2022, 1, 1) + timedelta(days=30 * month)
    angle = 2 * np.pi * day.timetuple().tm_yday / 365.25
    ability, seen = rng.normal(size=N), rng.normal(size=N)
    true = expit(ability + seen + (0.5 * np.sin(angle) if follows else 0.0))
    other = expit(2 * ability if skilled else rng.normal(size=N))
    X = pd.DataFrame({SEASON[0]: np.full(N, np.sin(angle)), SEASON[1]: np.cos(angle), P_NO_ORDER: other})
    window = Window(day, X, rng.uniform(size=N) < true, np.full(N, np.nan), {"kind": "made up"})
    return Fold(window, TREES, expit(seen), wave)


@pytest.mark.parametrize(
    ("use", "follows", "used"),
    [("auto", True, True), ("auto", False, False), ("always", False, True), ("never", True, False)],
)
def test_the_wave_joins_where_later_windows_followed_it(use: str, follows: bool, used: bool) -> None:
    job = JOB.model_copy(update={"season_level": use, "stack": "never"})
    tried = [fold(month, WAVE, follows=follows, skilled=False) for month in (1, 2, 7, 8)]
    joined, found = composed(tried, WAVE, job, has_purchases=True)
    assert (joined.season is not None) == used == found["season"]["used"]
    assert (found["season"]["season"] < found["season"]["trees"]) == follows
    assert joined.weight == 0


@pytest.mark.parametrize(
    ("use", "skilled", "used"),
    [("auto", True, True), ("auto", False, False), ("always", False, True), ("never", True, False)],
)
def test_the_model_of_purchases_joins_unless_windows_speak_against_it(use: str, skilled: bool, used: bool) -> None:
    job = JOB.model_copy(update={"stack": use})
    tried = [fold(month, None, follows=False, skilled=skilled) for month in (1, 2)]
    joined, found = composed(tried, None, job, has_purchases=True)
    assert joined.weight == (STACKED if used else 0.0)
    assert (found["stack"]["stack"] < found["stack"]["trees"]) == skilled
    if used:
        assert joined.typical == pytest.approx(np.mean([logit(f.window.X[P_NO_ORDER]).mean() for f in tried]))


def test_nothing_joins_that_is_not_there() -> None:
    tried = [fold(month, None, follows=True, skilled=True) for month in (1, 2)]
    assert composed(tried, None, JOB, has_purchases=False)[0].columns == ()
    contractual = JOB.model_copy(update={"definition": "subscription_ended"})
    assert composed(tried, None, contractual, has_purchases=True)[0].weight == 0
    unseen = composed([], WAVE, JOB, has_purchases=True)[0]
    assert (unseen.weight, unseen.season) == (STACKED, None)


def test_the_map_is_fitted_on_what_is_joined() -> None:
    job = JOB.model_copy(update={"calibration": ChurnCalibration(method="logistic"), "season_level": "always"})
    tried = [fold(month, WAVE, follows=True, skilled=True) for month in (1, 2, 7, 8)]
    model = BoostedChurn(("x",))
    calibrated(model, tried, job, WAVE, has_purchases=True)
    y = np.concatenate([f.window.churned for f in tried])
    raw = np.concatenate([model.stack_.apply(f.trees, f.window.X) for f in tried])
    again = BoostedChurn(("x",))
    calibrated(again, [*tried, fold(9, None, follows=False, skilled=True)], job, WAVE, has_purchases=True)
    assert model.calibration_ == again.calibration_, "a window without a wave of its own teaches nothing of one"
    assert np.mean(model.calibration_.apply(raw)) == pytest.approx(y.mean(), abs=2e-3)


def test_a_model_learns_from_its_latest_windows_alone() -> None:
    windows = [fold(month, None, follows=False, skilled=False).window for month in range(6)]
    job = JOB.model_copy(update={"most_snapshots": 2})
    known = closed(windows, windows[-1].day, job)
    assert [window.day for window in known] == [windows[1].day, windows[2].day]
