"""lifetimes' fitters: its methods and attributes over this package's models."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Self

import numpy as np
import pandas as pd
from scipy.special import betaln, gammaln

from cvo_ml.compat.lifetimes.base import FEWEST, AnswerForm, BaseFitter, check_inputs, data_frame, say_unused
from cvo_ml.compat.lifetimes.penalty import penalized
from cvo_ml.core.arrays import Floats
from cvo_ml.core.models import CLV
from cvo_ml.models.clv import (
    BetaGeoBinomialModel,
    BetaGeoModel,
    GammaGammaModel,
    ModifiedBetaGeoModel,
    ParetoNBDModel,
    SpendHistories,
    group_histories,
)
from cvo_ml.models.clv.gamma_gamma import GammaGammaLikelihood
from cvo_ml.models.clv.purchase_model import PurchaseModel, Situation

#: Months of lifetimes' ``customer_lifetime_value`` in each unit of T.
PER_MONTH: Final = {"W": 4.345, "M": 1.0, "D": 30, "H": 30 * 24, "h": 30 * 24}


class ConditionalFitter(BaseFitter):
    """What the models of purchases share: answers about customers with a history."""

    _model: ClassVar[type[PurchaseModel]]

    def _asked(self, t: Any, frequency: Any, recency: Any, T: Any) -> tuple[Floats, Situation, Any]:
        """The spans, where each customer stands, and what gives the answer the form of the arguments."""
        model = self._fitted()
        span, x, t_x, age = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (t, frequency, recency, T)))
        like = AnswerForm(span, t, frequency, recency, T)
        span, x, t_x, age = (values.ravel() for values in (span, x, t_x, age))
        parameters = model._parameters()[:, None]
        where = Situation(model._law(parameters, x, age), np.arange(len(x)), model._alive(parameters, x, t_x, age))
        return span, where, like


class ContinuousTimeFitter(ConditionalFitter):
    """What the models of purchases in continuous time share."""

    def fit(
        self, frequency: Any, recency: Any, T: Any, weights: Any = None, *ignored: Any, index: Any = None,
        **more: Any,
    ) -> Self:  # fmt: skip
        """Fit by maximum likelihood.

        Parameters
        ----------
        frequency, recency, T:
            Repeat purchases, and times since the first purchase, in any one unit (n,).
        weights:
            Customers per row (n,).
        index:
            Of ``data``.

        Raises
        ------
        ValueError
            If the histories are impossible, with lifetimes' words.
        ModelRefused
            If there are too few repeat customers.
        """
        say_unused({**dict.fromkeys(map(str, ignored)), **more})
        x, t_x, age = (np.asarray(values, dtype=np.float64) for values in (frequency, recency, T))
        count = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
        check_inputs(x, t_x, age)
        self.data = data_frame(
            {"frequency": x.astype(int), "recency": t_x, "T": age, "weights": count}, frequency, index
        )
        model = self._model(minimum_repeat_customers=FEWEST)
        frame = self.data.astype("float64").reset_index(drop=True)
        if self.penalizer_coef:
            histories = group_histories(x, t_x, age, count)
            self.model_ = penalized(model, model._likelihood(histories), histories.n_customers, self._scaled(age),
                                    model._start(histories), self.penalizer_coef)  # fmt: skip
        else:
            self.model_ = model.fit(frame, sample_weight=count)
        self._warn_of_fallback()
        return self

    def _scaled(self, age: Floats) -> Floats:
        """What each parameter is multiplied by before it is penalized: lifetimes measures time in the largest T."""
        scale = {"alpha": 1.0 / age.max(), "beta": 1.0 / age.max()}
        return np.array([scale.get(name, 1.0) for name in self._model.prior.names])

    def conditional_expected_number_of_purchases_up_to_time(self, t: Any, frequency: Any, recency: Any, T: Any) -> Any:
        """Expected purchases in the time ``t`` after T, given the history; arguments broadcast."""
        span, where, like = self._asked(t, frequency, recency, T)
        law = where.law.rows(where.position)
        return like(where.alive * law.expected(span[None, :])[0])

    predict = conditional_expected_number_of_purchases_up_to_time

    def conditional_probability_alive(self, frequency: Any, recency: Any, T: Any) -> Any:
        """P(alive at T); an array, as in lifetimes."""
        _, where, like = self._asked(0.0, frequency, recency, T)
        return np.atleast_1d(like(where.alive))

    def conditional_probability_alive_matrix(
        self, max_frequency: int | None = None, max_recency: int | None = None
    ) -> Floats:
        """P(alive) of customers of age ``max_recency``, (recency, frequency) from 0 on."""
        x, t_x, age = self._grid(max_frequency, max_recency)
        return np.asarray(self.conditional_probability_alive(x, t_x, age)).reshape(x.shape)

    def expected_number_of_purchases_up_to_time(self, t: Any) -> Any:
        """Expected repeat purchases of a new customer within ``t``."""
        spans = np.asarray(t, dtype=np.float64)
        expected = np.zeros(spans.size)
        later = spans.ravel() > 0
        if later.any():
            expected[later] = self._fitted().expected_curve_new(spans.ravel()[later])
        return AnswerForm(spans, t)(expected)

    def _grid(self, max_frequency: int | None, max_recency: int | None) -> tuple[Floats, Floats, Floats]:
        """Every history of customers of one age, (recency, frequency); impossible ones too, as lifetimes shows them."""
        most, oldest = max_frequency or int(self.data["frequency"].max()), max_recency or int(self.data["T"].max())
        recency, frequency = np.mgrid[0.0 : oldest + 1, 0.0 : most + 1]
        return frequency, recency, np.full(frequency.shape, float(oldest))


class BetaGeoFitter(ContinuousTimeFitter):
    """BG/NBD (Fader, Hardie & Lee 2005): ``r, alpha, a, b``.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> frequency, T = rng.poisson(1.2, 3000), np.full(3000, 300.0)
    >>> recency = T * rng.beta(frequency + 1e-9, 1.5) * (frequency > 0)
    >>> bgf = BetaGeoFitter(penalizer_coef=0.0).fit(frequency, recency, T)
    >>> list(bgf.params_.index), len(bgf.predict(90, frequency, recency, T))
    (['r', 'alpha', 'a', 'b'], 3000)
    """

    _model = BetaGeoModel

    def probability_of_n_purchases_up_to_time(self, t: float, n: Any) -> Any:
        """P(a new customer makes exactly ``n`` repeat purchases within ``t``)."""
        model = self._fitted()
        where, counts = model._new(None), np.asarray(n, dtype=np.float64)
        mass = where.alive * where.law.pmf(counts.ravel(), float(t))
        return AnswerForm(counts, n)(mass + np.where(counts.ravel() == 0, 1.0 - where.alive, 0.0))

    def generate_new_data(self, size: int = 1, seed: int | None = None) -> pd.DataFrame:
        """Histories of ``size`` customers drawn from the fitted law, with the ages of those fitted to."""
        r, alpha, a, b = self._unload_params("r", "alpha", "a", "b")
        rng = np.random.default_rng(seed)
        rate = rng.gamma(r, 1.0 / alpha, size)
        leaving = rng.beta(a, b, size)
        at_first = self._model is ModifiedBetaGeoModel
        ages = _ages(self.data["T"], size)
        return _histories(ages, rate, lambda i: _chances(rng, float(leaving[i]), at_first), rng).assign(
            **{"lambda": rate, "p": leaving}
        )


class ModifiedBetaGeoFitter(BetaGeoFitter):
    """MBG/NBD (Batislam, Denizel & Filiztekin 2007): ``r, alpha, a, b``."""

    _model = ModifiedBetaGeoModel


class ParetoNBDFitter(ContinuousTimeFitter):
    """Pareto/NBD (Schmittlein, Morrison & Colombo 1987): ``r, alpha, s, beta``."""

    _model = ParetoNBDModel

    def conditional_probability_of_n_purchases_up_to_time(
        self, n: int, t: float, frequency: Any, recency: Any, T: Any
    ) -> Any:
        """P(exactly ``n`` purchases in the time ``t`` after T), given the history."""
        _, where, like = self._asked(0.0, frequency, recency, T)
        law = where.law.rows((slice(None), None))
        mass = where.alive * law.pmf(np.atleast_1d(float(n)), float(t))[:, 0]
        return like(mass + (1.0 - where.alive if n == 0 else 0.0))

    def generate_new_data(self, size: int = 1, seed: int | None = None) -> pd.DataFrame:
        """Histories of ``size`` customers drawn from the fitted law, with the ages of those fitted to."""
        r, alpha, s, beta = self._unload_params("r", "alpha", "s", "beta")
        rng = np.random.default_rng(seed)
        rate = rng.gamma(r, 1.0 / alpha, size)
        mu = rng.gamma(s, 1.0 / beta, size)
        ages = _ages(self.data["T"], size)
        active = np.minimum(ages, rng.exponential(1.0, size) / mu)
        return _histories(ages, rate, lambda i: None, rng, active).assign(**{"lambda": rate, "mu": mu})


class BetaGeoBetaBinomFitter(ConditionalFitter):
    """BG/BB (Fader, Hardie & Shang 2010) in opportunities: ``alpha, beta, gamma, delta``."""

    _model = BetaGeoBinomialModel

    def fit(
        self, frequency: Any, recency: Any, n_periods: Any, weights: Any = None, *ignored: Any, index: Any = None,
        **more: Any,
    ) -> Self:  # fmt: skip
        """Fit by maximum likelihood.

        Parameters
        ----------
        frequency, recency:
            Opportunities that were used, and the last one of them (n,).
        n_periods:
            Opportunities that there were, (n,) or one number.
        """
        say_unused({**dict.fromkeys(map(str, ignored)), **more})
        x, t_x = (np.asarray(values, dtype=np.float64) for values in (frequency, recency))
        n = np.broadcast_to(np.asarray(n_periods, dtype=np.float64), x.shape)
        count = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
        check_inputs(x, t_x, n)
        columns = {"frequency": x.astype(int), "recency": t_x.astype(int), "n_periods": n.astype(int), "weights": count}
        self.data = data_frame(columns, frequency, index)
        model = BetaGeoBinomialModel(minimum_repeat_customers=FEWEST)
        if self.penalizer_coef:
            histories = group_histories(x, t_x, n, count)
            self.model_ = penalized(model, model._likelihood(histories), histories.n_customers, np.ones(4),
                                    model._start(histories), self.penalizer_coef)  # fmt: skip
        else:
            frame = pd.DataFrame({"frequency": x, "recency": t_x, "T": n})
            self.model_ = model.fit(frame, sample_weight=count)
        self._warn_of_fallback()
        return self

    def conditional_expected_number_of_purchases_up_to_time(
        self, m_periods_in_future: Any, frequency: Any, recency: Any, n_periods: Any
    ) -> Any:
        """Expected purchases in the next ``m_periods_in_future`` opportunities, given the history (eq. 13)."""
        span, where, like = self._asked(m_periods_in_future, frequency, recency, n_periods)
        law = where.law.rows(where.position)
        return like(where.alive * law.expected(span[None, :])[0])

    predict = conditional_expected_number_of_purchases_up_to_time

    def conditional_probability_alive(
        self, m_periods_in_future: Any, frequency: Any, recency: Any, n_periods: Any
    ) -> Any:
        """P(alive ``m_periods_in_future`` opportunities from now), given the history (eq. A10)."""
        span, where, like = self._asked(m_periods_in_future, frequency, recency, n_periods)
        gamma, delta = self._unload_params("gamma", "delta")
        n = np.broadcast_to(np.asarray(n_periods, dtype=np.float64), like.shape).ravel()
        lasting = np.exp(betaln(gamma, delta + n + span) - betaln(gamma, delta + n))
        return like(where.alive * lasting)

    def expected_number_of_transactions_in_first_n_periods(self, n: int) -> pd.DataFrame:
        """Customers that are expected to use x of the first ``n`` opportunities, by ``frequency`` (eq. 7)."""
        alpha, beta, gamma, delta = self._unload_params("alpha", "beta", "gamma", "delta")
        customers = self.data.groupby("frequency")["weights"].sum()
        x = customers.index.to_numpy(dtype=np.float64)
        until = np.arange(n + 1.0)[:, None]  # left after so many opportunities, or still there after all
        ways = gammaln(until + 1) - gammaln(x + 1) - gammaln(np.maximum(until - x, 0) + 1)
        used = betaln(alpha + x, beta + np.maximum(until - x, 0)) - betaln(alpha, beta)
        left = np.where(until < n, betaln(gamma + 1, delta + until), betaln(gamma, delta + n)) - betaln(gamma, delta)
        chance = np.where(until >= x, np.exp(ways + used + left), 0.0).sum(axis=0)
        return pd.DataFrame({"model": chance * customers.sum()}, index=pd.Index(customers.index, name="frequency"))


class GammaGammaFitter(BaseFitter):
    """Gamma-Gamma (Fader & Hardie 2013): ``p, q, v``."""

    _model = GammaGammaModel

    def fit(
        self, frequency: Any, monetary_value: Any, weights: Any = None, *ignored: Any, index: Any = None,
        q_constraint: bool = False, **more: Any,
    ) -> Self:  # fmt: skip
        """Fit by maximum likelihood to customers with repeat purchases.

        Parameters
        ----------
        monetary_value:
            Mean value of the repeat purchases (n,), > 0.
        q_constraint:
            As in lifetimes; here q <= 1 never leads to negative values, with it or without.
        """
        say_unused({**dict.fromkeys(map(str, ignored)), **more})
        x, value = (np.asarray(values, dtype=np.float64) for values in (frequency, monetary_value))
        count = np.ones(len(x)) if weights is None else np.asarray(weights, dtype=np.float64)
        check_inputs(x, monetary_value=value)
        self.data = data_frame({"monetary_value": value, "frequency": x, "weights": count}, frequency, index)
        model = GammaGammaModel(minimum_repeat_customers=FEWEST)
        frame = pd.DataFrame({"frequency": x, "monetary_value": value})
        fitted = model.fit(frame, sample_weight=count)
        if self.penalizer_coef:
            used = x > 0
            spend = SpendHistories(x[used], value[used], count[used])
            likelihood = GammaGammaLikelihood(spend.frequency, spend.monetary_value, spend.count)
            fitted = penalized(model, likelihood, spend.n_customers, np.ones(3), fitted._parameters(),
                               self.penalizer_coef)  # fmt: skip
            fitted._settle_population_mean(float(np.average(value[used], weights=count[used] * x[used])))
        self.model_ = fitted
        self._warn_of_fallback()
        return self

    def conditional_expected_average_profit(self, frequency: Any = None, monetary_value: Any = None) -> Any:
        """Expected value per purchase, given the customer's own mean (eq. 5)."""
        given = (self.data["frequency"] if frequency is None else frequency,
                 self.data["monetary_value"] if monetary_value is None else monetary_value)  # fmt: skip
        x, value = np.broadcast_arrays(*(np.asarray(values, dtype=np.float64) for values in given))
        frame = pd.DataFrame({"frequency": x.ravel(), "monetary_value": value.ravel()})
        return AnswerForm(x, *given)(self._fitted().expected_average_value(frame))

    def customer_lifetime_value(
        self, transaction_prediction_model: Any, frequency: Any, recency: Any, T: Any, monetary_value: Any,
        time: int = 12, discount_rate: float = 0.01, freq: str = "D",
    ) -> pd.Series:  # fmt: skip
        """Discounted value of each customer in the next months, counted at the end of each.

        Parameters
        ----------
        transaction_prediction_model:
            A fitter of this module.
        time:
            Months.
        discount_rate:
            A month, effective.
        freq:
            Unit of T: D, W, M, h.
        """
        worth = self.conditional_expected_average_profit(frequency, monetary_value)
        months = np.arange(1, int(time) + 1)
        ends = [transaction_prediction_model.predict(m * PER_MONTH[freq], frequency, recency, T) for m in (0, *months)]
        bought = np.diff(np.stack([np.asarray(end, dtype=np.float64) for end in ends]), axis=0)
        total = (bought / (1.0 + discount_rate) ** months[:, None]).sum(axis=0) * np.asarray(worth)
        return pd.Series(total, index=getattr(frequency, "index", None), name=CLV.name)


def _ages(T: pd.Series, size: int) -> Floats:
    return np.resize(T.to_numpy(dtype=np.float64), size)


def _chances(rng: np.random.Generator, leaving: float, at_first: bool) -> Any:
    """Whether a customer leaves after a purchase; the first one counts where the model says so."""
    return (lambda: rng.random() < leaving), at_first


def _histories(
    ages: Floats, rate: Floats, departure: Any, rng: np.random.Generator, active: Floats | None = None
) -> pd.DataFrame:
    """Purchases one by one until each customer leaves or its time is over."""
    rows = []
    for i, (age, speed) in enumerate(zip(ages, rate, strict=True)):
        end, leaves, (count, last) = age if active is None else active[i], departure(i), (0, 0.0)
        alive = not (leaves is not None and leaves[1] and leaves[0]())
        clock = rng.exponential(1.0 / speed)
        while alive and clock <= end:
            count, last = count + 1, clock
            alive = leaves is None or not leaves[0]()
            clock += rng.exponential(1.0 / speed)
        rows.append((count, last, age, alive and (active is None or active[i] >= age), i))
    return pd.DataFrame(rows, columns=["frequency", "recency", "T", "alive", "customer_id"])
