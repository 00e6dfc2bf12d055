"""Statistics of leaks: how well one column alone tells the outcome, and whether one stands apart from the others.

The gate that refuses by them is ``cvo_ml.features.leak_gate``; training calls it through
``training.evidence.leak_gate``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtri

from cvo_ml.core.arrays import Floats, Ints, Outcomes
from cvo_ml.stats.ranking import auc

#: Bins of a number column; missing values have a bin of their own.
BINS: Final = 20
#: Rows of the overall rate that each level's rate is mixed with.
PRIOR_ROWS: Final = 20.0


def bins(values: Floats, reference: Floats) -> Ints:
    """Numbers as codes 0 (missing), 1, 2, … by the quantiles of ``reference``; (n,).

    Examples
    --------
    >>> bins(np.array([np.nan, 0., 9.]), np.arange(10.))[[0, 1, 2]]
    array([ 0,  1, 20])
    """
    finite = reference[np.isfinite(reference)]
    edges = np.unique(np.quantile(finite, np.arange(1, BINS) / BINS)) if len(finite) else np.empty(0)
    return np.where(np.isnan(values), 0, 1 + np.searchsorted(edges, values, side="right")).astype(np.int64)


def encoded(codes: Ints, outcome: Outcomes, codes_to_score: Ints) -> Floats:
    """Rate of the outcome at each level in (n,) rows, mixed with the overall rate, for (m,) other rows.

    ``(positives + k rate) / (rows + k)`` with k = ``PRIOR_ROWS`` (Micci-Barreca 2001, eq. 4); unseen levels get the
    overall rate.
    """
    y = np.asarray(outcome).astype(np.float64)
    rate = float(y.mean())
    levels, inverse = np.unique(codes, return_inverse=True)
    rows, positives = np.bincount(inverse), np.bincount(inverse, weights=y)
    encoding = (positives + PRIOR_ROWS * rate) / (rows + PRIOR_ROWS)
    place = np.clip(np.searchsorted(levels, codes_to_score), 0, len(levels) - 1)
    return np.where(levels[place] == codes_to_score, encoding[place], rate)


def single_auc(codes: Ints, y: Outcomes, later_codes: Ints, later_y: Outcomes) -> float:
    """AUC on later rows of the one column's rates in earlier rows."""
    return auc(later_y, encoded(codes, y, later_codes))


def folded_auc(codes: Ints, outcome: Outcomes, folds: int = 5, seed: int = 7) -> float:
    """AUC of rates taken from the other folds, for rows without a date."""
    y = np.asarray(outcome)
    fold = np.random.default_rng(seed).permutation(len(y)) % folds
    score = np.empty(len(y))
    for place in range(folds):
        score[fold == place] = encoded(codes[fold != place], y[fold != place], codes[fold == place])
    return auc(y, score)


def separation(auc: float) -> float:
    """AUC as the distance of two unit normals, d' = sqrt(2) probit(AUC), which does not flatten near 1.

    Examples
    --------
    >>> round(separation(0.76), 3), round(separation(0.5), 3)
    (0.999, 0.0)
    """
    return float(np.sqrt(2) * ndtri(np.clip(auc, 0.0005, 0.9995)))


@dataclass(frozen=True)
class Dominance:
    """Columns that stand apart: their names, the AUC of the weakest of them and that of the best of the rest."""

    names: tuple[str, ...]
    weakest: float
    rest: float


def dominance(aucs: Mapping[str, float], floor: float, gap: float, most: int) -> Dominance | None:
    """The smallest leading group that stands apart from the rest, or None.

    Parameters
    ----------
    aucs:
        Column to AUC of that column alone, in [0, 1] or NaN.
    floor:
        Least AUC of the group, in (0.5, 1).
    gap:
        Least distance to the best of the rest in units of ``separation``, > 0.
    most:
        Largest group, >= 1: two columns may hold the same leak.

    Examples
    --------
    >>> dominance({"a": .95, "b": .7, "c": .6}, floor=.85, gap=.65, most=2)
    Dominance(names=('a',), weakest=0.95, rest=0.7)
    >>> dominance({"a": .95, "b": .93, "c": .92}, floor=.85, gap=.65, most=2) is None
    True
    """
    ranked = sorted(((value, name) for name, value in aucs.items() if value == value), reverse=True)
    values = [value for value, _ in ranked] + [0.5]
    for size in range(1, min(most, len(ranked)) + 1):
        weakest, rest = values[size - 1], values[size]
        if weakest >= floor and separation(weakest) - separation(rest) >= gap:
            return Dominance(tuple(name for _, name in ranked[:size]), weakest, rest)
    return None


def chance_error(outcome: Outcomes) -> float:
    """Standard error of the AUC of a score that knows nothing: sqrt((n + 1) / (12 n1 n0)) (Mann & Whitney 1947).

    Examples
    --------
    >>> round(chance_error(np.array([0, 1] * 500)), 4)
    0.0183
    """
    positive = int(np.asarray(outcome).astype(bool).sum())
    negative = len(outcome) - positive
    return float(np.sqrt((len(outcome) + 1) / (12 * positive * negative))) if positive and negative else float("nan")
