"""Orders with money, and their lines: Gamma-Gamma values, margins, promotions, baskets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa

from cvo_ml.config.simulation import OrderCosts, Sellers, SimulatedShopConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.columns import Columns, cents, constant, ids, texts, times
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.shop.campaigns import TreatmentLog, discounts
from cvo_ml.simulate.shop.catalogue import products
from cvo_ml.simulate.shop.clock import is_running, value_factors
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
    offer: Numbers  # action whose discount the order has, -1 for none
    taken: Numbers  # what that discount took off; net is without it

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
    config: SimulatedShopConfig, profile: Profile, traits: Traits, later: tuple[Numbers, Numbers],
    log: TreatmentLog, block: Block,
) -> Sales:  # fmt: skip
    """All orders of a block: first orders at birth and the ``later`` ones (customer, day), with their value.

    Order values are gamma(p, nu) with mean p / nu (Fader & Hardie 2013, The Gamma-Gamma Model, eq. 1), times
    the value's season, less the discount of a treatment that runs.
    """
    who, number, day = with_first_orders(profile.born, *later)
    net = block.draws("spend", who, number).gamma(traits.value_shape[who])
    net = net * (traits.mean_value / traits.value_shape)[who]
    if config.season.value_amplitude:
        net *= value_factors(config.season, config.start, day)
    offer = discounts(config.campaigns, log, who, day, block)
    full = cents(net)
    taken = cents(full * _offers(config)[offer])
    return Sales(
        who, number, day, cents(full - taken), _promotions(config, traits, who, number, day, block),
        _lead_products(config, profile, who, number, block), offer, taken,
    )  # fmt: skip


def _offers(config: SimulatedShopConfig) -> Numbers:
    """Discount of each action; the last one is "none", -1."""
    actions = config.campaigns.actions if config.campaigns else ()
    return np.array([*(action.discount for action in actions), 0.0])


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
        "cost": cents((sales.net + sales.taken) * (1 - traits.margin[sales.who])),
        "currency": constant(config.currency, rows),
        "status": constant("paid", rows),
        "is_test": np.zeros(rows, bool),
    }
    promotions, offers = config.season.promotions, _offers(config)
    if promotions or offers.any():
        columns = {**columns, **discount_columns(config, sales)}
    if config.order_costs:
        columns = {**columns, **cost_columns(config.order_costs, sales, block)}
    if config.sellers:
        columns = {**columns, "seller_id": ids("seller-###", _sellers(config.sellers, sales, block))}
    return columns


def discount_columns(config: SimulatedShopConfig, sales: Sales) -> Columns:
    """What a promotion or a treatment took off: net is what was paid, before it net / (1 - discount)."""
    promotions = config.season.promotions
    rates = np.array([*(promotion.discount for promotion in promotions), 0.0])  # the last one is "none", -1
    gross = cents((sales.net + sales.taken) / (1 - rates[sales.promotion]))
    actions = config.campaigns.actions if config.campaigns else ()
    codes = [*(promotion.code for promotion in promotions), *(action.name.upper() for action in actions), ""]
    code = np.where(sales.offer >= 0, len(promotions) + sales.offer, sales.promotion)
    return {
        "gross": gross,
        "discount": cents(gross - sales.net),
        "discount_code": texts(codes, np.maximum(code, 0), code < 0),
    }


def cost_columns(costs: OrderCosts, sales: Sales, block: Block) -> Columns:
    """Payment and parcel: a share of net and a fee; log-normal of mean ``shipping``."""
    sigma = costs.shipping_sigma
    parcel = np.exp(sigma * block.keyed("shipping costs", sales.who, sales.number).normal() - sigma**2 / 2)
    return {
        "payment_cost": cents(costs.payment_share * sales.net + costs.payment_fee),
        "shipping_cost": cents(costs.shipping * parcel),
    }


def _sellers(sellers: Sellers, sales: Sales, block: Block) -> Numbers:
    size = 1.0 / np.arange(1, sellers.number + 1)
    drawn = block.keyed("sellers", sales.who, sales.number).random()
    return np.searchsorted(np.cumsum(size / size.sum())[:-1], drawn, side="right")


def line_columns(config: SimulatedShopConfig, sales: Sales, traits: Traits, block: Block) -> Columns:
    """The table ``order_lines``: the lines of an order add up to its net, to the cent."""
    assert config.catalogue is not None
    draws, catalogue = block.draws("lines", sales.who, sales.number), products(config.catalogue)
    mean_lines = np.array([population.lines_per_order for population in config.populations])[traits.population]
    counts = 1 + draws.poisson(mean_lines[sales.who] - 1)
    order = np.repeat(np.arange(len(counts)), counts)
    line = np.arange(len(order)) - (np.cumsum(counts) - counts)[order]
    rng = draws.below(order, line)
    product = np.searchsorted(np.cumsum(catalogue.share)[:-1], rng.random(), side="right")
    product[line == 0] = sales.product
    weight = catalogue.price_level[product] * (0.2 + rng.exponential())
    net = split_cents(sales.net, order, weight)
    quantity = 1 + rng.poisson(1.0 / catalogue.price_level[product])
    full = net / (1 - _offers(config)[sales.offer[order]])  # goods cost what they cost, whatever was taken off
    return {
        "order_id": ids("o########-#####", block.first + sales.who[order], sales.number[order]),
        "line_id": ids("####", line),
        "product_id": product_ids(product),
        "quantity": quantity.astype(float),
        "unit_price": np.round(net / quantity, 4),
        "net": net,
        "category": texts(config.catalogue.categories, catalogue.category[product]),
        "brand": brand_names(catalogue.brand[product]),
        "unit_cost": np.round(full / quantity * (1 - traits.margin[sales.who[order]]), 4),
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
    drawn = np.searchsorted(np.cumsum(share)[:-1], block.draws("lead products", who, number).random(), side="right")
    return np.where(number == 0, profile.first_product[who], drawn)


def _promotions(
    config: SimulatedShopConfig, traits: Traits, who: Numbers, number: Numbers, day: Numbers, block: Block
) -> Numbers:
    """Number of the promotion that each order uses, -1 for none."""
    if not config.season.promotions:
        return np.full(len(who), -1)
    running = np.full(config.days + 1, -1)
    for place, promotion in enumerate(config.season.promotions):
        on = [is_running(promotion, config.start + timedelta(days=at)) for at in range(config.days + 1)]
        running[np.flatnonzero(on)] = place
    uses = traits.responsive[who] | (block.draws("discounts", who, number).random() < DISCOUNT_OF_OTHERS)
    return np.where(uses, running[day.astype(np.int64)], -1)
