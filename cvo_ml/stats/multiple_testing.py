"""Many questions asked of the same rows: how many of the findings are expected to be false."""

from __future__ import annotations

import numpy as np
from scipy.stats import false_discovery_control

from cvo_ml.core.arrays import Floats


def benjamini_hochberg(p: Floats) -> Floats:
    """Adjusted p values (n,): those at most q are findings of which a share of at most q is expected to be false.

    Benjamini & Hochberg 1995. A NaN was never asked: it stays NaN and counts for nothing.

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, np.nan])).round(3)
    array([0.03, 0.04, 0.04,  nan])
    """
    asked = np.isfinite(p)
    adjusted = np.full(len(p), np.nan)
    if asked.any():
        adjusted[asked] = false_discovery_control(p[asked], method="bh")
    return adjusted
