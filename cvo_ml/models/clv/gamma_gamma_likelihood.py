"""Log-likelihood of the Gamma-Gamma model of spend with analytic gradient and Hessian: arrays in, arrays out.

Fader & Hardie (2013), "The Gamma-Gamma Model of Monetary Value", eq. (1a): a customer's mean value m over x
purchases has, with p, q, v > 0,

    log L = log[Γ(px+q) / (Γ(px) Γ(q))] + q log v + (px−1) log m + px log x − (px+q) log(v + xm)

The gamma terms and everything with log m are sums by distinct x; one logarithm per customer and pass remains.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, psi

from cvo_ml.models.clv.log_gamma import log_rising, trigamma
from cvo_ml.models.clv.newton import Evaluation

Array = NDArray[np.float64]
PARAMETERS: Final = ("p", "q", "v")
_BLOCK: Final = 8192
_SMALL_RANGE: Final = 2**20


class GammaGammaLikelihood:
    """The log-likelihood of mean values as a function of log(p, q, v).

    Parameters
    ----------
    frequency, monetary_value:
        Arrays (n,), > 0: number of purchases and their mean value (currency per purchase).
    weight:
        Customers per row (n,).

    Examples
    --------
    >>> likelihood = GammaGammaLikelihood(np.array([1.0]), np.array([1.0]), np.ones(1))
    >>> round(float(likelihood(np.zeros(3))[0] / np.log(2)), 12)  # p = q = v = x = m = 1: density 1 / (1 + 1)²
    -2.0
    """

    def __init__(self, frequency: Array, monetary_value: Array, weight: Array) -> None:
        self._x, self._count = _histogram(frequency, weight)
        self._weight, self._weighted_x = weight, weight * frequency
        self._spend = frequency * monetary_value
        self._log_m = float(np.sum(weight * np.log(monetary_value)))
        self._x_log_spend = float(np.sum(self._weighted_x * np.log(self._spend)))
        self._n = float(weight.sum())

    def __call__(self, log_parameters: Array) -> Evaluation:
        """Value, gradient (3,) and Hessian (3, 3) in the log-parameters."""
        theta = np.exp(log_parameters)
        p, q, v = (float(t) for t in theta)
        value, gradient, hessian = self._frequency_part(p, q)
        log_sum, inverse, square = self._spend_sums(v)
        value += self._n * q * np.log(v) + p * self._x_log_spend - self._log_m - p * log_sum[1] - q * log_sum[0]
        gradient += np.array(
            [
                self._x_log_spend - log_sum[1],
                self._n * np.log(v) - log_sum[0],
                self._n * q / v - p * inverse[1] - q * inverse[0],
            ]
        )
        hessian[0, 2] = hessian[2, 0] = -inverse[1]
        hessian[1, 2] = hessian[2, 1] = self._n / v - inverse[0]
        hessian[2, 2] = -self._n * q / v**2 + p * square[1] + q * square[0]
        return float(value), theta * gradient, np.outer(theta, theta) * hessian + np.diag(theta * gradient)

    def _frequency_part(self, p: float, q: float) -> Evaluation:
        """log[Γ(px+q) / (Γ(px) Γ(q))], by histogram of x."""
        x, count, px = self._x, self._count, p * self._x
        rising, slope, curvature = log_rising(q, px)  # log Γ(px+q) − log Γ(q) and its slopes in q
        joined = trigamma(px + q)
        gradient = np.array([(count * x) @ (psi(px + q) - psi(px)), count @ slope, 0.0])
        hessian = np.zeros((3, 3))
        hessian[0, 0] = (count * x * x) @ (joined - trigamma(px))
        hessian[0, 1] = hessian[1, 0] = (count * x) @ joined
        hessian[1, 1] = count @ curvature
        return float(count @ (rising - gammaln(px))), gradient, hessian

    def _spend_sums(self, v: float) -> Array:
        """Σ log(v + xm), Σ 1/(v + xm), Σ 1/(v + xm)², each weighted by (1, x): shape (3, 2)."""
        blocks = []
        for i in range(0, len(self._spend), _BLOCK):
            total = self._spend[i : i + _BLOCK] + v
            inverse = 1.0 / total
            powers = np.stack([np.log(total), inverse, inverse * inverse])
            weights = np.stack([self._weight[i : i + _BLOCK], self._weighted_x[i : i + _BLOCK]])
            blocks.append(powers @ weights.T)
        return np.asarray(np.ascontiguousarray(np.stack(blocks, axis=-1)).sum(axis=-1))


def _histogram(frequency: Array, weight: Array) -> tuple[Array, Array]:
    """Distinct frequencies and their weights; small whole numbers without sorting."""
    whole = frequency.astype(np.int64)
    if whole.max(initial=0) < _SMALL_RANGE and np.array_equal(whole, frequency):
        count = np.bincount(whole, weights=weight)
        present = np.flatnonzero(count)
        return present.astype(np.float64), count[present].astype(np.float64)
    distinct, code = np.unique(frequency, return_inverse=True)
    return distinct, np.bincount(code, weights=weight).astype(np.float64)


def expected_average_value(parameters: Array, frequency: Array, monetary_value: Array) -> Array:
    """Conditional mean value per purchase, p (v + x m) / (p x + q − 1), eq. (5); the population mean at x = 0.

    Not a number where p x + q <= 1: that mean does not exist.
    """
    p, q, v = parameters
    below = p * frequency + q - 1.0
    spend = np.where(frequency > 0, frequency * monetary_value, 0.0)
    return np.where(below > 0, p * (v + spend) / np.where(below > 0, below, 1.0), np.nan)
