"""What is not known about the parameters: draws and cubature points around the maximum, arrays in, arrays out.

The log-parameters are taken to be normal around the maximum with the inverse information as covariance (coefficients of
covariates themselves). Integrals over them use the 2k points of the spherical cubature rule, centre ± √k times
each column of a square root of the covariance, which has the right mean and covariance: no seed, same answer always.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvo_ml.models.clv.fitting import LogNormalPrior
from cvo_ml.models.clv.value_interval import TabulatedValue

Array = NDArray[np.float64]
_HALVINGS = 24


def parameter_draws(
    values: Array, covariance: Array, scale: LogNormalPrior, n: int, generator: np.random.Generator
) -> Array:
    """``n`` draws of the natural parameters, shape (n, k)."""
    root = _square_root(values, covariance, scale)
    moves = generator.standard_normal((n, len(values))) @ root.T
    return np.stack([scale.to_values(scale.to_point(values) + move) for move in moves])


def cubature_points(values: Array, covariance: Array, scale: LogNormalPrior) -> Array:
    """Equally weighted natural parameters, shape (2k, k)."""
    moves = np.sqrt(len(values)) * _square_root(values, covariance, scale).T
    centre = scale.to_point(values)
    return np.stack([scale.to_values(centre + sign * move) for sign in (1.0, -1.0) for move in moves])


def _square_root(values: Array, covariance: Array, scale: LogNormalPrior) -> Array:
    """A root of the covariance of the log-parameters (k, k)."""
    slopes = scale.slopes(values)
    variance, axes = np.linalg.eigh(covariance / np.outer(slopes, slopes))
    return np.asarray(axes * np.sqrt(np.maximum(variance, 0.0)))


@dataclass(frozen=True)
class PredictiveValue:
    """What the discounted value of each customer may be, by chance and by what is not known of the parameters.

    Attributes
    ----------
    fitted:
        Law at the fitted parameters of the value over its scale, and that scale (n,), currency.
    possible:
        The same at parameters that are equally likely; none = quantiles are those of the fitted ones.
    discount:
        Worth of a unit of the undiscounted value now (n,).
    """

    fitted: tuple[TabulatedValue, Array]
    possible: Sequence[tuple[TabulatedValue, Array]]
    discount: Array

    def quantiles(self, levels: Array) -> Array:
        """Quantiles (levels, n), currency."""
        law, scale = self.fitted
        undiscounted = mixture_quantiles(levels, self.possible) if self.possible else law.quantiles(levels) * scale
        return undiscounted * self.discount

    def exceedance(self, amount: Array) -> Array:
        """P(value > ``amount``) (n,) at the fitted parameters; ``amount`` (n,), currency, >= 0."""
        law, scale = self.fitted
        return law.exceedance(amount / (self.discount * scale))


def mixture_quantiles(levels: Array, laws: Sequence[tuple[TabulatedValue, Array]]) -> Array:
    """Quantiles (levels, n), currency, of a value whose law is an equal mixture of ``laws``, each with its scale (n,).

    The quantile of a mixture lies between the smallest and the largest of its parts' quantiles: bisected there.
    """
    parts = np.stack([law.quantiles(levels) * scale for law, scale in laws])
    low, high = parts.min(axis=0), parts.max(axis=0)

    def above(value: Array, level: float) -> NDArray[np.bool_]:
        tail = np.mean([law.exceedance(value / scale) for law, scale in laws], axis=0)
        return np.asarray(tail > 1.0 - level, dtype=np.bool_)

    for i, level in enumerate(levels):
        for _ in range(_HALVINGS):
            middle = (low[i] + high[i]) / 2.0
            upper = above(middle, level)
            low[i], high[i] = np.where(upper, middle, low[i]), np.where(upper, high[i], middle)
        high[i][~above(np.zeros_like(high[i]), level)] = 0.0
    return np.asarray(high, dtype=np.float64)
