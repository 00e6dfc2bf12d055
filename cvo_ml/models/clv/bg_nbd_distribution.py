"""What a BG/NBD or MBG/NBD customer will do: probabilities and expectations, arrays in, arrays out.

A customer who is alive at T has purchase rate λ ~ Gamma(r + x, α + T) and leaves after each purchase with probability
p ~ Beta(a, b + x). So every conditional quantity is that of a new customer with updated parameters, times
P(alive); nothing here subtracts nearly equal hypergeometric functions, and a = 1 is no special case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, expit, gammaln

from cvo_ml.models.clv.log_gamma import trigamma
from cvo_ml.models.clv.purchase_law import drifted_rate, negative_binomial_survival, running

Array = NDArray[np.float64]
_STEP: Final = 0.2  # of the trapezoid rule in logit(p), or this times 3 standard deviations of logit(p) if narrower
_TAIL: Final = 40.0  # e^-40: what is cut off on either side
_ELEMENTS: Final = 2**15  # of one block's temporaries


@dataclass(frozen=True)
class BetaGeoLaw:
    """Parameters of customers who are alive: rate ~ Gamma(shape, age), departure ~ Beta(leave, stay).

    A new BG/NBD customer has (r, α, a, b); after x repeat purchases in time T (r + x, α + T, a, b + x). In MBG/NBD,
    where the first purchase is a chance to leave as well, stay is one more. Arrays (n,), all > 0.
    """

    shape: Array
    age: Array
    leave: Array
    stay: Array

    def rows(self, index: Any) -> BetaGeoLaw:
        """The law of some of the customers."""
        return BetaGeoLaw(self.shape[index], self.age[index], self.leave[index], self.stay[index])

    def drifted(self, variance: float) -> BetaGeoLaw:
        """The law if rates change by a factor of mean 1 and this ``variance``."""
        return BetaGeoLaw(*drifted_rate(self.shape, self.age, variance), self.leave, self.stay)

    def expected(self, spans: Array) -> Array:
        """E[purchases within each of ``spans`` (m, n)]: E over p of [1 − (1 + pτ)^−R] / p, τ = span / age, R = shape.

        Equals Fader, Hardie & Lee (2005) eq. (9) and the numerator of eq. (10). The mean over the beta law of p is a
        trapezoid sum in logit(p), which converges exponentially.
        """
        return _over_departure(self, np.asarray(spans, dtype=np.float64), 0)

    def still_alive(self, span: float) -> Array:
        """P(alive after ``span``) = E over p of (1 + pτ)^−R: given λ and p, customers leave at rate λp (n,)."""
        return np.asarray(1.0 - _over_departure(self, np.full((1, len(self.age)), float(span)), 1)[0])

    def silence(self, span: float) -> Array:
        """P(no purchase in ``span``) = (age / (age + span))^shape (n,)."""
        return np.asarray(np.exp(-self.shape * np.log1p(span / self.age)))

    def waiting_time(self, level: Array) -> Array:
        """Time by which a purchase has come with probability ``level`` (n,): finite, since a purchase comes first."""
        return np.asarray(self.age * np.expm1(-np.log1p(-level) / self.shape))

    def survival(self, n: Array, span: float) -> Array:
        """P(at least ``n`` >= 1 purchases in ``span``): still there after n − 1, and time for n."""
        stay = np.exp(betaln(self.leave, self.stay + n - 1.0) - betaln(self.leave, self.stay))
        return np.asarray(stay * betainc(n, self.shape, span / (self.age + span)))

    def survival_up_to(self, top: int, span: float) -> Array:
        """P(at least 1 … ``top`` purchases in ``span``), shape (n, top)."""
        there = np.empty((top, len(self.age)))
        there[0] = 1.0
        k = np.arange(top - 1.0)[:, None]
        np.divide(self.stay + k, self.leave + self.stay + k, out=there[1:])
        running(np.multiply, there)
        return there.T * negative_binomial_survival(self.shape, self.age, np.full_like(self.age, span), top)

    def pmf(self, n: Array, span: float) -> Array:
        """P(exactly ``n`` purchases in ``span``). Fader, Hardie & Lee (2005) eq. (8).

        Still alive after n, or left at the n-th. By log-gamma and the incomplete beta function, so it has no
        overflow at large n.
        """
        z, a, stay = span / (self.age + span), self.leave, self.stay
        norm = betaln(a, stay)
        count = gammaln(self.shape + n) - gammaln(self.shape) - gammaln(n + 1.0)
        poisson = count + self.shape * np.log1p(-z) + n * np.log(z)
        alive = np.exp(betaln(a, stay + n) - norm + poisson)
        positive = np.maximum(n, 1.0)
        left = np.exp(betaln(a + 1.0, stay + positive - 1.0) - norm) * betainc(positive, self.shape, z)
        return np.asarray(alive + np.where(n > 0, left, 0.0))

    def simulate(self, span: float, n_draws: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """Purchases in ``span`` (n_draws, n): of the N ~ Poisson(λ span) that would come, those up to the departure."""
        size = (n_draws, len(self.age))
        rate = generator.gamma(self.shape, size=size) / self.age
        leave = np.maximum(generator.beta(self.leave, self.stay, size=size), 1e-15)
        wanted = generator.poisson(np.minimum(rate * span, 1e15))
        return np.minimum(wanted, generator.geometric(leave))


def log_odds_gone(shape: Array, age: Array, active: Array, leave: Array, last: Array) -> Array:
    """Log of the odds that a customer has left: (r + x) log[(α + T) / (α + t_x)] + log a − log(stay before the last).

    Fader, Hardie & Lee (2008), "Computing P(alive) Using the BG/NBD Model".
    """
    return np.asarray(shape * np.log(age / active) + np.log(leave / last))


def _over_departure(law: BetaGeoLaw, spans: Array, power: int) -> Array:
    """E over p of p^power [1 − (1 + pτ)^−R] / p for each span (m, n), in blocks of similar laws of p."""
    order = np.argsort(law.stay, kind="stable")
    if len(order) and np.ptp(law.leave) > 0:
        order = np.lexsort((law.stay, law.leave))
    result = np.empty(spans.shape)
    start = 0
    while start < len(order):
        logit = _nodes(law, order[start : start + _ELEMENTS // 64])
        rows = order[start : start + max(1, _ELEMENTS // max(64, len(logit)))]
        result[:, rows] = _block_mean(law.rows(rows), spans[:, rows], logit, power)
        start += len(rows)
    return result


def _nodes(law: BetaGeoLaw, reach: NDArray[np.intp]) -> Array:
    """Points in logit(p) that hold the integrand of the next block, to e^-40."""
    leave, leave_high = float(law.leave[reach].min()), float(law.leave[reach].max())
    stay_low, stay_high = float(law.stay[reach].min()), float(law.stay[reach].max())
    left = leave + (leave < 1)
    low = -(_TAIL + np.log1p(float(law.shape[reach].max())) + _peak(left, stay_high)) / left
    right = stay_low + (stay_low < 1)
    exponent = (_TAIL + _peak(leave_high, right)) / right
    high = exponent + np.log(-np.expm1(-exponent))
    spread = float(np.sqrt(trigamma(leave_high) + trigamma(stay_high)))
    step = _STEP * min(1.0, 3.0 * spread)
    return np.arange(np.floor(low / step), np.ceil(max(high, 0.0) / step) + 1) * step


def _peak(a: float, b: float) -> float:
    """−log of the largest value of p^a (1 − p)^b."""
    return a * float(np.log1p(b / a)) + b * float(np.log1p(a / b))


def _block_mean(law: BetaGeoLaw, spans: Array, logit: Array, power: int) -> Array:
    """Means for one block: shapes (m, n), nodes (k,).

    Where the beta density has a slow tail (leave < 1 or stay < 1) the line through the curve's end is subtracted
    there and its mean added exactly, so the sum stays short for a = 1e-4 as well.
    """
    p, log_q = expit(logit), -np.logaddexp(0.0, logit)
    density = np.exp(
        law.leave[:, None] * (logit + log_q) + law.stay[:, None] * log_q - betaln(law.leave, law.stay)[:, None]
    )
    weight = density * (logit[1] - logit[0])
    share = law.leave / (law.leave + law.stay)
    slow_left = (law.leave < 1) * (1.0 - power)
    slow_right = (law.stay < 1).astype(np.float64)
    result = np.empty_like(spans)
    for i, moment in enumerate(spans):
        tau = moment / law.age
        at_zero = slow_left * law.shape * tau
        at_one = slow_right * -np.expm1(-law.shape * np.log1p(tau))
        curve = -np.expm1(-law.shape[:, None] * np.log1p(p * tau[:, None])) * p ** (power - 1.0)
        line = at_zero[:, None] * (1.0 - p) + at_one[:, None] * p
        result[i] = at_zero * (1.0 - share) + at_one * share + np.einsum("ij,ij->i", weight, curve - line)
    return result
