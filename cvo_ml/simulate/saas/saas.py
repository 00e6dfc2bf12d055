"""A simulated software vendor in memory: the tables that a user would have, and the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cvo_ml.config.simulation import SimulatedSaasConfig
from cvo_ml.core.tables import Tables
from cvo_ml.simulate.columns import Columns, table
from cvo_ml.simulate.presets import saas_preset
from cvo_ml.simulate.random_streams import Block, blocks
from cvo_ml.simulate.saas import activity
from cvo_ml.simulate.saas.accounts import Accounts, plan_of, run_accounts
from cvo_ml.simulate.saas.leads import Leads, account_ids, deal_columns, draw_leads, lead_columns, lead_ids
from cvo_ml.simulate.saas.truth import SaasTruth, first_invoice, first_year_contribution
from cvo_ml.simulate.simulation import Part, chosen_tables, collect, refuse_absurd

ONCE = ("prices", "acquisition_spend")


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
        return first_year_contribution(self.config, self.leads)


@dataclass(frozen=True)
class SaasSimulation:
    """The definition of a software vendor: preset, number of leads, seed."""

    config: SimulatedSaasConfig
    size: int
    seed: int
    kind: str = "saas"

    def table_names(self) -> frozenset[str]:
        """All tables of the vendor."""
        return frozenset(TABLES) | frozenset(ONCE)

    def parts(self, wanted: frozenset[str]) -> Iterator[Part]:
        """One part per block of leads, then prices and acquisition spend."""
        for block in blocks(self.seed, self.size, self.config.customers_per_block):
            leads = draw_leads(self.config, block)
            drawn = SaasBlock(self.config, block, leads, run_accounts(self.config, leads, block))
            tables = {name: table(make(drawn)) for name, make in TABLES.items() if name in wanted}
            yield Part(block.size, tables, {name: table(make(drawn)) for name, make in TRUTH.items()})
        once = {
            "prices": activity.price_columns(self.config),
            "acquisition_spend": activity.spend_columns(self.config, self.size, Block(self.seed, 0, 0, 0)),
        }
        yield Part(0, {name: table(columns) for name, columns in once.items() if name in wanted}, {})


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
    found = SaasSimulation(config, n_leads or config.leads, config.seed if seed is None else seed)
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
    }


def _true_accounts(b: SaasBlock) -> Columns:
    return {
        "customer_id": account_ids(b.block, b.accounts.lead),
        "lead_number": b.block.first + b.accounts.lead,
        "start_day": b.accounts.start,
        "plan_number": b.accounts.plan,
        "ended_day": b.accounts.ended,
    }


def _true_months(b: SaasBlock) -> Columns:
    lead = b.block.first + b.accounts.lead[b.accounts.row]
    return {"lead_number": lead, "day": b.accounts.day, "seats": b.accounts.seats}


def _true_milestones(b: SaasBlock) -> Columns:
    lead = b.block.first + b.accounts.lead[b.accounts.reached_by]
    return {"lead_number": lead, "day": b.accounts.reached_on}


TABLES: dict[str, Callable[[SaasBlock], Columns]] = {
    "leads": lambda b: lead_columns(b.config, b.leads, b.block),
    "deals": _deals,
    "customers": lambda b: activity.customer_columns(b.config, b.leads, b.accounts, b.block),
    "orders": lambda b: activity.invoice_columns(b.config, b.accounts, b.block),
    "subscriptions": lambda b: activity.subscription_columns(b.config, b.accounts, b.block),
    "events": lambda b: activity.usage_columns(b.config, b.leads, b.accounts, b.block),
    "milestones": lambda b: activity.milestone_columns(b.config, b.accounts, b.block),
    "tickets": lambda b: activity.ticket_columns(b.config, b.accounts, b.block),
    "surveys": lambda b: activity.survey_columns(b.config, b.leads, b.accounts, b.block),
    "costs_to_serve": lambda b: activity.serving_columns(b.config, b.accounts, b.block),
}
TRUTH: dict[str, Callable[[SaasBlock], Columns]] = {
    "leads": _true_leads,
    "accounts": _true_accounts,
    "months": _true_months,
    "milestones": _true_milestones,
}
