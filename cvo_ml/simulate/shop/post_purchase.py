"""What follows an order: refunds, returns, tickets, surveys; and visits while a customer is alive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cvo_ml.config.simulation import SimulatedShopConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.columns import Columns, cents, constant, ids, texts, times
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.shop.catalogue import products
from cvo_ml.simulate.shop.deliveries import DeliveryRows
from cvo_ml.simulate.shop.population import Traits
from cvo_ml.simulate.shop.purchases import Lives
from cvo_ml.simulate.shop.sales import Sales, customer_ids, order_ids, product_ids

PARTIAL_REFUND = (0.1, 0.9)  # a part given back is uniform in this range
REFUND_REASONS = ("damaged", "wrong size", "changed mind", "late")
TICKET_TOPICS = ("delivery", "product", "payment", "account")
MEAN_SCORE, SCORE_SD, OWN_SD, TOXIC_DROP = 7.9, 1.5, 0.7, 2.0


@dataclass(frozen=True)
class RefundRows:
    """Refunds before the data end; ``order`` is the row in Sales."""

    order: Numbers
    day: Numbers
    opened: Numbers
    amount: Numbers
    reason: Numbers


@dataclass(frozen=True)
class TicketRows:
    """Tickets before the data end; ``order`` is the row in Sales, ``closed`` NaN while open."""

    order: Numbers
    day: Numbers
    closed: Numbers
    minutes: Numbers
    topic: Numbers


def draw_refunds(config: SimulatedShopConfig, sales: Sales, block: Block) -> RefundRows:
    """A share of orders is given back, wholly or in part, after an exponential time."""
    draws = block.draws("refunds", sales.who, sales.number)
    share = config.refunds.share if config.refunds else 0.0
    order = np.flatnonzero(draws.random() < share)
    draws = draws.at(order)
    full = draws.random() < (config.refunds.full_share if config.refunds else 0.0)
    part = np.where(full, 1.0, draws.uniform(*PARTIAL_REFUND))
    lag = draws.exponential() * (config.refunds.mean_days if config.refunds else 0.0)
    day, amount = sales.day[order] + lag, cents(sales.net[order] * part)
    opened = sales.day[order] + lag * draws.random()
    reason = draws.integers(len(REFUND_REASONS))
    keep = (day < config.days) & (amount > 0)
    return RefundRows(order[keep], day[keep], opened[keep], amount[keep], reason[keep])


def expected_refund_share(config: SimulatedShopConfig) -> float:
    """Share of an order's net that is expected back."""
    if config.refunds is None:
        return 0.0
    part = sum(PARTIAL_REFUND) / 2
    return config.refunds.share * (config.refunds.full_share + (1 - config.refunds.full_share) * part)


def refund_columns(config: SimulatedShopConfig, sales: Sales, refunds: RefundRows, block: Block) -> Columns:
    """The table ``refunds``."""
    customer, number = block.first + sales.who[refunds.order], sales.number[refunds.order]
    return {
        "refund_id": ids("r########-#####", customer, number),
        "refunded_at": times(config.start, refunds.day),
        "amount": refunds.amount,
        "order_id": order_ids(customer, number),
        "customer_id": customer_ids(block, sales.who[refunds.order]),
        "reason": texts(REFUND_REASONS, refunds.reason),
    }


def return_columns(config: SimulatedShopConfig, sales: Sales, refunds: RefundRows, block: Block) -> Columns:
    """The table ``returns``: opened before the money goes back."""
    who, number = sales.who[refunds.order], sales.number[refunds.order]
    return {
        "customer_id": customer_ids(block, who),
        "opened_at": times(config.start, refunds.opened),
        "order_id": order_ids(block.first + who, number),
        "product_id": product_ids(sales.product[refunds.order]),
        "kind": texts(REFUND_REASONS, refunds.reason),
    }


def draw_tickets(config: SimulatedShopConfig, sales: Sales, traits: Traits, block: Block) -> TicketRows:
    """At most one ticket per order, some days after it; minutes are exponential."""
    draws = block.draws("tickets", sales.who, sales.number)
    order = np.flatnonzero(draws.random() < traits.tickets_per_order[sales.who])
    draws = draws.at(order)
    day = sales.day[order] + 5.0 * draws.exponential()
    closed = day + 1.5 * draws.exponential()
    minutes = np.round(draws.exponential() * (config.tickets.mean_minutes if config.tickets else 0.0), 1)
    topic = draws.integers(len(TICKET_TOPICS))
    keep = day < config.days
    closed = np.where(closed < config.days, closed, np.nan)
    return TicketRows(order[keep], day[keep], closed[keep], minutes[keep], topic[keep])


def ticket_columns(config: SimulatedShopConfig, sales: Sales, tickets: TicketRows, block: Block) -> Columns:
    """The table ``tickets``."""
    who, number = sales.who[tickets.order], sales.number[tickets.order]
    columns: Columns = {
        "ticket_id": ids("t########-#####", block.first + who, number),
        "customer_id": customer_ids(block, who),
        "opened_at": times(config.start, tickets.day),
        "closed_at": times(config.start, tickets.closed),
        "topic": texts(TICKET_TOPICS, tickets.topic),
        "minutes": tickets.minutes,
    }
    if config.tickets is None or config.tickets.resolved_share is None:
        return columns
    solved = block.keyed("resolved", who, number).random() < config.tickets.resolved_share
    return {
        **columns,
        "resolved_at": times(config.start, np.where(solved, tickets.closed, np.nan)),
        "resolved": solved & ~np.isnan(tickets.closed),
    }


def survey_columns(
    config: SimulatedShopConfig, sales: Sales, traits: Traits, deliveries: DeliveryRows | None, block: Block
) -> Columns:
    """The table ``surveys``: NPS before and after delivery.

    Satisfaction = link x (index of staying) + sqrt(1 - link^2) x own mood, one per customer; a
    toxic product and a late delivery lower the answer after delivery. With link 0 answers say nothing about
    staying.
    """
    assert config.surveys is not None
    draws, link = block.draws("surveys", np.arange(block.size)), config.surveys.link
    mood = link * traits.satisfaction + np.sqrt(1 - link**2) * draws.normal()
    draws = draws.below(sales.who, sales.number)
    order = np.flatnonzero(draws.random() < config.surveys.response_share)
    draws = draws.at(order)
    expected = MEAN_SCORE + SCORE_SD * mood[sales.who[order]]
    toxic = products(config.catalogue).toxic[sales.product[order]]
    pre = expected + OWN_SD * draws.normal()
    post = expected + OWN_SD * draws.normal() - TOXIC_DROP * toxic
    after = sales.day[order] + 4 + 4 * draws.random()
    if deliveries is not None:
        post = post - deliveries.points[order]
        after = after - sales.day[order] - 4 + deliveries.delivered[order]
    day = np.concatenate([sales.day[order] + 0.1, after])
    order, score = np.tile(order, 2), np.clip(np.round(np.concatenate([pre, post])), 0, 10)
    kind = np.repeat([0, 1], len(order) // 2)
    keep = day < config.days
    columns: Columns = {
        "customer_id": customer_ids(block, sales.who[order[keep]]),
        "answered_at": times(config.start, day[keep]),
        "kind": texts(["nps_pre", "nps_post"], kind[keep]),
        "score": score[keep],
    }
    if deliveries is None:
        return columns
    return {**columns, "order_id": order_ids(block.first + sales.who[order[keep]], sales.number[order[keep]])}


def visit_columns(config: SimulatedShopConfig, lives: Lives, block: Block) -> Columns:
    """The table ``events``: visits, a Poisson process while alive, so that silence is a sign."""
    draws = block.draws("visits", lives.who, place_within(lives.who))
    until = np.minimum(lives.until, config.days)
    counts = draws.poisson(config.visits_per_day * np.maximum(until - lives.since, 0.0))
    span = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(span)) - np.repeat(np.cumsum(counts) - counts, counts)
    day = lives.since[span] + draws.below(span, number).random() * (until - lives.since)[span]
    return {
        "customer_id": customer_ids(block, lives.who[span]),
        "at": times(config.start, day),
        "name": constant("visit", len(span)),
        "value": np.ones(len(span)),
    }


def place_within(who: Numbers) -> Numbers:
    """Number of each row within its customer, from 0; rows of a customer stand together.

    Examples
    --------
    >>> place_within(np.array([3, 3, 5, 7, 7, 7])).tolist()
    [0, 1, 0, 0, 1, 2]
    """
    begins = np.flatnonzero(np.append(True, who[1:] != who[:-1])[: len(who)])
    return np.arange(len(who)) - np.repeat(begins, np.diff(np.append(begins, len(who))))
