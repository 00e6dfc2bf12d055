"""Touches whose true incremental effect is known.

A repeat order is marked as caused by channel c with probability ``causes`` (marking of a point
process; Kingman 1993, Poisson Processes, §5.2): without c exactly those orders would be missing.
Each caused order has a touch shortly before it; idle touches of the same kind come at the rate
that makes ``conversion`` true for the living, and go on after dropout; others merely precede orders
that come anyway, as brand search and retargeting do, and fool last-touch attribution.
"""

from __future__ import annotations

import numpy as np

from cvo_ml.config.simulation import SimulatedShopConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.columns import Columns, texts, times
from cvo_ml.simulate.random_streams import Block, Draws
from cvo_ml.simulate.shop.population import Profile, Traits
from cvo_ml.simulate.shop.purchases import in_order
from cvo_ml.simulate.shop.sales import Sales, customer_ids


def caused_by(config: SimulatedShopConfig, sales: Sales, block: Block) -> Numbers:
    """The touch channel that caused each order, -1 for none; shape (orders,)."""
    edges = np.cumsum([channel.causes for channel in config.touchpoints])
    drawn = np.searchsorted(edges, block.draws("causes", sales.who, sales.number).random(), side="right")
    return np.where((sales.number > 0) & (drawn < len(edges)), drawn, -1)


def touchpoint_columns(
    config: SimulatedShopConfig, sales: Sales, profile: Profile, traits: Traits, caused: Numbers, block: Block
) -> Columns:
    """The table ``touchpoints``: acquisition touches and all touches of the marketing channels."""
    first = np.arange(block.size)
    everyone = block.draws("touchpoints", first)
    parts = [(first, profile.born - 0.5 * everyone.exponential(), profile.channel)]
    channels = len(config.channels)
    for number, channel in enumerate(config.touchpoints):
        draws = everyone.named(channel.name)
        of_orders = draws.below(sales.who, sales.number)
        repeat = sales.number > 0
        causal = np.flatnonzero(caused == number)
        others = np.flatnonzero(repeat & (caused != number))
        following = others[of_orders.at(others).random() < channel.follows]
        for order in (causal, following):
            day = sales.day[order] - of_orders.at(order).exponential()
            parts.append((sales.who[order], day, np.full(len(order), channels + number)))
        who, day = _idle_touches(config, channel.causes, channel.conversion, profile, traits, draws)
        parts.append((who, day, np.full(len(who), channels + number)))
    who, day, code = (np.concatenate([part[item] for part in parts]) for item in range(3))
    keep = np.flatnonzero((day >= 0) & (day < config.days))
    keep = keep[np.argsort(day[keep], kind="stable")]
    keep = keep[in_order(who[keep])]
    return _columns(config, profile, who[keep], day[keep], code[keep], block)


def _idle_touches(
    config: SimulatedShopConfig,
    causes: float,
    conversion: float,
    profile: Profile,
    traits: Traits,
    draws: Draws,
) -> tuple[Numbers, Numbers]:
    """Touches that might have caused an order and did not: (1 - conversion) / conversion per caused one."""
    exposed = config.days - profile.born
    mean = traits.rate * causes * (1 - conversion) / conversion * exposed
    counts = draws.poisson(mean)
    who = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(who)) - np.repeat(np.cumsum(counts) - counts, counts)
    return who, profile.born[who] + draws.below(who, number).random() * exposed[who]


def _columns(
    config: SimulatedShopConfig, profile: Profile, who: Numbers, day: Numbers, code: Numbers, block: Block
) -> Columns:
    acquisition = code < len(config.channels)
    names = [c.name for c in config.channels] + [c.name for c in config.touchpoints]
    cost = np.array([0.0] * len(config.channels) + [c.cost for c in config.touchpoints])
    offline = np.array([False] * len(config.channels) + [c.is_offline for c in config.touchpoints])
    campaign, campaigns = campaign_codes(config, profile)
    return {
        "customer_id": customer_ids(block, who),
        "at": times(config.start, day),
        "channel": texts(names, code),
        "campaign": texts(campaigns, campaign[who], ~acquisition),
        "kind": texts(["touch", "acquisition"], acquisition.astype(np.int64)),
        "cost": cost[code],
        "is_offline": offline[code],
    }


def campaign_codes(config: SimulatedShopConfig, profile: Profile) -> tuple[Numbers, list[str]]:
    """Each customer's acquisition campaign as a code into the list of all campaigns."""
    lists = [list(channel.campaigns) or [channel.name] for channel in config.channels]
    offset = np.concatenate([[0], np.cumsum([len(names) for names in lists])])
    return offset[profile.channel] + profile.campaign, [name for names in lists for name in names]
