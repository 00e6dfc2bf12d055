"""The formula CLV and the naive baselines that every fitted model must beat: arrays in, arrays out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvo_ml.core.errors import UsageError
from cvo_ml.core.units import Horizon, days_per

Array = NDArray[np.float64]


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
) -> Array:
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


def last_period_repeated(value_in_last_period: Any, period: Horizon, horizon: Horizon) -> Array:
    """The value of the last ``period`` (currency), scaled to the ``horizon``, array (n,).

    Examples
    --------
    >>> last_period_repeated([10, 0], Horizon("90D"), Horizon("180D")).tolist()
    [20.0, 0.0]
    """
    (value,) = _columns(value_in_last_period)
    return np.asarray(value * (Horizon(horizon).days / Horizon(period).days))


def _columns(*columns: Any) -> tuple[Array, ...]:
    """Arrays of finite numbers >= 0."""
    arrays = tuple(np.asarray(column, dtype=np.float64) for column in columns)
    if any(not np.all(np.isfinite(array) & (array >= 0)) for array in arrays):
        raise UsageError("the formula needs finite numbers >= 0: drop or repair the other customers")
    return arrays
