"""Pareto/NBD: customers may leave at any time.

Schmittlein, Morrison & Colombo (1987); the integrals of Fader & Hardie (2005), "A Note on Deriving the Pareto/NBD
Model". A customer who is alive at T buys at rate λ ~ Gamma(r + x, α + T) and leaves at rate μ ~ Gamma(s, β + T). All
integrals over the time of departure are sums over a few nodes of a positive, smooth function in log space, so
nothing overflows or cancels: no hypergeometric function is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from scipy.special import betainc, gammaln, logsumexp

from cvo_ml.config.readiness import REPEAT_CUSTOMERS
from cvo_ml.core.arrays import Floats, Ints
from cvo_ml.models.clv.fit import Likelihood, LogNormalPrior
from cvo_ml.models.clv.histories import PurchaseHistories
from cvo_ml.models.clv.likelihood import Kernel, RowLikelihood, over_fates, purchase_base
from cvo_ml.models.clv.purchase_law import drifted_rate, negative_binomial_survival, time_to_reach
from cvo_ml.models.clv.purchase_model import PurchaseModel

PARAMETERS: Final = ("r", "alpha", "s", "beta")
_ROWS_ALIVE: Final = 2**15
_RULES: Final = {k: np.polynomial.legendre.leggauss(k) for k in (24, 48, 96)}
_DROP: Final = 45.0  # e-folds below its top at which an integrand is cut off
_ROWS: Final = 2**11


class ParetoNBDModel(PurchaseModel):
    """The Pareto/NBD model of Schmittlein, Morrison & Colombo (1987), fitted by maximum likelihood.

    While active a customer buys at rate λ ~ Gamma(r, α); the time until the customer leaves is exponential with rate
    μ ~ Gamma(s, β), independent of purchases.

    Parameters
    ----------
    time_unit:
        Unit of ``recency`` and ``T``: D, W, M (30.4375 days) or Y (365.25 days).
    penalty:
        Strength of the prior on log r, log s and log β/α in pseudo-observations (see ``LogNormalPrior``); 0 = none.
        If the data do not determine the parameters, 1 is used and ``status_`` says so.
    minimum_repeat_customers:
        With fewer customers who bought again, ``fit`` refuses.
    purchase_covariates, dropout_covariates:
        Numeric columns that act on the two rates: α_i = α exp(−z'γ), β_i = β exp(−z'γ); a positive coefficient means
        more purchases, or an earlier departure (Fader & Hardie 2007).
    equal_covariates:
        Numeric columns with the same coefficient in both rates.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(7)
    >>> X = pd.DataFrame({"frequency": rng.poisson(rng.gamma(0.7, 1.2, 3000)), "T": 300.0})
    >>> X["recency"] = X["T"] * rng.beta(X["frequency"] + 1e-9, 1.5) * (X["frequency"] > 0)
    >>> list(ParetoNBDModel().fit(X).params_)
    ['r', 'alpha', 's', 'beta']
    """

    prior: ClassVar = LogNormalPrior(PARAMETERS, (1.0, float("nan"), 1.0, float("nan")), ratio=("beta", "alpha"))
    covariate_actions: ClassVar = (
        ("purchase", "purchase_covariates", 1, -1.0),
        ("dropout", "dropout_covariates", 3, -1.0),
        ("both", "equal_covariates", 1, -1.0),
        ("both", "equal_covariates", 3, -1.0),
    )
    _start_values: ClassVar = (1.0, float("nan"), 1.0, float("nan"))

    def __init__(
        self,
        time_unit: str = "D",
        penalty: float = 0.0,
        minimum_repeat_customers: int = REPEAT_CUSTOMERS,
        purchase_covariates: Sequence[str] = (),
        dropout_covariates: Sequence[str] = (),
        equal_covariates: Sequence[str] = (),
    ) -> None:
        self.time_unit = time_unit
        self.penalty = penalty
        self.minimum_repeat_customers = minimum_repeat_customers
        self.purchase_covariates = purchase_covariates
        self.dropout_covariates = dropout_covariates
        self.equal_covariates = equal_covariates

    def _law(self, parameters: Floats, x: Floats, T: Floats) -> ParetoLaw:
        r, alpha, s, beta = parameters[:4]
        return ParetoLaw(r + x, alpha + T, s + 0.0 * x, beta + T)

    def _alive(self, parameters: Floats, x: Floats, recency: Floats, T: Floats) -> Floats:
        full = np.broadcast_to(parameters[:4], (4, len(x)))
        columns = [*full, x, recency, T]
        blocks = [[column[i : i + _ROWS_ALIVE] for column in columns] for i in range(0, len(x), _ROWS_ALIVE)]
        return np.concatenate([np.zeros(0), *(probability_alive(*block) for block in blocks)])

    def _likelihood(self, histories: PurchaseHistories) -> Likelihood:
        return RowLikelihood(pareto_nbd_kernel, histories)

    def _kernel(self) -> Kernel:
        return pareto_nbd_kernel


def pareto_nbd_kernel(parameters: Floats, x: Floats, t_x: Floats, T: Floats) -> tuple[Floats, Floats, Floats]:
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
    base = purchase_base(r, alpha, x)
    value += base[0]
    gradient[:2] += base[1]
    hessian[:2, :2] += base[2]
    value += s * np.log(beta)
    gradient[2] += s * np.log(beta)
    gradient[3] += s
    hessian[2, 2] += s * np.log(beta)
    hessian[2, 3] += s
    hessian[3, 2] += s
    return value, gradient, hessian


def departure_nodes(
    alpha: Floats, beta: Floats, power: Floats, drop: Floats, start: Floats, end: Floats
) -> tuple[Floats, Floats]:
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


def log_departed(r: Floats, alpha: Floats, s: Floats, beta: Floats, x: Floats, recency: Floats, T: Floats) -> Floats:
    """Log of ∫ s (α + τ)^−(r+x) (β + τ)^−(s+1) dτ over [recency, T] (n,): the customers who have left."""
    tau, log_weight = departure_nodes(alpha, beta, r + x, s + 1.0, recency, T)
    return np.asarray(
        np.log(s) + logsumexp(log_weight - (r + x) * np.log(alpha + tau) - (s + 1.0) * np.log(beta + tau), axis=0)
    )


def probability_alive(
    r: Floats, alpha: Floats, s: Floats, beta: Floats, x: Floats, recency: Floats, T: Floats
) -> Floats:
    """P(alive at T | x, t_x, T) (n,)."""
    alive = -(r + x) * np.log(alpha + T) - s * np.log(beta + T)
    return np.asarray(1.0 / (1.0 + np.exp(np.minimum(log_departed(r, alpha, s, beta, x, recency, T) - alive, 700.0))))


@dataclass(frozen=True)
class ParetoLaw:
    """Parameters of customers who are alive: purchases ~ Gamma(shape, age), departure ~ Gamma(drop, drop_age).

    A new customer has (r, α, s, β); after x repeat purchases in time T (r + x, α + T, s, β + T). Arrays (n,), all > 0.
    """

    shape: Floats
    age: Floats
    drop: Floats
    drop_age: Floats

    def rows(self, index: Any) -> ParetoLaw:
        """The law of some of the customers."""
        return ParetoLaw(self.shape[index], self.age[index], self.drop[index], self.drop_age[index])

    def drifted(self, variance: float) -> ParetoLaw:
        """The law if rates change by a factor of mean 1 and this ``variance``."""
        return ParetoLaw(*drifted_rate(self.shape, self.age, variance), self.drop, self.drop_age)

    def expected(self, spans: Floats) -> Floats:
        """E[purchases within each of ``spans`` (m, n)] = E[λ] E[(1 − e^−μt) / μ]; s = 1 is no special case."""
        reach = np.log1p(np.asarray(spans, dtype=np.float64) / self.drop_age)
        power = self.drop - 1.0
        z = power * reach
        mean = reach * np.divide(-np.expm1(-z), z, out=np.ones_like(z), where=np.abs(z) > 1e-9)
        return np.asarray(self.shape / self.age * self.drop_age * mean)

    def still_alive(self, span: float) -> Floats:
        """P(alive after ``span``) (n,)."""
        return np.asarray(np.exp(-self.drop * np.log1p(span / self.drop_age)))

    def silence(self, span: float) -> Floats:
        """P(no purchase in ``span``) (n,): no purchase comes, or the departure comes first."""
        return np.asarray(1.0 - self._first_purchase_by(np.full(len(self.age), float(span))))

    def waiting_time(self, level: Floats) -> Floats:
        """Time by which a purchase has come with probability ``level`` (n,); infinite where leaving comes first."""
        return time_to_reach(self._first_purchase_by, np.broadcast_to(level, self.age.shape), self.age / self.shape)

    def survival(self, n: Floats, span: float) -> Floats:
        """P(at least ``n`` >= 1 purchases in ``span``): Σ over departure times of P(n-th purchase before it)."""
        until, weight = self._departure(span)
        return np.asarray(
            sum(w * betainc(n, self.shape, u / (self.age + u)) for u, w in zip(until, weight, strict=True))
        )

    def survival_up_to(self, top: int, span: float) -> Floats:
        """P(at least 1 … ``top`` purchases in ``span``), shape (n, top)."""
        total = np.zeros((len(self.age), top))
        for u, w in zip(*self._departure(span), strict=True):
            total += w[:, None] * negative_binomial_survival(self.shape, self.age, u, top)
        return total

    def pmf(self, n: Floats, span: float) -> Floats:
        """P(exactly ``n`` purchases in ``span``): a mixture of negative binomial laws over the time of departure."""
        until, weight = self._departure(span)
        count = gammaln(self.shape + n) - gammaln(self.shape) - gammaln(n + 1.0)
        total = np.zeros(np.broadcast_shapes(np.shape(n), self.shape.shape))
        for u, w in zip(until, weight, strict=True):
            log_stay, log_buy = -np.log1p(u / self.age), np.log(u / (self.age + u))
            total += w * np.exp(count + self.shape * log_stay + n * log_buy)
        return total

    def simulate(self, span: float, n_draws: int, generator: np.random.Generator) -> Ints:
        """Purchases in ``span`` (n_draws, n) until the departure."""
        size = (n_draws, len(self.age))
        rate = generator.gamma(self.shape, size=size) / self.age
        leave = np.maximum(generator.gamma(self.drop, size=size) / self.drop_age, 1e-300)
        life = np.minimum(generator.exponential(size=size) / leave, span)
        return generator.poisson(np.minimum(rate * life, 1e15))

    def _first_purchase_by(self, time: Floats) -> Floats:
        """P(a purchase by ``time`` (n,)) = ∫ R A^R (A + u)^−(R+1) [B / (B + u)]^s du."""
        result = np.empty(len(time))
        for i in range(0, len(time), _ROWS):
            part, rows = self.rows(slice(i, i + _ROWS)), slice(i, i + _ROWS)
            zero = np.zeros(len(part.age))
            u, log_weight = departure_nodes(part.age, part.drop_age, part.shape + 1.0, part.drop, zero, time[rows])
            log_density = -(part.shape + 1.0) * np.log1p(u / part.age) - part.drop * np.log1p(u / part.drop_age)
            result[rows] = np.exp(np.log(part.shape / part.age) + logsumexp(log_density + log_weight, axis=0))
        return np.minimum(result, 1.0)

    def _departure(self, span: float) -> tuple[list[Floats], list[Floats]]:
        """Times of departure within ``span``, and being there at its end, with their probabilities."""
        node, weight = _RULES[48]
        reach = np.log1p(span / self.drop_age)
        share = (node + 1.0) / 2.0
        until = [self.drop_age * np.expm1(u * reach) for u in share]
        mass = [
            w / 2.0 * reach * self.drop * np.exp(-self.drop * u * reach) for u, w in zip(share, weight, strict=True)
        ]
        return [*until, np.full_like(self.age, span)], [*mass, np.exp(-self.drop * reach)]
