"""Draws of what customers may do, one by one and together: from the parameters' sampling law, and from chance.

The parameters are drawn from the normal law of their logarithms around the maximum (``draw_parameters``), which is the
posterior of a large sample under a flat prior, or under the model's own where it has a penalty. All customers share a
draw of parameters, so what is not known of them does not average out in a total. The same seed gives the same draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats, Ints, Numbers
from cvo_ml.core.errors import ContractError, UsageError
from cvo_ml.core.result import Result
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv.base import interval_names, percent
from cvo_ml.models.clv.histories import numbers

if TYPE_CHECKING:
    from cvo_ml.models.clv.lifetime_value import CustomerLifetimeValue
    from cvo_ml.models.clv.purchase_model import PurchaseModel

_FEWEST: Final = 2


@dataclass(frozen=True)
class TotalDraws(Result):
    """What all customers together may bring in a horizon.

    Attributes
    ----------
    purchases, value:
        Simulated totals (draws,): purchase periods, and currency.
    """

    purchases: Floats
    value: Floats

    def quantiles(self, levels: Sequence[float] = (0.05, 0.5, 0.95)) -> pd.DataFrame:
        """Mean and quantiles of both totals, such as ``p05``.

        Examples
        --------
        >>> TotalDraws(np.arange(101.0), np.arange(101.0) * 10).quantiles((0.05, 0.95))
                   mean   p05   p95
        purchases  50.0   5.0  95.0
        value     500.0  50.0 950.0
        """
        rows = {"purchases": self.purchases, "value": self.value}
        table = {
            name: {"mean": draws.mean(), **{percent(level): np.quantile(draws, level) for level in levels}}
            for name, draws in rows.items()
        }
        return pd.DataFrame.from_dict(table, orient="index")


def expected_purchases_draws(
    model: PurchaseModel, X: pd.DataFrame, horizon: Horizon, n_draws: int, seed: int
) -> Floats:
    """Expected purchases of each customer at drawn parameters, (n, draws)."""
    parameters = model.draw_parameters(_enough(n_draws), seed)
    return np.column_stack([model.purchases_in(model.situation(X, values), horizon) for values in parameters])


def purchases_draws(model: PurchaseModel, X: pd.DataFrame, horizon: Horizon, n_draws: int, seed: int) -> Ints:
    """Purchases of each customer by chance at drawn parameters, (n, draws)."""
    generator, span = np.random.default_rng(seed), Horizon(horizon).to(model.time_unit)
    parameters = model.draw_parameters(_enough(n_draws), generator)
    return np.column_stack([_future(model, X, span, values, generator) for values in parameters])


def expected_value_draws(
    model: CustomerLifetimeValue, X: pd.DataFrame, horizon: Horizon, discount_rate: float, n_draws: int, seed: int
) -> Floats:
    """Expected value of each customer at drawn parameters of both models, (n, draws), currency."""
    purchases, generator = model.transactions_, np.random.default_rng(seed)
    draws = zip(
        purchases.draw_parameters(_enough(n_draws), generator),
        model.value_.draw_parameters(n_draws, generator),
        strict=True,
    )
    return np.column_stack(
        [
            purchases.purchases_in(purchases.situation(X, first), horizon, discount_rate)
            * model.value_.average_value_at(second, X)
            for first, second in draws
        ]
    )


def futures(
    model: CustomerLifetimeValue, X: pd.DataFrame, horizon: Horizon, n_draws: int, seed: int
) -> Iterator[tuple[Floats, Floats]]:
    """Purchases and value (currency, undiscounted) of each customer (n,), one future after the other.

    A future takes parameters from their sampling law and then chance: purchases from the law of each customer, and the
    value of c purchases from Gamma(p c, ν), ν ~ Gamma(q + p x, v + x m).
    """
    generator = np.random.default_rng(seed)
    frequency, money = numbers(X, "frequency"), numbers(X, "monetary_value", nan_allowed=True)
    known = np.where(np.isnan(money), 0.0, frequency)
    spend = np.where(known > 0, known * np.nan_to_num(money), 0.0)
    span = Horizon(horizon).to(model.transactions_.time_unit)
    draws = zip(
        model.transactions_.draw_parameters(_enough(n_draws), generator),
        model.value_.draw_parameters(n_draws, generator),
        strict=True,
    )
    for purchase_parameters, (p, q, v) in draws:
        counts = _future(model.transactions_, X, span, purchase_parameters, generator)
        buyers = np.flatnonzero(counts)
        worth = np.zeros(len(counts))
        rate = generator.gamma(q + p * known[buyers]) / (v + spend[buyers])
        worth[buyers] = generator.gamma(p * counts[buyers]) / np.maximum(rate, 1e-300)
        yield counts.astype(np.float64), worth


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
    names, size = interval_names(interval), len(labels.categories)
    sums = np.array(
        [
            [_sums(counts, labels.codes, size), _sums(worth, labels.codes, size)]
            for counts, worth in futures(model, X, Horizon(horizon), n_draws, seed)
        ]
    )
    expected = model.predict(X, horizon=horizon, interval=None)
    table = pd.DataFrame(index=pd.Index([*labels.categories, "total"], name="segment"))
    table["customers"] = _sums(np.ones(len(X)), labels.codes, size).astype(int)
    columns = {"purchases": ("predicted_number_of_orders", 0), "value": ("predicted_clv", 1)}
    for name, (column, place) in columns.items():
        means = expected[column].to_numpy(dtype=np.float64)
        table[f"predicted_{name}"] = _sums(means, labels.codes, size)
        for end, level in names.items():
            table[f"predicted_{name}_{end}"] = np.quantile(sums[:, place], level, axis=0)
    return table


def _future(
    model: PurchaseModel, X: pd.DataFrame, span: float, parameters: Floats, generator: np.random.Generator
) -> Ints:
    """Purchases of each customer in one future (n,)."""
    where = model.situation(X, parameters)
    counts = where.law.rows(where.position).simulate(span, 1, generator)[0]
    return np.where(generator.random(len(counts)) < where.alive, counts, 0)


def _enough(n_draws: int) -> int:
    if n_draws < _FEWEST:
        raise UsageError(f"n_draws is {n_draws}: give at least {_FEWEST}")
    return n_draws


def _sums(values: Floats, codes: Numbers, n_segments: int) -> Floats:
    """Sum of each segment, and of all."""
    return np.append(np.bincount(codes, weights=values, minlength=n_segments), values.sum())
