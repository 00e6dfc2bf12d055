"""How unequally value is spread: the share of rows that holds a part of the total."""

from __future__ import annotations

import numpy as np

from cvo_ml.core.arrays import Floats


def smallest_share(values: Floats, part: float = 0.8) -> float:
    """The smallest share of the rows that holds ``part`` of the total; NaN if the total is not positive.

    Values may be negative: the total is net, and it is reached before the rows that take from it.

    Parameters
    ----------
    values:
        (n,).
    part:
        In (0, 1].

    Raises
    ------
    ValueError
        If ``part`` is not in (0, 1].

    Examples
    --------
    >>> smallest_share(np.array([80.0, 10.0, 5.0, 3.0, 2.0]))
    0.2
    >>> smallest_share(np.ones(10))
    0.8
    """
    if not 0 < part <= 1:
        raise ValueError("part must lie in (0, 1]")
    total = values.sum()
    if len(values) == 0 or not total > 0:
        return float("nan")
    held = np.cumsum(np.sort(values)[::-1])
    # the sum's own rounding must not cost a row
    return float((np.argmax(held >= part * total * (1 - 1e-12)) + 1) / len(values))
