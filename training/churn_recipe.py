"""How a churn model is made of closed windows: trees, their out-of-time predictions, and the calibration from these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cvo_ml.config.jobs import ChurnJob
from cvo_ml.config.readiness import ChurnMinima
from cvo_ml.core.errors import ModelRefused
from cvo_ml.features.churn_outcomes import CONTRACTUAL
from cvo_ml.models.churn import BoostedChurn, Doubt, HazardChurn, RecencyChurn
from cvo_ml.stats.calibration import logistic_recalibration
from cvo_ml.stats.calibrators import METHODS, NONE, Choice, choose, fit_shift
from training.churn_windows import COUNTRY, Window, columns_of, stacked

Floats = NDArray[np.float64]
Model = BoostedChurn | HazardChurn
MINIMA: Final = ChurnMinima()


@dataclass(frozen=True)
class Fold:
    """A window with a model that learnt only from windows that were closed when it began.

    Parameters
    ----------
    raw:
        (n,) the model's probabilities, before calibration.
    """

    window: Window
    model: Model
    raw: Floats


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
        past = [other for other in windows if other.closed_by(window.day, job)]
        if not past or len(window) == 0:
            continue
        try:
            model = grown(past, job, minima)
        except ModelRefused:
            continue
        found.append(Fold(window, model, raw_probability(model, window)))
    return found


def raw_probability(model: Model, window: Window) -> Floats:
    """The probabilities before calibration, (n,)."""
    return model.raw(window.X) if isinstance(model, HazardChurn) else model.trees.predict_positive(window.X)


def calibrated(model: Model, later: Sequence[Fold], job: ChurnJob) -> Choice:
    """Give ``model`` the map, and the doubt, that the folds teach; which method, and why.

    The folds' models are of the same recipe and saw none of the outcomes that they are compared with.
    """
    if not later:
        model.calibration_, model.doubt_ = NONE, Doubt()
        return Choice("none", {})
    y, p = np.concatenate([fold.window.churned for fold in later]), np.concatenate([fold.raw for fold in later])
    if job.calibration.method == "auto":
        choice = choose(
            [(fold.window.day.toordinal(), fold.window.churned, fold.raw) for fold in later], job.horizon.whole_days
        )
    else:
        choice = Choice(job.calibration.method, {})
    model.calibration_ = METHODS[choice.method](y, p)
    line = logistic_recalibration(y, p, ridge=1.0)
    misses = [
        fit_shift(fold.window.churned, model.calibration_.apply(fold.raw)).intercept
        for fold in later
        if 0 < fold.window.churned.mean() < 1
    ]
    level = float(np.sqrt(np.mean(np.square(misses)))) if misses else 0.0
    model.doubt_ = Doubt(line.intercept_se**2, line.slope_se**2, line.covariance, level)
    return choice


def recency(windows: Sequence[Window]) -> RecencyChurn:
    """The logistic on recency, on all rows."""
    return RecencyChurn().fit(*stacked(windows))
