"""Calibration by a table that rises with the score: isotonic regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import isotonic_regression

from cvo_ml.core.arrays import Floats, Outcomes
from cvo_ml.core.result import Result


@dataclass(frozen=True)
class Steps(Result):
    """A table of scores and probabilities.

    Parameters
    ----------
    scores:
        Rising, (k,).
    lower:
        The probability at each score, (k,), by the name that stored models know it by; on the line between two scores.
    """

    method: str
    scores: tuple[float, ...]
    lower: tuple[float, ...]

    def apply(self, probability: Floats) -> Floats:
        """The mapped probabilities, (n,)."""
        return np.interp(probability, self.scores, self.lower)

    def rises(self) -> bool:
        """Whether the table is one: rising scores, as many as probabilities, at least one."""
        return len(self.scores) == len(self.lower) > 0 and not np.any(np.diff(self.scores) < 0)


def fit_isotonic(outcome: Outcomes, probability: Floats) -> Steps:
    """The rising steps nearest to the outcomes, kept off 0 and 1 by half a customer at either end."""
    scores, level, weight = np.unique(probability, return_inverse=True, return_counts=True)
    mean = np.bincount(level, weights=np.asarray(outcome).astype(np.float64)) / weight
    ends = np.concatenate([[0.5], mean, [0.5]]), np.concatenate([[1.0], weight, [1.0]])
    fitted = isotonic_regression(ends[0], weights=ends[1]).x[1:-1]
    return Steps("isotonic", tuple(scores.tolist()), tuple(fitted.tolist()))
