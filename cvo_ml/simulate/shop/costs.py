"""Costs outside the order lines: serving customers, and winning them."""

from __future__ import annotations

import numpy as np

from cvo_ml.config.simulation import SimulatedShopConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.columns import Columns, cents, constant, texts, times
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.shop.clock import Clock
from cvo_ml.simulate.shop.population import Traits
from cvo_ml.simulate.shop.post_purchase import RefundRows, TicketRows, expected_refund_share
from cvo_ml.simulate.shop.sales import Sales, customer_ids

ACTIVITIES = ("fulfilment", "support minutes", "refund handling")


def serving_columns(
    config: SimulatedShopConfig, sales: Sales, refunds: RefundRows, tickets: TicketRows, block: Block
) -> Columns:
    """The table ``costs_to_serve``: quantities of each activity per customer and month."""
    assert config.costs_to_serve is not None
    costs = config.costs_to_serve
    first = np.datetime64(config.start, "M")
    rows = [
        (sales.who, sales.day, np.ones(len(sales.who))),
        (sales.who[tickets.order], tickets.day, tickets.minutes),
        (sales.who[refunds.order], refunds.day, np.ones(len(refunds.order))),
    ]
    who, month, quantity, activity = [], [], [], []
    for number, (customer, day, amount) in enumerate(rows):
        months = (times(config.start, day).astype("datetime64[M]") - first).astype(np.int64)
        cell, total = _sums(customer * 10_000 + months, amount)
        who.append(cell // 10_000)
        month.append(cell % 10_000)
        quantity.append(total)
        activity.append(np.full(len(cell), number))
    code = np.concatenate(activity)
    unit = np.array([costs.per_order, costs.per_ticket_minute, costs.per_refund])
    return {
        "customer_id": customer_ids(block, np.concatenate(who)),
        "period": (first + np.concatenate(month)).astype("datetime64[us]"),
        "activity": texts(ACTIVITIES, code),
        "quantity": np.round(np.concatenate(quantity), 1),
        "unit_cost": unit[code],
    }


def spend_columns(config: SimulatedShopConfig, clock: Clock, customers: int, block: Block) -> Columns:
    """The table ``acquisition_spend``: planned spend per day, channel and campaign, with noise.

    Planned on the expected arrivals, so that it needs no count of the customers who came.
    """
    days = (config.acquired_until - config.start).days
    ticks = clock.ticks[0, : days + 1]
    arrivals = customers * np.diff(ticks) / ticks[-1]
    cells = [
        (channel.name, campaign, channel.share * channel.cost_per_customer / max(1, len(channel.campaigns)))
        for channel in config.channels
        for campaign in (channel.campaigns or (channel.name,))
        if channel.cost_per_customer > 0
    ]
    noise = block.stream("acquisition spend").uniform(0.9, 1.1, (days, len(cells)))
    spend = cents(arrivals[:, None] * np.array([cell[2] for cell in cells]) * noise)
    cell = np.tile(np.arange(len(cells)), days)
    return {
        "date": times(config.start, np.repeat(np.arange(days, dtype=float), len(cells))),
        "channel": texts([name for name, _, _ in cells], cell),
        "campaign": texts([campaign for _, campaign, _ in cells], cell),
        "spend": spend.reshape(-1),
        "cost_kind": constant("ads", len(cell)),
    }


def value_per_order(config: SimulatedShopConfig, traits: Traits) -> dict[str, Numbers]:
    """Expected value of one order after its refunds, per basis; shape (n,)."""
    revenue = traits.mean_value * (1 - expected_refund_share(config))
    serving = 0.0
    if config.costs_to_serve:
        serving += config.costs_to_serve.per_order
        minutes = config.tickets.per_order * config.tickets.mean_minutes if config.tickets else 0.0
        serving += minutes * config.costs_to_serve.per_ticket_minute
        serving += (config.refunds.share if config.refunds else 0.0) * config.costs_to_serve.per_refund
    margin = revenue * traits.margin
    return {"revenue": revenue, "gross_margin": margin, "contribution": margin - serving}


def _sums(key: Numbers, amount: Numbers) -> tuple[Numbers, Numbers]:
    keys, place = np.unique(key, return_inverse=True)
    return keys, np.bincount(place, amount, minlength=len(keys))
