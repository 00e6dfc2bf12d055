"""The sufficient statistic of Gamma-Gamma: customers by number and mean value of purchases, and their independence.

One ``GROUP BY frequency, monetary_value`` over a cluster gives it, and parts of a customer base merge with ``+``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SpendHistories:
    """Customers with known purchases.

    Attributes
    ----------
    frequency, monetary_value, count:
        Arrays (n,), > 0: number of purchases, their mean value (currency), customers of that kind.
    """

    frequency: Array
    monetary_value: Array
    count: Array

    def __len__(self) -> int:
        return len(self.count)

    def __add__(self, other: SpendHistories) -> SpendHistories:
        """Both customer bases together."""
        return SpendHistories(
            np.concatenate([self.frequency, other.frequency]),
            np.concatenate([self.monetary_value, other.monetary_value]),
            np.concatenate([self.count, other.count]),
        )

    @property
    def n_customers(self) -> float:
        """Customers, counted with their weights."""
        return float(self.count.sum())


@dataclass(frozen=True)
class Independence:
    """Whether the value of a purchase depends on how often the customer buys; Gamma-Gamma assumes that it does not.

    Attributes
    ----------
    correlation:
        Pearson's, between the number of purchases and their mean value; None if one of them does not vary.
    elasticity:
        Change of the mean value per unit of log(purchases), relative to the mean; 0.1 = 7 % more per doubling. None
        if the number of purchases does not vary.
    standard_error, p_value:
        Of the elasticity, robust to unequal variances.
    """

    correlation: float | None
    elasticity: float | None
    standard_error: float | None
    p_value: float | None

    def __str__(self) -> str:
        if self.elasticity is None or self.p_value is None:
            return "the number of purchases does not vary: independence cannot be tested"
        change, p = 100.0 * (2.0**self.elasticity - 1.0), self.p_value
        verdict = "depends on" if p < 0.01 else "shows no dependence on"
        return (
            f"the value of a purchase {verdict} their number: {change:+.1f} % per doubling (p = {p:.2g}, "
            f"correlation {self.correlation if self.correlation is not None else float('nan'):.3f})"
        )


def independence_of(spend: SpendHistories) -> Independence:
    """Regress the mean value on log(purchases): under Gamma-Gamma the slope is 0, whatever the spread at each number.

    A rank correlation would not do: means of few purchases are skewed, so their median depends on the number even where
    the mean does not.

    Examples
    --------
    >>> spend = SpendHistories(np.array([1.0, 2, 4]), np.array([10.0, 11, 12]), np.array([50.0, 50, 50]))
    >>> round(independence_of(spend).elasticity, 3)  # +1 per ln 2, around 11
    0.131
    """
    weight, n = spend.count, spend.n_customers
    mean = float(weight @ spend.monetary_value / n)
    away = np.log(spend.frequency) - weight @ np.log(spend.frequency) / n
    spread = float(weight @ away**2)
    if not spread > 1e-12 * n:
        return Independence(None, None, None, None)
    slope = float(weight @ (away * (spend.monetary_value - mean)) / spread)
    residual = spend.monetary_value - mean - slope * away
    error = float(np.sqrt(weight @ (away * residual) ** 2) / spread)
    p_value = 2.0 * float(ndtr(-abs(slope) / error)) if error > 0 else float(slope == 0)
    return Independence(_correlation(spend, mean), slope / mean, error / mean, p_value)


def _correlation(spend: SpendHistories, mean: float) -> float | None:
    weight, n = spend.count, spend.n_customers
    x, m = spend.frequency - weight @ spend.frequency / n, spend.monetary_value - mean
    scale = float(np.sqrt((weight @ x**2) * (weight @ m**2)))
    return float(weight @ (x * m)) / scale if scale > 0 else None
