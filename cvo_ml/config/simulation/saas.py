"""A simulated software vendor: leads, deals, accounts."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from cvo_ml.config.base import FrozenConfig, PositiveCount, Share
from cvo_ml.config.simulation.experience import LevelShift
from cvo_ml.config.simulation.laws import BetaDistribution, Nonnegative, Positive, Weight
from cvo_ml.config.simulation.sections import Channel
from cvo_ml.config.simulation.vendor import (
    Conjoint,
    Initiative,
    KeyResult,
    LeadStages,
    LeadTouch,
    Parents,
    Payments,
    PriceSensitivity,
    ProductFeature,
)

SaasTrait = Literal["company_size", "engagement", "maturity", "source"]


#: What ``without`` may name: see ``effects``.
SaasEffect = Literal[
    "milestones",
    "features",
    "failed_payments",
    "price_rises",
    "touches",
    "usage",
    "satisfaction",
    "contact_selection",
    "part_worths",
]


class SaasDependence(FrozenConfig):
    """Weights of a lead's observed traits in a normal index; the rest is hidden."""

    observed: dict[SaasTrait, Weight] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _at_most_all(self) -> SaasDependence:
        if sum(weight**2 for weight in self.observed.values()) > 1:
            raise ValueError("the squares of the observed weights add up to more than 1: make them smaller")
        return self


class Contact(FrozenConfig):
    """Who is contacted: a share of leads, by chance (``selection`` 0: SCAR) or by what sales can see.

    Parameters
    ----------
    selection:
        How strongly sales choose.
    observed:
        Weights of the traits that they choose by; default: those that tell who would buy.
    """

    share: Share
    selection: Nonnegative = 0.0
    observed: dict[SaasTrait, Weight] = Field(default_factory=dict)
    cost: Nonnegative = 0.0
    mean_days_to_close: Positive = 30.0


class PricePlan(FrozenConfig):
    """A plan for accounts with at least ``from_seats`` seats: price per seat and month, contract in months."""

    name: str
    from_seats: PositiveCount
    price: Positive
    contract_months: Annotated[int, Field(ge=1, le=36)] = 1


class PriceRise(FrozenConfig):
    """From ``at`` all prices are ``factor`` times as high; the next renewal's churn is ``churn_factor`` times."""

    at: date
    factor: Positive
    churn_factor: Annotated[float, Field(ge=1)] = 1.0


class Milestones(FrozenConfig):
    """Steps of customer success, each reached at a monthly beta rate; each multiplies churn by 1 - effect."""

    names: Annotated[tuple[str, ...], Field(min_length=1, max_length=8)]
    monthly: BetaDistribution
    effect_on_churn: Annotated[float, Field(ge=0, lt=1)] = 0.25


class SimulatedSaasConfig(FrozenConfig):
    """A simulated software vendor: leads, deals, accounts.

    A lead is a winner if it would buy when contacted and its first year's expected contribution
    is above ``profit_threshold``. ``draws`` and ``without``: as of a shop.
    """

    name: str
    about: str
    seed: int
    leads: PositiveCount = 20_000
    customers_per_block: Annotated[int, Field(ge=1, le=65_536)] = 65_536
    currency: str = "EUR"
    start: date
    acquired_until: date
    end: date
    sources: Annotated[tuple[Channel, ...], Field(min_length=1)]
    industries: Annotated[tuple[str, ...], Field(min_length=1)]
    countries: Annotated[tuple[str, ...], Field(min_length=1)]
    contact: Contact
    win_share: Annotated[float, Field(gt=0, lt=1)]
    win: SaasDependence = SaasDependence()
    churn_per_renewal: BetaDistribution
    churn: SaasDependence = SaasDependence()
    mean_seats: Annotated[float, Field(gt=1)] = 8.0
    seats_sigma: Nonnegative = 0.8
    seats: SaasDependence = SaasDependence()
    monthly_expansion: Nonnegative = 0.01
    monthly_contraction: Annotated[float, Field(ge=0, lt=1)] = 0.005
    plans: Annotated[tuple[PricePlan, ...], Field(min_length=1)]
    price_rises: tuple[PriceRise, ...] = ()
    milestones: Milestones
    margin: Share = 0.8
    profit_threshold: float = 0.0
    usage_link: Annotated[float, Field(ge=0, le=1)] = 0.5
    tickets_per_month: Nonnegative = 0.3
    cost_per_ticket_minute: Nonnegative = 0.8
    survey_share: Share = 0.1
    survey_link: Annotated[float, Field(ge=0, le=1)] = 0.5
    draws: Literal["by_block", "by_customer"] = "by_block"
    without: tuple[SaasEffect, ...] = ()
    payments: Payments | None = None
    parents: Parents | None = None
    stages: LeadStages | None = None
    touchpoints: tuple[LeadTouch, ...] = ()
    features: tuple[ProductFeature, ...] = ()
    annotations: tuple[LevelShift, ...] = ()
    conjoint: Conjoint | None = None
    price_sensitivity: PriceSensitivity | None = None
    initiatives: tuple[Initiative, ...] = ()
    key_results: tuple[KeyResult, ...] = ()

    @property
    def days(self) -> int:
        """Days from ``start`` to ``end``."""
        return (self.end - self.start).days

    @model_validator(mode="after")
    def _consistent(self) -> SimulatedSaasConfig:
        if not self.start < self.acquired_until <= self.end:
            raise ValueError("start, acquired_until and end must follow each other")
        if abs(sum(source.share for source in self.sources) - 1) > 1e-9:
            raise ValueError("the shares of sources must add up to 1")
        depends = (self.win, self.churn, self.seats)
        if len(self.sources) == 1 and any("source" in part.observed for part in depends):
            raise ValueError("a weight on 'source' needs at least two sources")
        if sum(touch.causes for touch in self.touchpoints) > 1:
            raise ValueError("touchpoints cannot cause more than all won deals: lower 'causes'")
        if any(mark.factor != 1 for mark in self.annotations):
            raise ValueError("annotations of a vendor have no factor: price_rises have effects")
        sizes = [plan.from_seats for plan in self.plans]
        if sizes != sorted(set(sizes)) or sizes[0] != 1:
            raise ValueError("plans must be listed by from_seats, the first from 1 seat")
        return self
