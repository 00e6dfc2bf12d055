"""Log-likelihoods of BG/NBD and MBG/NBD with analytic gradient and Hessian: arrays in, arrays out.

Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, eq. (6), written as

    log L = log[Γ(r+x)/Γ(r)] + r log α + log[B(a, b+x)/B(a, b)] − (r+x) log(α+T) + log(1 + e^u)   (last term for x > 0)
    u     = (r+x) log[(α+T)/(α+t_x)] + log a − log(b+x−1)

so e^u is the odds that a customer with x > 0 has left. The gamma terms depend on x alone and are summed over
the distinct frequencies; the rest costs a few logarithms per distinct history. MBG/NBD (Batislam, Denizel & Filiztekin
2007; Hoppe & Wagner 2007) lets customers leave after the first purchase too.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cvo_ml.models.clv.log_gamma import log_rising
from cvo_ml.models.clv.newton import Evaluation, sum_of_evaluations
from cvo_ml.models.clv.purchase_histories import PurchaseHistories

Array = NDArray[np.float64]
PARAMETERS: Final = ("r", "alpha", "a", "b")
_BLOCK: Final = 8192  # rows whose temporaries stay in the second-level cache


class BetaGeoLikelihood:
    """The log-likelihood of grouped histories as a function of log(r, α, a, b).

    Parameters
    ----------
    histories:
        Distinct histories, ordered by frequency (``group_histories`` does).
    first_counts:
        MBG/NBD: the first purchase is a chance to leave as well. Then x + 1 stands for x in all terms with a or b,
        and customers without repeat purchase may have left.

    Examples
    --------
    >>> from cvo_ml.models.clv.purchase_histories import group_histories
    >>> one = group_histories(np.array([0.0]), np.array([0.0]), np.array([10.0]))
    >>> value, _, _ = BetaGeoLikelihood(one)(np.log([0.5, 10.0, 1.0, 2.0]))
    >>> round(float(value / np.log(0.5)), 12)  # (α/(α+T))^r = (1/2)^(1/2)
    0.5
    """

    def __init__(self, histories: PurchaseHistories, *, first_counts: bool = False) -> None:
        self._histories = histories
        first = np.flatnonzero(np.diff(histories.frequency, prepend=-1.0))
        self._x = histories.frequency[first]
        self._x_count = np.add.reduceat(histories.count, first)
        self._more = 1.0 if first_counts else 0.0
        self._leavers = 0 if first_counts else int(np.searchsorted(histories.frequency, 0.0, side="right"))
        self._n = histories.n_customers

    def __call__(self, log_parameters: Array) -> Evaluation:
        """Value, gradient (4,) and Hessian (4, 4) in the log-parameters."""
        theta = np.exp(log_parameters)
        parts = [self._frequency_part(*theta)]
        rows = len(self._histories)
        parts += [self._age_block(slice(i, i + _BLOCK), *theta[:2]) for i in range(0, rows, _BLOCK)]
        parts += [self._departure_block(slice(i, i + _BLOCK), *theta) for i in range(self._leavers, rows, _BLOCK)]
        value, gradient, hessian = sum_of_evaluations(parts)
        return value, theta * gradient, np.outer(theta, theta) * hessian + np.diag(theta * gradient)

    def _frequency_part(self, r: float, alpha: float, a: float, b: float) -> Evaluation:
        """log[Γ(r+x)/Γ(r)] + r log α + log[B(a, b+x)/B(a, b)], by histogram of x."""
        count = self._x_count
        chances = self._x + self._more
        rate, joined, kept = log_rising(r, self._x), log_rising(a + b, chances), log_rising(b, chances)
        value = float(count @ (rate[0] + kept[0] - joined[0])) + self._n * r * np.log(alpha)
        slope_joined = float(count @ joined[1])
        gradient = np.array(
            [
                count @ rate[1] + self._n * np.log(alpha),
                self._n * r / alpha,
                -slope_joined,
                count @ (kept[1] - joined[1]),
            ]
        )
        hessian = np.zeros((4, 4))
        hessian[0, 0] = count @ rate[2]
        hessian[0, 1] = hessian[1, 0] = self._n / alpha
        hessian[1, 1] = -self._n * r / alpha**2
        hessian[2:, 2:] = -float(count @ joined[2])
        hessian[3, 3] = count @ (kept[2] - joined[2])
        return value, gradient, hessian

    def _age_block(self, rows: slice, r: float, alpha: float) -> Evaluation:
        """−(r + x) log(α + T)."""
        data = self._histories
        count, power = data.count[rows], r + data.frequency[rows]
        age = alpha + data.T[rows]
        log_age, weight = np.log(age), count / age
        gradient = np.array([-(count @ log_age), -(weight @ power), 0.0, 0.0])
        hessian = np.zeros((4, 4))
        hessian[0, 1] = hessian[1, 0] = -weight.sum()
        hessian[1, 1] = (weight / age) @ power
        return -float((count * power) @ log_age), gradient, hessian

    def _departure_block(self, rows: slice, r: float, alpha: float, a: float, b: float) -> Evaluation:
        """log(1 + e^u) of customers who may have left."""
        data = self._histories
        count, x = data.count[rows], data.frequency[rows]
        age, active, power, last = alpha + data.T[rows], alpha + data.recency[rows], r + x, b + (x + self._more - 1.0)
        log_ratio = np.log(age / active)
        odds = power * log_ratio + np.log(a / last)
        small = np.exp(-np.abs(odds))
        value = count @ (np.maximum(odds, 0.0) + np.log(1.0 + small))
        gone = np.where(odds > 0, 1.0, small) / (1.0 + small)
        weight = count * gone
        inverse_age, inverse_active = 1.0 / age, 1.0 / active
        shrink = inverse_age - inverse_active
        du = np.stack([log_ratio, power * shrink, np.full_like(x, 1.0 / a), -1.0 / last])
        hessian = (du * (weight * (1.0 - gone))) @ du.T
        hessian[0, 1] += weight @ shrink
        hessian[1, 0] = hessian[0, 1]
        hessian[1, 1] -= (weight * power) @ (shrink * (inverse_age + inverse_active))
        hessian[2, 2] -= weight.sum() / a**2
        hessian[3, 3] += weight @ (du[3] * du[3])
        return float(value), du @ weight, hessian
