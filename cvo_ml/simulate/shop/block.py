"""One block of customers: drawn once, then written as tables and as truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from cvo_ml.config.simulation import Opportunities, SimulatedShopConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.columns import Columns, table, texts, times
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.shop import (
    campaigns,
    costs,
    opportunities,
    population,
    post_purchase,
    purchases,
    sales,
    touchpoints,
)
from cvo_ml.simulate.shop.catalogue import products
from cvo_ml.simulate.shop.clock import Clock


@dataclass(frozen=True)
class ShopBlock:
    """Everything that happened to a block's customers."""

    config: SimulatedShopConfig
    block: Block
    profile: population.Profile
    traits: population.Traits
    sales: sales.Sales
    lives: purchases.Lives
    treatments: campaigns.TreatmentLog

    @cached_property
    def refunds(self) -> post_purchase.RefundRows:
        """Refunds of the block's orders."""
        return post_purchase.draw_refunds(self.config, self.sales, self.block)

    @cached_property
    def tickets(self) -> post_purchase.TicketRows:
        """Tickets of the block's customers."""
        return post_purchase.draw_tickets(self.config, self.sales, self.block)

    @cached_property
    def caused(self) -> Numbers:
        """Touch channel that caused each order, -1 for none."""
        return touchpoints.caused_by(self.config, self.sales, self.block)

    def tables(self, wanted: frozenset[str]) -> dict[str, pa.Table]:
        """The wanted tables that this preset has."""
        return {name: table(make(self)) for name, make in table_makers(self.config).items() if name in wanted}

    def truth(self) -> dict[str, pa.Table]:
        """The truth about this block, never shown to a model."""
        return {name: table(make(self)) for name, make in truth_makers(self.config).items()}


def simulate_block(config: SimulatedShopConfig, clock: Clock, block: Block) -> ShopBlock:
    """Draw customers, run their purchases through all campaigns, and price the orders."""
    profile = population.draw_profile(config, clock, block)
    traits = population.draw_traits(config, profile, clock, block)
    days = float(config.days)
    if config.by_opportunity:
        who, day, lives = _at_opportunities(config, profile, traits, days, block)
        log = campaigns.run_none()
    else:
        personal = traits.personal_clock(clock)
        process = purchases.begin(personal, traits, profile.born, block.stream("first orders"))
        log = campaigns.run(process, config.campaigns, profile, days, block)
        who, day = purchases.orders_of(process)
        lives = purchases.lives_of(process, profile.born)
    sold = sales.sell(config, profile, traits, (who, day), block)
    return ShopBlock(config, block, profile, traits, sold, lives, log)


def table_makers(config: SimulatedShopConfig) -> dict[str, Callable[[ShopBlock], Columns]]:
    """How each table of this preset is made from a block; tables of absent behaviours are absent."""
    makers: dict[str, tuple[object, Callable[[ShopBlock], Columns]]] = {
        "customers": (True, _customers),
        "orders": (True, lambda b: sales.order_columns(b.config, b.sales, b.traits, b.block)),
        "order_lines": (config.catalogue, lambda b: sales.line_columns(b.config, b.sales, b.traits, b.block)),
        "refunds": (config.refunds, lambda b: post_purchase.refund_columns(b.config, b.sales, b.refunds, b.block)),
        "returns": (config.refunds, lambda b: post_purchase.return_columns(b.config, b.sales, b.refunds, b.block)),
        "tickets": (config.tickets, lambda b: post_purchase.ticket_columns(b.config, b.sales, b.tickets, b.block)),
        "surveys": (config.surveys, lambda b: post_purchase.survey_columns(b.config, b.sales, b.traits, b.block)),
        "events": (config.visits_per_day, lambda b: post_purchase.visit_columns(b.config, b.lives, b.block)),
        "touchpoints": (config.touchpoints, _touchpoints),
        "treatments": (config.campaigns, _treatments),
        "assignments": (config.campaigns, _assignments),
        "costs_to_serve": (
            config.costs_to_serve,
            lambda b: costs.serving_columns(b.config, b.sales, b.refunds, b.tickets, b.block),
        ),
    }
    return {name: make for name, (present, make) in makers.items() if present}


def truth_makers(config: SimulatedShopConfig) -> dict[str, Callable[[ShopBlock], Columns]]:
    """How each truth table is made; ``orders`` only where something about an order is hidden or needed."""
    regular = any(getattr(component.purchase, "regularity", 1) > 1 for component in config.populations)
    makers: dict[str, tuple[object, Callable[[ShopBlock], Columns]]] = {
        "customers": (True, _true_customers),
        "lives": (True, _true_lives),
        "effects": (config.campaigns, _true_effects),
        "treatments": (config.campaigns, _true_treatments),
        "orders": (config.touchpoints or regular, _true_orders),
    }
    return {name: make for name, (present, make) in makers.items() if present}


def _at_opportunities(
    config: SimulatedShopConfig, profile: population.Profile, traits: population.Traits, days: float, block: Block
) -> tuple[Numbers, Numbers, purchases.Lives]:
    purchase = config.populations[0].purchase
    assert isinstance(purchase, Opportunities)
    return opportunities.walk(traits, profile.born, purchase.every.days, days, block.stream("purchases"))


def _customers(b: ShopBlock) -> Columns:
    everyone = np.arange(b.block.size)
    campaign, names = touchpoints.campaign_codes(b.config, b.profile)
    columns: dict[str, Numbers | pa.Array] = {
        "customer_id": sales.customer_ids(b.block, everyone),
        "created_at": times(b.config.start, b.profile.born),
        "acquisition_channel": texts([channel.name for channel in b.config.channels], b.profile.channel),
        "acquisition_campaign": texts(names, campaign),
        "marketing_consent": b.profile.consent,
    }
    if b.config.cities:
        for part, key in (("city", "name"), ("region", "region"), ("country", "country")):
            columns[part] = texts([getattr(city, key) for city in b.config.cities], b.profile.city)
    return columns | population.observed_profile(b.profile)


def _touchpoints(b: ShopBlock) -> Columns:
    return touchpoints.touchpoint_columns(b.config, b.sales, b.profile, b.traits, b.caused, b.block)


def _treatments(b: ShopBlock) -> Columns:
    assert b.config.campaigns is not None
    log, actions = b.treatments, b.config.campaigns.actions
    costs_of = np.array([*(action.cost for action in actions), 0.0])
    return {
        "customer_id": sales.customer_ids(b.block, log.who),
        "action": texts(["none", *(action.name for action in actions)], log.action + 1),
        "sent_at": times(b.config.start, log.sent),
        "channel": texts(["none", *(action.channel for action in actions)], log.action + 1, log.action < 0),
        "cost": costs_of[log.action],
        "propensity": log.propensity,
    }


def _assignments(b: ShopBlock) -> Columns:
    log, waves = b.treatments, campaigns.waves(b.config.campaigns, b.config.days)
    names = [f"wave-{np.datetime64(b.config.start) + int(day)}" for day in waves]
    return {
        "experiment_id": texts(names, log.wave),
        "unit_id": sales.customer_ids(b.block, log.who),
        "variant": texts(["campaign", "holdout"], log.held_out.astype(np.int64)),
        "assigned_at": times(b.config.start, log.sent),
    }


def _true_customers(b: ShopBlock) -> Columns:
    t, everyone = b.traits, np.arange(b.block.size)
    values = {f"value_per_order_{basis}": value for basis, value in costs.value_per_order(b.config, t).items()}
    return {
        "customer_id": sales.customer_ids(b.block, everyone),
        "population": texts([p.name for p in b.config.populations], t.population),
        "born_day": b.profile.born,
        "rate_per_day": t.rate,
        "regularity": t.regularity,
        "dropout_per_order": t.dropout_per_order,
        "dropout_at_first": t.dropout_at_first,
        "dropout_per_day": t.dropout_per_day,
        "buys_per_opportunity": t.buys,
        "dies_per_opportunity": t.dies,
        "mean_order_value": t.mean_value,
        "margin": t.margin,
        **values,
        "satisfaction": t.satisfaction,
        "responsive": t.responsive,
        "shift_at": t.shift_at,
        "toxic_first_product": products(b.config.catalogue).toxic[b.profile.first_product],
    }


def _true_lives(b: ShopBlock) -> Columns:
    return {
        "customer_id": sales.customer_ids(b.block, b.lives.who),
        "since_day": b.lives.since,
        "until_day": b.lives.until,
        "dropped_out_at": times(b.config.start, np.where(np.isinf(b.lives.until), np.nan, b.lives.until)),
    }


def _true_effects(b: ShopBlock) -> Columns:
    assert b.config.campaigns is not None
    names: Mapping[int, str] = {number: action.name for number, action in enumerate(b.config.campaigns.actions)}
    who, action = np.repeat(np.arange(b.block.size), len(names)), np.tile(np.arange(len(names)), b.block.size)
    return {
        "customer_id": sales.customer_ids(b.block, who),
        "action": texts(list(names.values()), action),
        "effect": b.traits.effect.reshape(-1),
        "observable_effect": b.traits.observable_effect.reshape(-1),
    }


def _true_treatments(b: ShopBlock) -> Columns:
    """Treated rows only, with exact days: what residual effects are computed from."""
    log = b.treatments
    treated = log.action >= 0
    return {
        "customer_number": b.block.first + log.who[treated],
        "sent_day": log.sent[treated],
        "action_number": log.action[treated],
    }


def _true_orders(b: ShopBlock) -> Columns:
    names = [channel.name for channel in b.config.touchpoints] or [""]
    return {
        "order_id": b.sales.order_ids(b.block),
        "customer_number": b.block.first + b.sales.who,
        "day": b.sales.day,
        "caused_by": texts(names, np.maximum(b.caused, 0), b.caused < 0),
    }
