"""Pages that customers look at after their first order: one may keep them, another is only a sign.

Who looks at a page by lot is drawn before anything happens, so the difference in coming back is the page's
effect (``keeps``). Before a share of second orders a page is looked at as well (``follows``): customers who
come back have seen it more often, though it has done nothing.
"""

from __future__ import annotations

import numpy as np

from cvo_ml.config.simulation import SimulatedShopConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.columns import Columns, texts, times
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.shop.population import Profile, Traits
from cvo_ml.simulate.shop.sales import Sales, customer_ids

DAYS_TO_LOOK = 5.0  # after the first order, and before the second


def page_columns(config: SimulatedShopConfig, profile: Profile, traits: Traits, sales: Sales, block: Block) -> Columns:
    """Events of pages: customer, time, the page's name, 1."""
    everyone = np.arange(block.size)
    second = np.full(block.size, np.inf)
    second[sales.who[sales.number == 1]] = sales.day[sales.number == 1]
    gap = second - profile.born
    chosen = np.flatnonzero(traits.page >= 0)
    soon = block.keyed("looks", everyone).random() * np.minimum(gap, DAYS_TO_LOOK)
    parts = [(chosen, profile.born[chosen] + soon[chosen], traits.page[chosen])]
    for number, page in enumerate(config.pages):
        draws = block.keyed("looks before", everyone).named(page.name)
        follows = np.flatnonzero(np.isfinite(second) & (draws.random() < page.follows))
        ago = draws.at(follows).random() * np.minimum(gap[follows], DAYS_TO_LOOK)
        parts.append((follows, second[follows] - ago, np.full(len(follows), number)))
    who, day, code = (np.concatenate([part[item] for part in parts]) for item in range(3))
    keep = np.flatnonzero(day < config.days)
    keep = keep[np.lexsort([day[keep], who[keep]])]
    return _columns(config, who[keep], day[keep], code[keep], block)


def _columns(config: SimulatedShopConfig, who: Numbers, day: Numbers, code: Numbers, block: Block) -> Columns:
    return {
        "customer_id": customer_ids(block, who),
        "at": times(config.start, day),
        "name": texts([page.name for page in config.pages], code),
        "value": np.ones(len(who)),
    }
