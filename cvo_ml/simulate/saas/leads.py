"""Leads and deals: who would buy, who was contacted, who is never known to be a winner.

A lead would buy, if contacted, when its normal index is above a threshold; whether it is contacted
does not depend on that (given what sales see). So deals are positive-unlabelled data: with
``selection`` 0 selected completely at random (SCAR; Elkan & Noto 2008), else at random (SAR).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow.compute as pc
from scipy.special import ndtr, ndtri

from cvo_ml.config.simulation import SaasDependence, SimulatedSaasConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate import traits
from cvo_ml.simulate.columns import Columns, cents, day_number, ids, texts, times
from cvo_ml.simulate.random_streams import Block

TRAITS = ("company_size", "engagement", "maturity", "source")
DAYS_TO_CONTACT = 7.0


@dataclass(frozen=True)
class Leads:
    """A block's leads; arrays of shape (n,); days since the start, NaN where it never happens."""

    created: Numbers
    observed: Numbers  # (n, 4) independent standard normals in the order of TRAITS
    source: Numbers
    industry: Numbers
    country: Numbers
    win_index: Numbers  # standard normal, high = would buy
    would_buy: Numbers
    churn: Numbers  # per renewal, before milestones
    churn_index: Numbers  # standard normal, high = leaves
    milestone_rate: Numbers  # per month
    seats: Numbers
    contact_propensity: Numbers
    contacted: Numbers  # day
    closed: Numbers  # day of the decision, also beyond the data's end

    def won(self, days: float) -> Numbers:
        """Rows of the leads that became accounts before the data end."""
        return np.flatnonzero(self.would_buy & (self.closed < days))


def draw_leads(config: SimulatedSaasConfig, block: Block) -> Leads:
    """Leads of one block with all that would happen if they were contacted."""
    rng, size = block.stream("leads"), block.size
    source, score = traits.ordered_classes(np.array([s.share for s in config.sources]), rng.random(size))
    observed = np.column_stack([rng.standard_normal((size, 3)), score])
    hidden = rng.standard_normal((3, size))
    created = (config.acquired_until - config.start).days * rng.random(size)
    churn_index = _index(config.churn, observed, hidden[1])
    propensity = contact_propensity(config, observed)
    contacted = np.where(
        rng.random(size) < propensity, created + DAYS_TO_CONTACT * rng.standard_exponential(size), np.nan
    )
    sigma = config.seats_sigma
    win_index = _index(config.win, observed, hidden[0])
    extra_seats = (config.mean_seats - 1) * np.exp(sigma * _index(config.seats, observed, hidden[2]) - sigma**2 / 2)
    return Leads(
        created=created,
        observed=observed,
        source=source,
        industry=rng.integers(0, len(config.industries), size),
        country=rng.integers(0, len(config.countries), size),
        win_index=win_index,
        would_buy=win_index > -ndtri(config.win_share),
        churn=traits.beta_quantile(churn_index, config.churn_per_renewal.a, config.churn_per_renewal.b),
        churn_index=churn_index,
        milestone_rate=rng.beta(config.milestones.monthly.a, config.milestones.monthly.b, size),
        seats=1 + rng.poisson(extra_seats),
        contact_propensity=propensity,
        contacted=contacted,
        closed=contacted + config.contact.mean_days_to_close * rng.standard_exponential(size),
    )


def contact_propensity(config: SimulatedSaasConfig, observed: Numbers) -> Numbers:
    """P(contacted | what sales see) = Phi(sqrt(1 + s^2) Phi^-1(share) + s x), of mean ``share`` exactly.

    x is the index of what sales choose by (default: the observed part of the winning index), scaled to variance 1; s is
    ``selection``.
    """
    s, weights = config.contact.selection, config.contact.observed or config.win.observed
    length = np.sqrt(sum(weight**2 for weight in weights.values())) or 1.0
    x = sum(observed[:, TRAITS.index(name)] * weight / length for name, weight in weights.items())
    return ndtr(np.sqrt(1 + s**2) * ndtri(np.clip(config.contact.share, 0.0, 1.0)) + s * x + np.zeros(len(observed)))


def lead_columns(config: SimulatedSaasConfig, leads: Leads, block: Block) -> Columns:
    """The table ``leads``: the profile at creation, and when sales contacted the lead (null: never)."""
    recorded = recorded_from(config)
    contacted = np.where((leads.contacted < config.days) & (leads.contacted >= recorded), leads.contacted, np.nan)
    columns: Columns = {
        "lead_id": lead_ids(block, np.arange(block.size)),
        "created_at": times(config.start, leads.created),
        **profile_columns(config, leads, np.arange(block.size)),
        "contacted_at": times(config.start, contacted),
    }
    if config.stages is None:
        return columns
    mql, sql = stage_days(config, leads, block)
    shown = [np.where((day < config.days) & (day >= recorded), day, np.nan) for day in (mql, sql)]
    return {**columns, "mql_at": times(config.start, shown[0]), "sql_at": times(config.start, shown[1])}


def stage_days(config: SimulatedSaasConfig, leads: Leads, block: Block) -> tuple[Numbers, Numbers]:
    """Days on which marketing called each lead qualified and sales accepted it, NaN for never; shape (n,)."""
    assert config.stages is not None
    draws = block.keyed("stages", np.arange(block.size))
    called = draws.random() < called_share(config, leads.win_index)
    is_contacted = ~np.isnan(leads.contacted)
    wait = np.where(is_contacted, leads.contacted - leads.created, DAYS_TO_CONTACT)
    begin, end = np.sort([draws.random(), draws.random()], axis=0)
    mql = np.where(called | is_contacted, leads.created + begin * wait, np.nan)
    return mql, np.where(is_contacted, leads.created + end * wait, np.nan)


def called_share(config: SimulatedSaasConfig, win_index: Numbers) -> Numbers:
    """P(marketing calls a lead qualified that sales do not contact): Phi(sqrt(1 + s^2) Phi^-1(share) + s x)."""
    assert config.stages is not None
    slope = config.stages.slope
    return ndtr(np.sqrt(1 + slope**2) * ndtri(config.stages.mql_share) + slope * win_index)


def recorded_from(config: SimulatedSaasConfig) -> float:
    """Day since which contacts, stages and deals are written down."""
    if config.stages is None or config.stages.recorded_from is None:
        return -np.inf
    return day_number(config.start, config.stages.recorded_from)


def profile_columns(config: SimulatedSaasConfig, leads: Leads, rows: Numbers) -> Columns:
    """What a lead's form and visits tell: company, source, scores from 0 to 100."""
    observed = leads.observed[rows]
    return {
        "source": texts([source.name for source in config.sources], leads.source[rows]),
        "industry": texts(config.industries, leads.industry[rows]),
        "country": texts(config.countries, leads.country[rows]),
        "employees": np.maximum(1, np.round(40 * np.exp(1.2 * observed[:, 0]))).astype(np.int64),
        "engagement_score": np.round(100 * ndtr(observed[:, 1]), 1),
        "maturity_score": np.round(100 * ndtr(observed[:, 2]), 1),
    }


def deal_columns(config: SimulatedSaasConfig, leads: Leads, monthly: Numbers, block: Block) -> Columns:
    """The table ``deals``: one per contacted lead; open while not decided before the data end.

    ``monthly`` is what each lead would pay per month, shape (n,).
    """
    contacted = np.flatnonzero((leads.contacted < config.days) & (leads.contacted >= recorded_from(config)))
    closed = np.where(leads.closed[contacted] < config.days, leads.closed[contacted], np.nan)
    is_open = np.isnan(closed)
    won = leads.would_buy[contacted] & ~is_open
    return {
        "deal_id": ids("d########", block.first + contacted),
        "lead_id": lead_ids(block, contacted),
        "customer_id": texts_where(account_ids(block, contacted), won),
        "stage": texts(["lost", "won", "open"], np.where(is_open, 2, won.astype(np.int64))),
        "amount": cents(12 * monthly[contacted]),
        "is_won": won,
        "created_at": times(config.start, leads.contacted[contacted]),
        "closed_at": times(config.start, closed),
    }


def lead_ids(block: Block, rows: Numbers) -> Any:
    """``l`` + the lead's number."""
    return ids("l########", block.first + rows)


def account_ids(block: Block, rows: Numbers) -> Any:
    """``c`` + the number of the lead that became the account."""
    return ids("c########", block.first + rows)


def texts_where(column: Any, keep: Numbers) -> Any:
    """The column, null where not ``keep``."""
    return pc.if_else(keep, column, None)


def _index(dependence: SaasDependence, observed: Numbers, hidden: Numbers) -> Numbers:
    weights = {TRAITS.index(name): weight for name, weight in dependence.observed.items()}
    return traits.mix(observed, weights, hidden)
