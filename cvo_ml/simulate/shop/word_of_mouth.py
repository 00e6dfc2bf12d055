"""What customers tell others: reviews of products, and new customers whom they send.

A review has 1 to 5 stars: mean + quality of the product + own mood - half a star per point lost by a late
delivery, rounded. A customer who came by the referral channel was sent by one who came before, drawn with
weight exp(w x satisfaction): the n-th to arrive was sent by i with probability weight_i / sum of weights
before n. Referrers and referred are of one block.
"""

from __future__ import annotations

import numpy as np

from cvo_ml.config.simulation import SimulatedShopConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.columns import Columns, ids, texts, times
from cvo_ml.simulate.keyed_draws import KeyedDraws, behaviour_key, row_keys
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.shop.catalogue import products
from cvo_ml.simulate.shop.deliveries import DeliveryRows
from cvo_ml.simulate.shop.population import Profile, Traits
from cvo_ml.simulate.shop.sales import Sales, customer_ids, order_ids, product_ids

STARS_PER_POINT = 0.5
TEXTS = ("never again", "below what was promised", "as expected", "good", "just what I wanted")


def product_quality(config: SimulatedShopConfig, seed: int) -> Numbers:
    """True quality of each product in stars above the mean, shape (products,); 0 without reviews."""
    catalogue = products(config.catalogue)
    if config.reviews is None:
        return np.zeros(len(catalogue.share))
    own = KeyedDraws(behaviour_key(seed, "quality"), row_keys(np.arange(len(catalogue.share)))).normal()
    return (
        config.reviews.quality_sd * own
        - config.reviews.toxic_stars * catalogue.toxic
        + config.reviews.sticky_stars * catalogue.sticky
    )


def review_columns(config: SimulatedShopConfig, sales: Sales, deliveries: DeliveryRows | None, block: Block) -> Columns:
    """The table ``reviews``: of the first line's product, some days after it came."""
    reviews = config.reviews
    assert reviews is not None
    draws = block.keyed("reviews", sales.who, sales.number)
    order = np.flatnonzero(draws.random() < reviews.share)
    draws = draws.at(order)
    points = 0.0 if deliveries is None else deliveries.points[order]
    came = sales.day[order] if deliveries is None else deliveries.delivered[order]
    day = came + reviews.mean_days * draws.exponential()
    quality = product_quality(config, block.seed)[sales.product[order]]
    stars = reviews.mean_stars + quality + reviews.mood_sd * draws.normal() - STARS_PER_POINT * points
    rating = np.clip(np.round(stars), 1, 5)
    keep = np.flatnonzero(day < config.days)
    who, number = sales.who[order[keep]], sales.number[order[keep]]
    return {
        "review_id": ids("v########-#####", block.first + who, number),
        "customer_id": customer_ids(block, who),
        "reviewed_at": times(config.start, day[keep]),
        "product_id": product_ids(sales.product[order[keep]]),
        "order_id": order_ids(block.first + who, number),
        "rating": rating[keep],
        "text": texts(TEXTS, rating[keep].astype(np.int64) - 1),
    }


def referral_weights(config: SimulatedShopConfig, traits: Traits) -> Numbers:
    """Willingness of each customer to refer, shape (n,), > 0."""
    assert config.referrals is not None
    return np.exp(config.referrals.willingness * traits.satisfaction)


def referral_columns(config: SimulatedShopConfig, profile: Profile, traits: Traits, block: Block) -> Columns:
    """The table ``referrals``: one row for each customer of the channel before whom somebody came."""
    assert config.referrals is not None
    by_arrival, before, referred = _arrivals(config, profile, traits)
    target = block.keyed("referrals", by_arrival[referred]).random() * before[referred]
    referrer = by_arrival[np.searchsorted(before[1:], target, side="right")]
    sent = by_arrival[referred]
    row = np.argsort(sent, kind="stable")
    return {
        "referrer_id": customer_ids(block, referrer[row]),
        "referred_id": customer_ids(block, sent[row]),
        "at": times(config.start, profile.born[sent[row]]),
        "reward": np.full(len(row), config.referrals.reward),
    }


def expected_referrals(config: SimulatedShopConfig, profile: Profile, traits: Traits) -> Numbers:
    """Customers whom each is expected to have sent until the data end; shape (n,)."""
    by_arrival, before, referred = _arrivals(config, profile, traits)
    per_weight = np.zeros(len(by_arrival) + 1)
    per_weight[referred] = 1.0 / before[referred]
    later = np.cumsum(per_weight[::-1])[::-1][1:]  # of all who arrive after
    expected = np.empty(len(by_arrival))
    expected[by_arrival] = later * referral_weights(config, traits)[by_arrival]
    return expected


def _arrivals(config: SimulatedShopConfig, profile: Profile, traits: Traits) -> tuple[Numbers, Numbers, Numbers]:
    """Customers by arrival, weight that came before each place, and the places of the referred."""
    assert config.referrals is not None
    by_arrival = np.argsort(profile.born, kind="stable")
    before = np.concatenate([[0.0], np.cumsum(referral_weights(config, traits)[by_arrival])])
    channel = [channel.name for channel in config.channels].index(config.referrals.channel)
    referred = np.flatnonzero(profile.channel[by_arrival] == channel)
    return by_arrival, before, referred[referred > 0]
