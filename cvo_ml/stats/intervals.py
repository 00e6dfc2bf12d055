"""Intervals for proportions and for any statistic of rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from cvo_ml.core.arrays import Floats, Places
from cvo_ml.core.result import Result


@dataclass(frozen=True)
class Interval(Result):
    """An estimate with its lower and upper bound at a stated level."""

    estimate: float
    lower: float
    upper: float
    level: float = 0.95

    def meets(self, low: float, high: float) -> bool:
        """Whether the interval and [low, high] have a point in common."""
        return bool(self.lower <= high and self.upper >= low)

    def __str__(self) -> str:
        return f"{self.estimate:.3g} [{self.lower:.3g}, {self.upper:.3g}]"


def wilson(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927).

    Parameters
    ----------
    successes, trials:
        0 <= successes <= trials, trials > 0.

    Raises
    ------
    ValueError
        If the numbers are not such.

    Examples
    --------
    >>> print(wilson(5, 100))
    0.05 [0.0215, 0.112]
    """
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError("wilson needs 0 <= successes <= trials and trials > 0")
    z = float(norm.ppf(0.5 + level / 2))
    share = successes / trials
    centre = (share + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    return Interval(
        share, float(min(share, max(0.0, centre - half))), float(max(share, min(1.0, centre + half))), level
    )


def bootstrap(
    statistic: Callable[[Places], float],
    n: int,
    *,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap of a statistic of ``n`` rows (Efron 1979).

    Parameters
    ----------
    statistic:
        Takes row indices (n,), repeats allowed, and returns a number; paired comparisons come
        from taking the difference inside. Replicates that give NaN are left out.

    Examples
    --------
    >>> values = np.arange(100.0)
    >>> interval = bootstrap(lambda rows: float(values[rows].mean()), 100)
    >>> interval.estimate, 43 < interval.lower < 45, 54 < interval.upper < 56
    (49.5, True, True)
    """
    generator = np.random.default_rng(seed)
    draws = np.array([statistic(generator.integers(0, n, n)) for _ in range(replicates)])
    draws = draws[np.isfinite(draws)]
    estimate = statistic(np.arange(n))
    if len(draws) == 0:
        return Interval(estimate, float("nan"), float("nan"), level)
    lower, upper = np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(estimate, float(lower), float(upper), level)


def mean_interval(
    values: Floats, *, replicates: int = 1000, level: float = 0.95, seed: int = 0, weights: Floats | None = None
) -> Interval:
    """Bootstrap interval of a mean (weighted where weights are given), in blocks of replicates.

    Parameters
    ----------
    values:
        (n,), n > 0.
    weights:
        (n,), >= 0; for a ratio of sums such as lift.
    """
    n = len(values)
    generator = np.random.default_rng(seed)
    draws = np.empty(replicates)
    weight = np.ones(n) if weights is None else weights
    for start in range(0, replicates, 50):
        rows = generator.integers(0, n, (min(50, replicates - start), n))
        draws[start : start + len(rows)] = (values[rows] * weight[rows]).sum(axis=1) / weight[rows].sum(axis=1)
    lower, upper = np.nanquantile(draws, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(float((values * weight).sum() / weight.sum()), float(lower), float(upper), level)
