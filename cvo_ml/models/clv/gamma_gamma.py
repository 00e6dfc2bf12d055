"""Gamma-Gamma: what a customer's purchases are worth.

Fader & Hardie (2013), "The Gamma-Gamma Model of Monetary Value", eq. (1a): a customer's mean value m over x
purchases has, with p, q, v > 0,

    log L = log[Γ(px+q) / (Γ(px) Γ(q))] + q log v + (px−1) log m + px log x − (px+q) log(v + xm)

The gamma terms and everything with log m are sums by distinct x; one logarithm per customer and pass remains. The
sufficient statistic is ``SpendHistories``: one ``GROUP BY frequency, monetary_value`` over a cluster gives it, and
parts of a customer base merge with ``+``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

import numpy as np
import pandas as pd
from scipy.special import gammaln, ndtr, psi

from cvo_ml.config.readiness import REPEAT_CUSTOMERS
from cvo_ml.core.arrays import Floats
from cvo_ml.core.columns import Table
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.result import Result
from cvo_ml.models.clv.base import FittedDocument, ParametricModel, check_penalty
from cvo_ml.models.clv.fit import Evaluation, FitStatus, FittedParameters, LogNormalPrior, fit_parameters
from cvo_ml.models.clv.histories import as_table, numbers, weights
from cvo_ml.models.clv.likelihood import log_rising, trigamma

CREDIBILITY: Final = "credibility with the observed mean"
ONE_PRICE: Final = "one price"
_ONE_PRICE_WITHIN: Final = 1e-9  # relative spread of mean values that is rounding
_CERTAIN: Final = 1e6  # p and q - 1 where values do not vary: their relative spread is then a thousandth
_FAR: Final = 3.0  # a population mean this many times the observed one is an artefact of the tail
PARAMETERS: Final = ("p", "q", "v")
_BLOCK: Final = 8192
_SMALL_RANGE: Final = 2**20


@dataclass(frozen=True)
class Independence(Result):
    """Whether the value of a purchase depends on how often the customer buys; Gamma-Gamma assumes that it does not.

    Attributes
    ----------
    correlation:
        Pearson's, between the number of purchases and their mean value; None if one of them does not vary.
    elasticity:
        Change of the mean value per unit of log(purchases), relative to the mean; 0.1 = 7 % more per doubling. None
        if the number of purchases does not vary.
    standard_error, p_value:
        Of the elasticity, robust to unequal variances.
    """

    correlation: float | None
    elasticity: float | None
    standard_error: float | None
    p_value: float | None

    def __str__(self) -> str:
        if self.elasticity is None or self.p_value is None:
            return "the number of purchases does not vary: independence cannot be tested"
        change, p = 100.0 * (2.0**self.elasticity - 1.0), self.p_value
        verdict = "depends on" if p < 0.01 else "shows no dependence on"
        return (
            f"the value of a purchase {verdict} their number: {change:+.1f} % per doubling (p = {p:.2g}, "
            f"correlation {self.correlation if self.correlation is not None else float('nan'):.3f})"
        )


@dataclass(frozen=True)
class GammaGammaDocument(FittedDocument):
    """A fitted Gamma-Gamma model as it is written; earlier versions did not test the independence."""

    population_mean: float
    independence: Independence = Independence(None, None, None, None)


class GammaGammaModel(ParametricModel):
    """The Gamma-Gamma model of Fader & Hardie (2013): mean value per purchase, independent of frequency.

    A customer's purchase values are Gamma(p, ν) with ν ~ Gamma(q, v). "Value" is what the caller puts into
    ``monetary_value``: revenue, or gross margin if the CLV is to be a margin.

    Parameters
    ----------
    penalty:
        Strength of the prior on log p and log q in pseudo-observations (see ``LogNormalPrior``); 0 = none.
        If the data do not determine the parameters, 1 is used and ``status_`` says so.
    minimum_repeat_customers:
        With fewer customers to learn from, ``fit`` refuses.

    Attributes
    ----------
    population_mean_ : float
        Expected value per purchase of a customer without known purchases (currency).
    independence_ : Independence
        Test of the assumption that the value of a purchase does not depend on their number.
    status_ : FitStatus
        Rung ``one price`` where all known mean values are equal: they are the price.
        Rung ``credibility with the observed mean`` where q <= 1 (the model's population mean p v / (q − 1) does not
        exist) or that mean exceeds three times the observed one. Then ``population_mean_`` is the observed mean value
        of a purchase, and a customer's expected value moves from it to the own mean by the weight p x / (p x + q).

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> X = pd.DataFrame({"frequency": rng.integers(1, 6, 2000)})
    >>> X["monetary_value"] = rng.gamma(6 * X["frequency"]) / (X["frequency"] * rng.gamma(4, 1 / 15, 2000))
    >>> model = GammaGammaModel().fit(X)
    >>> str(model.status_), bool(25 < model.population_mean_ < 35)  # 6 * 15 / (4 - 1) = 30
    ('converged', True)
    """

    document_type: ClassVar = GammaGammaDocument
    prior: ClassVar = LogNormalPrior(PARAMETERS, (2.0, 3.5, float("nan")))
    population_mean_: float
    independence_: Independence

    def __init__(self, penalty: float = 0.0, minimum_repeat_customers: int = REPEAT_CUSTOMERS) -> None:
        self.penalty = penalty
        self.minimum_repeat_customers = minimum_repeat_customers

    def fit(self, X: pd.DataFrame, y: Any = None, *, sample_weight: Any = None) -> Self:
        """Fit to the customers with ``frequency`` > 0 and ``monetary_value`` > 0; others are left out.

        Parameters
        ----------
        X:
            Columns ``frequency`` and ``monetary_value`` (mean value of the repeat purchases, currency); (n, >= 2).
        sample_weight:
            Customers per row (n,), >= 0.

        Raises
        ------
        ContractError
            If X breaks its contract (negative or infinite values).
        ModelRefused
            If there are too few such customers.
        """
        self._remember(X)
        frequency, value = numbers(X, "frequency"), numbers(X, "monetary_value", nan_allowed=True)
        given = weights(sample_weight, len(X))
        weight = np.ones(len(X)) if given is None else given
        used = (frequency > 0) & (value > 0) & (weight > 0)
        return self.fit_histories(SpendHistories(frequency[used], value[used], weight[used]))

    def fit_histories(self, spend: SpendHistories, *, prior: LogNormalPrior | None = None) -> Self:
        """Fit to grouped counts, such as one ``GROUP BY`` over a cluster gives."""
        check_penalty(self.penalty)
        self._refuse_few(spend.n_customers)
        observed = float(np.average(spend.monetary_value, weights=spend.count * spend.frequency))
        start = np.array([2.0, 3.5, 1.25 * observed])
        likelihood = GammaGammaLikelihood(spend.frequency, spend.monetary_value, spend.count)
        if float(np.ptp(spend.monetary_value)) <= _ONE_PRICE_WITHIN * observed:
            fitted = _one_price(observed, likelihood)
        else:
            fitted = fit_parameters(likelihood, start, prior or self.prior, self.penalty)
        self._keep(fitted, spend.n_customers)
        self._settle_population_mean(observed)
        self.independence_ = independence_of(spend)
        return self

    def expected_average_value(self, X: Table) -> Floats:
        """Expected value per purchase (n,), currency, given the customer's own mean. Eq. (5).

        Customers without repeat purchase or without a known value get ``population_mean_``. Never negative.
        """
        parameters = self._parameters()
        frequency, value = numbers(X, "frequency"), numbers(X, "monetary_value", nan_allowed=True)
        known = np.where(np.isnan(value), 0.0, frequency)
        own = np.where(known > 0, value, 0.0)
        if self.status_.rung != CREDIBILITY:
            return expected_average_value(parameters, known, own)
        p, q, _ = parameters
        share = p * known / (p * known + q)
        return np.asarray((1.0 - share) * self.population_mean_ + share * own)

    def average_value_at(self, parameters: Floats, X: pd.DataFrame) -> Floats:
        """``expected_average_value`` at other parameters (3,), such as drawn ones (n,), currency.

        Where they have no population mean, or one that is three times the fitted one and more, values move from the
        fitted one to the customer's own, as on the rung ``credibility with the observed mean``.
        """
        p, q, v = parameters
        frequency, value = numbers(X, "frequency"), numbers(X, "monetary_value", nan_allowed=True)
        known = np.where(np.isnan(value), 0.0, frequency)
        own = np.where(known > 0, value, 0.0)
        exists = q > 1 and p * v / (q - 1.0) < _FAR * self.population_mean_
        if exists and self.status_.rung != CREDIBILITY:
            return expected_average_value(parameters, known, own)
        share = p * known / (p * known + q)
        return np.asarray((1.0 - share) * self.population_mean_ + share * own)

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """``expected_average_value`` per customer, indexed as X."""
        return pd.DataFrame({"expected_average_value": self.expected_average_value(X)}, index=as_table(X).index)

    def _refuse_few(self, n: float) -> None:
        if n < self.minimum_repeat_customers:
            raise ModelRefused(
                f"only {n:g} customers have a repeat purchase of positive value and at least "
                f"{self.minimum_repeat_customers} are needed: give a longer order history or more customers, "
                "pool similar shops, or use the average order value",
                reason_code="too_few_repeat_customers",
            )

    def _settle_population_mean(self, observed: float) -> None:
        p, q, v = self._parameters()
        self.population_mean_ = float(p * v / (q - 1.0)) if q > 1 else math.inf
        if self.population_mean_ > _FAR * observed:
            times = self.population_mean_ / observed
            why = f"q = {q:.3g} puts the population mean at {times:.1f} times the observed one"
            if q <= 1:
                why = f"q = {q:.3g} <= 1, so the population mean does not exist"
            earlier = "" if self.status_.converged else f"{self.status_}; "
            self.status_ = FitStatus(CREDIBILITY, earlier + why)
            self.population_mean_ = observed

    def _document(self) -> FittedDocument:
        more = {"population_mean": self.population_mean_, "independence": self.independence_}
        return self._written_as(GammaGammaDocument, **more)

    def _restore(self, written: FittedDocument) -> None:
        super()._restore(written)
        if isinstance(written, GammaGammaDocument):
            self.population_mean_, self.independence_ = written.population_mean, written.independence


def _one_price(price: float, likelihood: GammaGammaLikelihood) -> FittedParameters:
    """Parameters of purchases that all cost the same: the likelihood has no maximum, and the mean is the price."""
    values = np.array([_CERTAIN, _CERTAIN + 1.0, price])
    covariance = np.diag((values / _CERTAIN) ** 2)
    status = FitStatus(ONE_PRICE, f"every known mean value is {price:,.6g}")
    return FittedParameters(values, float(likelihood(np.log(values))[0]), covariance, status, 0.0)


@dataclass(frozen=True)
class SpendHistories:
    """Customers with known purchases.

    Attributes
    ----------
    frequency, monetary_value, count:
        Arrays (n,), > 0: number of purchases, their mean value (currency), customers of that kind.
    """

    frequency: Floats
    monetary_value: Floats
    count: Floats

    def __len__(self) -> int:
        return len(self.count)

    def __add__(self, other: SpendHistories) -> SpendHistories:
        """Both customer bases together."""
        return SpendHistories(
            np.concatenate([self.frequency, other.frequency]),
            np.concatenate([self.monetary_value, other.monetary_value]),
            np.concatenate([self.count, other.count]),
        )

    @property
    def n_customers(self) -> float:
        """Customers, counted with their weights."""
        return float(self.count.sum())


def independence_of(spend: SpendHistories) -> Independence:
    """Regress the mean value on log(purchases): under Gamma-Gamma the slope is 0, whatever the spread at each number.

    A rank correlation would not do: means of few purchases are skewed, so their median depends on the number even where
    the mean does not.

    Examples
    --------
    >>> spend = SpendHistories(np.array([1.0, 2, 4]), np.array([10.0, 11, 12]), np.array([50.0, 50, 50]))
    >>> round(independence_of(spend).elasticity, 3)  # +1 per ln 2, around 11
    0.131
    """
    weight, n = spend.count, spend.n_customers
    mean = float(weight @ spend.monetary_value / n)
    away = np.log(spend.frequency) - weight @ np.log(spend.frequency) / n
    spread = float(weight @ away**2)
    if not spread > 1e-12 * n:
        return Independence(None, None, None, None)
    slope = float(weight @ (away * (spend.monetary_value - mean)) / spread)
    residual = spend.monetary_value - mean - slope * away
    error = float(np.sqrt(weight @ (away * residual) ** 2) / spread)
    p_value = 2.0 * float(ndtr(-abs(slope) / error)) if error > 0 else float(slope == 0)
    return Independence(_correlation(spend, mean), slope / mean, error / mean, p_value)


def _correlation(spend: SpendHistories, mean: float) -> float | None:
    weight, n = spend.count, spend.n_customers
    x, m = spend.frequency - weight @ spend.frequency / n, spend.monetary_value - mean
    scale = float(np.sqrt((weight @ x**2) * (weight @ m**2)))
    return float(weight @ (x * m)) / scale if scale > 0 else None


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

    def __init__(self, frequency: Floats, monetary_value: Floats, weight: Floats) -> None:
        self._x, self._count = _histogram(frequency, weight)
        self._weight, self._weighted_x = weight, weight * frequency
        self._spend = frequency * monetary_value
        self._log_m = float(np.sum(weight * np.log(monetary_value)))
        self._x_log_spend = float(np.sum(self._weighted_x * np.log(self._spend)))
        self._n = float(weight.sum())

    def __call__(self, log_parameters: Floats) -> Evaluation:
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

    def _spend_sums(self, v: float) -> Floats:
        """Σ log(v + xm), Σ 1/(v + xm), Σ 1/(v + xm)², each weighted by (1, x): shape (3, 2)."""
        blocks = []
        for i in range(0, len(self._spend), _BLOCK):
            total = self._spend[i : i + _BLOCK] + v
            inverse = 1.0 / total
            powers = np.stack([np.log(total), inverse, inverse * inverse])
            weights = np.stack([self._weight[i : i + _BLOCK], self._weighted_x[i : i + _BLOCK]])
            blocks.append(powers @ weights.T)
        return np.asarray(np.ascontiguousarray(np.stack(blocks, axis=-1)).sum(axis=-1))


def _histogram(frequency: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Distinct frequencies and their weights; small whole numbers without sorting."""
    whole = frequency.astype(np.int64)
    if whole.max(initial=0) < _SMALL_RANGE and np.array_equal(whole, frequency):
        count = np.bincount(whole, weights=weight)
        present = np.flatnonzero(count)
        return present.astype(np.float64), count[present].astype(np.float64)
    distinct, code = np.unique(frequency, return_inverse=True)
    return distinct, np.bincount(code, weights=weight).astype(np.float64)


def expected_average_value(parameters: Floats, frequency: Floats, monetary_value: Floats) -> Floats:
    """Conditional mean value per purchase, p (v + x m) / (p x + q − 1), eq. (5); the population mean at x = 0.

    Not a number where p x + q <= 1: that mean does not exist.
    """
    p, q, v = parameters
    below = p * frequency + q - 1.0
    spend = np.where(frequency > 0, frequency * monetary_value, 0.0)
    return np.where(below > 0, p * (v + spend) / np.where(below > 0, below, 1.0), np.nan)
