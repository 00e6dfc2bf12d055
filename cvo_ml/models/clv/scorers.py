"""CLV models as they travel in bundles: one face for the fitted models and for the formula."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.core.errors import UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv.beta_geo import BetaGeoModel, ModifiedBetaGeoModel
from cvo_ml.models.clv.covariate_coding import CovariateCoding
from cvo_ml.models.clv.formula import clv_formula, last_period_repeated
from cvo_ml.models.clv.lifetime_value import CustomerLifetimeValue
from cvo_ml.models.clv.pareto_nbd import ParetoNBDModel
from cvo_ml.models.clv.purchase_model import PurchaseModel

#: What every scorer returns, indexed like its input.
OUTPUTS: Final = (
    "predicted_number_of_orders", "predicted_clv", "predicted_clv_p05", "predicted_clv_p95", "p_alive", "p_top_decile",
    "days_to_next_order",
)  # fmt: skip


class BuyTillYouDie:
    """BG/NBD purchases x Gamma-Gamma value, with the shop's orders per purchase day.

    Its subclasses hold other models of purchases.

    Parameters
    ----------
    model:
        A fitted ``CustomerLifetimeValue`` in days.
    orders_per_purchase_day:
        >= 1: the model counts purchase days, Scores count orders.
    reference_p90:
        90th percentile (currency) of the value in the horizon among the customers of a reference date; None = not
        known, then ``p_top_decile`` is null.
    rate_drift:
        As for ``CustomerLifetimeValue.predict``.
    coding:
        Of the model's covariates, where it has some.
    """

    kind: ClassVar[str] = "clv.bg_nbd_gamma_gamma"
    purchases: ClassVar[type[PurchaseModel]] = BetaGeoModel
    HISTORY: ClassVar[tuple[str, ...]] = ("frequency", "recency", "T", "monetary_value")

    def __init__(
        self,
        model: CustomerLifetimeValue,
        orders_per_purchase_day: float = 1.0,
        reference_p90: float | None = None,
        rate_drift: float = 0.0,
        coding: CovariateCoding | None = None,
    ) -> None:
        if type(model.transactions_) is not self.purchases:
            raise UsageError(
                f"{self.kind} holds a {self.purchases.__name__}, not a {type(model.transactions_).__name__}"
            )
        if reference_p90 is not None and not (np.isfinite(reference_p90) and reference_p90 >= 0):
            raise UsageError(f"reference_p90 is {reference_p90}: give an amount >= 0, or None")
        if not (np.isfinite(rate_drift) and rate_drift >= 0):
            raise UsageError(f"rate_drift is {rate_drift}: give a variance a year >= 0, 0 for constant rates")
        self.model, self.orders_per_purchase_day, self.reference_p90 = model, orders_per_purchase_day, reference_p90
        self.rate_drift, self.coding = rate_drift, coding

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame to score must have."""
        return self.HISTORY if self.coding is None else (*self.HISTORY, *self.coding.columns)

    def prepared(self, X: pd.DataFrame) -> pd.DataFrame:
        """X with the model's covariates."""
        return X if self.coding is None else self.coding.coded(X)

    def predict(self, X: pd.DataFrame, *, horizon: Horizon, discount_rate: float = 0.0) -> pd.DataFrame:
        """The columns of ``OUTPUTS`` for each row of an RFM summary in days.

        ``p_top_decile`` is P(value in the horizon > ``reference_p90``). ``days_to_next_order`` is the median time from
        the end of T, null where the customer more likely never orders again.
        """
        X = self.prepared(X)
        predicted = self.model.predict(
            X,
            horizon=horizon,
            discount_rate=discount_rate,
            orders_per_purchase_day=self.orders_per_purchase_day,
            rate_drift=self.rate_drift,
            threshold=self.reference_p90,
        )
        median = self.model.transactions_.expected_time_of_next_purchase(X, quantiles=(0.5,))[0]
        predicted["p_top_decile"] = np.nan if self.reference_p90 is None else predicted["p_value_above"]
        predicted["days_to_next_order"] = np.where(np.isfinite(median), median, np.nan)
        return predicted[list(OUTPUTS)]

    def to_parts(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The parameters as JSON-ready values; there are no files."""
        return {
            "model": self.model.to_json(),
            "orders_per_purchase_day": self.orders_per_purchase_day,
            "reference_p90": self.reference_p90,
            "rate_drift": self.rate_drift,
            "coding": None if self.coding is None else self.coding.to_json(),
            "features": list(self.columns),
        }, {}

    @classmethod
    def from_parts(cls, parameters: Mapping[str, Any], files: Mapping[str, str]) -> Self:
        """Rebuild from what ``to_parts`` gave."""
        p90, coding = parameters.get("reference_p90"), parameters.get("coding")  # earlier versions do not have them
        return cls(
            CustomerLifetimeValue.from_json(parameters["model"]),
            float(parameters["orders_per_purchase_day"]),
            None if p90 is None else float(p90),
            float(parameters.get("rate_drift", 0.0)),
            None if coding is None else CovariateCoding.from_json(coding),
        )


class ModifiedBuyTillYouDie(BuyTillYouDie):
    """MBG/NBD purchases x Gamma-Gamma value."""

    kind: ClassVar[str] = "clv.mbg_nbd_gamma_gamma"
    purchases: ClassVar[type[PurchaseModel]] = ModifiedBetaGeoModel


class ParetoBuyTillYouDie(BuyTillYouDie):
    """Pareto/NBD purchases x Gamma-Gamma value."""

    kind: ClassVar[str] = "clv.pareto_nbd_gamma_gamma"
    purchases: ClassVar[type[PurchaseModel]] = ParetoNBDModel


SCORERS: Final[tuple[type[BuyTillYouDie], ...]] = (BuyTillYouDie, ModifiedBuyTillYouDie, ParetoBuyTillYouDie)


def scorer_of(
    model: CustomerLifetimeValue, orders_per_purchase_day: float = 1.0, reference_p90: float | None = None
) -> BuyTillYouDie:
    """The scorer of the kind that fits the model of purchases.

    Raises
    ------
    UsageError
        If no bundle holds such a model.
    """
    for kind in SCORERS:
        if kind.purchases is type(model.transactions_):
            return kind(model, orders_per_purchase_day, reference_p90)
    raise UsageError(f"no kind of bundle holds a {type(model.transactions_).__name__}")


class Formula:
    """methods A1 for each customer: own average order value x own order rate x horizon.

    It knows no chance, so the interval, the probabilities and the next date are null; money is not discounted.
    """

    kind: ClassVar[str] = "clv.formula"
    columns: ClassVar[tuple[str, ...]] = ("number_of_orders", "net_value", "days_since_first_order")

    def predict(self, X: pd.DataFrame, *, horizon: Horizon, discount_rate: float = 0.0) -> pd.DataFrame:
        """The columns of ``OUTPUTS`` for each row of a snapshot."""
        orders, age = X["number_of_orders"].to_numpy(), X["days_since_first_order"].to_numpy()
        value = X["net_value"].to_numpy().clip(min=0)
        columns = dict.fromkeys(OUTPUTS, np.full(len(X), np.nan))
        # the same rate with a value of one per order gives the number of orders
        columns["predicted_number_of_orders"] = clv_formula(orders, orders, age, horizon)
        columns["predicted_clv"] = clv_formula(orders, value, age, horizon)
        return pd.DataFrame(columns, index=X.index)

    def to_parts(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The formula has no parameters."""
        return {"features": list(self.columns)}, {}

    @classmethod
    def from_parts(cls, parameters: Mapping[str, Any], files: Mapping[str, str]) -> Self:
        """The formula."""
        return cls()


class LastPeriod:
    """What a customer brought in the last days, repeated at the same pace over the horizon.

    Like the formula it knows no chance, and money is not discounted.

    Parameters
    ----------
    days:
        Length of the last period: one of ``PERIODS``, the windows that a snapshot has.
    """

    kind: ClassVar[str] = "clv.last_period"
    PERIODS: ClassVar[tuple[int, ...]] = (7, 30, 90, 180, 365)

    def __init__(self, days: int) -> None:
        if days not in self.PERIODS:
            raise UsageError(f"a snapshot has no last {days} days: give one of {', '.join(map(str, self.PERIODS))}")
        self.days = days

    @classmethod
    def like(cls, horizon: Horizon) -> Self:
        """With the period whose length is nearest to the ``horizon``, as a ratio."""
        return cls(min(cls.PERIODS, key=lambda days: abs(np.log(days / horizon.days))))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame to score must have."""
        return (f"orders_{self.days}d", f"net_{self.days}d")

    def predict(self, X: pd.DataFrame, *, horizon: Horizon, discount_rate: float = 0.0) -> pd.DataFrame:
        """The columns of ``OUTPUTS`` for each row of a snapshot."""
        columns = dict.fromkeys(OUTPUTS, np.full(len(X), np.nan))
        columns["predicted_number_of_orders"] = self.repeated(X[f"orders_{self.days}d"], horizon)
        columns["predicted_clv"] = self.repeated(X[f"net_{self.days}d"].clip(lower=0), horizon)
        return pd.DataFrame(columns, index=X.index)

    def repeated(self, of_last_period: Any, horizon: Horizon) -> NDArray[np.float64]:
        """Amounts >= 0 of the last period, repeated over the ``horizon`` (n,)."""
        return last_period_repeated(of_last_period, Horizon.of_days(self.days), horizon)

    def to_parts(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The length of the period."""
        return {"days": self.days, "features": list(self.columns)}, {}

    @classmethod
    def from_parts(cls, parameters: Mapping[str, Any], files: Mapping[str, str]) -> Self:
        """Rebuild from what ``to_parts`` gave."""
        return cls(int(parameters["days"]))
