"""A stored distribution of scores: it makes one customer's percentile the same as among a million."""

from __future__ import annotations

import numpy as np

from cvo_ml.core.arrays import Floats

LEVELS = np.linspace(0, 1, 101)


def reference_quantiles(score: Floats) -> list[float]:
    """The 0 %, 1 %, ..., 100 % quantiles of the reference customers' scores."""
    return [float(value) for value in np.quantile(score, LEVELS)]


def percentile(score: Floats, quantiles: list[float]) -> Floats:
    """Where each score stands among the reference customers, 0-100; ties get the middle of their range.

    Examples
    --------
    >>> percentile(np.array([-1., 5., 200.]), [float(q) for q in range(101)])
    array([  0.,   5., 100.])
    """
    edges = np.asarray(quantiles)
    below = np.interp(score, *_steps(edges, "left"))
    above = np.interp(score, *_steps(edges, "right"))
    return 100 * np.where(np.isnan(score), np.nan, (below + above) / 2)


def _steps(edges: Floats, side: str) -> tuple[Floats, Floats]:
    """Distinct quantile values with the first (left) or last (right) level at which each is reached."""
    values, first, counts = np.unique(edges, return_index=True, return_counts=True)
    return values, LEVELS[first if side == "left" else first + counts - 1]
