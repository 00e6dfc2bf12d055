"""Intervals for proportions and for any statistic of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cvo_ml.core.arrays import Floats, Places
from cvo_ml.core.result import Result

#: The quantile of the normal law that 95 % lie within, on both sides.
Z: Final = 1.959963984540054


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
    from scipy.stats import binomtest  # takes longer to import than most commands to run

    found = binomtest(successes, trials).proportion_ci(level, "wilson")
    return Interval(successes / trials, float(found.low), float(found.high), level)


def bootstraps(
    statistics: Callable[[Places], Sequence[float]],
    n: int,
    *,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int | np.random.Generator = 0,
) -> tuple[Interval, ...]:
    """Percentile bootstrap of several statistics of the same drawn rows (Efron 1979), an interval each.

    Parameters
    ----------
    statistics:
        Takes row indices (n,), repeats allowed, and returns numbers; paired comparisons come from taking the
        difference inside. Replicates that give NaN are left out.
    seed:
        Or a generator, for statistics that draw from it too.

    Examples
    --------
    >>> values = np.arange(100.0)
    >>> mean, largest = bootstraps(lambda rows: (values[rows].mean(), values[rows].max()), 100)
    >>> mean.estimate, 43 < mean.lower < 45, 54 < mean.upper < 56, largest.upper
    (49.5, True, True, 99.0)
    """
    generator = np.random.default_rng(seed)
    draws = np.array([statistics(generator.integers(0, n, n)) for _ in range(replicates)], dtype=np.float64)
    estimates = statistics(np.arange(n))
    return tuple(
        _percentiles(float(estimate), column, level) for estimate, column in zip(estimates, draws.T, strict=True)
    )


def bootstrap(
    statistic: Callable[[Places], float],
    n: int,
    *,
    replicates: int = 1000,
    level: float = 0.95,
    seed: int | np.random.Generator = 0,
) -> Interval:
    """As ``bootstraps``, of one statistic."""
    (found,) = bootstraps(lambda rows: (statistic(rows),), n, replicates=replicates, level=level, seed=seed)
    return found


def mean_interval(
    values: Floats, *, replicates: int = 1000, level: float = 0.95, seed: int = 0, weights: Floats | None = None
) -> Interval:
    """Bootstrap interval of a mean.

    Parameters
    ----------
    values:
        (n,), n > 0.
    weights:
        (n,), >= 0; for a ratio of sums such as lift.
    """
    w = np.ones(len(values)) if weights is None else weights
    with np.errstate(invalid="ignore"):  # rows without any weight have no mean
        return bootstrap(
            lambda rows: (values[rows] * w[rows]).sum() / w[rows].sum(),
            len(values), replicates=replicates, level=level, seed=seed,
        )  # fmt: skip


def _percentiles(estimate: float, draws: Floats, level: float) -> Interval:
    known = draws[np.isfinite(draws)]
    if len(known) == 0:
        return Interval(estimate, float("nan"), float("nan"), level)
    lower, upper = np.quantile(known, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(estimate, float(lower), float(upper), level)
