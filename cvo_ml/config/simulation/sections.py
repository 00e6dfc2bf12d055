"""What a simulated shop has beside customers who buy: seasons, products, refunds, campaigns, costs, faults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cvo_ml.config.base import FrozenConfig, Share
from cvo_ml.config.simulation.experience import Demanding, LevelShift, Overhead
from cvo_ml.config.simulation.laws import (
    Nonnegative,
    Positive,
    Weight,
)


class Margin(FrozenConfig):
    """Gross margin as a share of net, normal over customers, cut to [.02, .95]."""

    mean: Share = 0.35
    sd: Nonnegative = 0.0


class SalesPromotion(FrozenConfig):
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


class SimulatedSeason(FrozenConfig):
    """The shop's pace: yearly wave, weekdays (Monday first), trend, promotions, changing buyers, shifts of level.

    ``value_amplitude``: order values have a wave of their own, constant within a calendar month, with the
    same peak.
    """

    yearly_amplitude: Annotated[float, Field(ge=0, lt=1)] = 0.0
    peak_day_of_year: Annotated[int, Field(ge=1, le=366)] = 340
    weekdays: Annotated[tuple[Nonnegative, ...], Field(min_length=7, max_length=7)] = (1.0,) * 7
    trend_per_year: Annotated[float, Field(gt=-1)] = 0.0
    promotions: tuple[SalesPromotion, ...] = ()
    responsive_share: Share = 0.0
    rate_shift: RateShift | None = None
    value_amplitude: Annotated[float, Field(ge=0, lt=1)] = 0.0
    shifts: tuple[LevelShift, ...] = ()


class Channel(FrozenConfig):
    """An acquisition channel or lead source; listed from the worst customers to the best.

    Parameters
    ----------
    people_per_customer, tools_per_customer:
        What winning a customer costs beside ads, in the shop's currency.
    campaign_loyalty:
        By campaign, a factor on dropout (planted: below 1 its customers stay longer).
    """

    name: str
    share: Share
    cost_per_customer: Nonnegative = 0.0
    campaigns: tuple[str, ...] = ()
    people_per_customer: Nonnegative = 0.0
    tools_per_customer: Nonnegative = 0.0
    campaign_loyalty: dict[str, Positive] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known_campaigns(self) -> Channel:
        if unknown := set(self.campaign_loyalty) - set(self.campaigns):
            raise ValueError(f"channel {self.name!r} has no campaign {sorted(unknown)[0]!r}: list it in campaigns")
        return self


class City(FrozenConfig):
    """A city; ``loyalty`` multiplies dropout (planted: below 1 is loyal)."""

    name: str
    country: str
    region: str
    share: Share
    loyalty: Positive = 1.0


class Catalogue(FrozenConfig):
    """Products with Zipf popularity; a toxic product in the first order drives a share of its buyers away at once.

    A sticky one multiplies the dropout of those who began with it by ``sticky_loyalty``.
    """

    products: Annotated[int, Field(ge=2)] = 200
    brands: Annotated[int, Field(ge=1)] = 20
    categories: tuple[str, ...] = ("home", "kitchen", "garden", "gifts", "toys")
    zipf: Nonnegative = 0.7
    toxic_products: Annotated[int, Field(ge=0)] = 0
    toxic_dropout: Share = 0.3
    sticky_products: Annotated[int, Field(ge=0)] = 0
    sticky_loyalty: Annotated[float, Field(ge=0, le=1)] = 0.5


class Refunds(FrozenConfig):
    """A share of orders is given back, wholly or in part, after an exponential time."""

    share: Share
    full_share: Share = 0.6
    mean_days: Positive = 12.0


class Tickets(FrozenConfig):
    """Support tickets per order and their minutes of work.

    ``resolved_share``: of those closed, the share in which the customer's problem was solved; None = not written down.
    """

    per_order: Share
    mean_minutes: Positive = 12.0
    resolved_share: Share | None = None
    demanding: Demanding | None = None


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


class SimulatedAction(FrozenConfig):
    """A treatment and its true effect, mean + sd x index over customers.

    ``growth``: the purchase rate times 1 + effect in the window. ``save``: dropout in the window
    times 1 - effect, and who has already dropped out comes back with probability ``effect``.

    Parameters
    ----------
    fatigue:
        The n-th action that reaches a customer has the effect times (1 - fatigue)^(n - 1): saturation.
    borrowed:
        A growth action's extra orders that are taken from the time after: there the rate is times
        1 - borrowed x effect for as long as the window.
    discount:
        Taken off every order in the window of whom it reached, also of those that would have come anyway.
    receipt_share:
        Probability that it is received; who does not receive it is untouched.
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
    fatigue: Annotated[float, Field(ge=0, le=1)] = 0.0
    borrowed: Annotated[float, Field(ge=0, le=1)] = 0.0
    discount: Annotated[float, Field(ge=0, lt=1)] = 0.0
    receipt_share: Share = 1.0

    @model_validator(mode="after")
    def _some_weight(self) -> SimulatedAction:
        if not any(self.weights.values()):
            raise ValueError("at least one weight must differ from 0: the observable index needs a direction")
        return self


class Campaigns(FrozenConfig):
    """Waves of treatments with logged propensities; ``observable_share`` of effect variance shows in the profile.

    ``delay_days``: from sending to the beginning of the window in which actions work.
    """

    actions: Annotated[tuple[SimulatedAction, ...], Field(min_length=1)]
    observable_share: Share = 0.5
    first_after_days: Positive = 180.0
    every_days: Positive = 60.0
    window_days: Positive = 45.0
    delay_days: Nonnegative = 0.0
    exploration: Annotated[float, Field(gt=0, le=1)] = 0.2
    holdout: Annotated[float, Field(ge=0, lt=1)] = 0.1

    @model_validator(mode="after")
    def _windows_do_not_overlap(self) -> Campaigns:
        if self.lasting_days > self.every_days:
            raise ValueError(
                "window_days is longer than every_days, or with delay_days and what is borrowed after it: "
                "effects of two waves would overlap"
            )
        return self

    @property
    def weakens(self) -> bool:
        """Whether some actions are not received, or work less the more often they come."""
        return any(action.fatigue or action.receipt_share < 1 for action in self.actions)

    @property
    def lasting_days(self) -> float:
        """Days after sending until nothing of an action is left."""
        repays = any(action.borrowed for action in self.actions)
        return self.delay_days + self.window_days * (2 if repays else 1)


class CostsToServe(FrozenConfig):
    """Costs that no order line carries, in the shop's currency."""

    per_order: Nonnegative = 0.0
    per_ticket_minute: Nonnegative = 0.0
    per_refund: Nonnegative = 0.0
    overheads: tuple[Overhead, ...] = ()


class Defects(FrozenConfig):
    """Faults planted on request, each as a share of orders.

    ``broken_references``: of the rows of further tables that name an order, a lead or a feature, the share that
    names one which nobody knows.
    """

    late: Share = 0.02
    duplicates: Share = 0.003
    test_orders: Share = 0.002
    zone_mix: Share = 0.004
    broken_references: Share = 0.0
