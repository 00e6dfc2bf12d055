"""Two groups compared: sample ratio, difference of means, and the same with less noise (CUPED)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, t

from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.stats.intervals import Interval


@dataclass(frozen=True)
class Sample:
    """Sufficient statistics of a mean; samples add with ``+``."""

    n: int
    total: float
    squares: float

    @classmethod
    def of(cls, values: Floats) -> Sample:
        """The statistics of an array (n,)."""
        return cls(len(values), float(np.sum(values)), float(np.square(values).sum()))

    def __add__(self, other: Sample) -> Sample:
        return Sample(self.n + other.n, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> float:
        """The mean; nan without observations."""
        return self.total / self.n if self.n else float("nan")

    @property
    def variance(self) -> float:
        """The unbiased variance; nan with fewer than two observations."""
        if self.n < 2:
            return float("nan")
        return max(0.0, (self.squares - self.total**2 / self.n) / (self.n - 1))


def difference(treated: Sample, control: Sample, level: float = 0.95) -> tuple[Interval, float]:
    """Mean of the treated less mean of the control, with Welch's interval and two-sided p-value (Welch 1947).

    Examples
    --------
    >>> gap, p = difference(Sample(3461, 2422.7, 134698.29), Sample(3407, 1396.87, 52377.9767))
    >>> print(gap, round(p, 4))
    0.29 [0.0454, 0.535] 0.0202
    """
    parts = [sample.variance / sample.n if sample.n else float("nan") for sample in (treated, control)]
    estimate, error = treated.mean - control.mean, float(np.sqrt(sum(parts)))
    if not np.isfinite(error):
        return Interval(estimate, float("nan"), float("nan"), level), float("nan")
    if error == 0:
        return Interval(estimate, estimate, estimate, level), float(estimate == 0)
    freedom = sum(parts) ** 2 / (parts[0] ** 2 / (treated.n - 1) + parts[1] ** 2 / (control.n - 1))
    half = float(t.ppf(0.5 + level / 2, freedom)) * error
    return Interval(estimate, estimate - half, estimate + half, level), float(2 * t.sf(abs(estimate) / error, freedom))


def sample_ratio(observed: tuple[int, int], expected_share: float) -> float:
    """P-value of the counts of two groups against the share that the first should have (chi-square, 1 df).

    Examples
    --------
    >>> f"{sample_ratio((1000, 1200), 0.5):.3e}"
    '2.008e-05'
    """
    total = sum(observed)
    expected = np.array([expected_share, 1 - expected_share]) * total
    if total == 0 or (expected <= 0).any():
        return float("nan")
    return float(chi2.sf(np.square(np.array(observed) - expected) @ (1 / expected), 1))


def adjusted(outcome: Floats, before: Floats, treated: Flags) -> Floats:
    """The outcome less what was known before explains of it: outcome - (before - its mean) . slope.

    The slopes are those within the groups, so an effect does not enter them (CUPED; Deng, Xu, Kohavi &
    Walker 2013, Improving the Sensitivity of Online Controlled Experiments by Utilizing Pre-Experiment Data).

    Parameters
    ----------
    outcome:
        (n,).
    before:
        (n, covariates), known before the treatment.
    treated:
        (n,).
    """
    centred = before - before.mean(axis=0)
    within, within_outcome = centred.copy(), outcome.copy()
    for group in (treated, ~treated):
        if group.any():
            within[group] -= within[group].mean(axis=0)
            within_outcome[group] -= within_outcome[group].mean()
    slopes = np.linalg.lstsq(within, within_outcome, rcond=None)[0]
    return np.asarray(outcome - centred @ slopes, dtype=np.float64)
