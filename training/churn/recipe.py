"""How a churn model is made of closed windows: trees, their out-of-time predictions, and the calibration from these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.config.readiness import ChurnMinima
from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.result import Json
from cvo_ml.features.churn_outcomes import CONTRACTUAL
from cvo_ml.models.churn import ChurnClassifier, HazardChurn, ProbabilityInterval, RecencyChurn, Season, Stack
from cvo_ml.stats.calibration import logistic_recalibration
from cvo_ml.stats.calibrators import METHODS, NONE, Calibrator, Choice, choose, fit_shift
from training.churn.dataset import ChurnWindow, Model, closed, columns_of, is_category, raw_of, stacked
from training.churn.sections import CalibrationSpec, ChurnSections, DatasetSpec, TreeSpec
from training.churn.stacking import Fold, Tried, composed, season_of

MINIMA: Final = ChurnMinima()


def grown(windows: Sequence[ChurnWindow], data: DatasetSpec, spec: TreeSpec, minima: ChurnMinima = MINIMA) -> Model:
    """The model of the job on all rows of the windows, not calibrated.

    Raises
    ------
    ModelRefused
        With too few customers of either outcome.
    """
    return (grow_hazard if spec.is_hazard else grow_trees)(windows, data, spec, minima)


def grow_trees(
    windows: Sequence[ChurnWindow], data: DatasetSpec, spec: TreeSpec, minima: ChurnMinima = MINIMA
) -> ChurnClassifier:
    """Trees for the whole horizon."""
    X, y = stacked(windows)
    names = columns_of(X, data)
    numbers, categories = numbers_and_categories(X, names)
    model = ChurnClassifier(
        numbers, categories, spec.trees.rounds, tree_parameters(spec, names), minima.of_each_outcome
    )
    return model.fit(X, y)


def grow_hazard(
    windows: Sequence[ChurnWindow], data: DatasetSpec, spec: TreeSpec, minima: ChurnMinima = MINIMA
) -> HazardChurn:
    """Trees for each period of the horizon."""
    X, _ = stacked(windows)
    names = columns_of(X, data)
    numbers, categories = numbers_and_categories(X, names)
    periods = spec.periods
    model = HazardChurn(
        numbers,
        categories,
        spec.trees.rounds,
        tree_parameters(spec, (*numbers, "period", *categories)),
        periods,
        data.outcome.definition in CONTRACTUAL,
        minima.of_each_outcome,
    )
    days = np.concatenate([window.days_to_event for window in windows])
    whole = data.horizon.whole_days
    return model.fit(X, np.floor(days.clip(max=whole - 1) * periods / whole) + 1)


def numbers_and_categories(X: pd.DataFrame, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The columns of trees by how they are read."""
    categories = [name for name in names if is_category(X[name])]
    return [name for name in names if name not in categories], categories


def tree_parameters(spec: TreeSpec, names: Sequence[str]) -> dict[str, object]:
    """The job's LightGBM parameters, with the directions that it declares."""
    if not spec.monotone:
        return dict(spec.trees.parameters)
    return {**spec.trees.parameters, "monotone_constraints": [spec.monotone.get(name, 0) for name in names]}


def folds(windows: Sequence[ChurnWindow], sections: ChurnSections, minima: ChurnMinima = MINIMA) -> list[Fold]:
    """The latest windows, oldest first, each with the model that could have been trained when it began.

    A window before which too little was closed is left out.
    """
    data, calibration = sections.dataset, sections.calibration
    tried = []
    for window in windows[-calibration.windows :]:
        past = closed(windows, window.day, data)
        if not past or len(window) == 0:
            continue
        try:
            model = grown(past, data, sections.trees, minima)
        except ModelRefused:
            continue
        season = season_of(model, past, data, calibration.season_level)
        tried.append(Fold(window, model, raw_of(model, window), season))
    return tried


@dataclass(frozen=True)
class Calibration:
    """How a model gets its probabilities, and why so.

    Parameters
    ----------
    stack:
        What joins the trees.
    map:
        From the joined probabilities to calibrated ones.
    interval:
        How far the calibrated ones may be off.
    choice:
        The method of the map, and what each lost out of time.
    joined:
        By name what may join, with the log loss with and without it.
    """

    stack: Stack
    map: Calibrator
    interval: ProbabilityInterval
    choice: Choice
    joined: Mapping[str, Tried]

    def applied(self, model: Model) -> Model:
        """The model with these probabilities; the one that is given stays as it is."""
        return model.with_calibration(stack=self.stack, calibrator=self.map, interval=self.interval)

    def to_json(self) -> dict[str, Json]:
        """Method, what each lost out of time, what joins the trees, how far the level may wander."""
        return {
            "method": self.choice.method,
            "out_of_time_log_loss": dict(self.choice.losses),
            "level_sd_log_odds": self.interval.level_sd,
            "joined": {name: tried.to_json() for name, tried in self.joined.items()},
        }


def calibrate(
    later: Sequence[Fold], spec: CalibrationSpec, season: Season | None = None, has_purchases: bool = False
) -> Calibration:
    """What joins a model's trees, the map, and the interval, that the folds teach; which, and why.

    The folds' models are of the same recipe and saw none of the outcomes that they are compared with.

    Parameters
    ----------
    season, has_purchases:
        The model's own wave, and whether it has a model of purchases beside it.
    """
    stack, joined = composed(later, season, spec, has_purchases)
    if stack.season:
        # what a model without the wave missed says nothing of one that has it
        later = [fold for fold in later if fold.season]
    pairs = [(fold.window.day, fold.window.churned, fold.raw(stack)) for fold in later]
    if not pairs:
        return Calibration(stack, NONE, ProbabilityInterval(), Choice("none", {}), joined)
    if spec.method == "auto":
        choice = choose([(day.toordinal(), y, p) for day, y, p in pairs], spec.days)
    else:
        choice = Choice(spec.method, {})
    y, p = np.concatenate([y for _, y, _ in pairs]), np.concatenate([p for *_, p in pairs])
    fitted = METHODS[choice.method](y, p)
    interval = interval_of([(y, p, fitted.apply(p)) for _, y, p in pairs])
    return Calibration(stack, fitted, interval, choice, joined)


def interval_of(windows: Sequence[tuple[Flags, Floats, Floats]]) -> ProbabilityInterval:
    """How far the probabilities of a map may be off.

    Parameters
    ----------
    windows:
        Outcomes, probabilities before the map and after it of windows that the model did not see.
    """
    y, p = np.concatenate([y for y, *_ in windows]), np.concatenate([p for _, p, _ in windows])
    line = logistic_recalibration(y, p, ridge=1.0)
    misses = [fit_shift(y, mapped).intercept for y, _, mapped in windows if 0 < y.mean() < 1]
    level = float(np.sqrt(np.mean(np.square(misses)))) if misses else 0.0
    return ProbabilityInterval(line.intercept_se**2, line.slope_se**2, line.covariance, level)


def recency(windows: Sequence[ChurnWindow], sections: ChurnSections) -> RecencyChurn:
    """The logistic on recency, on all rows, with the interval that earlier such models teach."""
    model = RecencyChurn().fit(*stacked(windows))
    seen = []
    for window in windows[-sections.calibration.windows :]:
        past = closed(windows, window.day, sections.dataset)
        if past and 0 < np.concatenate([other.churned for other in past]).mean() < 1:
            p = RecencyChurn().fit(*stacked(past)).predict_proba(window.X)[:, 1]
            seen.append((window.churned, p, p))
    return model.with_interval(interval_of(seen)) if seen else model
