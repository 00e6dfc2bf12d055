"""Credibility: how much of a unit's own experience to believe, and how much of its group's (Bühlmann & Straub 1970).

Groups stand within groups: a customer in a category, a category in a channel, a channel in the shop. At each level a
unit's estimate is ``Z x own + (1 - Z) x group``, ``Z = w / (w + within / between)`` (Bühlmann & Gisler 2005, ch. 6).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cvo_ml.core.arrays import Floats, Places


@dataclass(frozen=True)
class Level:
    """One level of groups: units, how credible each is, and what their groups come to.

    Parameters
    ----------
    between:
        Variance of the units' true means around their groups'; 0 where what is seen may all be chance.
    credibility:
        (units,) in [0, 1].
    weights, means:
        (groups,) of the level above: what a group weighs there, and its credible mean; NaN without any weight.
    """

    between: float
    credibility: Floats
    weights: Floats
    means: Floats


def within_variance(squares: Floats, counts: Floats) -> float:
    """The variance of one observation of weight 1 around its unit's mean; NaN where no unit has two.

    Parameters
    ----------
    squares:
        (units,) the sum over a unit's observations of weight x (observation - unit's weighted mean)^2.
    counts:
        (units,) the number of observations.
    """
    freedom = np.maximum(counts - 1, 0).sum()
    return float(squares.sum() / freedom) if freedom > 0 else float("nan")


def shrink(weights: Floats, means: Floats, within: float, groups: Places, n_groups: int) -> Level:
    """The credibility of units within their groups.

    Parameters
    ----------
    weights, means:
        (units,) weights >= 0; a unit of weight 0 has no mean of its own.
    within:
        Variance of a unit's mean times its weight; NaN where nothing tells it: then no unit is believed.
    groups:
        (units,) the place of each unit's group in [0, n_groups).

    Examples
    --------
    >>> level = shrink(np.array([9.0, 1.0]), np.array([0.5, 0.1]), 0.0, np.array([0, 0]), 1)
    >>> level.credibility.tolist(), round(float(level.means[0]), 3)
    ([1.0, 1.0], 0.3)
    """
    own = weights > 0
    w, x, g = weights[own], means[own], groups[own]
    total, square = np.bincount(g, w, n_groups), np.bincount(g, w * w, n_groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = np.bincount(g, w * x, n_groups) / total
        free = np.maximum(np.bincount(g, minlength=n_groups) - 1, 0).sum()
        spread = float((w * (x - centre[g]) ** 2).sum() - free * within)
        scale = float((total - square / total)[total > 0].sum())
    between = max(spread / scale, 0.0) if free > 0 and scale > 0 and np.isfinite(spread) else 0.0
    credibility = np.zeros(len(weights))
    if between > 0:
        credibility[own] = w / (w + within / between)
    # where nobody is believed a group is its weighted mean
    by = credibility[own] if between > 0 else w
    above = np.bincount(g, by, n_groups).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Level(between, credibility, above, np.bincount(g, by * x, n_groups) / above)
