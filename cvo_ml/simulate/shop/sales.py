"""Orders with money, and their lines: Gamma-Gamma values, margins, promotions, baskets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa

from cvo_ml.config.simulation import SalesPromotion, SimulatedShopConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.columns import Columns, cents, constant, ids, texts, times
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.shop.catalogue import products
from cvo_ml.simulate.shop.clock import is_running
from cvo_ml.simulate.shop.population import Profile, Traits

DISCOUNT_OF_OTHERS = 0.3  # share of unresponsive customers' orders that use a running promotion


@dataclass(frozen=True)
class Sales:
    """A block's orders, sorted by customer and time; arrays of shape (orders,). ``who`` counts within the block."""

    who: Numbers
    number: Numbers  # 0 = the customer's first order
    day: Numbers
    net: Numbers
    promotion: Numbers  # -1 for none
    product: Numbers  # of the first line

    def order_ids(self, block: Block) -> pa.Array:
        """Ids from customer and order number, so that no block needs to know another."""
        return order_ids(block.first + self.who, self.number)


def order_ids(customer: Numbers, number: Numbers) -> pa.Array:
    """``o`` + customer + order number."""
    return ids("o########-#####", customer, number)


def customer_ids(block: Block, who: Numbers) -> pa.Array:
    """``c`` + the customer's number in the shop."""
    return ids("c########", block.first + who)


def sell(
    config: SimulatedShopConfig, profile: Profile, traits: Traits, later: tuple[Numbers, Numbers], block: Block
) -> Sales:
    """All orders of a block: first orders at birth and the ``later`` ones (customer, day), with their value.

    Order values are gamma(p, nu) with mean p / nu (Fader & Hardie 2013, The Gamma-Gamma Model, eq. 1).
    """
    who, number, day = with_first_orders(profile.born, *later)
    rng = block.stream("spend")
    net = rng.standard_gamma(traits.value_shape[who]) * (traits.mean_value / traits.value_shape)[who]
    product = _lead_products(config, profile, who, number, block)
    return Sales(who, number, day, cents(net), _promotions(config, traits, who, day, block), product)


def with_first_orders(born: Numbers, who: Numbers, day: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """First orders put before each customer's later ones: customer, order number, day."""
    counts = np.bincount(who, minlength=len(born)) + 1
    ends = np.cumsum(counts)
    everyone = np.repeat(np.arange(len(born)), counts)
    number = np.arange(len(everyone)) - (ends - counts)[everyone]
    days = np.empty(len(everyone))
    days[number == 0] = born
    days[number > 0] = day
    return everyone, number, days


def order_columns(config: SimulatedShopConfig, sales: Sales, traits: Traits, block: Block) -> Columns:
    """The table ``orders``."""
    rows = len(sales.who)
    columns: Columns = {
        "order_id": sales.order_ids(block),
        "customer_id": customer_ids(block, sales.who),
        "ordered_at": times(config.start, sales.day),
        "net": sales.net,
        "cost": cents(sales.net * (1 - traits.margin[sales.who])),
        "currency": constant(config.currency, rows),
        "status": constant("paid", rows),
        "is_test": np.zeros(rows, bool),
    }
    promotions = config.season.promotions
    return {**columns, **(discount_columns(promotions, sales) if promotions else {})}


def discount_columns(promotions: Sequence[SalesPromotion], sales: Sales) -> Columns:
    """What a promotion took off: net is what was paid, gross = net / (1 - discount)."""
    rates = np.array([*(promotion.discount for promotion in promotions), 0.0])  # the last one is "none", -1
    gross = cents(sales.net / (1 - rates[sales.promotion]))
    codes = [promotion.code for promotion in promotions]
    return {
        "gross": gross,
        "discount": cents(gross - sales.net),
        "discount_code": texts(codes, np.maximum(sales.promotion, 0), sales.promotion < 0),
    }


def line_columns(config: SimulatedShopConfig, sales: Sales, traits: Traits, block: Block) -> Columns:
    """The table ``order_lines``: the lines of an order add up to its net, to the cent."""
    assert config.catalogue is not None
    rng, catalogue = block.stream("lines"), products(config.catalogue)
    mean_lines = np.array([population.lines_per_order for population in config.populations])[traits.population]
    counts = 1 + rng.poisson(mean_lines[sales.who] - 1)
    order = np.repeat(np.arange(len(counts)), counts)
    line = np.arange(len(order)) - (np.cumsum(counts) - counts)[order]
    product = np.searchsorted(np.cumsum(catalogue.share)[:-1], rng.random(len(order)), side="right")
    product[line == 0] = sales.product
    weight = catalogue.price_level[product] * (0.2 + rng.standard_exponential(len(order)))
    net = split_cents(sales.net, order, weight)
    quantity = 1 + rng.poisson(1.0 / catalogue.price_level[product])
    return {
        "order_id": ids("o########-#####", block.first + sales.who[order], sales.number[order]),
        "line_id": ids("####", line),
        "product_id": product_ids(product),
        "quantity": quantity.astype(float),
        "unit_price": np.round(net / quantity, 4),
        "net": net,
        "category": texts(config.catalogue.categories, catalogue.category[product]),
        "brand": brand_names(catalogue.brand[product]),
        "unit_cost": np.round(net / quantity * (1 - traits.margin[sales.who[order]]), 4),
    }


def product_ids(product: Numbers) -> pa.Array:
    """``p`` + the product's popularity rank."""
    return ids("p#####", product)


def brand_names(brand: Numbers) -> pa.Array:
    """``brand-`` + its number."""
    return ids("brand-###", brand)


def split_cents(amount: Numbers, part_of: Numbers, weight: Numbers) -> Numbers:
    """Split each amount among its parts by weight, in whole cents, without losing one.

    Parameters
    ----------
    amount:
        Shape (orders,), two decimals.
    part_of, weight:
        The order of each part, ascending, each order at least once; weight > 0; shape (parts,).

    Examples
    --------
    >>> split_cents(np.array([1.0, 0.05]), np.array([0, 0, 0, 1]), np.array([1.0, 1, 1, 5])).tolist()
    [0.33, 0.34, 0.33, 0.05]
    """
    total = np.bincount(part_of, weight)
    share = weight / total[part_of]
    running = np.cumsum(share)
    before = np.concatenate([[0.0], running])[np.searchsorted(part_of, part_of)]
    last = np.append(part_of[1:] != part_of[:-1], True)
    upto = np.where(last, 1.0, np.clip(running - before, 0.0, 1.0))
    whole = np.round(amount * 100)[part_of]
    edge = np.round(upto * whole)
    first = np.append(True, last[:-1])
    return np.asarray((edge - np.where(first, 0.0, np.roll(edge, 1))) / 100)


def _lead_products(
    config: SimulatedShopConfig, profile: Profile, who: Numbers, number: Numbers, block: Block
) -> Numbers:
    if config.catalogue is None:
        return np.zeros(len(who), np.int64)
    share = products(config.catalogue).share
    drawn = np.searchsorted(np.cumsum(share)[:-1], block.stream("lead products").random(len(who)), side="right")
    return np.where(number == 0, profile.first_product[who], drawn)


def _promotions(config: SimulatedShopConfig, traits: Traits, who: Numbers, day: Numbers, block: Block) -> Numbers:
    """Number of the promotion that each order uses, -1 for none."""
    if not config.season.promotions:
        return np.full(len(who), -1)
    running = np.full(config.days + 1, -1)
    for number, promotion in enumerate(config.season.promotions):
        on = [is_running(promotion, config.start + timedelta(days=at)) for at in range(config.days + 1)]
        running[np.flatnonzero(on)] = number
    uses = traits.responsive[who] | (block.stream("discounts").random(len(who)) < DISCOUNT_OF_OTHERS)
    return np.where(uses, running[day.astype(np.int64)], -1)
