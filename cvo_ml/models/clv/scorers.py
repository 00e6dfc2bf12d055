"""CLV models as they travel in bundles: one face for the fitted models and for the formula."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats
from cvo_ml.core.columns import Columns
from cvo_ml.core.errors import UsageError
from cvo_ml.core.result import Json, Result
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv.bg_nbd import BetaGeoModel, ModifiedBetaGeoModel
from cvo_ml.models.clv.covariates import CovariateCoding
from cvo_ml.models.clv.lifetime_value import CustomerLifetimeValue
from cvo_ml.models.clv.pareto_nbd import ParetoNBDModel
from cvo_ml.models.clv.purchase_model import PurchaseModel
from cvo_ml.models.protocol import Parts

#: What every scorer returns, indexed like its input.
OUTPUTS: Final = (
    "predicted_number_of_orders", "predicted_clv", "predicted_clv_p05", "predicted_clv_p95", "p_alive", "p_top_decile",
    "days_to_next_order",
)  # fmt: skip


@dataclass(frozen=True)
class LifetimeParameters(Result):
    """What a bundle holds of a model of purchases and value; earlier versions know neither drift nor covariates.

    Parameters
    ----------
    model:
        As ``CustomerLifetimeValue.to_json`` gave it.
    """

    model: Mapping[str, Json]
    orders_per_purchase_day: float
    reference_p90: float | None = None
    rate_drift: float = 0.0
    coding: CovariateCoding | None = None
    features: Sequence[str] = ()


class Scorer:
    """A model of what a customer will bring; its subclasses give the columns as arrays."""

    @abstractmethod
    def outputs(self, X: Columns, *, horizon: Horizon, discount_rate: float = 0.0) -> dict[str, Floats]:
        """The columns of ``OUTPUTS`` for each row, (n,) each; ``discount_rate`` is annual, >= 0."""

    def predict(self, X: pd.DataFrame, *, horizon: Horizon, discount_rate: float = 0.0) -> pd.DataFrame:
        """The columns of ``OUTPUTS`` for each row, indexed like X."""
        return pd.DataFrame(self.outputs(Columns(X), horizon=horizon, discount_rate=discount_rate), index=X.index)


class BuyTillYouDie(Scorer):
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

    def with_codes(self, X: Columns) -> Columns:
        """As ``prepared``."""
        return X if self.coding is None else X.with_numbers(**self.coding.codes(X))

    def outputs(self, X: Columns, *, horizon: Horizon, discount_rate: float = 0.0) -> dict[str, Floats]:
        """The columns of ``OUTPUTS`` for each row of an RFM summary in days.

        ``p_top_decile`` is P(value in the horizon > ``reference_p90``). ``days_to_next_order`` is the median time from
        the end of T, null where the customer more likely never orders again.
        """
        X = self.with_codes(X)
        where = self.model.transactions_.situation(X)
        found = self.model.values_in(
            X,
            where,
            horizon=horizon,
            discount_rate=discount_rate,
            orders_per_purchase_day=self.orders_per_purchase_day,
            rate_drift=self.rate_drift,
            threshold=self.reference_p90,
        )
        median = self.model.transactions_.next_purchase_in(where, (0.5,))[0]
        found["p_top_decile"] = found.get("p_value_above", np.full(len(X), np.nan))
        found["days_to_next_order"] = np.where(np.isfinite(median), median, np.nan)
        return {name: found[name] for name in OUTPUTS}

    def to_parts(self) -> Parts:
        """The parameters; there are no files."""
        values = LifetimeParameters(
            self.model.to_json(),
            self.orders_per_purchase_day,
            self.reference_p90,
            self.rate_drift,
            self.coding,
            self.columns,
        )
        return Parts.of(values)

    @classmethod
    def from_parts(cls, parts: Parts) -> Self:
        """Rebuild from what ``to_parts`` gave."""
        p = parts.read(LifetimeParameters)
        model = CustomerLifetimeValue.from_json(p.model)
        return cls(model, p.orders_per_purchase_day, p.reference_p90, p.rate_drift, p.coding)


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
