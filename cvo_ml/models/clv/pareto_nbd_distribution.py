"""What a Pareto/NBD customer will do: probabilities and expectations, arrays in, arrays out.

Schmittlein, Morrison & Colombo (1987); the integrals of Fader & Hardie (2005), "A Note on Deriving the Pareto/NBD
Model". A customer who is alive at T buys at rate λ ~ Gamma(r + x, α + T) and leaves at rate μ ~ Gamma(s, β + T). All
integrals over the time of departure are sums over a few nodes of a positive, smooth function in log space, so
nothing overflows or cancels: no hypergeometric function is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, gammaln, logsumexp

from cvo_ml.models.clv.purchase_law import drifted_rate, negative_binomial_survival, time_to_reach

Array = NDArray[np.float64]
_RULES: Final = {k: np.polynomial.legendre.leggauss(k) for k in (24, 48, 96)}
_DROP: Final = 45.0  # e-folds below its top at which an integrand is cut off
_ROWS: Final = 2**11


def departure_nodes(
    alpha: Array, beta: Array, power: Array, drop: Array, start: Array, end: Array
) -> tuple[Array, Array]:
    """Nodes τ and log weights (k, n) for integrals over [start, end] of (α + τ)^−power (β + τ)^−drop.

    Gauss–Legendre in w = log[(c + τ) / (c + start)], c = min(α, β), where the log-integrand is smooth and concave; the
    part more than e^−45 below the top is cut off. The relative error is below 1e-12 for ends up to e^25 times c.
    """
    c = np.minimum(alpha, beta)
    width = np.log1p((end - start) / (c + start))
    for _ in range(60):
        tau = start + (c + start) * np.expm1(width)
        loss = power * np.log1p((tau - start) / (alpha + start)) + drop * np.log1p((tau - start) / (beta + start))
        excess = loss - width - _DROP
        if not (excess > 0.5).any():
            break
        slope = (c + tau) * (power / (alpha + tau) + drop / (beta + tau)) - 1.0
        width = np.where(excess > 0, width - excess / np.where(excess > 0, slope, 1.0), width)
    node, weight = _RULES[24 if width.max(initial=0.0) < 9 else 48 if width.max() < 16 else 96]
    w = (node[:, None] + 1.0) / 2.0 * width
    with np.errstate(divide="ignore"):
        log_weight = np.log(weight[:, None] / 2.0) + np.log(width) + w + np.log(c + start)
    return start + (c + start) * np.expm1(w), log_weight


def log_departed(r: Array, alpha: Array, s: Array, beta: Array, x: Array, recency: Array, T: Array) -> Array:
    """Log of ∫ s (α + τ)^−(r+x) (β + τ)^−(s+1) dτ over [recency, T] (n,): the customers who have left."""
    tau, log_weight = departure_nodes(alpha, beta, r + x, s + 1.0, recency, T)
    return np.asarray(
        np.log(s) + logsumexp(log_weight - (r + x) * np.log(alpha + tau) - (s + 1.0) * np.log(beta + tau), axis=0)
    )


def probability_alive(r: Array, alpha: Array, s: Array, beta: Array, x: Array, recency: Array, T: Array) -> Array:
    """P(alive at T | x, t_x, T) (n,)."""
    alive = -(r + x) * np.log(alpha + T) - s * np.log(beta + T)
    return np.asarray(1.0 / (1.0 + np.exp(np.minimum(log_departed(r, alpha, s, beta, x, recency, T) - alive, 700.0))))


@dataclass(frozen=True)
class ParetoLaw:
    """Parameters of customers who are alive: purchases ~ Gamma(shape, age), departure ~ Gamma(drop, drop_age).

    A new customer has (r, α, s, β); after x repeat purchases in time T (r + x, α + T, s, β + T). Arrays (n,), all > 0.
    """

    shape: Array
    age: Array
    drop: Array
    drop_age: Array

    def rows(self, index: Any) -> ParetoLaw:
        """The law of some of the customers."""
        return ParetoLaw(self.shape[index], self.age[index], self.drop[index], self.drop_age[index])

    def drifted(self, variance: float) -> ParetoLaw:
        """The law if rates change by a factor of mean 1 and this ``variance``."""
        return ParetoLaw(*drifted_rate(self.shape, self.age, variance), self.drop, self.drop_age)

    def expected(self, spans: Array) -> Array:
        """E[purchases within each of ``spans`` (m, n)] = E[λ] E[(1 − e^−μt) / μ]; s = 1 is no special case."""
        reach = np.log1p(np.asarray(spans, dtype=np.float64) / self.drop_age)
        power = self.drop - 1.0
        z = power * reach
        mean = reach * np.divide(-np.expm1(-z), z, out=np.ones_like(z), where=np.abs(z) > 1e-9)
        return np.asarray(self.shape / self.age * self.drop_age * mean)

    def still_alive(self, span: float) -> Array:
        """P(alive after ``span``) (n,)."""
        return np.asarray(np.exp(-self.drop * np.log1p(span / self.drop_age)))

    def silence(self, span: float) -> Array:
        """P(no purchase in ``span``) (n,): no purchase comes, or the departure comes first."""
        return np.asarray(1.0 - self._first_purchase_by(np.full(len(self.age), float(span))))

    def waiting_time(self, level: Array) -> Array:
        """Time by which a purchase has come with probability ``level`` (n,); infinite where leaving comes first."""
        return time_to_reach(self._first_purchase_by, np.broadcast_to(level, self.age.shape), self.age / self.shape)

    def survival(self, n: Array, span: float) -> Array:
        """P(at least ``n`` >= 1 purchases in ``span``): Σ over departure times of P(n-th purchase before it)."""
        until, weight = self._departure(span)
        return np.asarray(
            sum(w * betainc(n, self.shape, u / (self.age + u)) for u, w in zip(until, weight, strict=True))
        )

    def survival_up_to(self, top: int, span: float) -> Array:
        """P(at least 1 … ``top`` purchases in ``span``), shape (n, top)."""
        total = np.zeros((len(self.age), top))
        for u, w in zip(*self._departure(span), strict=True):
            total += w[:, None] * negative_binomial_survival(self.shape, self.age, u, top)
        return total

    def pmf(self, n: Array, span: float) -> Array:
        """P(exactly ``n`` purchases in ``span``): a mixture of negative binomial laws over the time of departure."""
        until, weight = self._departure(span)
        count = gammaln(self.shape + n) - gammaln(self.shape) - gammaln(n + 1.0)
        total = np.zeros(np.broadcast_shapes(np.shape(n), self.shape.shape))
        for u, w in zip(until, weight, strict=True):
            log_stay, log_buy = -np.log1p(u / self.age), np.log(u / (self.age + u))
            total += w * np.exp(count + self.shape * log_stay + n * log_buy)
        return total

    def simulate(self, span: float, n_draws: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """Purchases in ``span`` (n_draws, n) until the departure."""
        size = (n_draws, len(self.age))
        rate = generator.gamma(self.shape, size=size) / self.age
        leave = np.maximum(generator.gamma(self.drop, size=size) / self.drop_age, 1e-300)
        life = np.minimum(generator.exponential(size=size) / leave, span)
        return generator.poisson(np.minimum(rate * life, 1e15))

    def _first_purchase_by(self, time: Array) -> Array:
        """P(a purchase by ``time`` (n,)) = ∫ R A^R (A + u)^−(R+1) [B / (B + u)]^s du."""
        result = np.empty(len(time))
        for i in range(0, len(time), _ROWS):
            part, rows = self.rows(slice(i, i + _ROWS)), slice(i, i + _ROWS)
            zero = np.zeros(len(part.age))
            u, log_weight = departure_nodes(part.age, part.drop_age, part.shape + 1.0, part.drop, zero, time[rows])
            log_density = -(part.shape + 1.0) * np.log1p(u / part.age) - part.drop * np.log1p(u / part.drop_age)
            result[rows] = np.exp(np.log(part.shape / part.age) + logsumexp(log_density + log_weight, axis=0))
        return np.minimum(result, 1.0)

    def _departure(self, span: float) -> tuple[list[Array], list[Array]]:
        """Times of departure within ``span``, and being there at its end, with their probabilities."""
        node, weight = _RULES[48]
        reach = np.log1p(span / self.drop_age)
        share = (node + 1.0) / 2.0
        until = [self.drop_age * np.expm1(u * reach) for u in share]
        mass = [
            w / 2.0 * reach * self.drop * np.exp(-self.drop * u * reach) for u, w in zip(share, weight, strict=True)
        ]
        return [*until, np.full_like(self.age, span)], [*mass, np.exp(-self.drop * reach)]
