"""A simulated shop: its customers, and the sections that are switched on."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from cvo_ml.config.base import FrozenConfig, PositiveCount, Share
from cvo_ml.config.simulation.experience import (
    Accounting,
    Deliveries,
    LossMakers,
    OrderCosts,
    PageView,
    Referrals,
    Reviews,
    Sellers,
)
from cvo_ml.config.simulation.laws import Dependences, Nonnegative, Opportunities, Population
from cvo_ml.config.simulation.sections import (
    Campaigns,
    Catalogue,
    Channel,
    City,
    CostsToServe,
    Margin,
    Refunds,
    SimulatedSeason,
    Surveys,
    Tickets,
    TouchChannel,
)
from cvo_ml.core.units import days_per

#: What ``without`` may name: see ``effects``.
ShopEffect = Literal[
    "toxic_products",
    "sticky_products",
    "loyal_cities",
    "loyal_campaigns",
    "late_deliveries",
    "leaving_after_delays",
    "pages",
    "touches",
    "treatments",
    "season",
    "promotions",
    "level_shifts",
    "loss_makers",
    "demanding_customers",
    "willing_referrers",
    "product_quality",
    "satisfaction",
]


class SimulatedShopConfig(FrozenConfig):
    """A simulated shop.

    Parameters
    ----------
    start, end:
        First day, and the day at 00:00 at which the data end; customers arrive until ``acquired_until``.
    seed:
        Used when the caller gives none, so that a preset names one shop.
    customers_per_block:
        Unit of randomness: part of the shop's definition, unlike the chunks in which it is written.
    draws:
        ``by_customer``: every draw belongs to a customer, an order and a behaviour, so that an effect that
        changes what some customers buy changes no row of the others. ``by_block``: in the order of a
        block's rows, as the first presets are drawn.
    without:
        Effects that are switched off: see ``effects``.
    """

    name: str
    about: str
    seed: int
    customers: PositiveCount = 10_000
    customers_per_block: Annotated[int, Field(ge=1, le=65_536)] = 65_536
    draws: Literal["by_block", "by_customer"] = "by_block"
    without: tuple[ShopEffect, ...] = ()
    currency: str = "EUR"
    time_unit: Literal["D", "W", "M", "Y"] = "W"
    start: date
    acquired_until: date
    end: date
    populations: Annotated[tuple[Population, ...], Field(min_length=1)]
    depends: Dependences = Dependences()
    margin: Margin = Margin()
    season: SimulatedSeason = SimulatedSeason()
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
    order_costs: OrderCosts | None = None
    loss_makers: LossMakers | None = None
    deliveries: Deliveries | None = None
    reviews: Reviews | None = None
    referrals: Referrals | None = None
    pages: tuple[PageView, ...] = ()
    accounting: Accounting | None = None
    sellers: Sellers | None = None

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
    def _consistent(self) -> SimulatedShopConfig:
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
        if self.by_opportunity and (self.campaigns or self.season != SimulatedSeason() or self._changes_dropout):
            raise ValueError("campaigns, season and planted dropout need customers who can buy at any time")
        depends = (self.depends.rate, self.depends.dropout, self.depends.spend, self.depends.margin)
        if len(self.channels) == 1 and any("channel" in part.observed for part in depends):
            raise ValueError("a weight on 'channel' needs at least two channels")
        if self.catalogue and self.catalogue.toxic_products >= self.catalogue.products:
            raise ValueError("toxic_products must be fewer than products")
        if sum(page.share for page in self.pages) > 1:
            raise ValueError("the shares of pages add up to more than 1: make them smaller")
        names = [channel.name for channel in self.channels]
        if self.referrals and self.referrals.channel not in names:
            raise ValueError(f"referrals need an acquisition channel {self.referrals.channel!r}: add it to channels")
        return self

    @property
    def _changes_dropout(self) -> bool:
        """Whether anything planted makes customers leave or stay."""
        catalogue, deliveries = self.catalogue, self.deliveries
        return (
            any(city.loyalty != 1 for city in self.cities)
            or any(channel.campaign_loyalty for channel in self.channels)
            or bool(catalogue and (catalogue.toxic_products or catalogue.sticky_products))
            or any(page.keeps for page in self.pages)
            or bool(deliveries and deliveries.leave_per_point and deliveries.points_per_day)
        )
