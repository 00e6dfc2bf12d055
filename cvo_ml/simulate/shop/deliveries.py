"""Deliveries, and what a late one does: delay -> points of satisfaction -> leaving.

A parcel of carrier c to region g is late with probability q_cg, by L ~ exponential(mean m_c) days. That
costs min(a L, M) points (``points_per_day``, ``most_points``), and each point makes the customer leave
after this order with added probability d (``leave_per_point``). So over orders

    E[points] = sum over c of share_c q_cg a m_c (1 - exp(-M / (a m_c))),   P(leaves by it) = d E[points].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cvo_ml.config.simulation import Deliveries, SimulatedShopConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.keyed_draws import KeyedDraws
from cvo_ml.simulate.random_streams import Block

EARLIEST = 0.4  # of the promised days: no parcel comes before
UNTIL_SHIPPED = 0.3  # of the promised days, at most


@dataclass(frozen=True)
class DeliveryRows:
    """Deliveries of orders; arrays of shape (m,), days since the start. ``points``: what each costs."""

    carrier: Numbers
    shipped: Numbers
    delivered: Numbers
    promised: Numbers
    days_late: Numbers
    points: Numbers


@dataclass(frozen=True)
class LateDeliveries:
    """What drives customers away after a late delivery (``purchases.Leaving``); ``city``: of the block's customers."""

    config: SimulatedShopConfig
    block: Block
    city: Numbers

    def leaves(self, who: Numbers, number: Numbers) -> Numbers:
        """Whether customers ``who`` leave after orders ``number``; flags of shape (m,)."""
        deliveries = self.config.deliveries
        assert deliveries is not None
        draws = self.block.keyed("deliveries", who, number)
        points = lost_points(deliveries, _lateness(self.config, self.city[who], draws)[1])
        late, leaves = np.flatnonzero(points), np.zeros(len(who), bool)
        coins = self.block.keyed("leaving after deliveries", who[late], number[late]).random()
        leaves[late] = coins < deliveries.leave_per_point * points[late]
        return leaves


def leaving(config: SimulatedShopConfig, city: Numbers, block: Block) -> LateDeliveries | None:
    """What late deliveries do to the purchase process; None where they do nothing."""
    deliveries = config.deliveries
    if deliveries is None or not deliveries.leave_per_point or not deliveries.points_per_day:
        return None
    return LateDeliveries(config, block, city)


def draw_deliveries(
    config: SimulatedShopConfig, city: Numbers, who: Numbers, number: Numbers, day: Numbers, block: Block
) -> DeliveryRows:
    """The delivery of each order; keyed by customer and order, so it is the same whenever it is asked for."""
    deliveries = config.deliveries
    assert deliveries is not None
    draws = block.keyed("deliveries", who, number)
    carrier, days_late = _lateness(config, city, draws)
    promised = day + deliveries.promised_days
    in_time = day + deliveries.promised_days * draws.uniform(EARLIEST, 1.0)
    shipped = day + deliveries.promised_days * UNTIL_SHIPPED * draws.random()
    return DeliveryRows(
        carrier, shipped, np.where(days_late > 0, promised + days_late, in_time), promised, days_late,
        lost_points(deliveries, days_late),
    )  # fmt: skip


def _lateness(config: SimulatedShopConfig, city: Numbers, draws: KeyedDraws) -> tuple[Numbers, Numbers]:
    """Carrier of each order, and days late: the first draws of a delivery."""
    assert config.deliveries is not None
    carriers = config.deliveries.carriers
    carrier = np.searchsorted(np.cumsum([one.share for one in carriers])[:-1], draws.random(), side="right")
    late = draws.random() < late_shares(config)[carrier, city]
    mean = np.array([one.mean_days_late for one in carriers])[carrier]
    return carrier, np.where(late, mean * draws.exponential(), 0.0)


def lost_points(deliveries: Deliveries, days_late: Numbers) -> Numbers:
    """Points of satisfaction that a delay costs: min(a L, M)."""
    return np.minimum(deliveries.points_per_day * days_late, deliveries.most_points)


def late_shares(config: SimulatedShopConfig) -> Numbers:
    """P(late) of each carrier in each city, shape (carriers, cities)."""
    assert config.deliveries is not None
    regions = [city.region for city in config.cities] or [""]
    return np.array(
        [
            [min(carrier.late_share * carrier.late_in.get(region, 1.0), 1.0) for region in regions]
            for carrier in config.deliveries.carriers
        ]
    )


def expected_points(config: SimulatedShopConfig) -> Numbers:
    """Points that an order's delivery is expected to cost in each city, shape (cities,); see the module's head."""
    deliveries = config.deliveries
    assert deliveries is not None
    share, mean = (np.array([getattr(c, name) for c in deliveries.carriers]) for name in ("share", "mean_days_late"))
    scale = deliveries.points_per_day * mean
    with np.errstate(divide="ignore"):
        lost = scale * -np.expm1(-deliveries.most_points / scale)
    return (share * lost) @ late_shares(config)


def leave_share(config: SimulatedShopConfig, city: Numbers) -> Numbers:
    """P(leaves by its delivery after an order), by the customer's city; shape (n,)."""
    if config.deliveries is None:
        return np.zeros(len(city))
    return config.deliveries.leave_per_point * expected_points(config)[city]
