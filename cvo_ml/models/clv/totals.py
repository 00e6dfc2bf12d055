"""Value of groups of customers, with the interval of the sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.core.errors import ContractError, UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv.customer_table import numbers
from cvo_ml.models.clv.lifetime_value import CustomerLifetimeValue
from cvo_ml.models.clv.parametric_model import interval_names

Array = NDArray[np.float64]


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
    codes: NDArray[Any],
    n_segments: int,
    horizon: Horizon,
    n_draws: int,
    seed: int,
) -> tuple[Array, Array]:
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


def _sums(values: Array, codes: NDArray[Any], n_segments: int) -> Array:
    """Sum of each segment, and of all."""
    return np.append(np.bincount(codes, weights=values, minlength=n_segments), values.sum())
