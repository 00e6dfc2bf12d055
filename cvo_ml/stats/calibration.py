"""Whether predicted probabilities and values mean what they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

from cvo_ml.core.arrays import Floats, Ints, Outcomes, Places
from cvo_ml.stats.intervals import Interval, bootstrap
from cvo_ml.stats.logistic import fit_logistic

CLIP = 1e-9


def clip_probability(probability: Floats) -> Floats:
    """Probabilities kept off 0 and 1 so that their logarithm is finite."""
    return np.clip(probability, CLIP, 1 - CLIP)


def log_loss(outcome: Outcomes, probability: Floats) -> Floats:
    """Log loss of each row, (n,): -log of the probability given to what happened."""
    p, happened = clip_probability(probability), np.asarray(outcome).astype(bool)
    return -np.where(happened, np.log(p), np.log1p(-p))


@dataclass(frozen=True)
class LogisticMap:
    """A straight line on the log-odds: ``logit(q) = intercept + slope x logit(p)``."""

    intercept: float
    slope: float
    slope_se: float = float("nan")
    intercept_se: float = float("nan")
    covariance: float = float("nan")

    def apply(self, probability: Floats) -> Floats:
        """The mapped probabilities, (n,)."""
        return np.asarray(expit(self.intercept + self.slope * logit(clip_probability(probability))))

    def slope_interval(self, level: float = 0.95) -> Interval:
        """The slope's Wald interval."""
        half = float(norm.ppf(0.5 + level / 2)) * self.slope_se
        return Interval(self.slope, self.slope - half, self.slope + half, level)

    def intercept_interval(self, level: float = 0.95) -> Interval:
        """The intercept's Wald interval."""
        half = float(norm.ppf(0.5 + level / 2)) * self.intercept_se
        return Interval(self.intercept, self.intercept - half, self.intercept + half, level)


def logistic_recalibration(
    outcome: Outcomes, probability: Floats, ridge: float = 1e-6, weight: Floats | None = None
) -> LogisticMap:
    """Fit the outcome on the log-odds of the prediction (Cox 1958); slope 1, intercept 0 is perfect.

    Parameters
    ----------
    outcome, probability:
        (n,) of 0/1, and predictions.
    ridge:
        Weight of a pull towards slope 1, intercept 0: keeps separable data finite.
    weight:
        (n,): how many rows each stands for. Standard errors take them for counts, so they are of the line alone.

    Examples
    --------
    >>> p = np.random.default_rng(0).uniform(.05, .95, 20000)
    >>> happened = np.random.default_rng(1).uniform(size=20000) < p
    >>> .95 < logistic_recalibration(happened, p).slope < 1.05
    True
    """
    x = logit(clip_probability(probability))
    design = np.column_stack([np.ones_like(x), x])
    fit = fit_logistic(design, outcome, ridge=ridge, centre=np.array([0.0, 1.0]), weight=weight)
    (intercept, slope), covariance = fit.coefficients, fit.covariance
    slope_se, intercept_se = (float(np.sqrt(covariance[place, place])) for place in (1, 0))
    return LogisticMap(float(intercept), float(slope), slope_se, intercept_se, float(covariance[0, 1]))


def expected_calibration_error(outcome: Outcomes, probability: Floats, bins: int = 10) -> float:
    """Mean gap between predicted and observed rate over bins of equal size."""
    order = np.argsort(probability, kind="stable")
    y = _shared_by_ties(outcome, probability)
    gaps = [abs(y[part].mean() - probability[part].mean()) * len(part) for part in _parts(order, bins)]
    return float(sum(gaps) / len(order))


def reliability(outcome: Outcomes, predicted: Floats, bins: int = 10) -> tuple[Floats, Floats, Ints]:
    """Mean prediction, mean outcome and size of each of ``bins`` groups by prediction."""
    order = np.argsort(predicted, kind="stable")
    y = _shared_by_ties(outcome, predicted)
    parts = _parts(order, bins)
    return (
        np.array([predicted[part].mean() for part in parts]),
        np.array([y[part].mean() for part in parts]),
        np.array([len(part) for part in parts]),
    )


def decile_slope(actual: Floats, predicted: Floats, *, level: float = 0.95, seed: int = 0) -> Interval:
    """Slope of mean actual on mean predicted over the deciles of the prediction, with a bootstrap interval.

    1 = values are neither exaggerated nor flattened. Through the deciles' means, weighted by size.
    """

    def slope(rows: Places) -> float:
        x, y, size = reliability(actual[rows], predicted[rows])
        x_centred = x - np.average(x, weights=size)
        spread = float((size * x_centred**2).sum())
        return float((size * x_centred * y).sum() / spread) if spread > 0 else float("nan")

    return bootstrap(slope, len(actual), replicates=300, level=level, seed=seed)


def _shared_by_ties(outcome: Outcomes, predicted: Floats) -> Floats:
    """The mean outcome of the rows with the same prediction, (n,): which of them comes first decides nothing."""
    _, level, size = np.unique(predicted, return_inverse=True, return_counts=True)
    means = np.bincount(level, weights=np.asarray(outcome).astype(np.float64)) / size
    return np.asarray(means[level])


def _parts(order: Places, bins: int) -> list[Places]:
    return [part for part in np.array_split(order, bins) if len(part)]
