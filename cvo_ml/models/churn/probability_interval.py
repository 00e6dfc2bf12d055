"""How far a churn probability may be off."""

from __future__ import annotations

from abc import ABC, abstractmethod
from copy import copy
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import expit, logit, ndtri

from cvo_ml.core.arrays import Floats
from cvo_ml.core.columns import Table
from cvo_ml.core.result import Result
from cvo_ml.stats.calibration import clip_probability


@dataclass(frozen=True)
class ProbabilityInterval(Result):
    """How far a probability may be off, on the log-odds.

    Parameters
    ----------
    intercept_variance, slope_variance, covariance:
        Of the calibration's line, from the rows that it was fitted on.
    level_sd:
        Standard deviation, from window to window, of the level that the model missed; what no past window can tell.
    """

    intercept_variance: float = 0.0
    slope_variance: float = 0.0
    covariance: float = 0.0
    level_sd: float = 0.0

    def bounds(self, probability: Floats, level: float = 0.9) -> Floats:
        """Lower and upper bound of each probability, (n, 2)."""
        z = logit(clip_probability(probability))
        variance = self.intercept_variance + 2 * z * self.covariance + z**2 * self.slope_variance + self.level_sd**2
        half = float(ndtri(0.5 + level / 2)) * np.sqrt(variance)
        return np.column_stack([expit(z - half), expit(z + half)])


class HasInterval(ABC):
    """A model whose probabilities have an interval; without one learnt, its bounds are the probability."""

    interval_: ProbabilityInterval = ProbabilityInterval()

    @abstractmethod
    def predict_proba(self, X: Table) -> Floats:
        """Probabilities of staying and of churning, (n, 2)."""

    def predict_interval(self, X: Table, level: float = 0.9) -> Floats:
        """Lower and upper bound of the churn probability, (n, 2): calibration and level, not the trees' own."""
        return self.interval_.bounds(self.predict_proba(X)[:, 1], level)

    def with_interval(self, interval: ProbabilityInterval) -> Self:
        """The same model with another interval; this one stays as it is."""
        model = copy(self)
        model.interval_ = interval
        return model
