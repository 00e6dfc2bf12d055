"""BG/BB: when customers buy again at yearly, monthly … opportunities, and whether they have left.

Fader, Hardie & Shang (2010), "Customer-Base Analysis in a Discrete-Time Noncontractual Setting". At each opportunity an
active customer buys with probability p ~ Beta(α, β), having left before it with probability θ ~ Beta(γ, δ).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from scipy.special import betaln, gammaln, psi

from cvo_ml.config.readiness import REPEAT_CUSTOMERS
from cvo_ml.core.arrays import Floats, Ints
from cvo_ml.core.columns import Table
from cvo_ml.core.errors import UsageError
from cvo_ml.models.clv.fit import Likelihood, LogNormalPrior
from cvo_ml.models.clv.histories import PurchaseHistories, refuse
from cvo_ml.models.clv.likelihood import Kernel, RowLikelihood, over_fates, trigamma
from cvo_ml.models.clv.purchase_law import PurchaseLaw
from cvo_ml.models.clv.purchase_model import PurchaseModel

PARAMETERS: Final = ("alpha", "beta", "gamma", "delta")
_MOST: Final = 2000  # discounting an endless horizon ends after so many opportunities
_LONGEST_WAIT: Final = 2000  # opportunities


class BetaGeoBinomialModel(PurchaseModel):
    """The BG/BB model of Fader, Hardie & Shang (2010), fitted by maximum likelihood.

    At each opportunity (a yearly appeal, a weekly auction) an active customer buys with probability p ~ Beta(α, β) and
    leaves before it with probability θ ~ Beta(γ, δ).

    Parameters
    ----------
    time_unit:
        Time between opportunities: D, W, M or Y. ``T`` counts opportunities, ``frequency`` those used, ``recency`` the
        last one used; a horizon holds the whole opportunities in it.
    penalty:
        Strength of the prior on the log-parameters in pseudo-observations (see ``LogNormalPrior``); 0 = none.
        If the data do not determine the parameters, 1 is used and ``status_`` says so.
    minimum_repeat_customers:
        With fewer customers who bought again, ``fit`` refuses.

    Examples
    --------
    >>> import pandas as pd
    >>> rng = np.random.default_rng(7)
    >>> there = np.minimum(rng.geometric(rng.beta(0.7, 2.8, 2000)) - 1, 6)
    >>> bought = (rng.random((2000, 6)) < rng.beta(1.2, 0.8, (2000, 1))) & (np.arange(6) < there[:, None])
    >>> X = pd.DataFrame({"frequency": bought.sum(axis=1), "recency": (bought * np.arange(1, 7)).max(axis=1), "T": 6})
    >>> list(BetaGeoBinomialModel().fit(X).params_)
    ['alpha', 'beta', 'gamma', 'delta']
    """

    prior: ClassVar = LogNormalPrior(PARAMETERS, (1.0, 1.0, 1.0, 2.5))
    covariate_actions: ClassVar = ()
    _start_values: ClassVar = (1.0, 1.0, 1.0, 2.5)

    def __init__(
        self, time_unit: str = "Y", penalty: float = 0.0, minimum_repeat_customers: int = REPEAT_CUSTOMERS
    ) -> None:
        self.time_unit = time_unit
        self.penalty = penalty
        self.minimum_repeat_customers = minimum_repeat_customers

    def _law(self, parameters: Floats, x: Floats, T: Floats) -> BetaBinomialLaw:
        alpha, beta, gamma, delta = parameters[:4]
        return BetaBinomialLaw(alpha + x, beta + T - x, gamma + 0.0 * x, delta + T)

    def _alive(self, parameters: Floats, x: Floats, recency: Floats, T: Floats) -> Floats:
        return probability_alive(parameters, x, recency, T)

    def _likelihood(self, histories: PurchaseHistories) -> Likelihood:
        return RowLikelihood(beta_geo_binomial_kernel, histories)

    def _kernel(self) -> Kernel:
        return beta_geo_binomial_kernel

    def _history(self, X: Table) -> tuple[Floats, Floats, Floats]:
        frequency, recency, T = super()._history(X)
        for name, values in (("recency", recency), ("T", T)):
            refuse(values != np.floor(values), name, "opportunities are not whole numbers", "count opportunities")
        refuse(frequency > recency, "frequency", "more purchases than opportunities up to the last", "recount them")
        return frequency, recency, T

    def _discounted(self, law: PurchaseLaw, span: float, force: float) -> Floats:
        if not isinstance(law, BetaBinomialLaw):
            raise UsageError("BG/BB discounts its own law only")
        return law.discounted(min(span, _MOST), force)


def beta_geo_binomial_kernel(parameters: Floats, x: Floats, t_x: Floats, n: Floats) -> tuple[Floats, Floats, Floats]:
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


def probability_alive(parameters: Floats, x: Floats, t_x: Floats, n: Floats) -> Floats:
    """P(has not left after n opportunities | x, t_x, n) (n,)."""
    alpha, beta, gamma, delta = parameters
    until, left = _fates(t_x, n)
    h = betaln(alpha + x, beta + np.maximum(until - x, 0.0)) + betaln(gamma + left, delta + until)
    h = np.where(until <= n, h, -np.inf)
    return np.asarray(1.0 / np.exp(h - h[0]).sum(axis=0))


def _fates(t_x: Floats, n: Floats) -> tuple[Floats, Floats]:
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

    buy: Floats
    miss: Floats
    leave: Floats
    stay: Floats

    @property
    def age(self) -> Floats:
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

    def expected(self, spans: Floats) -> Floats:
        """E[purchases within each of ``spans`` (m, n)] = E[p] Σ_j P(there at opportunity j)."""
        whole = np.floor(np.asarray(spans, dtype=np.float64) + 1e-9)
        there = np.cumsum([np.zeros_like(self.buy), *self._there(int(whole.max(initial=0.0)))], axis=0)
        picked = np.take_along_axis(there, whole.astype(np.intp), axis=0)
        return np.asarray(self.buy / (self.buy + self.miss) * picked)

    def discounted(self, span: float, force: float) -> Floats:
        """E[Σ e^(−force j) over the purchases at opportunities j <= span] (n,)."""
        there = self._there(int(np.floor(span + 1e-9)))
        factor = np.exp(-force * np.arange(1.0, len(there) + 1.0))
        return np.asarray(self.buy / (self.buy + self.miss) * (factor @ there))

    def still_alive(self, span: float) -> Floats:
        """P(there after ``span`` more opportunities) (n,)."""
        return np.asarray(np.exp(betaln(self.leave, self.stay + np.floor(span + 1e-9)) - betaln(self.leave, self.stay)))

    def silence(self, span: float) -> Floats:
        """P(no purchase in ``span`` opportunities) (n,)."""
        return self.pmf(np.zeros(1), span)

    def pmf(self, n: Floats, span: float) -> Floats:
        """P(exactly ``n`` purchases in ``span``): beta-binomial in the opportunities before leaving."""
        total = np.zeros(np.broadcast_shapes(np.shape(n), self.buy.shape))
        for until, mass in self._departure(span):
            choose = gammaln(until + 1.0) - gammaln(n + 1.0) - gammaln(np.maximum(until - n, 0.0) + 1.0)
            value = betaln(self.buy + n, self.miss + np.maximum(until - n, 0.0)) - betaln(self.buy, self.miss)
            total += np.where(n <= until, mass * np.exp(choose + value), 0.0)
        return total

    def survival(self, n: Floats, span: float) -> Floats:
        """P(at least ``n`` >= 1 purchases in ``span``)."""
        total = np.zeros(np.broadcast_shapes(np.shape(n), self.buy.shape))
        for k in range(1, int(np.floor(span + 1e-9)) + 1):
            total += np.where(k >= n, self.pmf(np.full((1,) * total.ndim, float(k)), span), 0.0)
        return total

    def survival_up_to(self, top: int, span: float) -> Floats:
        """P(at least 1 … ``top`` purchases in ``span``), shape (n, top)."""
        return self.rows((slice(None), None)).survival(np.arange(1.0, top + 1.0), span)

    def waiting_time(self, level: Floats) -> Floats:
        """Opportunity by which a purchase has come with probability ``level`` (n,); infinite if it never does."""
        result, come = np.full(len(self.buy), np.inf), np.zeros(len(self.buy))
        for j in range(1, _LONGEST_WAIT + 1):
            first = betaln(self.buy + 1.0, self.miss + j - 1.0) - betaln(self.buy, self.miss)
            come += np.exp(first + betaln(self.leave, self.stay + j) - betaln(self.leave, self.stay))
            result[(come >= level) & np.isinf(result)] = j
            if not np.isinf(result).any():
                break
        return result

    def simulate(self, span: float, n_draws: int, generator: np.random.Generator) -> Ints:
        """Purchases in ``span`` opportunities (n_draws, n)."""
        size = (n_draws, len(self.buy))
        buy = generator.beta(self.buy, self.miss, size=size)
        leave = np.maximum(generator.beta(self.leave, self.stay, size=size), 1e-15)
        there = np.minimum(generator.geometric(leave) - 1, int(np.floor(span + 1e-9)))
        return generator.binomial(there, buy)

    def _there(self, top: int) -> Floats:
        """P(there at opportunity j), j = 1 … top, shape (top, n)."""
        j = np.arange(1.0, top + 1.0)[:, None]
        return np.asarray(np.exp(betaln(self.leave, self.stay + j) - betaln(self.leave, self.stay)))

    def _departure(self, span: float) -> list[tuple[float, Floats]]:
        """Number of opportunities before leaving, at most ``span``, with its probability (n,)."""
        top = int(np.floor(span + 1e-9))
        there = [self.still_alive(j) for j in range(top + 1)]
        return [*((float(j), there[j] - there[j + 1]) for j in range(top)), (float(top), there[top])]
