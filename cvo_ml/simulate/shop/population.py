"""Who the customers are: profile that the shop sees, traits that it never sees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from cvo_ml.config.simulation import (
    Dependence,
    Opportunities,
    Population,
    Renewal,
    SimulatedAction,
    SimulatedShopConfig,
)
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate import traits
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.shop.catalogue import products
from cvo_ml.simulate.shop.clock import Clock, PersonalClock
from cvo_ml.simulate.shop.deliveries import leave_share

TRAITS = ("age", "engagement", "price_sensitivity", "channel")
EFFECT_LIMITS: Mapping[str, tuple[float, float]] = {"growth": (-0.9, 5.0), "save": (-1.0, 0.95)}


@dataclass(frozen=True)
class Profile:
    """What the shop can know of each customer; all of shape (n,) unless said."""

    born: Numbers  # days since start of the first order
    observed: Numbers  # (n, 4) independent standard normals in the order of TRAITS; the channel's is a class score
    channel: Numbers
    campaign: Numbers
    city: Numbers
    consent: Numbers
    first_product: Numbers


@dataclass(frozen=True)
class Traits:
    """What only the truth knows, per customer, per day on the customer's clock; all of shape (n,).

    ``rate`` and ``dropout_per_day`` are 0 where customers buy at opportunities; there
    ``buys`` and ``dies`` hold the two probabilities, elsewhere they are 0.
    """

    population: Numbers
    rate: Numbers
    regularity: Numbers
    dropout_per_order: Numbers  # after each later order
    dropout_at_first: Numbers  # after the first order
    dropout_per_day: Numbers
    buys: Numbers
    dies: Numbers
    mean_value: Numbers
    value_shape: Numbers
    margin: Numbers
    satisfaction: Numbers  # standard normal, high = stays; its link is applied in feedback
    responsive: Numbers
    shift_at: Numbers
    shift_factor: float
    leaves_by_delivery: Numbers  # after each order, on top of dropout: P(its delivery drives away)
    tickets_per_order: Numbers
    loss_maker: Numbers
    page: Numbers  # looked at by lot after the first order: number of the page, -1 for none
    effect: Numbers  # (n, actions)
    observable_effect: Numbers  # (n, actions) E[effect | profile]

    def personal_clock(self, clock: Clock) -> PersonalClock:
        """The shop's clock as these customers live it."""
        return PersonalClock(clock, self.responsive, self.shift_at, self.shift_factor)


def draw_profile(config: SimulatedShopConfig, clock: Clock, block: Block) -> Profile:
    """Profiles of one block. New customers arrive at the pace of the shop's clock."""
    rng, size = block.stream("profile"), block.size
    last = (config.acquired_until - config.start).days
    arrival_pace = clock.elapsed(float(last), np.zeros(1, bool))[0]
    born = clock.day_at(arrival_pace * rng.random(size), np.zeros(size, bool))
    channel, score = traits.ordered_classes(np.array([c.share for c in config.channels]), rng.random(size))
    campaigns = np.array([max(1, len(c.campaigns)) for c in config.channels])[channel]
    campaign = np.floor(rng.random(size) * campaigns).astype(np.int64)
    observed = np.column_stack([rng.standard_normal((size, 3)), score])
    city = _choose([c.share for c in config.cities] or [1.0], rng.random(size))
    return Profile(
        born, observed, channel, campaign, city, rng.random(size) < config.consent_share,
        _choose(products(config.catalogue).share, rng.random(size)),
    )  # fmt: skip


def draw_traits(config: SimulatedShopConfig, profile: Profile, clock: Clock, block: Block) -> Traits:
    """Traits of one block, dependent on the profile as the preset says."""
    rng, size = block.stream("traits"), block.size
    population = _choose([p.share for p in config.populations], rng.random(size))
    hidden = rng.standard_normal((5, size))
    depends = config.depends
    index = {
        "rate": _index(depends.rate, profile, hidden[0]),
        "dropout": _index(depends.dropout, profile, traits.correlated(hidden[0], hidden[1], depends.dropout.with_rate)),
        "spend": _index(depends.spend, profile, traits.correlated(hidden[0], hidden[2], depends.spend.with_rate)),
        "per_time": hidden[3],
    }
    drawn = _by_population(config, population, index)
    margin = _index(depends.margin, profile, traits.correlated(hidden[0], hidden[4], depends.margin.with_rate))
    responsive = rng.random(size) < config.season.responsive_share
    shift_at, factor = _shift(config, clock.elapsed(profile.born, responsive), block)
    effect, observable = _effects(config, profile, block)
    everyone = np.arange(size)
    page = _pages(config, everyone, block)
    loss_maker = _loss_makers(config, everyone, block)
    share = np.clip(config.margin.mean + config.margin.sd * margin, 0.02, 0.95)
    return Traits(
        population=population,
        rate=drawn["rate"],
        regularity=drawn["regularity"].astype(np.int64),
        **_planted(config, profile, population, page, drawn),
        buys=drawn["buys"],
        dies=drawn["dies"],
        mean_value=drawn["mean_value"],
        value_shape=drawn["value_shape"],
        margin=np.where(loss_maker, config.loss_makers.margin, share) if config.loss_makers else share,
        satisfaction=-index["dropout"],
        responsive=responsive,
        shift_at=shift_at,
        shift_factor=factor,
        leaves_by_delivery=leave_share(config, profile.city),
        tickets_per_order=_tickets_per_order(config, everyone, block),
        loss_maker=loss_maker,
        page=page,
        effect=effect,
        observable_effect=observable,
    )


def observed_profile(profile: Profile) -> dict[str, Numbers]:
    """The observed traits as a shop stores them: years, and scores from 0 to 100."""
    return {
        "age": np.clip(np.round(42 + 13 * profile.observed[:, 0]), 16, 99).astype(np.int64),
        "engagement_score": np.round(100 * ndtr(profile.observed[:, 1]), 1),
        "price_sensitivity_score": np.round(100 * ndtr(profile.observed[:, 2]), 1),
    }


def _by_population(
    config: SimulatedShopConfig, population: Numbers, index: Mapping[str, Numbers]
) -> dict[str, Numbers]:
    names = ("rate", "regularity", "per_order", "per_time", "buys", "dies", "mean_value", "value_shape")
    drawn = {name: np.zeros(len(population)) for name in names}
    for number, component in enumerate(config.populations):
        who = population == number
        part = {name: values[who] for name, values in index.items()}
        for name, values in _draw_component(component, config.days_per_unit, part).items():
            drawn[name][who] = values
    return drawn


def _draw_component(
    component: Population, days_per_unit: float, index: Mapping[str, Numbers]
) -> dict[str, Numbers | float]:
    spend, dropout = component.spend, component.dropout
    drawn: dict[str, Numbers | float] = {
        # nu ~ gamma(q, v): the mean value p / nu is high where the index of nu is low
        "mean_value": spend.p / traits.gamma_quantile(-index["spend"], spend.q, spend.v),
        "value_shape": spend.p,
        "regularity": 1,
    }
    if isinstance(component.purchase, Opportunities):
        buys, dies = component.purchase.buys, component.purchase.dies
        drawn["buys"] = traits.beta_quantile(index["rate"], buys.a, buys.b)
        drawn["dies"] = traits.beta_quantile(index["dropout"], dies.a, dies.b)
        return drawn
    purchase: Renewal = component.purchase
    drawn["rate"] = traits.gamma_quantile(index["rate"], purchase.r, purchase.alpha * days_per_unit)
    drawn["regularity"] = purchase.regularity
    if dropout.per_order:
        drawn["per_order"] = traits.beta_quantile(index["dropout"], dropout.per_order.a, dropout.per_order.b)
    if dropout.per_time:
        at = index["per_time"] if dropout.per_order else index["dropout"]
        drawn["per_time"] = traits.gamma_quantile(at, dropout.per_time.shape, dropout.per_time.rate * days_per_unit)
    return drawn


def _planted(
    config: SimulatedShopConfig, profile: Profile, population: Numbers, page: Numbers, drawn: dict[str, Numbers]
) -> dict[str, Numbers]:
    """Dropout after what was planted.

    Loyal cities, campaigns and sticky first products multiply it; toxic first products drive buyers away at
    once; a page looked at after the first order keeps a share of those who would leave then.
    """
    once = np.array([component.one_time for component in config.populations])[population]
    at_once = once | np.array([c.dropout.after_first_order for c in config.populations])[population]
    loyalty = np.array([city.loyalty for city in config.cities] or [1.0])[profile.city]
    loyalty = loyalty * _campaign_loyalty(config)[profile.channel, profile.campaign]
    if config.catalogue:
        sticky = products(config.catalogue).sticky[profile.first_product]
        loyalty = loyalty * np.where(sticky, config.catalogue.sticky_loyalty, 1.0)
    keeps = np.array([*(view.keeps for view in config.pages), 0.0])[page]
    per_order = np.where(once, 1.0, np.minimum(drawn["per_order"] * loyalty, 1.0))
    toxic = products(config.catalogue).toxic[profile.first_product]
    added = config.catalogue.toxic_dropout * toxic if config.catalogue else 0.0
    return {
        "dropout_per_order": per_order,
        "dropout_at_first": (1.0 - (1.0 - at_once * per_order) * (1.0 - added)) * (1.0 - keeps),
        "dropout_per_day": drawn["per_time"] * loyalty,
    }


def _campaign_loyalty(config: SimulatedShopConfig) -> Numbers:
    """Factor on dropout of each channel's campaigns, shape (channels, most campaigns)."""
    width = max(1, *(len(channel.campaigns) for channel in config.channels))
    rows = [[channel.campaign_loyalty.get(name, 1.0) for name in channel.campaigns] for channel in config.channels]
    return np.array([row + [1.0] * (width - len(row)) for row in rows])


def _pages(config: SimulatedShopConfig, everyone: Numbers, block: Block) -> Numbers:
    """The page that each customer was chosen by lot to look at; shares of pages follow each other."""
    edges = np.cumsum([view.share for view in config.pages])
    if not len(edges):
        return np.full(len(everyone), -1)
    drawn = np.searchsorted(edges, block.keyed("pages", everyone).random(), side="right")
    return np.where(drawn < len(edges), drawn, -1)


def _loss_makers(config: SimulatedShopConfig, everyone: Numbers, block: Block) -> Numbers:
    share = config.loss_makers.share if config.loss_makers else 0.0
    return block.keyed("loss makers", everyone).random() < share


def _tickets_per_order(config: SimulatedShopConfig, everyone: Numbers, block: Block) -> Numbers:
    if config.tickets is None:
        return np.zeros(len(everyone))
    chance = np.full(len(everyone), config.tickets.per_order)
    demanding = config.tickets.demanding
    if demanding is None:
        return chance
    many = block.keyed("demanding", everyone).random() < demanding.share
    return np.minimum(np.where(many, chance * demanding.factor, chance), 1.0)


def _shift(config: SimulatedShopConfig, born: Numbers, block: Block) -> tuple[Numbers, float]:
    shift = config.season.rate_shift
    if shift is None:
        return np.full(block.size, np.inf), 1.0
    rng = block.stream("rate shift")
    after = rng.standard_exponential(block.size) * shift.mean_days
    return np.where(rng.random(block.size) < shift.share, born + after, np.inf), shift.factor


def _effects(config: SimulatedShopConfig, profile: Profile, block: Block) -> tuple[Numbers, Numbers]:
    actions: tuple[SimulatedAction, ...] = config.campaigns.actions if config.campaigns else ()
    effect, observable = np.zeros((2, block.size, len(actions)))
    hidden = block.stream("effects").standard_normal((len(actions), block.size))
    share = config.campaigns.observable_share if config.campaigns else 0.0
    for number, action in enumerate(actions):
        low, high = EFFECT_LIMITS[action.kind]
        length = np.sqrt(sum(weight**2 for weight in action.weights.values()))
        seen = sum(profile.observed[:, TRAITS.index(name)] * weight / length for name, weight in action.weights.items())
        expected = action.mean + action.sd * np.sqrt(share) * seen
        effect[:, number] = np.clip(expected + action.sd * np.sqrt(1 - share) * hidden[number], low, high)
        observable[:, number] = traits.clipped_normal_mean(expected, action.sd * np.sqrt(1 - share), low, high)
    return effect, observable


def _index(dependence: Dependence, profile: Profile, hidden: Numbers) -> Numbers:
    weights = {TRAITS.index(name): weight for name, weight in dependence.observed.items()}
    return traits.mix(profile.observed, weights, hidden)


def _choose(shares: Any, uniform: Numbers) -> Numbers:
    """Codes drawn with ``shares``."""
    return np.searchsorted(np.cumsum(shares)[:-1], uniform, side="right")
