"""How far down a ranked list it pays to go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cvo_ml.core.arrays import Floats
from cvo_ml.core.result import Result
from cvo_ml.stats.intervals import Interval, mean_interval


@dataclass(frozen=True)
class ContactThreshold(Result):
    """The score from which on contacting pays.

    Parameters
    ----------
    threshold:
        People with at least this score are contacted; infinite where nobody pays.
    share:
        Share of the rows that have it.
    total:
        Profit of contacting them, in currency.
    """

    threshold: float
    share: float
    total: float


def best_cut(score: Floats, profit: Floats) -> ContactThreshold:
    """The cut with the highest sum of profit; rows of equal score go together, and the highest of equal cuts wins.

    Parameters
    ----------
    score, profit:
        (n,); profit of contacting the row: value if it was won, less what it cost.

    Examples
    --------
    >>> best_cut(np.array([.9, .8, .1]), np.array([10., -2., -5.]))
    ContactThreshold(threshold=0.9, share=0.3333333333333333, total=10.0)
    """
    order = np.argsort(-score, kind="stable")
    ranked, running = score[order], np.cumsum(profit[order])
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) if len(score) else np.empty(0, dtype=int)
    if len(ends) == 0 or running[ends].max() <= 0:
        return ContactThreshold(float("inf"), 0.0, 0.0)
    place = ends[int(np.argmax(running[ends]))]
    return ContactThreshold(float(ranked[place]), float((place + 1) / len(score)), float(running[place]))


def profit_of_cut(threshold: float, score: Floats, profit: Floats) -> Interval:
    """Profit per row of the list when all at or above the threshold are contacted, on rows that did not choose it."""
    return mean_interval(np.where(score >= threshold, profit, 0.0))
