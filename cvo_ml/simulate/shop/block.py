"""One block of customers: drawn once, then written as tables and as truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from cvo_ml.config.simulation import Opportunities, SimulatedShopConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.columns import Columns, ids, table, texts, times
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.shop import (
    campaigns,
    costs,
    deliveries,
    opportunities,
    pages,
    population,
    post_purchase,
    purchases,
    sales,
    touchpoints,
    word_of_mouth,
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
        return post_purchase.draw_tickets(self.config, self.sales, self.traits, self.block)

    @cached_property
    def deliveries(self) -> deliveries.DeliveryRows | None:
        """Deliveries of the block's orders, None where they are not simulated."""
        if self.config.deliveries is None:
            return None
        who, number, day = self.sales.who, self.sales.number, self.sales.day
        return deliveries.draw_deliveries(self.config, self.profile.city[who], who, number, day, self.block)

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
        leaving = deliveries.leaving(config, profile.city, block)
        process = purchases.begin(personal, traits, profile.born, block.events("first orders"), leaving)
        log = campaigns.run(process, config.campaigns, profile, days, block, block.events("purchases"))
        who, day = purchases.orders_of(process)
        lives = purchases.lives_of(process, profile.born)
    sold = sales.sell(config, profile, traits, (who, day), log, block)
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
        "surveys": (
            config.surveys,
            lambda b: post_purchase.survey_columns(b.config, b.sales, b.traits, b.deliveries, b.block),
        ),
        "events": (config.visits_per_day or config.pages, _events),
        "deliveries": (config.deliveries, _deliveries),
        "reviews": (config.reviews, lambda b: word_of_mouth.review_columns(b.config, b.sales, b.deliveries, b.block)),
        "referrals": (
            config.referrals,
            lambda b: word_of_mouth.referral_columns(b.config, b.profile, b.traits, b.block),
        ),
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
        "deliveries": (config.deliveries, _true_deliveries),
        "pages": (config.pages, _true_pages),
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


def _events(b: ShopBlock) -> Columns:
    parts: list[Columns] = []
    if b.config.visits_per_day:
        parts.append(post_purchase.visit_columns(b.config, b.lives, b.block))
    if b.config.pages:
        parts.append(pages.page_columns(b.config, b.profile, b.traits, b.sales, b.block))
    rows = pa.concat_tables([table(part) for part in parts])
    return {name: rows[name].combine_chunks() for name in rows.column_names}


def _deliveries(b: ShopBlock) -> Columns:
    """One parcel per order that has left the shop before the data end."""
    drawn = b.deliveries
    assert drawn is not None
    assert b.config.deliveries is not None
    rows = np.flatnonzero(drawn.shipped < b.config.days)
    who, number, delivered = b.sales.who[rows], b.sales.number[rows], drawn.delivered[rows]
    regions = [city.region for city in b.config.cities]
    columns: dict[str, Numbers | pa.Array] = {
        "delivery_id": ids("d########-#####", b.block.first + who, number),
        "order_id": sales.order_ids(b.block.first + who, number),
        "shipped_at": times(b.config.start, drawn.shipped[rows]),
        "delivered_at": times(b.config.start, np.where(delivered < b.config.days, delivered, np.nan)),
        "promised_at": times(b.config.start, drawn.promised[rows]),
        "carrier": texts([carrier.name for carrier in b.config.deliveries.carriers], drawn.carrier[rows]),
    }
    return columns | ({"region": texts(regions, b.profile.city[who])} if regions else {})


def _touchpoints(b: ShopBlock) -> Columns:
    return touchpoints.touchpoint_columns(b.config, b.sales, b.profile, b.traits, b.caused, b.block)


def _treatments(b: ShopBlock) -> Columns:
    assert b.config.campaigns is not None
    log, actions = b.treatments, b.config.campaigns.actions
    costs_of = np.array([*(action.cost for action in actions), 0.0])
    columns: Columns = {
        "customer_id": sales.customer_ids(b.block, log.who),
        "action": texts(["none", *(action.name for action in actions)], log.action + 1),
        "sent_at": times(b.config.start, log.sent),
        "channel": texts(["none", *(action.channel for action in actions)], log.action + 1, log.action < 0),
        "cost": costs_of[log.action],
        "propensity": log.propensity,
    }
    if all(action.receipt_share == 1 for action in actions):
        return columns
    return {**columns, "receipt": texts(["bounced", "delivered"], log.received.astype(np.int64), log.action < 0)}


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
        **_true_experience(b),
    }


def _true_experience(b: ShopBlock) -> Columns:
    """Columns of behaviours that are switched on: what drives away, what an order costs, who makes losses."""
    config, t = b.config, b.traits
    costs_of = costs.cost_per_order(config, t)
    columns: dict[str, tuple[object, Numbers]] = {
        "sticky_first_product": (
            config.catalogue and config.catalogue.sticky_products,
            products(config.catalogue).sticky[b.profile.first_product],
        ),
        "leaves_by_delivery": (config.deliveries, t.leaves_by_delivery),
        "tickets_per_order": (config.tickets and config.tickets.demanding, t.tickets_per_order),
        "is_loss_maker": (config.loss_makers, t.loss_maker),
        **{f"cost_per_order_{driver}": (config.order_costs, cost) for driver, cost in costs_of.items()},
    }
    if config.referrals:
        expected = word_of_mouth.expected_referrals(config, b.profile, t)
        columns["expected_referrals"] = (True, expected)
    return {name: values for name, (present, values) in columns.items() if present}


def _true_deliveries(b: ShopBlock) -> Columns:
    drawn = b.deliveries
    assert drawn is not None
    return {
        "order_id": b.sales.order_ids(b.block),
        "days_late": drawn.days_late,
        "points_lost": drawn.points,
    }


def _true_pages(b: ShopBlock) -> Columns:
    chosen = np.flatnonzero(b.traits.page >= 0)
    return {
        "customer_id": sales.customer_ids(b.block, chosen),
        "page": texts([page.name for page in b.config.pages], b.traits.page[chosen]),
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
    columns: Columns = {
        "customer_number": b.block.first + log.who[treated],
        "sent_day": log.sent[treated],
        "action_number": log.action[treated],
    }
    assert b.config.campaigns is not None
    if not b.config.campaigns.weakens:
        return columns
    return {**columns, "received": log.received[treated], "strength": log.strength[treated]}


def _true_orders(b: ShopBlock) -> Columns:
    names = [channel.name for channel in b.config.touchpoints] or [""]
    return {
        "order_id": b.sales.order_ids(b.block),
        "customer_number": b.block.first + b.sales.who,
        "day": b.sales.day,
        "caused_by": texts(names, np.maximum(b.caused, 0), b.caused < 0),
    }
