"""How a churn model is made of closed windows: trees, their out-of-time predictions, and the calibration from these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from cvo_ml.config.jobs import ChurnJob
from cvo_ml.config.readiness import ChurnMinima
from cvo_ml.core.errors import ModelRefused
from cvo_ml.features.churn_outcomes import CONTRACTUAL
from cvo_ml.models.churn import BoostedChurn, HazardChurn, ProbabilityInterval, RecencyChurn, Season
from cvo_ml.stats.calibration import logistic_recalibration
from cvo_ml.stats.calibrators import METHODS, NONE, Choice, choose, fit_shift
from training.churn.dataset import COUNTRY, Model, Window, closed, columns_of, raw_of, stacked
from training.churn.stacking import Fold, composed, season_of

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]
MINIMA: Final = ChurnMinima()


def grown(windows: Sequence[Window], job: ChurnJob, minima: ChurnMinima = MINIMA) -> Model:
    """The model of the job on all rows of the windows, not calibrated.

    Raises
    ------
    ModelRefused
        With too few customers of either outcome.
    """
    return grow_hazard(windows, job, minima) if job.model == "hazard" else grow_trees(windows, job, minima)


def grow_trees(windows: Sequence[Window], job: ChurnJob, minima: ChurnMinima = MINIMA) -> BoostedChurn:
    """Trees for the whole horizon."""
    X, y = stacked(windows)
    names = columns_of(X, job)
    numbers, categories = [name for name in names if name != COUNTRY], [name for name in names if name == COUNTRY]
    model = BoostedChurn(numbers, categories, job.trees.rounds, tree_parameters(job, names), minima.of_each_outcome)
    return model.fit(X, y)


def grow_hazard(windows: Sequence[Window], job: ChurnJob, minima: ChurnMinima = MINIMA) -> HazardChurn:
    """Trees for each period of the horizon."""
    X, _ = stacked(windows)
    names = columns_of(X, job)
    numbers, categories = [name for name in names if name != COUNTRY], [name for name in names if name == COUNTRY]
    periods = job.hazard.periods
    model = HazardChurn(
        numbers,
        categories,
        job.trees.rounds,
        tree_parameters(job, (*numbers, "period", *categories)),
        periods,
        job.definition in CONTRACTUAL,
        minima.of_each_outcome,
    )
    days = np.concatenate([window.days_to_event for window in windows])
    return model.fit(X, np.floor(days.clip(max=job.horizon.whole_days - 1) * periods / job.horizon.whole_days) + 1)


def tree_parameters(job: ChurnJob, names: Sequence[str]) -> dict[str, object]:
    """The job's LightGBM parameters, with the directions that it declares."""
    if not job.monotone:
        return dict(job.trees.parameters)
    return {**job.trees.parameters, "monotone_constraints": [job.monotone.get(name, 0) for name in names]}


def folds(windows: Sequence[Window], job: ChurnJob, minima: ChurnMinima = MINIMA) -> list[Fold]:
    """The latest windows, oldest first, each with the model that could have been trained when it began.

    A window before which too little was closed is left out.
    """
    found = []
    for window in windows[-job.calibration.windows :]:
        past = closed(windows, window.day, job)
        if not past or len(window) == 0:
            continue
        try:
            model = grown(past, job, minima)
        except ModelRefused:
            continue
        found.append(Fold(window, model, raw_of(model, window), season_of(model, past, job)))
    return found


@dataclass(frozen=True)
class Calibrated:
    """How a model got its probabilities.

    Parameters
    ----------
    choice:
        The map, and what each lost out of time.
    joined:
        What joins the trees, with the log loss with and without it.
    """

    choice: Choice
    joined: dict[str, Any]


def calibrated(
    model: Model, later: Sequence[Fold], job: ChurnJob, season: Season | None = None, has_purchases: bool = False
) -> Calibrated:
    """Give ``model`` what joins its trees, the map, and the doubt, that the folds teach; which, and why.

    The folds' models are of the same recipe and saw none of the outcomes that they are compared with.

    Parameters
    ----------
    season, has_purchases:
        The model's own wave, and whether it has a model of purchases beside it.
    """
    model.stack_, joined = composed(later, season, job, has_purchases)
    if model.stack_.season:
        # what a model without the wave missed says nothing of one that has it
        later = [fold for fold in later if fold.season]
    pairs = [(fold.window.day, fold.window.churned, fold.raw(model.stack_)) for fold in later]
    if not pairs:
        model.calibration_, model.interval_ = NONE, ProbabilityInterval()
        return Calibrated(Choice("none", {}), joined)
    if job.calibration.method == "auto":
        choice = choose([(day.toordinal(), y, p) for day, y, p in pairs], job.horizon.whole_days)
    else:
        choice = Choice(job.calibration.method, {})
    y, p = np.concatenate([y for _, y, _ in pairs]), np.concatenate([p for *_, p in pairs])
    model.calibration_ = METHODS[choice.method](y, p)
    model.interval_ = doubt_of([(y, p, model.calibration_.apply(p)) for _, y, p in pairs])
    return Calibrated(choice, joined)


def doubt_of(windows: Sequence[tuple[Labels, Floats, Floats]]) -> ProbabilityInterval:
    """The doubt of a map.

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


def recency(windows: Sequence[Window], job: ChurnJob) -> RecencyChurn:
    """The logistic on recency, on all rows, with the doubt that earlier such models teach."""
    model = RecencyChurn().fit(*stacked(windows))
    seen = []
    for window in windows[-job.calibration.windows :]:
        past = closed(windows, window.day, job)
        if past and 0 < np.concatenate([other.churned for other in past]).mean() < 1:
            p = RecencyChurn().fit(*stacked(past)).predict_proba(window.X)[:, 1]
            seen.append((window.churned, p, p))
    if seen:
        model.interval_ = doubt_of(seen)
    return model
