"""Customer lifetime value over a horizon: expected purchases times expected value per purchase, and its totals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import pandas as pd
from sklearn.base import clone

from cvo_ml.core.arrays import Floats
from cvo_ml.core.columns import Columns, Table
from cvo_ml.core.errors import BundleError, UsageError
from cvo_ml.core.result import Json, Result
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv.base import FORMAT, interval_names, read_document
from cvo_ml.models.clv.bg_bb import BetaGeoBinomialModel
from cvo_ml.models.clv.bg_nbd import BetaGeoModel, ModifiedBetaGeoModel
from cvo_ml.models.clv.draws import TotalDraws, expected_value_draws, futures
from cvo_ml.models.clv.gamma_gamma import GammaGammaModel
from cvo_ml.models.clv.histories import as_table, numbers
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
        self._remember(X)
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
        rows = Columns.of(as_table(X))
        columns = self.values_in(
            rows,
            self._fitted()[0].situation(rows),
            horizon=horizon,
            discount_rate=discount_rate,
            orders_per_purchase_day=orders_per_purchase_day,
            interval=interval,
            parameter_uncertainty=parameter_uncertainty,
            rate_drift=rate_drift,
            threshold=threshold,
        )
        return pd.DataFrame(columns, index=rows.index, copy=False)

    def values_in(
        self,
        X: Table,
        where: Situation,
        *,
        horizon: Horizon,
        discount_rate: float = 0.0,
        orders_per_purchase_day: float = 1.0,
        interval: float | None = 0.9,
        parameter_uncertainty: bool = False,
        rate_drift: float = 0.0,
        threshold: Any = None,
    ) -> dict[str, Floats]:
        """The columns of ``predict``, (n,) each, of customers whose situation is known."""
        _check_options(discount_rate, orders_per_purchase_day, interval)
        model, horizon = self._fitted()[0], Horizon(horizon)
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
        return columns

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

    def expected_value_new(
        self,
        horizon: Horizon,
        X: pd.DataFrame | None = None,
        *,
        after: Horizon | None = None,
        discount_rate: float = 0.0,
    ) -> Any:
        """Expected value of the repeat purchases of a new customer in [``after``, ``after`` + ``horizon``), currency.

        Time counts from the first purchase, whose own value is not in it; money is discounted to that day. A float;
        with the covariates of new customers in ``X``, an array (n,).
        """
        purchases, value = self._fitted()
        expected = purchases.expected_purchases_new(horizon, X, after=after, discount_rate=discount_rate)
        return expected * value.population_mean_

    def draw_expected_value(
        self, X: pd.DataFrame, horizon: Horizon, *, discount_rate: float = 0.0, n_draws: int = 400, seed: int = 0
    ) -> Floats:
        """Posterior draws of each customer's expected value in the ``horizon``, (n, draws), currency.

        What is not known of the parameters, without the chance of the customer's own behaviour: an interval of the
        expectation. Money is discounted as in ``predict``.
        """
        self._fitted()
        return expected_value_draws(self, X, Horizon(horizon), discount_rate, n_draws, seed)

    def draw_value(
        self, X: pd.DataFrame, horizon: Horizon, *, discount_rate: float = 0.0, n_draws: int = 400, seed: int = 0
    ) -> Floats:
        """Predictive draws of each customer's value in the ``horizon``, (n, draws), currency: parameters and chance.

        Discounted by each customer's mean discount, as the interval of ``predict`` is.
        """
        discount = self._discount(X, Horizon(horizon), discount_rate)
        worth = [value for _, value in futures(self, X, Horizon(horizon), n_draws, seed)]
        return np.column_stack(worth) * discount[:, None]

    def draw_totals(
        self, X: pd.DataFrame, horizon: Horizon, *, discount_rate: float = 0.0, n_draws: int = 400, seed: int = 0
    ) -> TotalDraws:
        """Predictive draws of what all customers together buy and bring in the ``horizon``.

        The sums over customers of ``draw_value`` with the same seed, without a table of all customers in memory.
        """
        discount = self._discount(X, Horizon(horizon), discount_rate)
        sums = [(counts.sum(), worth @ discount) for counts, worth in futures(self, X, Horizon(horizon), n_draws, seed)]
        purchases, value = np.array(sums).T
        return TotalDraws(purchases, value)

    def _discount(self, X: pd.DataFrame, horizon: Horizon, discount_rate: float) -> Floats:
        """Worth now of a unit of each customer's value in the horizon (n,), at the fitted parameters."""
        model = self._fitted()[0]
        if not discount_rate:
            return np.ones(len(X))
        where = model.situation(X)
        purchases, worth = model.purchases_in(where, horizon), model.purchases_in(where, horizon, discount_rate)
        return np.divide(worth, purchases, out=np.ones_like(worth), where=purchases > 0)

    def _predictive(
        self,
        X: Table,
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
        self, X: Table, where: Situation, horizon: Horizon, parameters: Floats | None = None
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
        self, X: Table, where: Situation, horizon: Horizon, parameters: Floats | None = None
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
