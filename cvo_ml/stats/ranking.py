"""How good an order is: AUC, lift, the share of value in the top, Gini."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from cvo_ml.core.arrays import Flags, Floats, Outcomes


def auc(outcome: Outcomes, score: Floats, weight: Floats | None = None) -> float:
    """Area under the ROC curve, ties counted half (Mann-Whitney); NaN with one class only.

    Parameters
    ----------
    outcome:
        (n,) of 0 and 1.
    score:
        (n,), higher = more likely 1.
    weight:
        (n,): how many rows each stands for, >= 0.

    Examples
    --------
    >>> auc(np.array([0, 0, 1, 1]), np.array([.1, .4, .35, .8]))
    0.75
    """
    positive = np.asarray(outcome).astype(bool)
    if weight is not None:
        return _weighted_auc(positive, score, weight)
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if n_positive == 0 or n_negative == 0:
        return float("nan")
    ranks = rankdata(score)
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def _weighted_auc(positive: Flags, score: Floats, weight: Floats) -> float:
    _, level = np.unique(score, return_inverse=True)
    winners, losers = np.bincount(level, weight * positive), np.bincount(level, weight * ~positive)
    pairs = winners.sum() * losers.sum()
    beaten = np.cumsum(losers) - losers / 2
    return float((winners * beaten).sum() / pairs) if pairs > 0 else float("nan")


def average_precision(outcome: Outcomes, score: Floats) -> float:
    """Area under the precision-recall curve by steps, ties taken together; NaN without positives.

    Examples
    --------
    >>> round(average_precision(np.array([0, 0, 1, 1]), np.array([.1, .4, .35, .8])), 4)
    0.8333
    """
    positive = np.asarray(outcome).astype(bool)
    if not positive.any():
        return float("nan")
    _, level = np.unique(-score, return_inverse=True)
    hits, sizes = np.bincount(level, weights=positive), np.bincount(level)
    precision = np.cumsum(hits) / np.cumsum(sizes)
    return float((hits * precision).sum() / positive.sum())


def top_weights(score: Floats, fraction: float) -> Floats:
    """Membership of each row in the top ``fraction`` by score, in [0, 1].

    Rows tied at the edge share the remaining places, so a tied score is worth its average
    order and not a lucky one.

    Raises
    ------
    ValueError
        If ``fraction`` is not in (0, 1].

    Examples
    --------
    >>> top_weights(np.array([3., 1., 1., 1.]), 0.5)
    array([1.        , 0.33333333, 0.33333333, 0.33333333])
    """
    if not 0 < fraction <= 1:
        raise ValueError("fraction must lie in (0, 1]")
    places = fraction * len(score)
    _, inverse, counts = np.unique(-score, return_inverse=True, return_counts=True)
    before = np.concatenate([[0], np.cumsum(counts)[:-1]])
    share = np.clip((places - before) / counts, 0, 1)
    return share[inverse].astype(np.float64)


def capture(value: Floats, score: Floats, fraction: float = 0.1) -> float:
    """Share of the total value that the top ``fraction`` by score holds; NaN if the total is not positive.

    Examples
    --------
    >>> capture(np.array([8., 1., 1., 0.]), np.array([4., 3., 2., 1.]), 0.25)
    0.8
    """
    total = value.sum()
    return float((value * top_weights(score, fraction)).sum() / total) if total > 0 else float("nan")


def lift(outcome: Outcomes, score: Floats, fraction: float = 0.1) -> float:
    """Rate of the outcome in the top ``fraction`` over its rate in all rows; NaN without outcomes.

    Examples
    --------
    >>> lift(np.array([1, 0, 0, 0]), np.array([4., 3., 2., 1.]), 0.25)
    4.0
    """
    return capture(np.asarray(outcome).astype(np.float64), score, fraction) / fraction


def gini(value: Floats, score: Floats | None = None) -> float:
    """Gini of the value by the order of ``score`` (by value itself if None): 0 no order, near 1 all in one row.

    Equal to 2 x the area between the diagonal and the concentration curve.

    Examples
    --------
    >>> gini(np.array([1., 1., 1., 1.]))
    0.0
    >>> gini(np.array([0., 0., 0., 1.]))
    0.75
    """
    ranks = rankdata(value if score is None else score)
    n, total = len(value), value.sum()
    if n == 0 or total <= 0:
        return float("nan")
    return float((2 * (ranks * value).sum() / total - (n + 1)) / n)
