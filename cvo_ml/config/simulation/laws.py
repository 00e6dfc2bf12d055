"""How customers buy, leave and spend, and what of it shows: distributions and the traits that they depend on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cvo_ml.config.base import FrozenConfig, Share
from cvo_ml.core.units import Horizon

Positive = Annotated[float, Field(gt=0)]
Nonnegative = Annotated[float, Field(ge=0)]
Weight = Annotated[float, Field(ge=-1, le=1)]
Trait = Literal["age", "engagement", "price_sensitivity", "channel"]


class GammaDistribution(FrozenConfig):
    """Gamma distribution with mean ``shape / rate``."""

    shape: Positive
    rate: Positive


class BetaDistribution(FrozenConfig):
    """Beta distribution with mean ``a / (a + b)``."""

    a: Positive
    b: Positive


class Renewal(FrozenConfig):
    """Purchases with gamma(regularity) gaps and a rate that is gamma(r, alpha) over customers; 1 = Poisson."""

    r: Positive
    alpha: Positive
    regularity: Annotated[int, Field(ge=1, le=10)] = 1


class Opportunities(FrozenConfig):
    """BG/BB: one chance to buy every so often; dies before it with ``dies``, else buys with ``buys``."""

    every: Horizon
    buys: BetaDistribution
    dies: BetaDistribution


class Dropout(FrozenConfig):
    """BG/NBD dropout after an order (``per_order``), Pareto/NBD dropout in time (``per_time``), both, or none."""

    per_order: BetaDistribution | None = None
    per_time: GammaDistribution | None = None
    after_first_order: bool = False


class Spend(FrozenConfig):
    """Gamma-Gamma order values: gamma(p, nu), nu ~ gamma(q, v); the mean value is p v / (q - 1)."""

    p: Positive
    q: Annotated[float, Field(gt=1)]
    v: Positive


class Population(FrozenConfig):
    """One component of the mixture of customers: regulars, wholesalers, people who buy once."""

    name: str
    share: Share = 1.0
    purchase: Renewal | Opportunities
    dropout: Dropout = Dropout()
    spend: Spend
    one_time: bool = False
    lines_per_order: Annotated[float, Field(ge=1)] = 2.0


class Dependence(FrozenConfig):
    """How a trait's normal index is made: weights of observed traits, the rest is hidden.

    ``with_rate`` is the correlation of the hidden part with the purchase rate's hidden part.
    """

    observed: dict[Trait, Weight] = Field(default_factory=dict)
    with_rate: Weight = 0.0

    @model_validator(mode="after")
    def _at_most_all(self) -> Dependence:
        if sum(weight**2 for weight in self.observed.values()) > 1:
            raise ValueError("the squares of the observed weights add up to more than 1: make them smaller")
        return self


class Dependences(FrozenConfig):
    """Dependence of each trait; empty = independent of everything, as the plain models assume."""

    rate: Dependence = Dependence()
    dropout: Dependence = Dependence()
    spend: Dependence = Dependence()
    margin: Dependence = Dependence()
