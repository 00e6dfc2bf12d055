"""Quantiles of the number of purchases in a span: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Survival = Callable[[NDArray[np.intp], Array], Array]
"""From rows (k,) and counts (k,) >= 1 to P(at least so many purchases) (k,)."""


def count_quantile(survival: Survival, n_rows: int, level: float) -> Array:
    """Smallest n with P(purchases <= n) >= ``level`` for each row (n_rows,).

    Examples
    --------
    >>> count_quantile(lambda rows, n: 0.5**n, 2, 0.9).tolist()  # P(N <= 3) = 1 - 1/16
    [3.0, 3.0]
    """
    low = np.full(n_rows, -1.0)  # P(purchases > low) is above the tail
    high = np.zeros(n_rows)
    rows = np.arange(n_rows)
    while len(rows):
        rows = rows[survival(rows, high[rows] + 1.0) > 1.0 - level]
        low[rows] = high[rows]
        high[rows] = 2.0 * high[rows] + 1.0
    while len(rows := np.flatnonzero(high - low > 1.0)):
        middle = np.floor((low[rows] + high[rows]) / 2.0)
        above = survival(rows, middle + 1.0) > 1.0 - level
        low[rows[above]] = middle[above]
        high[rows[~above]] = middle[~above]
    return high
