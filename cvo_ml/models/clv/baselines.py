"""The formula CLV and the naive baselines that every fitted model must beat: as arithmetic, and as scorers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from cvo_ml.core.arrays import Floats
from cvo_ml.core.columns import Columns
from cvo_ml.core.errors import UsageError
from cvo_ml.core.result import Result
from cvo_ml.core.units import Horizon, days_per
from cvo_ml.models.clv.scorers import OUTPUTS, Scorer
from cvo_ml.models.protocol import Parts


def clv_simple(aov: float, frequency: float, lifespan: float) -> float:
    """CLV = average order value x purchase frequency x lifespan (methods A1).

    Parameters
    ----------
    aov:
        Average order value (currency), >= 0.
    frequency:
        Orders per unit of time, >= 0.
    lifespan:
        How long the customer stays, in the same unit of time, >= 0.

    Raises
    ------
    UsageError
        If a number is negative or not finite.

    Examples
    --------
    >>> clv_simple(80, 4, 3), clv_simple(80, 5, 3)
    (960, 1200)
    """
    for name, number in (("aov", aov), ("frequency", frequency), ("lifespan", lifespan)):
        if not (np.isfinite(number) and number >= 0):
            raise UsageError(f"{name} is {number}: give a finite number >= 0")
    return aov * frequency * lifespan


def clv_formula(
    number_of_orders: Any,
    total_value: Any,
    age: Any,
    horizon: Horizon,
    *,
    time_unit: str = "D",
    shortest_age: float = 30.0,
) -> Floats:
    """The formula for each customer: own average order value x own purchase rate x horizon.

    Parameters
    ----------
    number_of_orders, total_value:
        Orders so far, the first included, and their value (currency); arrays (n,), >= 0.
    age:
        Time since the first order in ``time_unit``, array (n,), >= 0.
    shortest_age:
        Days that count at least: a customer of yesterday is not one with 365 orders a year.

    Returns
    -------
    array (n,)
        Value in the horizon (currency); 0 for customers without orders.

    Examples
    --------
    >>> clv_formula([12, 0], [960, 0], [1095.75, 10], Horizon("3Y")).tolist()  # 80 x 4 x 3
    [960.0, 0.0]
    """
    orders, value, days = _columns(
        number_of_orders, total_value, np.asarray(age, dtype=np.float64) * days_per(time_unit)
    )
    average = np.divide(value, orders, out=np.zeros_like(value), where=orders > 0)
    rate = orders / np.maximum(days, shortest_age)
    return np.asarray(average * rate * Horizon(horizon).days)


def last_period_repeated(value_in_last_period: Any, period: Horizon, horizon: Horizon) -> Floats:
    """The value of the last ``period`` (currency), scaled to the ``horizon``, array (n,).

    Examples
    --------
    >>> last_period_repeated([10, 0], Horizon("90D"), Horizon("180D")).tolist()
    [20.0, 0.0]
    """
    (value,) = _columns(value_in_last_period)
    return np.asarray(value * (Horizon(horizon).days / Horizon(period).days))


def _columns(*columns: Any) -> tuple[Floats, ...]:
    """Arrays of finite numbers >= 0."""
    arrays = tuple(np.asarray(column, dtype=np.float64) for column in columns)
    if any(not np.all(np.isfinite(array) & (array >= 0)) for array in arrays):
        raise UsageError("the formula needs finite numbers >= 0: drop or repair the other customers")
    return arrays


class Formula(Scorer):
    """methods A1 for each customer: own average order value x own order rate x horizon.

    It knows no chance, so the interval, the probabilities and the next date are null; money is not discounted.
    """

    kind: ClassVar[str] = "clv.formula"
    columns: ClassVar[tuple[str, ...]] = ("number_of_orders", "net_value", "days_since_first_order")

    def outputs(self, X: Columns, *, horizon: Horizon, discount_rate: float = 0.0) -> dict[str, Floats]:
        """The columns of ``OUTPUTS`` for each row of a snapshot, (n,) each."""
        orders, age = X.numbers("number_of_orders"), X.numbers("days_since_first_order")
        value = X.numbers("net_value").clip(min=0)
        columns = dict.fromkeys(OUTPUTS, np.full(len(X), np.nan))
        # the same rate with a value of one per order gives the number of orders
        columns["predicted_number_of_orders"] = clv_formula(orders, orders, age, horizon)
        columns["predicted_clv"] = clv_formula(orders, value, age, horizon)
        return columns

    def to_parts(self) -> Parts:
        """The formula has no parameters."""
        return Parts({"features": list(self.columns)})

    @classmethod
    def from_parts(cls, parts: Parts) -> Self:
        """The formula."""
        return cls()


@dataclass(frozen=True)
class PeriodParameters(Result):
    """What a bundle holds of a repeated period."""

    days: int
    features: Sequence[str] = ()


class LastPeriod(Scorer):
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

    def outputs(self, X: Columns, *, horizon: Horizon, discount_rate: float = 0.0) -> dict[str, Floats]:
        """The columns of ``OUTPUTS`` for each row of a snapshot, (n,) each."""
        columns = dict.fromkeys(OUTPUTS, np.full(len(X), np.nan))
        columns["predicted_number_of_orders"] = self.repeated(X.numbers(f"orders_{self.days}d"), horizon)
        columns["predicted_clv"] = self.repeated(X.numbers(f"net_{self.days}d").clip(min=0), horizon)
        return columns

    def repeated(self, of_last_period: Any, horizon: Horizon) -> Floats:
        """Amounts >= 0 of the last period, repeated over the ``horizon`` (n,)."""
        return last_period_repeated(of_last_period, Horizon.of_days(self.days), horizon)

    def to_parts(self) -> Parts:
        """The length of the period."""
        return Parts.of(PeriodParameters(self.days, self.columns))

    @classmethod
    def from_parts(cls, parts: Parts) -> Self:
        """Rebuild from what ``to_parts`` gave."""
        return cls(parts.read(PeriodParameters).days)
