"""Customer lifetime value over a horizon: expected purchases times expected value per purchase, and its totals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from sklearn.base import clone

from cvo_ml.core.arrays import Floats, Numbers
from cvo_ml.core.errors import BundleError, ContractError, UsageError
from cvo_ml.core.result import Json, Result
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv.base import FORMAT, interval_names, read_document
from cvo_ml.models.clv.bg_bb import BetaGeoBinomialModel
from cvo_ml.models.clv.bg_nbd import BetaGeoModel, ModifiedBetaGeoModel
from cvo_ml.models.clv.gamma_gamma import GammaGammaModel
from cvo_ml.models.clv.histories import numbers
from cvo_ml.models.clv.pareto_nbd import ParetoNBDModel
from cvo_ml.models.clv.purchase_model import PurchaseModel, Situation
from cvo_ml.models.clv.uncertainty import drift_variance
from cvo_ml.models.clv.value_interval import PredictiveValue, TabulatedValue, ValueLaw
from cvo_ml.models.estimator import Estimator, NotFitted, unfitted

PURCHASE_MODELS: Final[tuple[type[PurchaseModel], ...]] = (
    BetaGeoModel, ModifiedBetaGeoModel, ParetoNBDModel, BetaGeoBinomialModel,
)  # fmt: skip


@dataclass(frozen=True)
class LifetimeDocument(Result):
    """Both fitted models as they are written."""

    format: int
    model: str
    transactions: Mapping[str, Json]
    value: Mapping[str, Json]


class CustomerLifetimeValue(Estimator):
    """The two models together, fitted on the same customer table.

    Parameters
    ----------
    transactions:
        Model of purchase periods; a ``BetaGeoModel`` in days if None.
    value:
        Model of the value per purchase period; a ``GammaGammaModel`` if None.

    Attributes
    ----------
    transactions_, value_ :
        The fitted models, each with its own ``status_``.

    Examples
    --------
    >>> rng = np.random.default_rng(7)
    >>> X = pd.DataFrame({"frequency": rng.poisson(1.2, 3000), "T": 300.0})
    >>> X["recency"] = X["T"] * rng.beta(X["frequency"] + 1e-9, 1.5) * (X["frequency"] > 0)
    >>> X["monetary_value"] = rng.gamma(5, 4, 3000) * (X["frequency"] > 0)
    >>> clv = CustomerLifetimeValue().fit(X)
    >>> clv.predict(X, horizon=Horizon("1Y")).columns[:2].tolist()
    ['predicted_number_of_orders', 'predicted_clv']
    """

    def __init__(self, transactions: PurchaseModel | None = None, value: GammaGammaModel | None = None) -> None:
        self.transactions = transactions
        self.value = value

    def fit(self, X: pd.DataFrame, y: Any = None, *, sample_weight: Any = None) -> Self:
        """Fit both models.

        Parameters
        ----------
        X:
            Columns ``frequency, recency, T, monetary_value``; (n, >= 4).
        sample_weight:
            Customers per row (n,), >= 0.

        Raises
        ------
        ContractError
            If X breaks its contract.
        ModelRefused
            If either model refuses.
        """
        transactions: PurchaseModel = unfitted(self.transactions, PurchaseModel, "transactions", BetaGeoModel)
        value = unfitted(self.value, GammaGammaModel, "value", GammaGammaModel)
        self.transactions_: PurchaseModel = transactions.fit(X, sample_weight=sample_weight)
        self.value_: GammaGammaModel = value.fit(X, sample_weight=sample_weight)
        return self

    @classmethod
    def of(cls, transactions: PurchaseModel, value: GammaGammaModel) -> Self:
        """Two fitted models together."""
        model = cls(clone(transactions), clone(value))
        model.transactions_, model.value_ = transactions, value
        return model

    def residual_value(self, X: pd.DataFrame, *, discount_rate: float) -> Floats:
        """Expected value of the whole rest of each customer's life (n,), currency, discounted at an annual rate > 0."""
        purchases = self._fitted()[0].residual_purchases(X, discount_rate=discount_rate)
        return purchases * self.value_.expected_average_value(X)

    def predict(
        self,
        X: pd.DataFrame,
        *,
        horizon: Horizon,
        discount_rate: float = 0.0,
        orders_per_purchase_day: float = 1.0,
        interval: float | None = 0.9,
        parameter_uncertainty: bool = False,
        rate_drift: float = 0.0,
        threshold: Any = None,
    ) -> pd.DataFrame:
        """Expected value of each customer in [now, now + horizon), now being the end of T.

        Parameters
        ----------
        horizon:
            How far to look.
        discount_rate:
            Annual and effective, >= 0 (0.1 = 10 % a year of 365.25 days), in continuous time: money that comes s years
            from now is worth (1 + discount_rate)^−s.
        orders_per_purchase_day:
            Orders per purchase period, >= 1: the models count periods. It converts the number of orders and the
            average order value, and cancels in the CLV.
        interval:
            Probability of the central predictive interval, in (0, 1); None leaves it out. It holds the chance of the
            customer's own behaviour at the fitted parameters.
        parameter_uncertainty:
            Whether the interval holds the uncertainty of the parameters as well: some ten times the work, and worth
            it for small shops (below about 2,000 repeat customers).
        rate_drift:
            Variance a year of customers' rates, relative to their square, that interval and threshold allow for:
            0 = constant rates. ``PurchaseModel.estimate_drift`` learns it.
        threshold:
            Currency, a number or array (n,): adds ``p_value_above``, see ``probability_value_above``.

        Returns
        -------
        DataFrame
            Indexed as X: ``predicted_number_of_orders`` (not discounted), ``predicted_clv`` (currency, discounted),
            ``p_alive``, ``average_order_value_expected`` (currency) and the interval's ends, named by their percent:
            ``predicted_clv_p05``, ``predicted_clv_p95`` (currency, discounted like the mean).
        """
        _check_options(discount_rate, orders_per_purchase_day, interval)
        model, horizon = self._fitted()[0], Horizon(horizon)
        where = model.situation(X)
        purchases = model.purchases_in(where, horizon)
        worth = model.purchases_in(where, horizon, discount_rate) if discount_rate else purchases
        value = self.value_.expected_average_value(X)
        columns = {
            "predicted_number_of_orders": purchases * orders_per_purchase_day,
            "predicted_clv": worth * value,
            "p_alive": where.alive,
            "average_order_value_expected": value / orders_per_purchase_day,
        }
        if interval is not None or threshold is not None:
            discount = np.divide(worth, purchases, out=np.ones_like(worth), where=purchases > 0)
            uncertain = parameter_uncertainty and interval is not None
            chances = self._predictive(X, where, horizon, rate_drift, discount, uncertain)
            columns |= _interval_columns(chances, interval)
            if threshold is not None:
                columns["p_value_above"] = chances.exceedance(_amounts(threshold, len(X)))
        return pd.DataFrame(columns, index=X.index, copy=False)

    def probability_value_above(
        self, X: pd.DataFrame, horizon: Horizon, threshold: Any, *, discount_rate: float = 0.0
    ) -> Floats:
        """P(value in [now, now + horizon) > ``threshold``) of each customer (n,), from the same law as the interval.

        Parameters
        ----------
        threshold:
            Currency, discounted like the value; a number or array (n,), >= 0. At 0: P(any purchase).
        """
        table = self.predict(X, horizon=horizon, discount_rate=discount_rate, interval=None, threshold=threshold)
        return table["p_value_above"].to_numpy(dtype=np.float64)

    def _predictive(
        self,
        X: pd.DataFrame,
        where: Situation,
        horizon: Horizon,
        rate_drift: float,
        discount: Floats,
        parameter_uncertainty: bool,
    ) -> PredictiveValue:
        """What the value may be: at the fitted parameters, and over the possible ones."""
        model, variance = self.transactions_, drift_variance(rate_drift, horizon)
        fitted = self._tabulated(X, where.drifted(variance), horizon)
        possible = [
            self._tabulated(X, model.situation(X, purchases).drifted(variance), horizon, value)
            for purchases, value in (self._points() if parameter_uncertainty else ())
        ]
        return PredictiveValue(fitted, possible, discount)

    def _tabulated(
        self, X: pd.DataFrame, where: Situation, horizon: Horizon, parameters: Floats | None = None
    ) -> tuple[TabulatedValue, Floats]:
        law, scale = self._value_law(X, where, horizon, parameters)
        return law.tabulated(), scale

    def _points(self) -> list[tuple[Floats, Floats]]:
        """Equally weighted parameters of both models that stand for what is not known of them.

        The cubature rule is over both sets at once: each point moves along one direction, √(number of parameters)
        standard deviations far.
        """
        purchases, value = self.transactions_._parameters(), self.value_._parameters()
        stretch = np.sqrt(1.0 + len(value) / len(purchases)), np.sqrt(1.0 + len(purchases) / len(value))
        points = [(moved, value) for moved in self.transactions_.parameter_points(stretch[0])]
        return points + [(purchases, moved) for moved in self.value_.parameter_points(stretch[1])]

    def _value_law(
        self, X: pd.DataFrame, where: Situation, horizon: Horizon, parameters: Floats | None = None
    ) -> tuple[ValueLaw, Floats]:
        """Law of the undiscounted value divided by the posterior scale v + xm, and that scale (n,), currency."""
        p, q, v = self.value_._parameters() if parameters is None else parameters
        frequency, money = numbers(X, "frequency"), numbers(X, "monetary_value", nan_allowed=True)
        known = np.where(np.isnan(money), 0.0, frequency)
        spend = v + np.where(known > 0, known * money, 0.0)
        span = Horizon(horizon).to(self.transactions_.time_unit)
        return ValueLaw(where.law, where.position, where.alive, q + p * known, span, float(p)), spend

    def to_json(self) -> dict[str, Json]:
        """Both fitted models as plain JSON types."""
        transactions, value = self._fitted()
        document = LifetimeDocument(FORMAT, type(self).__name__, transactions.to_json(), value.to_json())
        return document.to_json()

    @classmethod
    def from_json(cls, document: Json) -> Self:
        """The model that ``to_json`` wrote, from its values or JSON text.

        Raises
        ------
        BundleError
            If the document is foreign, of a newer format, incomplete, or holds a number that is not finite.
        """
        content = read_document(document, cls.__name__)
        model = cls()
        model.transactions_ = _purchase_model(content.get("transactions"))
        model.value_ = GammaGammaModel.from_json(content.get("value", {}))
        model.transactions, model.value = clone(model.transactions_), clone(model.value_)
        return model

    def _fitted(self) -> tuple[PurchaseModel, GammaGammaModel]:
        if not hasattr(self, "value_"):
            raise NotFitted.of(self)
        return self.transactions_, self.value_


def _purchase_model(document: Json) -> PurchaseModel:
    """The model of purchases that a document holds, by its name."""
    name = document.get("model") if isinstance(document, Mapping) else None
    for kind in PURCHASE_MODELS:
        if kind.__name__ == name:
            return kind.from_json(document)
    raise BundleError(f"the document's model of purchases is {name!r}, which this version does not know")


def _interval_columns(chances: PredictiveValue, interval: float | None) -> dict[str, Floats]:
    """Both ends of the central interval, by their percent."""
    if interval is None:
        return {}
    levels = interval_names(interval)
    ends = chances.quantiles(np.array(list(levels.values())))
    return {f"predicted_clv_{name}": end for name, end in zip(levels, ends, strict=True)}


def _amounts(threshold: Any, n: int) -> Floats:
    """Amounts >= 0, one per customer (n,)."""
    limit = np.asarray(threshold, dtype=np.float64)
    if limit.shape not in ((), (n,)) or not np.all(np.isfinite(limit) & (limit >= 0)):
        raise UsageError("threshold must hold finite amounts >= 0, one for all or one for each customer")
    return np.broadcast_to(limit, (n,))


def _check_options(discount_rate: float, orders_per_purchase_day: float, interval: float | None) -> None:
    if not (np.isfinite(discount_rate) and discount_rate >= 0):
        raise UsageError(f"discount_rate is {discount_rate}: give an annual rate >= 0, such as 0.1")
    if not (np.isfinite(orders_per_purchase_day) and orders_per_purchase_day >= 1):
        raise UsageError(f"orders_per_purchase_day is {orders_per_purchase_day}: give a number >= 1")
    if interval is not None:
        interval_names(interval)


def totals_by_segment(
    model: CustomerLifetimeValue,
    X: pd.DataFrame,
    segments: Any,
    horizon: Horizon,
    *,
    interval: float = 0.9,
    n_draws: int = 400,
    seed: int = 0,
) -> pd.DataFrame:
    """Purchase periods and value of each segment in the horizon, undiscounted, with predictive intervals.

    Each draw takes parameters from their sampling law and then a future of every customer, so chance and ignorance of
    the parameters (which all customers share, and which does not average out) are both in the interval.

    Parameters
    ----------
    segments:
        A label per customer (n,).
    n_draws, seed:
        Simulated futures; the interval's ends have an error of about a tenth of its width at 400.

    Returns
    -------
    DataFrame
        Indexed by segment, and ``total``: ``customers``, ``predicted_purchases``, ``predicted_value`` (currency) with
        the ends of both intervals, such as ``predicted_value_p05``.

    Raises
    ------
    ContractError
        If a customer has no segment.
    UsageError
        With fewer than two draws.
    """
    labels = pd.Categorical(np.asarray(segments))
    if len(labels) != len(X):
        raise ContractError(f"there are {len(labels)} segments for {len(X)} customers", "give one for each customer")
    if (labels.codes < 0).any():
        raise ContractError("a customer has no segment", "name it, such as 'none'")
    if n_draws < 2:
        raise UsageError(f"n_draws is {n_draws}: give at least 2")
    names = interval_names(interval)
    purchases, value = _draws(model, X, labels.codes, len(labels.categories), Horizon(horizon), n_draws, seed)
    expected = model.predict(X, horizon=horizon, interval=None)
    table = pd.DataFrame(index=pd.Index([*labels.categories, "total"], name="segment"))
    table["customers"] = _sums(np.ones(len(X)), labels.codes, len(labels.categories)).astype(int)
    columns = {"purchases": ("predicted_number_of_orders", purchases), "value": ("predicted_clv", value)}
    for name, (column, draws) in columns.items():
        means = expected[column].to_numpy(dtype=np.float64)
        table[f"predicted_{name}"] = _sums(means, labels.codes, len(labels.categories))
        for end, level in names.items():
            table[f"predicted_{name}_{end}"] = np.quantile(draws, level, axis=0)
    return table


def _draws(
    model: CustomerLifetimeValue,
    X: pd.DataFrame,
    codes: Numbers,
    n_segments: int,
    horizon: Horizon,
    n_draws: int,
    seed: int,
) -> tuple[Floats, Floats]:
    """Simulated totals of purchases and value, each (n_draws, segments + 1)."""
    generator = np.random.default_rng(seed)
    frequency, money = numbers(X, "frequency"), numbers(X, "monetary_value", nan_allowed=True)
    known = np.where(np.isnan(money), 0.0, frequency)
    spend = np.where(known > 0, known * np.nan_to_num(money), 0.0)
    span = horizon.to(model.transactions_.time_unit)
    result = np.empty((2, n_draws, n_segments + 1))
    draws = zip(
        model.transactions_.draw_parameters(n_draws, generator),
        model.value_.draw_parameters(n_draws, generator),
        strict=True,
    )
    for i, (purchase_parameters, (p, q, v)) in enumerate(draws):
        where = model.transactions_.situation(X, purchase_parameters)
        counts = where.law.rows(where.position).simulate(span, 1, generator)[0]
        counts = np.where(generator.random(len(counts)) < where.alive, counts, 0)
        buyers = np.flatnonzero(counts)
        worth = np.zeros(len(counts))
        rate = generator.gamma(q + p * known[buyers]) / (v + spend[buyers])
        worth[buyers] = generator.gamma(p * counts[buyers]) / np.maximum(rate, 1e-300)
        result[0, i] = _sums(counts.astype(np.float64), codes, n_segments)
        result[1, i] = _sums(worth, codes, n_segments)
    return result[0], result[1]


def _sums(values: Floats, codes: Numbers, n_segments: int) -> Floats:
    """Sum of each segment, and of all."""
    return np.append(np.bincount(codes, weights=values, minlength=n_segments), values.sum())
