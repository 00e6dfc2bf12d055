"""Schemas of the simulator's presets (configs/simulate/*.yaml): what is drawn, from which distribution.

Rates and dropout are written in the preset's ``time_unit``, as the literature does; everything
else is in days. An optional section that is absent switches its behaviour off.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from cvo_ml.config.base import FrozenConfig
from cvo_ml.core.units import Horizon, days_per

Positive = Annotated[float, Field(gt=0)]
Nonnegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=-1, le=1)]
Trait = Literal["age", "engagement", "price_sensitivity", "channel"]


class Gamma(FrozenConfig):
    """Gamma distribution with mean ``shape / rate``."""

    shape: Positive
    rate: Positive


class Beta(FrozenConfig):
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
    buys: Beta
    dies: Beta


class Dropout(FrozenConfig):
    """BG/NBD dropout after an order (``per_order``), Pareto/NBD dropout in time (``per_time``), both, or none."""

    per_order: Beta | None = None
    per_time: Gamma | None = None
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


class Margin(FrozenConfig):
    """Gross margin as a share of net, normal over customers, cut to [.02, .95]."""

    mean: Share = 0.35
    sd: Nonnegative = 0.0


class Promotion(FrozenConfig):
    """Every year from ``month``/``day`` for ``days``: responsive customers buy ``lift`` times as fast."""

    code: str
    month: Annotated[int, Field(ge=1, le=12)]
    day: Annotated[int, Field(ge=1, le=28)]
    days: Annotated[int, Field(ge=1, le=120)]
    lift: Annotated[float, Field(ge=1)] = 1.5
    discount: Annotated[float, Field(ge=0, lt=1)] = 0.1


class RateShift(FrozenConfig):
    """Non-stationary buyers: a ``share`` changes pace by ``factor`` after an exponential time."""

    share: Share
    mean_days: Positive
    factor: Positive


class Season(FrozenConfig):
    """The shop's pace: yearly wave, weekdays (Monday first), trend, promotions, changing buyers."""

    yearly_amplitude: Annotated[float, Field(ge=0, lt=1)] = 0.0
    peak_day_of_year: Annotated[int, Field(ge=1, le=366)] = 340
    weekdays: Annotated[tuple[Nonnegative, ...], Field(min_length=7, max_length=7)] = (1.0,) * 7
    trend_per_year: Annotated[float, Field(gt=-1)] = 0.0
    promotions: tuple[Promotion, ...] = ()
    responsive_share: Share = 0.0
    rate_shift: RateShift | None = None


class Channel(FrozenConfig):
    """An acquisition channel or lead source; listed from the worst customers to the best."""

    name: str
    share: Share
    cost_per_customer: Nonnegative = 0.0
    campaigns: tuple[str, ...] = ()


class City(FrozenConfig):
    """A city; ``loyalty`` multiplies dropout (planted: below 1 is loyal)."""

    name: str
    country: str
    region: str
    share: Share
    loyalty: Positive = 1.0


class Catalogue(FrozenConfig):
    """Products with Zipf popularity; a toxic product in the first order drives a share of its buyers away at once."""

    products: Annotated[int, Field(ge=2)] = 200
    brands: Annotated[int, Field(ge=1)] = 20
    categories: tuple[str, ...] = ("home", "kitchen", "garden", "gifts", "toys")
    zipf: Nonnegative = 0.7
    toxic_products: Annotated[int, Field(ge=0)] = 0
    toxic_dropout: Share = 0.3


class Refunds(FrozenConfig):
    """A share of orders is given back, wholly or in part, after an exponential time."""

    share: Share
    full_share: Share = 0.6
    mean_days: Positive = 12.0


class Tickets(FrozenConfig):
    """Support tickets per order and their minutes of work."""

    per_order: Share
    mean_minutes: Positive = 12.0


class Surveys(FrozenConfig):
    """NPS before and after delivery; ``link`` = correlation of satisfaction with staying (0 = none)."""

    response_share: Share
    link: Annotated[float, Field(ge=0, le=1)] = 0.5


class TouchChannel(FrozenConfig):
    """A marketing channel's touches, with their true incremental effect.

    ``causes`` = share of repeat orders that would not exist without it; ``conversion`` = share of
    its causal touches that cause one; ``follows`` = share of other orders it merely precedes.
    """

    name: str
    causes: Share = 0.0
    conversion: Annotated[float, Field(gt=0, le=1)] = 0.05
    follows: Share = 0.0
    cost: Nonnegative = 0.0
    is_offline: bool = False


class Action(FrozenConfig):
    """A treatment and its true effect, mean + sd x index over customers.

    ``growth``: the purchase rate times 1 + effect in the window. ``save``: dropout in the window
    times 1 - effect, and who has already dropped out comes back with probability ``effect``.
    """

    name: str
    channel: str
    kind: Literal["growth", "save"]
    cost: Nonnegative
    mean: float
    sd: Nonnegative = 0.0
    weights: dict[Literal["age", "engagement", "price_sensitivity"], Weight]
    base_logit: float = -1.0
    staleness_logit: float = 0.0

    @model_validator(mode="after")
    def _some_weight(self) -> Action:
        if not any(self.weights.values()):
            raise ValueError("at least one weight must differ from 0: the observable index needs a direction")
        return self


class Campaigns(FrozenConfig):
    """Waves of treatments with logged propensities; ``observable_share`` of effect variance shows in the profile."""

    actions: Annotated[tuple[Action, ...], Field(min_length=1)]
    observable_share: Share = 0.5
    first_after_days: Positive = 180.0
    every_days: Positive = 60.0
    window_days: Positive = 45.0
    exploration: Annotated[float, Field(gt=0, le=1)] = 0.2
    holdout: Annotated[float, Field(ge=0, lt=1)] = 0.1

    @model_validator(mode="after")
    def _windows_do_not_overlap(self) -> Campaigns:
        if self.window_days > self.every_days:
            raise ValueError("window_days is longer than every_days: effects of two waves would overlap")
        return self


class CostsToServe(FrozenConfig):
    """Costs that no order line carries, in the shop's currency."""

    per_order: Nonnegative = 0.0
    per_ticket_minute: Nonnegative = 0.0
    per_refund: Nonnegative = 0.0


class Defects(FrozenConfig):
    """Faults planted on request, each as a share of orders."""

    late: Share = 0.02
    duplicates: Share = 0.003
    test_orders: Share = 0.002
    zone_mix: Share = 0.004


class ShopConfig(FrozenConfig):
    """A simulated shop.

    Parameters
    ----------
    start, end:
        First day, and the day at 00:00 UTC at which the data end; customers arrive until ``acquired_until``.
    seed:
        Used when the caller gives none, so that a preset names one shop.
    customers_per_block:
        Unit of randomness: part of the shop's definition, unlike the chunks in which it is written.
    """

    name: str
    about: str
    seed: int
    customers: Annotated[int, Field(ge=1)] = 10_000
    customers_per_block: Annotated[int, Field(ge=1, le=65_536)] = 65_536
    currency: str = "EUR"
    time_unit: Literal["D", "W", "M", "Y"] = "W"
    start: date
    acquired_until: date
    end: date
    populations: Annotated[tuple[Population, ...], Field(min_length=1)]
    depends: Dependences = Dependences()
    margin: Margin = Margin()
    season: Season = Season()
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)] = (Channel(name="direct", share=1.0),)
    cities: tuple[City, ...] = ()
    consent_share: Share = 1.0
    catalogue: Catalogue | None = None
    refunds: Refunds | None = None
    tickets: Tickets | None = None
    surveys: Surveys | None = None
    visits_per_day: Nonnegative = 0.0
    touchpoints: tuple[TouchChannel, ...] = ()
    campaigns: Campaigns | None = None
    costs_to_serve: CostsToServe | None = None

    @property
    def days_per_unit(self) -> float:
        """Days in one ``time_unit``."""
        return days_per(self.time_unit)

    @property
    def days(self) -> int:
        """Days from ``start`` to ``end``."""
        return (self.end - self.start).days

    @property
    def by_opportunity(self) -> bool:
        """Whether customers buy at yearly (or other) opportunities instead of at any time."""
        return isinstance(self.populations[0].purchase, Opportunities)

    @model_validator(mode="after")
    def _consistent(self) -> ShopConfig:
        if not self.start < self.acquired_until <= self.end:
            raise ValueError("start, acquired_until and end must follow each other")
        for name in ("populations", "channels", "cities"):
            parts = getattr(self, name)
            if parts and abs(sum(part.share for part in parts) - 1) > 1e-9:
                raise ValueError(f"the shares of {name} must add up to 1")
        if len({isinstance(population.purchase, Opportunities) for population in self.populations}) > 1:
            raise ValueError("populations must all buy at any time, or all at opportunities")
        if sum(channel.causes for channel in self.touchpoints) > 1:
            raise ValueError("touchpoint channels cannot cause more than all orders: lower 'causes'")
        planted = any(city.loyalty != 1 for city in self.cities) or (self.catalogue and self.catalogue.toxic_products)
        if self.by_opportunity and (self.campaigns or self.season != Season() or planted):
            raise ValueError("campaigns, season and planted dropout need customers who can buy at any time")
        depends = (self.depends.rate, self.depends.dropout, self.depends.spend, self.depends.margin)
        if len(self.channels) == 1 and any("channel" in part.observed for part in depends):
            raise ValueError("a weight on 'channel' needs at least two channels")
        if self.catalogue and self.catalogue.toxic_products >= self.catalogue.products:
            raise ValueError("toxic_products must be fewer than products")
        return self


SaasTrait = Literal["company_size", "engagement", "maturity", "source"]


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


class Plan(FrozenConfig):
    """A plan for accounts with at least ``from_seats`` seats: price per seat and month, contract in months."""

    name: str
    from_seats: Annotated[int, Field(ge=1)]
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
    monthly: Beta
    effect_on_churn: Annotated[float, Field(ge=0, lt=1)] = 0.25


class SaasConfig(FrozenConfig):
    """A simulated software vendor: leads, deals, accounts.

    A lead is a winner if it would buy when contacted and its first year's expected contribution
    is above ``profit_threshold``.
    """

    name: str
    about: str
    seed: int
    leads: Annotated[int, Field(ge=1)] = 20_000
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
    churn_per_renewal: Beta
    churn: SaasDependence = SaasDependence()
    mean_seats: Annotated[float, Field(gt=1)] = 8.0
    seats_sigma: Nonnegative = 0.8
    seats: SaasDependence = SaasDependence()
    monthly_expansion: Nonnegative = 0.01
    monthly_contraction: Annotated[float, Field(ge=0, lt=1)] = 0.005
    plans: Annotated[tuple[Plan, ...], Field(min_length=1)]
    price_rises: tuple[PriceRise, ...] = ()
    milestones: Milestones
    margin: Share = 0.8
    profit_threshold: float = 0.0
    usage_link: Annotated[float, Field(ge=0, le=1)] = 0.5
    tickets_per_month: Nonnegative = 0.3
    cost_per_ticket_minute: Nonnegative = 0.8
    survey_share: Share = 0.1
    survey_link: Annotated[float, Field(ge=0, le=1)] = 0.5

    @property
    def days(self) -> int:
        """Days from ``start`` to ``end``."""
        return (self.end - self.start).days

    @model_validator(mode="after")
    def _consistent(self) -> SaasConfig:
        if not self.start < self.acquired_until <= self.end:
            raise ValueError("start, acquired_until and end must follow each other")
        if abs(sum(source.share for source in self.sources) - 1) > 1e-9:
            raise ValueError("the shares of sources must add up to 1")
        depends = (self.win, self.churn, self.seats)
        if len(self.sources) == 1 and any("source" in part.observed for part in depends):
            raise ValueError("a weight on 'source' needs at least two sources")
        sizes = [plan.from_seats for plan in self.plans]
        if sizes != sorted(set(sizes)) or sizes[0] != 1:
            raise ValueError("plans must be listed by from_seats, the first from 1 seat")
        return self
