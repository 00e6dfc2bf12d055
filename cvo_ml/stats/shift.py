"""Whether a population has moved away from the one that a model learned from: PSI and KS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import ks_2samp

from cvo_ml.core.arrays import Floats
from cvo_ml.core.result import Result

#: ten groups, the industry's habit for the population stability index
GROUPS: Final = 10
#: an empty group would make the index infinite; half a customer stands in for nobody
EMPTY: Final = 0.5


@dataclass(frozen=True)
class Reference(Result):
    """The distribution of a column in the rows that a model learned from.

    Parameters
    ----------
    edges:
        Inner edges of the groups, ascending: group k holds ``edges[k-1] < value <= edges[k]``.
    shares:
        Share of the rows in each group, then of the rows without a value.
    rows:
        How many rows were described.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    rows: int


def reference(values: Floats) -> Reference:
    """Describe a column by tenths; values that stand in several tenths make one group.

    Examples
    --------
    >>> described = reference(np.array([1., 2., 3., 4., 5., 6., 7., 8., 9., 10., np.nan, np.nan]))
    >>> described.edges
    (1.9, 2.8, 3.7, 4.6, 5.5, 6.4, 7.3, 8.2, 9.1)
    >>> round(described.shares[-1], 3)
    0.167
    """
    known = values[np.isfinite(values)]
    quantiles = np.quantile(known, np.arange(1, GROUPS) / GROUPS) if len(known) else np.empty(0)
    # an edge at the maximum would leave a group that nobody can be in
    edges = np.unique(np.round(quantiles, 12))
    edges = edges[edges < known.max()] if len(known) else edges
    described = Reference(tuple(edges.tolist()), (), len(values))
    return Reference(described.edges, tuple((_counts(described, values) / max(1, len(values))).tolist()), len(values))


def psi(expected: Reference, values: Floats) -> float:
    """The population stability index of ``values`` against the reference; NaN without rows.

    Sum over the groups of (actual − expected) ln(actual / expected). By convention below .1 is
    steady, from .2 a shift. Two samples of the same population differ by about
    (groups − 1)(1/n + 1/m): ``psi_by_chance``.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=20_000)
    >>> psi(reference(x[:10_000]), x[10_000:]) < 0.01
    True
    >>> psi(reference(x[:10_000]), x[10_000:] + 1) > 0.5
    True
    """
    if not len(values) or not expected.rows:
        return float("nan")
    actual = np.maximum(_counts(expected, values), EMPTY) / len(values)
    wanted = np.maximum(np.array(expected.shares), EMPTY / expected.rows)
    return float(((actual - wanted) * np.log(actual / wanted)).sum())


def psi_by_chance(expected: Reference, rows: int, deviations: float = 4.0) -> float:
    """What the index of ``rows`` rows of the same population rarely exceeds.

    For two samples of one population, PSI / (1/n + 1/m) is chi-squared with (groups − 1) degrees of freedom
    (Yurdakul 2018); groups that the reference does not hold do not count.

    Examples
    --------
    >>> round(psi_by_chance(Reference((1., 2.), (.3, .3, .4, 0.), 1000), 1000), 4)
    0.02
    """
    if not rows or not expected.rows:
        return float("nan")
    freedom = max(1, sum(share > 0 for share in expected.shares) - 1)
    return float((freedom + deviations * np.sqrt(2 * freedom)) * (1 / rows + 1 / expected.rows))


def ks(first: Floats, second: Floats) -> float:
    """The largest distance of two samples' distribution functions (Kolmogorov-Smirnov); NaN if one is empty.

    Examples
    --------
    >>> ks(np.array([1., 2.]), np.array([3., 4.]))
    1.0
    """
    a, b = first[np.isfinite(first)], second[np.isfinite(second)]
    return float(ks_2samp(a, b, method="asymp").statistic) if len(a) and len(b) else float("nan")


def ks_to_reference(expected: Reference, values: Floats) -> float:
    """The distance at the reference's edges only: a lower bound of the KS distance to its sample.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=20_000)
    >>> ks_to_reference(reference(x), x) < 1e-9
    True
    """
    known = values[np.isfinite(values)]
    shares = np.array(expected.shares[:-1])
    if not len(known) or not shares.sum() or not expected.edges:
        return float("nan")
    theirs = np.cumsum(shares / shares.sum())[:-1]
    ours = np.searchsorted(np.sort(known), expected.edges, side="right") / len(known)
    return float(np.abs(ours - theirs).max())


def _counts(expected: Reference, values: Floats) -> Floats:
    known = values[np.isfinite(values)]
    groups = np.searchsorted(expected.edges, known, side="left")
    counts = np.bincount(groups, minlength=len(expected.edges) + 1).astype(np.float64)
    return np.append(counts, len(values) - len(known))
