"""How many purchases are possible, and how much wider intervals must be where customers' rates wander.

Buy-till-you-die models hold a customer's rate constant while active, so with a long history they know it ever better,
and intervals of a long horizon come out too narrow where habits change. Here the rate of the future is that of the past
times a Gamma factor of mean 1 whose variance grows with the horizon (a random walk): means stay, intervals widen.
The variance is the smallest with which the central 90 % of the probability-integral transforms of a closed window hold
90 %; it is 0 unless they surely hold less. Counts are whole, so each customer's transform is an interval, of which the
share inside counts (the mean of the randomised transform, without its seed). Arrays in, arrays out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from cvo_ml.core.arrays import Floats, Places
from cvo_ml.core.errors import UsageError
from cvo_ml.core.result import Result
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv.purchase_law import DAYS_PER_YEAR, PurchaseLaw

_LEVEL: Final = 0.9
_Z: Final = 1.96
_MOST: Final = 0.5  # of the variance in the window: a standard deviation of 70 % of the rate
_HALVINGS: Final = 20
Survival = Callable[[Places, Floats], Floats]
"""From rows (k,) and counts (k,) >= 1 to P(at least so many purchases) (k,)."""


@dataclass(frozen=True)
class RateDrift(Result):
    """How far rates wander.

    Attributes
    ----------
    per_year:
        Variance of a customer's rate over a year, relative to its square; 0 = constant.
    before, after:
        Share of the window inside the central 90 %, at constant rates and with the drift.
    """

    per_year: float
    before: float
    after: float

    def __str__(self) -> str:
        if self.per_year > 0:
            return (
                f"the 90 % interval of purchases held {self.before:.1%}: intervals allow for rates that wander "
                f"(variance {self.per_year:.2g} a year), with which it holds {self.after:.1%}"
            )
        return f"the 90 % interval of purchases held {self.before:.1%}: intervals are those of constant rates"


def drift_variance(per_year: float, horizon: Horizon) -> float:
    """Variance of the factor on the rates of a ``horizon``, from the variance a year.

    Raises
    ------
    UsageError
        If the drift is not a finite number >= 0.
    """
    if not (np.isfinite(per_year) and per_year >= 0):
        raise UsageError(f"rate_drift is {per_year}: give a variance a year >= 0, 0 for constant rates")
    return per_year * horizon.days / DAYS_PER_YEAR


def estimate_drift(law: PurchaseLaw, alive: Floats, purchases: Floats, span: float, span_days: float) -> RateDrift:
    """The drift that a closed window shows.

    Parameters
    ----------
    law, alive:
        Of each customer at the start of the window (n,), by a model fitted before it.
    purchases:
        What each bought in the window (n,).
    span, span_days:
        Its length in the law's unit of time, and in days.
    """
    inside = share_inside(law, alive, purchases, span)
    before = float(inside.mean())
    if before + _Z * float(inside.std()) / np.sqrt(len(inside)) >= _LEVEL:
        return RateDrift(0.0, before, before)

    def after(variance: float) -> float:
        return float(share_inside(law.drifted(variance), alive, purchases, span).mean())

    if after(_MOST) < _LEVEL:  # something else is wrong: widening would only hide it
        return RateDrift(0.0, before, before)
    low, high = 0.0, _MOST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if after(middle) < _LEVEL else (low, middle)
    return RateDrift(high * DAYS_PER_YEAR / span_days, before, after(high))


def share_inside(law: PurchaseLaw, alive: Floats, purchases: Floats, span: float) -> Floats:
    """Share of each customer's probability-integral transform [P(N < n), P(N <= n)] in the central 90 % (n,)."""
    below = np.where(purchases > 0, 1.0 - alive * law.survival(np.maximum(purchases, 1.0), span), 0.0)
    upto = 1.0 - alive * law.survival(purchases + 1.0, span)
    edge = (1.0 - _LEVEL) / 2.0
    overlap = np.minimum(upto, 1.0 - edge) - np.maximum(below, edge)
    return np.asarray(np.clip(overlap, 0.0, None) / np.maximum(upto - below, 1e-300))


def count_quantile(survival: Survival, n_rows: int, level: float) -> Floats:
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
