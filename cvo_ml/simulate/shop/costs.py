"""Costs outside the order lines: serving customers, and winning them."""

from __future__ import annotations

import numpy as np

from cvo_ml.config.simulation import CostsToServe, OrderCosts, SimulatedShopConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.columns import Columns, cents, texts, times
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.shop.clock import Clock
from cvo_ml.simulate.shop.population import Traits
from cvo_ml.simulate.shop.post_purchase import RefundRows, TicketRows, expected_refund_share
from cvo_ml.simulate.shop.sales import Sales, customer_ids

ACTIVITIES = ("fulfilment", "support minutes", "refund handling")
KINDS, SPEND_STREAMS = ("ads", "people", "tools"), ("acquisition spend", "people", "tools")
DRIVERS = ("orders", "ticket_minutes", "returns")


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
    columns: Columns = {
        "customer_id": customer_ids(block, np.concatenate(who)),
        "period": (first + np.concatenate(month)).astype("datetime64[us]"),
        "activity": texts(ACTIVITIES, code),
        "quantity": np.round(np.concatenate(quantity), 1),
        "unit_cost": unit[code],
    }
    if not costs.overheads:
        return columns
    return {**columns, "driver": texts(DRIVERS, code), "is_fixed": np.zeros(len(code), bool)}


def spend_columns(config: SimulatedShopConfig, clock: Clock, customers: int, block: Block) -> Columns:
    """The table ``acquisition_spend``: planned spend per day, channel, campaign and kind, with noise.

    Planned on the expected arrivals, so that it needs no count of the customers who came.
    """
    days = (config.acquired_until - config.start).days
    ticks = clock.ticks[0, : days + 1]
    arrivals = customers * np.diff(ticks) / ticks[-1]
    cells = spend_cells(config)
    noise = np.concatenate(
        [
            block.stream(stream).uniform(0.9, 1.1, (days, sum(cell[2] == kind for cell in cells)))
            for kind, stream in zip(KINDS, SPEND_STREAMS, strict=True)
        ],
        axis=1,
    )
    spend = cents(arrivals[:, None] * np.array([cell[3] for cell in cells]) * noise)
    cell = np.tile(np.arange(len(cells)), days)
    return {
        "date": times(config.start, np.repeat(np.arange(days, dtype=float), len(cells))),
        "channel": texts([cell[0] for cell in cells], cell),
        "campaign": texts([cell[1] for cell in cells], cell),
        "spend": spend.reshape(-1),
        "cost_kind": texts([cell[2] for cell in cells], cell),
    }


def spend_cells(config: SimulatedShopConfig) -> list[tuple[str, str, str, float]]:
    """Channel, campaign, kind, and what it costs per customer of the shop; ads first, then people, then tools."""
    costs = {"ads": "cost_per_customer", "people": "people_per_customer", "tools": "tools_per_customer"}
    return [
        (channel.name, campaign, kind, channel.share * getattr(channel, costs[kind]) / max(1, len(channel.campaigns)))
        for kind in KINDS
        for channel in config.channels
        for campaign in (channel.campaigns or (channel.name,))
        if getattr(channel, costs[kind]) > 0
    ]


def cost_per_order(config: SimulatedShopConfig, traits: Traits) -> dict[str, Numbers]:
    """Expected cost of one order beside its goods, by what drives it; each of shape (n,)."""
    serve, order = config.costs_to_serve or CostsToServe(), config.order_costs or OrderCosts()
    minutes = config.tickets.mean_minutes if config.tickets else 0.0
    refunds, nothing = config.refunds.share if config.refunds else 0.0, np.zeros(len(traits.mean_value))
    return {
        "payment": order.payment_share * traits.mean_value + order.payment_fee,
        "shipping": nothing + order.shipping,
        "fulfilment": nothing + serve.per_order,
        "support": traits.tickets_per_order * minutes * serve.per_ticket_minute,
        "refunds": nothing + refunds * serve.per_refund,
    }


def value_per_order(config: SimulatedShopConfig, traits: Traits) -> dict[str, Numbers]:
    """Expected value of one order after its refunds, per basis; shape (n,)."""
    revenue = traits.mean_value * (1 - expected_refund_share(config))
    margin = revenue * traits.margin
    costs = cost_per_order(config, traits)
    serving = costs["fulfilment"] + costs["support"] + costs["refunds"] + costs["payment"] + costs["shipping"]
    return {"revenue": revenue, "gross_margin": margin, "contribution": margin - serving}


def _sums(key: Numbers, amount: Numbers) -> tuple[Numbers, Numbers]:
    keys, place = np.unique(key, return_inverse=True)
    return keys, np.bincount(place, amount, minlength=len(keys))
