"""Calibration by a table that rises with the score: isotonic regression and Venn-Abers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import isotonic_regression

from cvo_ml.core.arrays import Floats, Outcomes
from cvo_ml.core.result import Result

#: A Venn-Abers table holds at most so many scores; more are grouped by rank.
MOST_SCORES: Final = 200


@dataclass(frozen=True)
class Steps(Result):
    """A table of scores and probabilities: isotonic regression, or Venn-Abers with both bounds.

    Parameters
    ----------
    scores:
        Rising, (k,).
    lower, upper:
        (k,); equal for isotonic. Between scores, what the score below (Venn-Abers) or the line between both says.
    """

    method: str
    scores: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]

    def apply(self, probability: Floats) -> Floats:
        """The mapped probabilities, (n,)."""
        lower, upper = self.bounds(probability)
        return upper / (1 - lower + upper) if self.method == "venn_abers" else lower

    def bounds(self, probability: Floats) -> tuple[Floats, Floats]:
        """The probability if the customer's own outcome were 0, and if it were 1, (n,) each."""
        if self.method == "isotonic":
            value = np.interp(probability, self.scores, self.lower)
            return value, value
        place = np.clip(np.searchsorted(self.scores, probability, side="right") - 1, 0, len(self.scores) - 1)
        return np.asarray(self.lower)[place], np.asarray(self.upper)[place]

    def rises(self) -> bool:
        """Whether the table is one: rising scores, as many as probabilities, at least one."""
        same = len(self.scores) == len(self.lower) == len(self.upper) > 0
        return same and not np.any(np.diff(self.scores) < 0)


def fit_isotonic(outcome: Outcomes, probability: Floats) -> Steps:
    """The rising steps nearest to the outcomes, kept off 0 and 1 by half a customer at either end."""
    scores, mean, weight = _grouped(outcome, probability, len(probability))
    weight = np.concatenate([[1.0], weight, [1.0]])
    fitted = _pav(np.concatenate([[0.5], mean, [0.5]]), weight)[1:-1]
    values = tuple(fitted.tolist())
    return Steps("isotonic", tuple(scores.tolist()), values, values)


def fit_venn_abers(outcome: Outcomes, probability: Floats) -> Steps:
    """Inductive Venn-Abers (Vovk, Petej & Fedorova 2015): isotonic with the customer added, once as 0 and once as 1."""
    scores, mean, weight = _grouped(outcome, probability, MOST_SCORES)
    bounds = [[_with(scores, mean, weight, place, own) for place in range(len(scores))] for own in (0.0, 1.0)]
    return Steps("venn_abers", tuple(scores.tolist()), tuple(bounds[0]), tuple(bounds[1]))


def _grouped(outcome: Outcomes, probability: Floats, most: int) -> tuple[Floats, Floats, Floats]:
    """Distinct scores, mean outcome and number of rows of each; at most ``most`` groups by rank."""
    scores, level = np.unique(probability, return_inverse=True)
    if len(scores) > most:
        edges = np.unique(np.quantile(probability, np.linspace(0, 1, most + 1)[:-1]))
        level = np.searchsorted(edges, probability, side="right") - 1
        scores = edges
    weight = np.bincount(level, minlength=len(scores)).astype(np.float64)
    total = np.bincount(level, weights=np.asarray(outcome).astype(np.float64), minlength=len(scores))
    kept = weight > 0
    return scores[kept], total[kept] / weight[kept], weight[kept]


def _with(scores: Floats, mean: Floats, weight: Floats, place: int, own: float) -> float:
    """The isotonic value at ``place`` with one more customer of that score and the outcome ``own``."""
    with_own, heavier = mean.copy(), weight.copy()
    with_own[place] = (mean[place] * weight[place] + own) / (weight[place] + 1)
    heavier[place] += 1
    return float(_pav(with_own, heavier)[place])


def _pav(values: Floats, weight: Floats) -> Floats:
    """The rising sequence nearest to ``values`` in weighted squares."""
    return np.asarray(isotonic_regression(values, weights=weight).x, dtype=np.float64)
