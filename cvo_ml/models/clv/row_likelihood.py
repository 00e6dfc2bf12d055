"""Log-likelihoods that are a mixture over fates of each customer, row by row, with covariates: arrays in, arrays out.

A customer's likelihood is exp(base) Σ_k exp(h_k), with h_k the log-likelihood of the k-th fate (still there, or left at
some time). Its derivatives are means over the fates: gradient E[h'], Hessian E[h''] + Cov[h']. Covariates enter as
factors of the scale parameters, log θ_i = log θ + z_i'γ (Fader & Hardie 2007, "Incorporating Time-Invariant Covariates
into the Pareto/NBD and BG/NBD Models"), so their derivatives follow by the chain rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, psi

from cvo_ml.models.clv.log_gamma import log_rising_at, trigamma
from cvo_ml.models.clv.newton import Evaluation, sum_of_evaluations
from cvo_ml.models.clv.pareto_nbd_distribution import departure_nodes
from cvo_ml.models.clv.purchase_histories import PurchaseHistories

Array = NDArray[np.float64]
Fates = tuple[Array, Array, Mapping[tuple[int, int], Array]]
"""h (k, n), its slopes (4, k, n) and its second derivatives by pair of parameters (k, n), in the log-parameters."""
Kernel = Callable[[Array, Array, Array, Array], tuple[Array, Array, Array]]
"""From parameters (4, n), frequency, recency and T (n,) to value (n,), gradient (4, n) and Hessian (4, 4, n)."""
_ROWS: Final = 2048


@dataclass(frozen=True)
class Design:
    """Which covariates act on which parameter.

    ``columns`` maps the position of a parameter to (values (n, m), positions of their coefficients (m,), sign). The
    log-parameter of row i is θ_j + sign · values_i · coefficients.
    """

    n_parameters: int
    columns: Mapping[int, tuple[Array, NDArray[np.intp], float]]

    def matrix(self, rows: slice, n_rows: int) -> Array:
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

    def __call__(self, point: Array) -> Evaluation:
        """Value, gradient (k,) and Hessian (k, k)."""
        return sum_of_evaluations(
            [self._block(point, slice(i, i + _ROWS)) for i in range(0, len(self._histories), _ROWS)]
        )

    def _block(self, point: Array, rows: slice) -> Evaluation:
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


def pareto_nbd_kernel(parameters: Array, x: Array, t_x: Array, T: Array) -> tuple[Array, Array, Array]:
    """Pareto/NBD: still there at T, or left at one of the nodes in [t_x, T]. Parameters r, α, s, β."""
    r, alpha, s, beta = parameters
    tau, log_weight = departure_nodes(alpha, beta, r + x, s + 1.0, t_x, T)
    tau = np.vstack([T, tau])
    left = np.ones((len(tau), 1))
    left[0] = 0.0
    buying, leaving = np.log(alpha + tau), np.log(beta + tau)
    h = -(r + x) * buying - (s + left) * leaving
    h[1:] += log_weight + np.log(s)
    near, gone = alpha / (alpha + tau), beta / (beta + tau)
    slopes = np.stack([-r * buying, -(r + x) * near, left - s * leaving, -(s + left) * gone])
    second = {
        (0, 0): slopes[0], (0, 1): -r * near, (1, 1): slopes[1] * (1.0 - near),
        (2, 2): -s * leaving, (2, 3): -s * gone, (3, 3): slopes[3] * (1.0 - gone),
    }  # fmt: skip
    value, gradient, hessian = over_fates((h, slopes, second))
    _add_purchase_base(value, gradient, hessian, r, alpha, x)
    value += s * np.log(beta)
    gradient[2] += s * np.log(beta)
    gradient[3] += s
    hessian[2, 2] += s * np.log(beta)
    hessian[2, 3] += s
    hessian[3, 2] += s
    return value, gradient, hessian


def beta_geo_kernel(first_counts: bool) -> Kernel:
    """BG/NBD, or MBG/NBD if the first purchase is a chance to leave as well. Parameters r, α, a, b."""
    more = 1.0 if first_counts else 0.0

    def kernel(parameters: Array, x: Array, t_x: Array, T: Array) -> tuple[Array, Array, Array]:
        r, alpha, a, b = parameters
        before = np.maximum(x - 1.0 + more, 0.0)
        tau = np.stack([T, t_x])
        left = np.array([[0.0], [1.0]]) * np.ones_like(x)
        buying, near, last = np.log(alpha + tau), alpha / (alpha + tau), b / (b + before)
        h = -(r + x) * buying + left * np.log(a / (b + before))
        if not first_counts:
            h[1] = np.where(x > 0, h[1], -np.inf)
        slopes = np.stack([-r * buying, -(r + x) * near, left, -left * last])
        second = {
            (0, 0): slopes[0], (0, 1): -r * near, (1, 1): slopes[1] * (1.0 - near), (3, 3): slopes[3] * (1.0 - last)
        }  # fmt: skip
        value, gradient, hessian = over_fates((h, slopes, second))
        _add_purchase_base(value, gradient, hessian, r, alpha, x)
        kept, joined = log_rising_at(b, x + more), log_rising_at(a + b, x + more)
        value += kept[0] - joined[0]
        natural = np.stack([-joined[1], kept[1] - joined[1]])
        share = np.stack([a, b])
        gradient[2:] += share * natural
        hessian[2:, 2:] -= share[:, None] * share * joined[2]
        hessian[3, 3] += b * b * kept[2]
        hessian[[2, 3], [2, 3]] += share * natural
        return value, gradient, hessian

    return kernel


def over_fates(fates: Fates) -> tuple[Array, Array, Array]:
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


def _add_purchase_base(value: Array, gradient: Array, hessian: Array, r: Array, alpha: Array, x: Array) -> None:
    """Add log[Γ(r+x)/Γ(r)] + r log α in place."""
    slope = r * (psi(r + x) - psi(r) + np.log(alpha))
    value += gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    gradient[0] += slope
    gradient[1] += r
    hessian[0, 0] += slope + r * r * (trigamma(r + x) - trigamma(r))
    hessian[0, 1] += r
    hessian[1, 0] += r
