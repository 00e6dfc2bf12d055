"""What the models of purchases share: maximum likelihood, and every answer about the future of known customers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, Self

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats, Ints, Places
from cvo_ml.core.columns import Table
from cvo_ml.core.errors import UsageError
from cvo_ml.core.units import Horizon, days_per
from cvo_ml.models.clv.base import check_penalty, interval_names
from cvo_ml.models.clv.covariates import CovariateModel
from cvo_ml.models.clv.draws import expected_purchases_draws, purchases_draws
from cvo_ml.models.clv.fit import Likelihood, LogNormalPrior, fit_parameters, search, weakness
from cvo_ml.models.clv.histories import (
    PurchaseHistories,
    as_table,
    check_unit,
    distinct_pairs,
    group_histories,
    purchase_history,
    refuse_few_repeaters,
    weights,
)
from cvo_ml.models.clv.likelihood import Kernel, RowLikelihood
from cvo_ml.models.clv.purchase_law import PurchaseLaw, discounted_purchases, force_of_interest, residual_purchases
from cvo_ml.models.clv.uncertainty import RateDrift, Survival, count_quantile, drift_variance, estimate_drift

_THIN: Final = 4_000  # distinct histories of the first, cheap fit


class PurchaseFitter(CovariateModel):
    """Fits the parameters of a model of purchases; subclasses give its likelihood and what covariates act on."""

    _start_values: ClassVar[tuple[float, ...]]
    """Typical parameters; NaN = the mean of T."""

    time_unit: str
    penalty: float
    minimum_repeat_customers: int

    def fit(self, X: pd.DataFrame, y: Any = None, *, sample_weight: Any = None) -> Self:
        """Fit to one row per customer, or to grouped rows with their count as the weight.

        Parameters
        ----------
        X:
            Columns ``frequency`` (repeat purchase periods), ``recency`` and ``T`` in ``time_unit``, and the
            covariates; (n, >= 3).
        sample_weight:
            Customers per row (n,), >= 0.

        Raises
        ------
        ContractError
            If X breaks its contract.
        ModelRefused
            If there are too few repeat customers, or the data determine nothing.
        """
        self._remember(X)
        frequency, recency, T = self._history(X)
        weight = weights(sample_weight, len(X))
        plain = group_histories(frequency, recency, T, weight)
        if not self._coefficients():
            return self.fit_histories(plain)
        self._check(plain)
        rows = PurchaseHistories(frequency, recency, T, np.ones(len(X)) if weight is None else weight)
        likelihood = RowLikelihood(self._kernel(), rows, self._design(X))
        start = np.concatenate([self._start(plain), np.zeros(len(self._coefficients()))])
        self._keep(fit_parameters(likelihood, start, self._prior(), self.penalty), rows.n_customers)
        return self

    def fit_histories(self, histories: PurchaseHistories, *, prior: LogNormalPrior | None = None) -> Self:
        """Fit to grouped counts, such as one ``GROUP BY`` over a cluster gives; without covariates.

        Parameters
        ----------
        prior:
            A prior to use instead of the model's own, such as ``pooled_prior`` of similar shops gives.

        Raises
        ------
        UsageError
            If the model has covariates.
        ModelRefused
            If there are too few repeat customers, or the data determine nothing.
        """
        if self._coefficients():
            raise UsageError("covariates need one row per customer: use fit")
        self._check(histories)
        start, likelihood = self._start(histories), self._likelihood(histories)
        self._keep(fit_parameters(likelihood, start, prior or self._prior(), self.penalty), histories.n_customers)
        return self

    @abstractmethod
    def _likelihood(self, histories: PurchaseHistories) -> Likelihood:
        """The log-likelihood without covariates."""

    @abstractmethod
    def _kernel(self) -> Kernel:
        """The log-likelihood row by row."""

    def _history(self, X: Table) -> tuple[Floats, Floats, Floats]:
        """Frequency, recency and T (n,), checked, and in the model's unit."""
        check_unit(X, self.time_unit)
        return purchase_history(X)

    def _check(self, histories: PurchaseHistories) -> None:
        days_per(self.time_unit)
        check_penalty(self.penalty)
        refuse_few_repeaters(histories, self.minimum_repeat_customers)

    def _start(self, histories: PurchaseHistories) -> Floats:
        """A first point: typical shape parameters and the data's time scale, refined on a sample of a large shop."""
        mean_age = float(np.average(histories.T, weights=histories.count))
        typical = np.array(self._start_values)
        start = np.where(np.isnan(typical), mean_age, typical)
        if len(histories) < 3 * _THIN:
            return start
        maximum = search(self._likelihood(histories.thinned(_THIN)), start, self.prior, self.penalty)
        return start if weakness(maximum, self.prior.names) else np.exp(maximum.point)


@dataclass(frozen=True)
class Situation:
    """Where customers stand: the law of those alive by distinct history, each customer's position in it, P(alive)."""

    law: PurchaseLaw
    position: Places
    alive: Floats

    def drifted(self, variance: float) -> Situation:
        """The same with rates that change by a factor of mean 1 and this ``variance``."""
        return self if variance == 0 else replace(self, law=self.law.drifted(variance))

    def mean(self, given_alive: Floats) -> Floats:
        """Per customer P(alive) times a quantity of the law's rows."""
        return np.asarray(given_alive[self.position] * self.alive)


class PurchaseModel(PurchaseFitter):
    """A buy-till-you-die model in continuous time.

    Subclasses give the law of customers who are alive, P(alive), the likelihood and what covariates act on.
    """

    def expected_purchases(self, X: pd.DataFrame, horizon: Horizon) -> Floats:
        """Expected purchases of each customer in the ``horizon`` after T (n,), given the history."""
        return self.discounted_purchases(X, horizon, discount_rate=0.0)

    def discounted_purchases(self, X: pd.DataFrame, horizon: Horizon, *, discount_rate: float) -> Floats:
        """Expected purchases, each worth (1 + discount_rate)^−(years from now), in continuous time (n,).

        ``discount_rate`` is annual and effective (0.1 = 10 % a year of 365.25 days), >= 0.
        """
        return self.purchases_in(self.situation(X), horizon, discount_rate)

    def purchases_in(self, where: Situation, horizon: Horizon, discount_rate: float = 0.0) -> Floats:
        """``discounted_purchases`` of customers whose situation is known (n,)."""
        force = force_of_interest(discount_rate, days_per(self.time_unit))
        return where.mean(self._discounted(where.law, Horizon(horizon).to(self.time_unit), force))

    def residual_purchases(self, X: pd.DataFrame, *, discount_rate: float) -> Floats:
        """Discounted expected purchases over the whole rest of the customer's life (n,), ``discount_rate`` > 0.

        Raises
        ------
        UsageError
            If the rate is not above 0.
        """
        if not discount_rate > 0:
            raise UsageError(f"discount_rate is {discount_rate}: an endless horizon needs a rate > 0, such as 0.1")
        where = self.situation(X)
        force = force_of_interest(discount_rate, days_per(self.time_unit))
        return where.mean(self._discounted(where.law, np.inf, force))

    def expected_purchases_new(
        self,
        horizon: Horizon,
        X: pd.DataFrame | None = None,
        *,
        after: Horizon | None = None,
        discount_rate: float = 0.0,
    ) -> Any:
        """Expected repeat purchases of a new customer in [``after``, ``after`` + ``horizon``) after the first purchase.

        A float; with the covariates of new customers in ``X``, an array (n,).

        Parameters
        ----------
        after:
            Where the interval begins; None = at the first purchase. Whether the customer is still there by then is
            part of the expectation.
        discount_rate:
            As in ``discounted_purchases``, to the day of the first purchase.
        """
        where, force = self._new(X), force_of_interest(discount_rate, days_per(self.time_unit))
        start = 0.0 if after is None else Horizon(after).to(self.time_unit)
        expected = where.mean(self._discounted(where.law, start + Horizon(horizon).to(self.time_unit), force))
        if start:
            expected = expected - where.mean(self._discounted(where.law, start, force))
        return float(expected[0]) if X is None else expected

    def expected_repeats(self, X: pd.DataFrame) -> Floats:
        """Repeat purchases that were expected of each customer within T when new (n,), at its covariates."""
        where = self._new(X)
        spans = np.maximum(self._history(X)[2], 1e-12)
        return where.mean(where.law.expected(spans[None, :])[0])

    def expected_curve_new(self, spans: Floats, X: pd.DataFrame | None = None) -> Floats:
        """Expected repeat purchases of a new customer within each of ``spans`` (m,), > 0, in ``time_unit``.

        With covariates it is the mean over the new customers in ``X``.
        """
        where, column = self._new(X), np.asarray(spans, dtype=np.float64)[:, None]
        expected = where.law.expected(np.repeat(column, len(where.law.age), axis=1))
        return np.asarray((expected[:, where.position] * where.alive).mean(axis=1))

    def probability_alive(self, X: pd.DataFrame, *, after: Horizon | None = None) -> Floats:
        """P(alive) of each customer at T, or the time ``after`` T later (n,)."""
        where = self.situation(X)
        if after is None:
            return where.alive
        return where.mean(where.law.still_alive(Horizon(after).to(self.time_unit)))

    def probability_of_no_purchase(self, X: pd.DataFrame, horizon: Horizon) -> Floats:
        """P(no purchase in the ``horizon`` after T) of each customer (n,), exact."""
        return self.no_purchase_in(self.situation(X), horizon)

    def no_purchase_in(self, where: Situation, horizon: Horizon) -> Floats:
        """``probability_of_no_purchase`` of customers whose situation is known (n,)."""
        return 1.0 - where.mean(1.0 - where.law.silence(Horizon(horizon).to(self.time_unit)))

    def expected_time_of_next_purchase(self, X: pd.DataFrame, quantiles: Sequence[float] = (0.5, 0.05, 0.95)) -> Floats:
        """Time from T to the next purchase in ``time_unit``, shape (quantiles, n): the median, then an interval.

        The customer may have left, so the distribution has a mass at never: a quantile is infinite where
        P(any purchase ever) is not above it. The mean does not exist for that reason.

        Raises
        ------
        UsageError
            If a quantile is not between 0 and 1, or there is none.
        """
        if not len(quantiles) or not all(0 < level < 1 for level in quantiles):
            raise UsageError(f"quantiles are {list(quantiles)}: give probabilities between 0 and 1, such as 0.5")
        return self.next_purchase_in(self.situation(X), quantiles)

    def next_purchase_in(self, where: Situation, quantiles: Sequence[float]) -> Floats:
        """``expected_time_of_next_purchase`` of customers whose situation is known, (quantiles, n)."""
        law = where.law.rows(where.position)
        result = np.full((len(quantiles), len(where.alive)), np.inf)
        for row, level in zip(result, quantiles, strict=True):
            reached = np.flatnonzero(level < where.alive)
            row[reached] = law.rows(reached).waiting_time(level / where.alive[reached])
        return result

    def pmf(self, X: pd.DataFrame, n: Any, horizon: Horizon) -> Floats:
        """P(exactly ``n`` purchases in the ``horizon`` after T), shape (customers, counts)."""
        where, counts = self.situation(X), np.atleast_1d(np.asarray(n, dtype=np.float64))
        law = where.law.rows((slice(None), None))
        alive = where.alive[:, None] * law.pmf(counts, Horizon(horizon).to(self.time_unit))[where.position]
        return np.asarray(alive + np.where(counts == 0, 1.0 - where.alive[:, None], 0.0))

    def pmf_new(self, n: Any, horizon: Horizon) -> Floats:
        """P(a new customer makes exactly ``n`` repeat purchases in the ``horizon``), shaped like ``n``."""
        counts, where = np.asarray(n, dtype=np.float64), self._new(None)
        mass = where.alive * where.law.pmf(counts.ravel(), Horizon(horizon).to(self.time_unit))
        return np.asarray(mass + np.where(counts.ravel() == 0, 1.0 - where.alive, 0.0)).reshape(counts.shape)

    def expected_histogram(self, X: pd.DataFrame, top: int) -> Floats:
        """Expected number of the customers X with 0, 1 … ``top`` − 1 repeat purchases in their own T (top,)."""
        spans, age = np.unique(self._history(X)[2], return_inverse=True)
        counts, found = np.arange(float(top)), np.zeros(top)
        where = self._new(X if self._coefficients() else None)
        law = where.law.rows((slice(None), None))
        for place, span in enumerate(spans):
            rows = np.flatnonzero(age == place)
            if span == 0:
                found[0] += len(rows)
                continue
            if not self._coefficients():
                mass = where.alive[0] * law.pmf(counts, float(span))[0] * len(rows)
                gone = (1.0 - where.alive[0]) * len(rows)
            else:
                alive = where.alive[rows]
                mass, gone = alive @ law.rows(where.position[rows]).pmf(counts, float(span)), (1.0 - alive).sum()
            found += mass
            found[0] += gone
        return found

    def predict(
        self,
        X: pd.DataFrame,
        *,
        horizon: Horizon,
        interval: float | None = None,
        parameter_uncertainty: bool = False,
        rate_drift: float = 0.0,
    ) -> pd.DataFrame:
        """Answers per customer, indexed as X.

        Parameters
        ----------
        interval:
            Probability of a central predictive interval of the number of purchases, in (0, 1); None leaves it out.
            Counts are whole, so it holds at least that probability.
        parameter_uncertainty:
            Whether the interval holds the uncertainty of the parameters as well as chance: 2k times the work.
        rate_drift:
            Variance a year of customers' rates, relative to their square, that the interval allows for; see
            ``RateDrift``.

        Returns
        -------
        DataFrame
            ``expected_purchases``, ``probability_alive``, ``probability_of_no_purchase``, and with ``interval``
            ``purchases_p05``, ``purchases_p95`` (named by their percent).
        """
        where = self.situation(X)
        table = pd.DataFrame(
            {
                "expected_purchases": self.purchases_in(where, horizon),
                "probability_alive": where.alive,
                "probability_of_no_purchase": self.no_purchase_in(where, horizon),
            },
            index=as_table(X).index,
        )
        if interval is not None:
            survival = self._survival(X, Horizon(horizon), parameter_uncertainty, rate_drift)
            for name, level in interval_names(interval).items():
                table[f"purchases_{name}"] = count_quantile(survival, len(X), level)
        return table

    def _survival(self, X: pd.DataFrame, horizon: Horizon, parameter_uncertainty: bool, rate_drift: float) -> Survival:
        """P(at least n purchases), at the fitted parameters or as a mean over those that are possible."""
        points = self.parameter_points() if parameter_uncertainty else [self._parameters()]
        span = horizon.to(self.time_unit)
        variance = drift_variance(rate_drift, horizon)
        places = [self.situation(X, values).drifted(variance) for values in points]

        def survival(rows: Places, n: Floats) -> Floats:
            parts = [w.alive[rows] * w.law.rows(w.position[rows]).survival(n, span) for w in places]
            return np.asarray(np.mean(parts, axis=0))

        return survival

    def estimate_drift(self, X: pd.DataFrame, purchases: Any, horizon: Horizon) -> RateDrift:
        """How far rates wandered in the ``horizon`` after T, in which the customers bought ``purchases`` (n,).

        It is honest where X ends before the window and the result serves later ones.
        """
        where, window = self.situation(X), Horizon(horizon)
        law, counts = where.law.rows(where.position), np.asarray(purchases, dtype=np.float64)
        return estimate_drift(law, where.alive, counts, window.to(self.time_unit), window.days)

    def simulate_purchases(self, X: pd.DataFrame, horizon: Horizon, *, n_draws: int, seed: int) -> Ints:
        """Purchases in the ``horizon`` after T drawn from the predictive law at the fitted parameters (n_draws, n)."""
        where, generator = self.situation(X), np.random.default_rng(seed)
        span = Horizon(horizon).to(self.time_unit)
        draws = where.law.rows(where.position).simulate(span, n_draws, generator)
        return np.where(generator.random(draws.shape) < where.alive, draws, 0)

    def draw_expected_purchases(
        self, X: pd.DataFrame, horizon: Horizon, *, n_draws: int = 400, seed: int = 0
    ) -> Floats:
        """Posterior draws of each customer's expected purchases in the ``horizon`` after T, (n, draws).

        What is not known of the parameters, without the chance of the customer's own behaviour.
        """
        return expected_purchases_draws(self, X, Horizon(horizon), n_draws, seed)

    def draw_purchases(self, X: pd.DataFrame, horizon: Horizon, *, n_draws: int = 400, seed: int = 0) -> Ints:
        """Predictive draws of each customer's purchases in the ``horizon`` after T, (n, draws): parameters and chance.

        A sum over customers is a draw of the total; ``simulate_purchases`` draws chance alone.
        """
        return purchases_draws(self, X, Horizon(horizon), n_draws, seed)

    def situation(self, X: Table, values: Floats | None = None) -> Situation:
        """Where each customer stands, at the fitted parameters or at others (k,), natural."""
        frequency, recency, T = self._history(X)
        values = self._parameters() if values is None else values
        if self._coefficients():
            parameters = self._row_parameters(values, X)
            position = np.arange(len(X))
            return Situation(
                self._law(parameters, frequency, T), position, self._alive(parameters, frequency, recency, T)
            )
        parameters = values[:, None]
        x, age, position = distinct_pairs(frequency, T)
        return Situation(self._law(parameters, x, age), position, self._alive(parameters, frequency, recency, T))

    @abstractmethod
    def _law(self, parameters: Floats, x: Floats, T: Floats) -> PurchaseLaw:
        """The law of customers who are alive at T, for parameters (4, n) or (4, 1)."""

    @abstractmethod
    def _alive(self, parameters: Floats, x: Floats, recency: Floats, T: Floats) -> Floats:
        """P(alive at T) (n,)."""

    def _discounted(self, law: PurchaseLaw, span: float, force: float) -> Floats:
        """Discounted purchases of customers who are alive (n,), within a span or for ever."""
        return discounted_purchases(law, span, force) if np.isfinite(span) else residual_purchases(law, force)

    def _new(self, X: pd.DataFrame | None) -> Situation:
        n = 1 if X is None else len(X)
        zeros = pd.DataFrame(0.0, index=range(n), columns=["frequency", "recency", "T"])
        if self._coefficients():
            if X is None:
                raise UsageError("the model has covariates: give those of the new customers in X")
            zeros = pd.concat([zeros, X.reset_index(drop=True)[list(self._covariate_names())]], axis=1)
        where = self.situation(zeros)
        return Situation(where.law.rows(where.position), np.arange(n), where.alive)
