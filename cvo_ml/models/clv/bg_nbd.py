"""BG/NBD and MBG/NBD: when customers buy again, and whether they have left.

The likelihood
    Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, eq. (6), written as

        log L = log[Γ(r+x)/Γ(r)] + r log α + log[B(a, b+x)/B(a, b)] − (r+x) log(α+T) + log(1 + e^u)   (last: x > 0)
        u     = (r+x) log[(α+T)/(α+t_x)] + log a − log(b+x−1)

    so e^u is the odds that a customer with x > 0 has left. The gamma terms depend on x alone and are summed over the
    distinct frequencies; the rest costs a few logarithms per distinct history. MBG/NBD (Batislam, Denizel & Filiztekin
    2007; Hoppe & Wagner 2007) lets customers leave after the first purchase too.
The future
    A customer who is alive at T has purchase rate λ ~ Gamma(r + x, α + T) and leaves after each purchase with
    probability p ~ Beta(a, b + x). So every conditional quantity is that of a new customer with updated parameters,
    times P(alive); nothing here subtracts nearly equal hypergeometric functions, and a = 1 is no special case.
Many ages
    Customers with one frequency differ in their age α + T only, and daily data hold hundreds of ages. An expectation
    over (1 + p · span / age)^−R is analytic in log(age): its nearest singularity lies π off the real axis for every p
    and span. So Chebyshev interpolation in log(age) on pieces one unit wide converges geometrically (by 6.4 to 12.6 per
    node): 16 nodes leave rounding only. The pieces do not depend on who else is in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.polynomial import chebyshev
from scipy.special import betainc, betaln, expit, gammaln

from cvo_ml.config.readiness import REPEAT_CUSTOMERS
from cvo_ml.core.arrays import Floats, Ints, Places
from cvo_ml.core.errors import UsageError
from cvo_ml.models.clv.fit import Evaluation, Likelihood, LogNormalPrior, sum_of_evaluations
from cvo_ml.models.clv.histories import PurchaseHistories
from cvo_ml.models.clv.likelihood import Kernel, log_rising, log_rising_at, over_fates, purchase_base, trigamma
from cvo_ml.models.clv.purchase_law import PurchaseLaw, drifted_rate, negative_binomial_survival, running
from cvo_ml.models.clv.purchase_model import PurchaseModel

PARAMETERS: Final = ("r", "alpha", "a", "b")
_BLOCK: Final = 8192  # rows whose temporaries stay in the second-level cache
_STEP: Final = 0.2  # of the trapezoid rule in logit(p), or this times 3 standard deviations of logit(p) if narrower
_TAIL: Final = 40.0  # e^-40: what is cut off on either side
_ELEMENTS: Final = 2**15  # of one block's temporaries
_NODES: Final = 16  # ages at which a piece is computed
_POINTS: Final = chebyshev.chebpts1(_NODES)
_TO_COEFFICIENTS: Final = np.linalg.inv(chebyshev.chebvander(_POINTS, _NODES - 1)).T


class BetaGeoModel(PurchaseModel):
    """The BG/NBD model of Fader, Hardie & Lee (2005), fitted by maximum likelihood.

    While active a customer buys at rate λ ~ Gamma(r, α); after each repeat purchase the customer leaves with
    probability p ~ Beta(a, b).

    Parameters
    ----------
    time_unit:
        Unit of ``recency`` and ``T``: D, W, M (30.4375 days) or Y (365.25 days).
    penalty:
        Strength of the prior on log r, log a, log b in pseudo-observations (see ``LogNormalPrior``); 0 = none.
        If the data do not determine the parameters, 1 is used and ``status_`` says so.
    minimum_repeat_customers:
        With fewer customers who bought again, ``fit`` refuses.
    purchase_covariates:
        Numeric columns that act on the purchase rate: α_i = α exp(−z'γ); a positive coefficient means more purchases.
    dropout_covariates:
        Numeric columns that act on departure: a_i = a exp(z'γ_a), b_i = b exp(z'γ_b) (Fader & Hardie 2007).

    Examples
    --------
    >>> import pandas as pd
    >>> from cvo_ml.core.units import Horizon
    >>> rng = np.random.default_rng(7)
    >>> X = pd.DataFrame({"frequency": rng.poisson(1.2, 3000), "T": 300.0})
    >>> X["recency"] = X["T"] * rng.beta(X["frequency"] + 1e-9, 1.5) * (X["frequency"] > 0)
    >>> model = BetaGeoModel().fit(X)
    >>> list(model.params_), len(model.expected_purchases(X, Horizon("90D")))
    (['r', 'alpha', 'a', 'b'], 3000)
    """

    prior: ClassVar = LogNormalPrior(PARAMETERS, (1.0, float("nan"), 1.0, 2.5))
    covariate_actions: ClassVar = (
        ("purchase", "purchase_covariates", 1, -1.0),
        ("dropout_a", "dropout_covariates", 2, 1.0),
        ("dropout_b", "dropout_covariates", 3, 1.0),
    )
    _start_values: ClassVar = (1.0, float("nan"), 1.0, 2.5)
    _first_counts: ClassVar[bool] = False

    def __init__(
        self,
        time_unit: str = "D",
        penalty: float = 0.0,
        minimum_repeat_customers: int = REPEAT_CUSTOMERS,
        purchase_covariates: Sequence[str] = (),
        dropout_covariates: Sequence[str] = (),
    ) -> None:
        self.time_unit = time_unit
        self.penalty = penalty
        self.minimum_repeat_customers = minimum_repeat_customers
        self.purchase_covariates = purchase_covariates
        self.dropout_covariates = dropout_covariates

    def _law(self, parameters: Floats, x: Floats, T: Floats) -> BetaGeoLaw:
        r, alpha, a, b = parameters[:4]
        return BetaGeoLaw(r + x, alpha + T, a + 0.0 * x, b + x + float(self._first_counts))

    def _alive(self, parameters: Floats, x: Floats, recency: Floats, T: Floats) -> Floats:
        r, alpha, a, b = parameters[:4]
        last = b + np.maximum(x - 1.0 + float(self._first_counts), 0.0)
        alive = expit(-log_odds_gone(r + x, alpha + T, alpha + recency, a, last))
        return np.asarray(alive if self._first_counts else np.where(x == 0, 1.0, alive))

    def _discounted(self, law: PurchaseLaw, span: float, force: float) -> Floats:
        if not isinstance(law, BetaGeoLaw):
            raise UsageError("BG/NBD discounts its own law only")
        return over_ages(law, lambda some: super(BetaGeoModel, self)._discounted(some, span, force))

    def _likelihood(self, histories: PurchaseHistories) -> Likelihood:
        return BetaGeoLikelihood(histories, first_counts=self._first_counts)

    def _kernel(self) -> Kernel:
        return beta_geo_kernel(self._first_counts)


class ModifiedBetaGeoModel(BetaGeoModel):
    """MBG/NBD of Batislam, Denizel & Filiztekin (2007) and Hoppe & Wagner (2007).

    As BG/NBD, but the customer may leave after the first purchase as well, so a customer with one purchase is not
    taken to be alive for ever. Parameters, fitted attributes and methods are those of ``BetaGeoModel``.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(7)
    >>> X = pd.DataFrame({"frequency": rng.poisson(1.2, 3000), "T": 300.0})
    >>> X["recency"] = X["T"] * rng.beta(X["frequency"] + 1e-9, 1.5) * (X["frequency"] > 0)
    >>> model = ModifiedBetaGeoModel().fit(X)
    >>> bool(model.probability_alive(X).max() < 1)
    True
    """

    _first_counts: ClassVar = True


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
    >>> from cvo_ml.models.clv.histories import group_histories
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

    def __call__(self, log_parameters: Floats) -> Evaluation:
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


def beta_geo_kernel(first_counts: bool) -> Kernel:
    """BG/NBD, or MBG/NBD if the first purchase is a chance to leave as well. Parameters r, α, a, b."""
    more = 1.0 if first_counts else 0.0

    def kernel(parameters: Floats, x: Floats, t_x: Floats, T: Floats) -> tuple[Floats, Floats, Floats]:
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
        base = purchase_base(r, alpha, x)
        value += base[0]
        gradient[:2] += base[1]
        hessian[:2, :2] += base[2]
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


@dataclass(frozen=True)
class BetaGeoLaw:
    """Parameters of customers who are alive: rate ~ Gamma(shape, age), departure ~ Beta(leave, stay).

    A new BG/NBD customer has (r, α, a, b); after x repeat purchases in time T (r + x, α + T, a, b + x). In MBG/NBD,
    where the first purchase is a chance to leave as well, stay is one more. Arrays (n,), all > 0.
    """

    shape: Floats
    age: Floats
    leave: Floats
    stay: Floats

    def rows(self, index: Any) -> BetaGeoLaw:
        """The law of some of the customers."""
        return BetaGeoLaw(self.shape[index], self.age[index], self.leave[index], self.stay[index])

    def drifted(self, variance: float) -> BetaGeoLaw:
        """The law if rates change by a factor of mean 1 and this ``variance``."""
        return BetaGeoLaw(*drifted_rate(self.shape, self.age, variance), self.leave, self.stay)

    def expected(self, spans: Floats) -> Floats:
        """E[purchases within each of ``spans`` (m, n)]: E over p of [1 − (1 + pτ)^−R] / p, τ = span / age, R = shape.

        Equals Fader, Hardie & Lee (2005) eq. (9) and the numerator of eq. (10). The mean over the beta law of p is a
        trapezoid sum in logit(p), which converges exponentially.
        """
        return _over_departure(self, np.asarray(spans, dtype=np.float64), 0)

    def still_alive(self, span: float) -> Floats:
        """P(alive after ``span``) = E over p of (1 + pτ)^−R: given λ and p, customers leave at rate λp (n,)."""
        return np.asarray(1.0 - _over_departure(self, np.full((1, len(self.age)), float(span)), 1)[0])

    def silence(self, span: float) -> Floats:
        """P(no purchase in ``span``) = (age / (age + span))^shape (n,)."""
        return np.asarray(np.exp(-self.shape * np.log1p(span / self.age)))

    def waiting_time(self, level: Floats) -> Floats:
        """Time by which a purchase has come with probability ``level`` (n,): finite, since a purchase comes first."""
        return np.asarray(self.age * np.expm1(-np.log1p(-level) / self.shape))

    def survival(self, n: Floats, span: float) -> Floats:
        """P(at least ``n`` >= 1 purchases in ``span``): still there after n − 1, and time for n."""
        stay = np.exp(betaln(self.leave, self.stay + n - 1.0) - betaln(self.leave, self.stay))
        return np.asarray(stay * betainc(n, self.shape, span / (self.age + span)))

    def survival_up_to(self, top: int, span: float) -> Floats:
        """P(at least 1 … ``top`` purchases in ``span``), shape (n, top)."""
        there = np.empty((top, len(self.age)))
        there[0] = 1.0
        k = np.arange(top - 1.0)[:, None]
        np.divide(self.stay + k, self.leave + self.stay + k, out=there[1:])
        running(np.multiply, there)
        return there.T * negative_binomial_survival(self.shape, self.age, np.full_like(self.age, span), top)

    def pmf(self, n: Floats, span: float) -> Floats:
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

    def simulate(self, span: float, n_draws: int, generator: np.random.Generator) -> Ints:
        """Purchases in ``span`` (n_draws, n): of the N ~ Poisson(λ span) that would come, those up to the departure."""
        size = (n_draws, len(self.age))
        rate = generator.gamma(self.shape, size=size) / self.age
        leave = np.maximum(generator.beta(self.leave, self.stay, size=size), 1e-15)
        wanted = generator.poisson(np.minimum(rate * span, 1e15))
        return np.minimum(wanted, generator.geometric(leave))


def log_odds_gone(shape: Floats, age: Floats, active: Floats, leave: Floats, last: Floats) -> Floats:
    """Log of the odds that a customer has left: (r + x) log[(α + T) / (α + t_x)] + log a − log(stay before the last).

    Fader, Hardie & Lee (2008), "Computing P(alive) Using the BG/NBD Model".
    """
    return np.asarray(shape * np.log(age / active) + np.log(leave / last))


def _over_departure(law: BetaGeoLaw, spans: Floats, power: int) -> Floats:
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


def _nodes(law: BetaGeoLaw, reach: Places) -> Floats:
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


def _block_mean(law: BetaGeoLaw, spans: Floats, logit: Floats, power: int) -> Floats:
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


def over_ages(law: BetaGeoLaw, evaluate: Callable[[BetaGeoLaw], Floats]) -> Floats:
    """``evaluate(law)`` (n,), computed at ``_NODES`` ages of a piece wherever more than that many customers share one.

    Examples
    --------
    >>> law = BetaGeoLaw(np.ones(400), np.arange(5.0, 405.0), np.ones(400), np.full(400, 2.0))
    >>> bool(np.abs(over_ages(law, lambda some: np.log1p(9.0 / some.age)) - np.log1p(9.0 / law.age)).max() < 1e-13)
    True
    """
    log_age = np.log(law.age)
    piece = np.floor(log_age)
    first = _starts(law, piece)
    size = np.diff(np.append(first, len(piece)))
    shared = first[size > _NODES]
    if not len(shared):
        return evaluate(law)
    between = np.repeat(size > _NODES, size)
    alone = np.flatnonzero(~between)
    nodes = np.exp(piece[shared][:, None] + (_POINTS + 1.0) / 2.0).ravel()
    rows = np.concatenate([alone, np.repeat(shared, _NODES)])
    few = law.rows(rows)
    values = evaluate(BetaGeoLaw(few.shape, np.concatenate([law.age[alone], nodes]), few.leave, few.stay))
    result = np.empty(len(piece))
    result[alone] = values[: len(alone)]
    coefficients = values[len(alone) :].reshape(-1, _NODES) @ _TO_COEFFICIENTS
    where = 2.0 * (log_age - piece)[between] - 1.0
    members = np.repeat(np.arange(len(shared)), size[size > _NODES])
    basis = chebyshev.chebvander(where, _NODES - 1)
    result[between] = np.einsum("ij,ij->i", basis, coefficients[members])
    return result


def _starts(law: BetaGeoLaw, piece: Floats) -> Places:
    """Where a run of neighbours begins that differ in age only, within one piece."""
    changed = np.zeros(len(piece), dtype=bool)
    changed[:1] = True
    for column in (law.shape, law.leave, law.stay, piece):
        changed[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(changed)
