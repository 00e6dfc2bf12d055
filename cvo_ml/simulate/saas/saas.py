"""A simulated software vendor in memory: the tables that a user would have, and the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cvo_ml.config.simulation import SimulatedSaasConfig, switched_off
from cvo_ml.core.arrays import Numbers
from cvo_ml.core.tables import Tables
from cvo_ml.simulate.columns import Columns, ids, table, texts
from cvo_ml.simulate.presets import saas_preset
from cvo_ml.simulate.random_streams import Block, blocks
from cvo_ml.simulate.saas import activity, features, goals, groups, requests, research, touches
from cvo_ml.simulate.saas.accounts import Accounts, plan_of, run_accounts
from cvo_ml.simulate.saas.leads import Leads, account_ids, deal_columns, draw_leads, lead_columns, lead_ids
from cvo_ml.simulate.saas.truth import SaasTruth, first_invoice, first_year_contribution
from cvo_ml.simulate.simulation import Part, chosen_tables, collect, refuse_absurd


@dataclass(frozen=True)
class SimulatedSaas:
    """The tables of a software vendor (invoices are its orders), and the truth behind them."""

    tables: Tables
    truth: SaasTruth
    config: SimulatedSaasConfig
    seed: int


@dataclass(frozen=True)
class SaasBlock:
    """Everything that happened to a block's leads."""

    config: SimulatedSaasConfig
    block: Block
    leads: Leads
    accounts: Accounts

    @cached_property
    def contribution(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Expected first-year contribution of each lead, if it bought."""
        if not self.config.features:
            return first_year_contribution(self.config, self.leads)
        adopted = features.adoption(self.config, np.arange(self.block.size), self.block)
        return first_year_contribution(self.config, self.leads, features.kept(self.config, adopted))

    @cached_property
    def caused(self) -> Numbers:
        """Channel without which each lead's deal would not have been won, -1 for none."""
        return touches.caused_by(self.config, self.leads, self.block)

    @cached_property
    def group(self) -> Numbers:
        """Group of each account as the row of its first lead, -1 for none."""
        return groups.group_of(self.config, self.accounts, self.block)


@dataclass(frozen=True)
class SaasSimulation:
    """The definition of a software vendor: preset, number of leads, seed."""

    config: SimulatedSaasConfig
    size: int
    seed: int
    kind: str = "saas"

    def table_names(self) -> frozenset[str]:
        """All tables of the vendor."""
        return frozenset(table_makers(self.config)) | frozenset(once_makers(self))

    def parts(self, wanted: frozenset[str]) -> Iterator[Part]:
        """One part per block of leads, then what belongs to none: prices, spend, research, goals."""
        config, by_customer = self.config, self.config.draws == "by_customer"
        makers, truths = table_makers(config), truth_makers(config)
        for block in blocks(self.seed, self.size, config.customers_per_block, by_customer):
            leads = draw_leads(config, block)
            drawn = SaasBlock(config, block, leads, run_accounts(config, leads, block))
            tables = {name: table(make(drawn)) for name, make in makers.items() if name in wanted}
            yield Part(block.size, tables, {name: table(make(drawn)) for name, make in truths.items()})
        once = {name: table(make()) for name, make in once_makers(self).items() if name in wanted}
        yield Part(0, once, {name: table(make()) for name, make in once_truth_makers(self).items()})


def simulate_saas(
    preset: str | SimulatedSaasConfig = "saas",
    n_leads: int | None = None,
    seed: int | None = None,
    *,
    tables: Iterable[str] | None = None,
) -> SimulatedSaas:
    """Simulate a software vendor in memory; the number of accounts follows from the leads.

    Parameters
    ----------
    preset:
        Name of a preset in configs/simulate, or a configuration.
    n_leads, seed:
        By default the preset's own.
    tables:
        Only these (and ``orders``, the invoices).

    Examples
    --------
    >>> saas = simulate_saas("saas", n_leads=500, seed=1)
    >>> len(saas.tables.get("leads")), 0 < saas.truth.label_propensity < 1
    (500, True)
    """
    simulation = saas_simulation(preset, n_leads, seed)
    frames, truth = collect(simulation.parts(chosen_tables(simulation, tables)))
    return SimulatedSaas(
        Tables(frames, simulation.config.currency),
        SaasTruth(simulation.config, truth),
        simulation.config,
        simulation.seed,
    )


def saas_simulation(
    preset: str | SimulatedSaasConfig, n_leads: int | None = None, seed: int | None = None
) -> SaasSimulation:
    """The definition of a vendor, with the preset's size and seed where none are given.

    Raises
    ------
    UsageError
        If the size or the seed is absurd.
    """
    config = saas_preset(preset) if isinstance(preset, str) else preset
    found = SaasSimulation(switched_off(config), n_leads or config.leads, config.seed if seed is None else seed)
    refuse_absurd(found.size, found.seed)
    return found


def _deals(b: SaasBlock) -> Columns:
    monthly = first_invoice(b.config, b.leads.created, plan_of(b.config, b.leads.seats), b.leads.seats)
    return deal_columns(b.config, b.leads, monthly, b.block)


def _true_leads(b: SaasBlock) -> Columns:
    return {
        "lead_id": lead_ids(b.block, np.arange(b.block.size)),
        "would_buy": b.leads.would_buy,
        "expected_contribution": b.contribution,
        "is_winner": b.leads.would_buy & (b.contribution > b.config.profit_threshold),
        "contact_propensity": b.leads.contact_propensity,
        "contacted": ~np.isnan(b.leads.contacted),
        "churn_per_renewal": b.leads.churn,
        "milestone_rate": b.leads.milestone_rate,
        **_true_touches(b),
    }


def _true_touches(b: SaasBlock) -> Columns:
    if not b.config.touchpoints:
        return {}
    names = [touch.channel for touch in b.config.touchpoints]
    return {"caused_by": texts(names, np.maximum(b.caused, 0), b.caused < 0)}


def _true_adoption(b: SaasBlock) -> Columns:
    account, feature = np.nonzero(b.accounts.adopted)
    return {"customer_id": account_ids(b.block, b.accounts.lead[account]), "feature_id": ids("f###", feature)}


def _true_accounts(b: SaasBlock) -> Columns:
    kept = {"kept_by_features": features.kept(b.config, b.accounts.adopted)} if b.config.features else {}
    unpaid = {"ended_unpaid": b.accounts.unpaid} if b.config.payments else {}
    return {
        "customer_id": account_ids(b.block, b.accounts.lead),
        "lead_number": b.block.first + b.accounts.lead,
        "start_day": b.accounts.start,
        "plan_number": b.accounts.plan,
        "ended_day": b.accounts.ended,
        **kept,
        **unpaid,
    }


def _true_months(b: SaasBlock) -> Columns:
    lead = b.block.first + b.accounts.lead[b.accounts.row]
    return {"lead_number": lead, "day": b.accounts.day, "seats": b.accounts.seats}


def _true_milestones(b: SaasBlock) -> Columns:
    lead = b.block.first + b.accounts.lead[b.accounts.reached_by]
    return {"lead_number": lead, "day": b.accounts.reached_on}


def table_makers(config: SimulatedSaasConfig) -> dict[str, Callable[[SaasBlock], Columns]]:
    """How each table is made from a block; tables of absent behaviours are absent."""
    makers: dict[str, tuple[object, Callable[[SaasBlock], Columns]]] = {
        "leads": (True, lambda b: lead_columns(b.config, b.leads, b.block)),
        "deals": (True, _deals),
        "customers": (True, lambda b: activity.customer_columns(b.config, b.leads, b.accounts, b.block)),
        "orders": (True, lambda b: activity.invoice_columns(b.config, b.accounts, b.block)),
        "subscriptions": (True, lambda b: activity.subscription_columns(b.config, b.accounts, b.block)),
        "events": (True, lambda b: activity.event_columns(b.config, b.leads, b.accounts, b.block)),
        "milestones": (True, lambda b: activity.milestone_columns(b.config, b.accounts, b.block)),
        "tickets": (True, lambda b: activity.ticket_columns(b.config, b.accounts, b.block)),
        "surveys": (True, lambda b: activity.survey_columns(b.config, b.leads, b.accounts, b.block)),
        "costs_to_serve": (True, lambda b: activity.serving_columns(b.config, b.accounts, b.block)),
        "accounts": (config.parents, lambda b: groups.account_columns(b.config, b.accounts, b.group, b.block)),
        "touchpoints": (
            config.touchpoints, lambda b: touches.touchpoint_columns(b.config, b.leads, b.caused, b.block)
        ),
        "feature_requests": (config.features, lambda b: requests.request_columns(b.config, b.accounts, b.block)),
    }  # fmt: skip
    return {name: make for name, (present, make) in makers.items() if present}


def truth_makers(config: SimulatedSaasConfig) -> dict[str, Callable[[SaasBlock], Columns]]:
    """How each truth table is made from a block."""
    makers: dict[str, Callable[[SaasBlock], Columns]] = {
        "leads": _true_leads,
        "accounts": _true_accounts,
        "months": _true_months,
        "milestones": _true_milestones,
    }
    return makers | ({"adoption": _true_adoption} if config.features else {})


def once_makers(simulation: SaasSimulation) -> dict[str, Callable[[], Columns]]:
    """How the tables are made that belong to no block."""
    config, block = simulation.config, Block(simulation.seed, 0, 0, 0)
    makers: dict[str, tuple[object, Callable[[], Columns]]] = {
        "prices": (True, lambda: activity.price_columns(config)),
        "acquisition_spend": (True, lambda: activity.spend_columns(config, simulation.size, block)),
        "product_features": (config.features, lambda: features.feature_columns(config)),
        "annotations": (config.annotations, lambda: activity.annotation_columns(config)),
        "choices": (config.conjoint, lambda: research.choice_columns(config, block)),
        "price_answers": (config.price_sensitivity, lambda: research.price_answer_columns(config, block)),
        "initiatives": (config.initiatives, lambda: goals.initiative_columns(config.initiatives)),
        "okrs": (config.key_results, lambda: goals.okr_columns(config, block)),
    }
    return {name: make for name, (present, make) in makers.items() if present}


def once_truth_makers(simulation: SaasSimulation) -> dict[str, Callable[[], Columns]]:
    """How the truth tables are made that belong to no block."""
    config, block = simulation.config, Block(simulation.seed, 0, 0, 0)
    makers: dict[str, Callable[[], Columns]] = {}
    if config.features:
        makers["features"] = lambda: features.true_feature_columns(config)
    if conjoint := config.conjoint:
        makers["part_worths"] = lambda: research.true_part_worths(conjoint)
    if sensitivity := config.price_sensitivity:
        makers["willingness"] = lambda: research.true_willingness(sensitivity, block)
    if config.initiatives:
        makers["initiatives"] = lambda: goals.true_initiative_columns(config.initiatives)
    if config.key_results:
        makers["key_results"] = lambda: goals.true_okr_columns(config)
    return makers
