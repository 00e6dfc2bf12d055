"""BG/BB: customers who can buy at discrete opportunities only. Likelihood and future, arrays in, arrays out.

Fader, Hardie & Shang (2010), "Customer-Base Analysis in a Discrete-Time Noncontractual Setting". At each opportunity an
active customer buys with probability p ~ Beta(α, β), having left before it with probability θ ~ Beta(γ, δ).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln, psi

from cvo_ml.core.errors import UsageError
from cvo_ml.models.clv.log_gamma import trigamma
from cvo_ml.models.clv.row_likelihood import over_fates

Array = NDArray[np.float64]
_LONGEST_WAIT: Final = 2000  # opportunities


def beta_geo_binomial_kernel(parameters: Array, x: Array, t_x: Array, n: Array) -> tuple[Array, Array, Array]:
    """Log-likelihood, eq. (5), with derivatives in the log-parameters: still there after n, or left after t_x + i."""
    alpha, beta, gamma, delta = parameters
    until, left = _fates(t_x, n)
    misses = np.maximum(until - x, 0.0)
    h = betaln(alpha + x, beta + misses) + betaln(gamma + left, delta + until) - betaln(alpha, beta)
    h = np.where(until <= n, h - betaln(gamma, delta), -np.inf)
    all_buys, all_leaves = alpha + beta + x + misses, gamma + delta + left + until
    join_buys, join_leaves = psi(alpha + beta) - psi(all_buys), psi(gamma + delta) - psi(all_leaves)
    slopes = np.stack(
        [
            alpha * (psi(alpha + x) - psi(alpha) + join_buys),
            beta * (psi(beta + misses) - psi(beta) + join_buys),
            gamma * (psi(gamma + left) - psi(gamma) + join_leaves),
            delta * (psi(delta + until) - psi(delta) + join_leaves),
        ]
    )
    bend_buys = trigamma(alpha + beta) - trigamma(all_buys)
    bend_leaves = trigamma(gamma + delta) - trigamma(all_leaves)
    second = {
        (0, 0): slopes[0] + alpha**2 * (trigamma(alpha + x) - trigamma(alpha) + bend_buys),
        (0, 1): alpha * beta * bend_buys,
        (1, 1): slopes[1] + beta**2 * (trigamma(beta + misses) - trigamma(beta) + bend_buys),
        (2, 2): slopes[2] + gamma**2 * (trigamma(gamma + left) - trigamma(gamma) + bend_leaves),
        (2, 3): gamma * delta * bend_leaves,
        (3, 3): slopes[3] + delta**2 * (trigamma(delta + until) - trigamma(delta) + bend_leaves),
    }
    return over_fates((h, slopes, second))


def probability_alive(parameters: Array, x: Array, t_x: Array, n: Array) -> Array:
    """P(has not left after n opportunities | x, t_x, n) (n,)."""
    alpha, beta, gamma, delta = parameters
    until, left = _fates(t_x, n)
    h = betaln(alpha + x, beta + np.maximum(until - x, 0.0)) + betaln(gamma + left, delta + until)
    h = np.where(until <= n, h, -np.inf)
    return np.asarray(1.0 / np.exp(h - h[0]).sum(axis=0))


def _fates(t_x: Array, n: Array) -> tuple[Array, Array]:
    """Opportunities that a customer was there for, and whether the customer then left, (fates, n).

    The first fate is "still there after n"; fates of no customer lie beyond n.
    """
    steps = np.arange(float((n - t_x).max(initial=0.0)))[:, None]
    until = np.where(t_x + steps < n, t_x + steps, n + 1.0)
    left = np.append(0.0, np.ones(len(steps)))[:, None]
    return np.vstack([n, until]), left


@dataclass(frozen=True)
class BetaBinomialLaw:
    """Parameters of customers who are there after n opportunities: p ~ Beta(buy, miss), θ ~ Beta(leave, stay).

    Spans are numbers of opportunities; fractions are cut off. Arrays (n,), all > 0.
    """

    buy: Array
    miss: Array
    leave: Array
    stay: Array

    @property
    def age(self) -> Array:
        """One opportunity."""
        return np.ones_like(self.buy)

    def rows(self, index: Any) -> BetaBinomialLaw:
        """The law of some of the customers."""
        return BetaBinomialLaw(self.buy[index], self.miss[index], self.leave[index], self.stay[index])

    def drifted(self, variance: float) -> BetaBinomialLaw:
        """Only itself: a probability has no room for a factor.

        Raises
        ------
        UsageError
            With a variance above 0.
        """
        if variance > 0:
            raise UsageError("BG/BB has probabilities and no rates: give rate_drift=0")
        return self

    def expected(self, spans: Array) -> Array:
        """E[purchases within each of ``spans`` (m, n)] = E[p] Σ_j P(there at opportunity j)."""
        whole = np.floor(np.asarray(spans, dtype=np.float64) + 1e-9)
        there = np.cumsum([np.zeros_like(self.buy), *self._there(int(whole.max(initial=0.0)))], axis=0)
        picked = np.take_along_axis(there, whole.astype(np.intp), axis=0)
        return np.asarray(self.buy / (self.buy + self.miss) * picked)

    def discounted(self, span: float, force: float) -> Array:
        """E[Σ e^(−force j) over the purchases at opportunities j <= span] (n,)."""
        there = self._there(int(np.floor(span + 1e-9)))
        factor = np.exp(-force * np.arange(1.0, len(there) + 1.0))
        return np.asarray(self.buy / (self.buy + self.miss) * (factor @ there))

    def still_alive(self, span: float) -> Array:
        """P(there after ``span`` more opportunities) (n,)."""
        return np.asarray(np.exp(betaln(self.leave, self.stay + np.floor(span + 1e-9)) - betaln(self.leave, self.stay)))

    def silence(self, span: float) -> Array:
        """P(no purchase in ``span`` opportunities) (n,)."""
        return self.pmf(np.zeros(1), span)

    def pmf(self, n: Array, span: float) -> Array:
        """P(exactly ``n`` purchases in ``span``): beta-binomial in the opportunities before leaving."""
        total = np.zeros(np.broadcast_shapes(np.shape(n), self.buy.shape))
        for until, mass in self._departure(span):
            choose = gammaln(until + 1.0) - gammaln(n + 1.0) - gammaln(np.maximum(until - n, 0.0) + 1.0)
            value = betaln(self.buy + n, self.miss + np.maximum(until - n, 0.0)) - betaln(self.buy, self.miss)
            total += np.where(n <= until, mass * np.exp(choose + value), 0.0)
        return total

    def survival(self, n: Array, span: float) -> Array:
        """P(at least ``n`` >= 1 purchases in ``span``)."""
        total = np.zeros(np.broadcast_shapes(np.shape(n), self.buy.shape))
        for k in range(1, int(np.floor(span + 1e-9)) + 1):
            total += np.where(k >= n, self.pmf(np.full((1,) * total.ndim, float(k)), span), 0.0)
        return total

    def survival_up_to(self, top: int, span: float) -> Array:
        """P(at least 1 … ``top`` purchases in ``span``), shape (n, top)."""
        return self.rows((slice(None), None)).survival(np.arange(1.0, top + 1.0), span)

    def waiting_time(self, level: Array) -> Array:
        """Opportunity by which a purchase has come with probability ``level`` (n,); infinite if it never does."""
        result, come = np.full(len(self.buy), np.inf), np.zeros(len(self.buy))
        for j in range(1, _LONGEST_WAIT + 1):
            first = betaln(self.buy + 1.0, self.miss + j - 1.0) - betaln(self.buy, self.miss)
            come += np.exp(first + betaln(self.leave, self.stay + j) - betaln(self.leave, self.stay))
            result[(come >= level) & np.isinf(result)] = j
            if not np.isinf(result).any():
                break
        return result

    def simulate(self, span: float, n_draws: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """Purchases in ``span`` opportunities (n_draws, n)."""
        size = (n_draws, len(self.buy))
        buy = generator.beta(self.buy, self.miss, size=size)
        leave = np.maximum(generator.beta(self.leave, self.stay, size=size), 1e-15)
        there = np.minimum(generator.geometric(leave) - 1, int(np.floor(span + 1e-9)))
        return generator.binomial(there, buy)

    def _there(self, top: int) -> Array:
        """P(there at opportunity j), j = 1 … top, shape (top, n)."""
        j = np.arange(1.0, top + 1.0)[:, None]
        return np.asarray(np.exp(betaln(self.leave, self.stay + j) - betaln(self.leave, self.stay)))

    def _departure(self, span: float) -> list[tuple[float, Array]]:
        """Number of opportunities before leaving, at most ``span``, with its probability (n,)."""
        top = int(np.floor(span + 1e-9))
        there = [self.still_alive(j) for j in range(top + 1)]
        return [*((float(j), there[j] - there[j + 1]) for j in range(top)), (float(top), there[top])]
