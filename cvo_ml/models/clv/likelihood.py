"""What the likelihoods are made of: log-gamma differences, and mixtures over fates of each customer, with covariates.

``gammaln(z + x) - gammaln(z)`` loses everything for z = 1e14; a fit that wanders there would see noise instead of a
slope. From z = 1e4 on, Stirling's series of the *difference* is used.

A customer's likelihood is exp(base) Σ_k exp(h_k), with h_k the log-likelihood of the k-th fate (still there, or left at
some time). Its derivatives are means over the fates: gradient E[h'], Hessian E[h''] + Cov[h']. Covariates enter as
factors of the scale parameters, log θ_i = log θ + z_i'γ (Fader & Hardie 2007, "Incorporating Time-Invariant Covariates
into the Pareto/NBD and BG/NBD Models"), so their derivatives follow by the chain rule. Arrays in, arrays out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.special import gammaln, psi, zeta

from cvo_ml.core.arrays import Floats, Places
from cvo_ml.models.clv.fit import Evaluation, sum_of_evaluations
from cvo_ml.models.clv.histories import PurchaseHistories

Fates = tuple[Floats, Floats, Mapping[tuple[int, int], Floats]]
"""h (k, n), its slopes (4, k, n) and its second derivatives by pair of parameters (k, n), in the log-parameters."""
Kernel = Callable[[Floats, Floats, Floats, Floats], tuple[Floats, Floats, Floats]]
"""From parameters (4, n), frequency, recency and T (n,) to value (n,), gradient (4, n) and Hessian (4, 4, n)."""
_ROWS: Final = 2048
_LARGE: Final = 1e4


@dataclass(frozen=True)
class Design:
    """Which covariates act on which parameter.

    ``columns`` maps the position of a parameter to (values (n, m), positions of their coefficients (m,), sign). The
    log-parameter of row i is θ_j + sign · values_i · coefficients.
    """

    n_parameters: int
    columns: Mapping[int, tuple[Floats, Places, float]]

    def matrix(self, rows: slice, n_rows: int) -> Floats:
        """Slopes of the four log-parameters in all parameters, shape (4, parameters, rows)."""
        slopes = np.zeros((4, self.n_parameters, n_rows))
        slopes[range(4), range(4)] = 1.0
        for parameter, (values, positions, sign) in self.columns.items():
            slopes[parameter, positions] += sign * values[rows].T
        return slopes


class RowLikelihood:
    """Sum of a kernel over weighted rows, as a function of four log-parameters and the covariates' coefficients."""

    def __init__(self, kernel: Kernel, histories: PurchaseHistories, design: Design | None = None) -> None:
        self._kernel, self._histories, self._design = kernel, histories, design

    def __call__(self, point: Floats) -> Evaluation:
        """Value, gradient (k,) and Hessian (k, k)."""
        return sum_of_evaluations(
            [self._block(point, slice(i, i + _ROWS)) for i in range(0, len(self._histories), _ROWS)]
        )

    def _block(self, point: Floats, rows: slice) -> Evaluation:
        data = self._histories
        count, x, t_x, T = data.count[rows], data.frequency[rows], data.recency[rows], data.T[rows]
        if self._design is None:
            parameters = np.repeat(np.exp(point)[:, None], len(x), axis=1)
            value, gradient, hessian = self._kernel(parameters, x, t_x, T)
            return float(count @ value), gradient @ count, hessian @ count
        slopes = self._design.matrix(rows, len(x))
        parameters = np.exp(np.clip(np.einsum("jkn,k->jn", slopes, point), -300.0, 300.0))
        value, gradient, hessian = self._kernel(parameters, x, t_x, T)
        half = np.einsum("ijn,jln->iln", hessian * count, slopes)
        total = np.einsum("ikn,iln->kl", slopes, half)
        return float(count @ value), np.einsum("jkn,jn->k", slopes, gradient * count), total


def over_fates(fates: Fates) -> tuple[Floats, Floats, Floats]:
    """log Σ_k exp(h_k) with gradient (4, n) and Hessian (4, 4, n)."""
    h, slopes, second = fates
    top = h.max(axis=0)
    weight = np.exp(h - top)
    total = weight.sum(axis=0)
    weight /= total
    gradient = np.stack([(weight * slope).sum(axis=0) for slope in slopes])
    hessian = np.empty((4, 4, h.shape[1]))
    for i in range(4):
        weighted = weight * (slopes[i] - gradient[i])
        for j in range(i, 4):
            entry = (weighted * slopes[j]).sum(axis=0)
            if (i, j) in second:
                entry += (weight * second[i, j]).sum(axis=0)
            hessian[i, j] = hessian[j, i] = entry
    return top + np.log(total), gradient, hessian


def purchase_base(r: Floats, alpha: Floats, x: Floats) -> tuple[Floats, Floats, Floats]:
    """log[Γ(r+x)/Γ(r)] + r log α (n,), with gradient (2, n) and Hessian (2, 2, n) in log r and log α."""
    slope = r * (psi(r + x) - psi(r) + np.log(alpha))
    value = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    bend = slope + r * r * (trigamma(r + x) - trigamma(r))
    return np.asarray(value), np.stack([slope, r]), np.array([[bend, r], [r, np.zeros_like(r)]])


def trigamma(z: Any) -> Floats:
    """Second derivative of log-gamma: Hurwitz' zeta(2, z), which ``polygamma(1, z)`` is with two more functions."""
    return np.asarray(zeta(2.0, z), dtype=np.float64)


def log_rising(z: float, x: Floats) -> tuple[Floats, Floats, Floats]:
    """Log of the rising factorial, log Γ(z + x) − log Γ(z), with its first two derivatives in z.

    Parameters
    ----------
    z:
        Positive number.
    x:
        Numbers >= 0, any shape.

    Returns
    -------
    tuple of arrays shaped like ``x``
        Value, first derivative (digamma difference), second derivative (trigamma difference).

    Examples
    --------
    >>> value, slope, _ = log_rising(2.0, np.array([3.0]))  # 2 * 3 * 4 = 24
    >>> float(np.exp(value[0]).round(9)), float(slope[0].round(9))
    (24.0, 1.083333333)
    >>> round(float(log_rising(1e14, np.array([2.0]))[0][0] / np.log(1e14)), 12)
    2.0
    """
    return _differences(z, x) if z < _LARGE else _stirling(z, x)


def log_rising_at(z: Floats, x: Floats) -> tuple[Floats, Floats, Floats]:
    """``log_rising`` with a ``z`` for each x, arrays (n,)."""
    small = z < _LARGE
    if small.all():
        return _differences(z, x)
    exact, series = _differences(z, x), _stirling(z, x)
    value, slope, curvature = (np.where(small, one, other) for one, other in zip(exact, series, strict=True))
    return value, slope, curvature


def _differences(z: Any, x: Floats) -> tuple[Floats, Floats, Floats]:
    return (
        np.asarray(gammaln(z + x) - gammaln(z)),
        np.asarray(psi(z + x) - psi(z)),
        np.asarray(trigamma(z + x) - trigamma(z)),
    )


def _stirling(z: Any, x: Floats) -> tuple[Floats, Floats, Floats]:
    """Stirling's series of the difference itself."""
    top = z + x
    inverse, inverse_top = 1.0 / z, 1.0 / top
    shrink = -x * inverse * inverse_top  # 1/top − 1/z
    both = inverse + inverse_top
    squares = shrink * both  # 1/top² − 1/z²
    cubes = shrink * (inverse**2 + inverse * inverse_top + inverse_top**2)
    log_ratio = np.log1p(x * inverse)
    value = x * np.log(top) + ((z - 0.5) * log_ratio - x) + shrink / 12.0
    slope = log_ratio - shrink / 2.0 - squares / 12.0
    curvature = shrink + squares / 2.0 + cubes / 6.0
    return value, slope, curvature
