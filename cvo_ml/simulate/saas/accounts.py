"""Accounts from won deal to churn, month by month.

A month is 30.4375 days. At month m = 1, 2, … of an account, in this order: where a contract ends
(m a multiple of its months), the account leaves with probability theta (1 - effect)^(milestones
reached) x price effect, theta ~ beta over accounts (shifted beta-geometric; Fader & Hardie 2007,
eq. 1), times what its features keep; its payment fails for good with probability f (1 - r) and ends it;
the next milestone is reached with probability g; seats change: + Poisson(e seats)
- Binomial(seats - 1, d), so that E[seats'] = (1 + e - d) seats + d; the month is invoiced in advance.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from cvo_ml.config.simulation import SimulatedSaasConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.core.units import days_per
from cvo_ml.simulate.columns import day_number
from cvo_ml.simulate.random_streams import Block, BlockDraws, Draws
from cvo_ml.simulate.saas import features
from cvo_ml.simulate.saas.leads import Leads

MONTH = days_per("M")


@dataclass(frozen=True)
class Accounts:
    """Month-by-month history of a block's accounts; ``lead`` is the row of the account's lead.

    Arrays of shape (accounts,): lead, start, plan, ended (day, infinite while active).
    Arrays of shape (account months,), sorted by account and month: row, month, day, seats, price.
    Arrays of shape (milestones reached,): reached_by (row), reached (number), reached_on (day).
    Arrays of shape (failed payments,): failed_by (row), failed_month, paid_after (days, NaN = never).
    ``adopted``: (accounts, features) flags; ``unpaid``: accounts that a failed payment ended.
    """

    lead: Numbers
    start: Numbers
    plan: Numbers
    ended: Numbers
    row: Numbers
    month: Numbers
    day: Numbers
    seats: Numbers
    price: Numbers
    reached_by: Numbers
    reached: Numbers
    reached_on: Numbers
    adopted: Numbers
    failed_by: Numbers
    failed_month: Numbers
    paid_after: Numbers
    unpaid: Numbers


def run_accounts(config: SimulatedSaasConfig, leads: Leads, block: Block) -> Accounts:
    """Follow every won deal until it leaves or the data end."""
    going = _Going.from_deals(config, leads, block)
    rows, month = np.arange(len(going.lead)), 0
    going.invoice(rows, 0)
    while len(rows):
        month += 1
        rows = rows[going.start[rows] + month * MONTH < config.days]
        rows = going.pass_month(rows, month)
    row, months, days, counts, price = (np.concatenate(parts) for parts in zip(*going.invoices, strict=True))
    reached_by, reached, reached_on = (np.concatenate(parts) for parts in zip(*going.milestones, strict=True))
    failed_by, failed_month, paid_after = (np.concatenate(parts) for parts in zip(*going.failures, strict=True))
    order = np.argsort(row, kind="stable")
    return Accounts(
        going.lead, going.start, going.plan, going.ended,
        row[order], months[order], days[order], counts[order], price[order],
        reached_by, reached, reached_on, going.adopted, failed_by, failed_month, paid_after, going.unpaid,
    )  # fmt: skip


@dataclass
class _Going:
    """Accounts on their way, changed in place; arrays of shape (accounts,)."""

    config: SimulatedSaasConfig
    block: Block
    stream: np.random.Generator
    lead: Numbers
    start: Numbers
    plan: Numbers
    contract: Numbers
    churn: Numbers  # per renewal, with what features keep
    milestone_rate: Numbers
    adopted: Numbers
    seats: Numbers
    reached: Numbers
    ended: Numbers
    unpaid: Numbers
    invoices: list[tuple[Numbers, ...]] = field(default_factory=list)
    milestones: list[tuple[Numbers, ...]] = field(default_factory=list)
    failures: list[tuple[Numbers, ...]] = field(default_factory=list)

    @classmethod
    def from_deals(cls, config: SimulatedSaasConfig, leads: Leads, block: Block) -> _Going:
        """Accounts on the day on which their deals are won."""
        lead = leads.won(config.days)
        plan, adopted, none = plan_of(config, leads.seats[lead]), features.adoption(config, lead, block), lead[:0]
        churn = leads.churn[lead] * features.kept(config, adopted) if config.features else leads.churn[lead]
        ended, unpaid = np.full(len(lead), np.inf), np.zeros(len(lead), bool)
        going = cls(
            config, block, block.stream("accounts"), lead, leads.closed[lead], plan, contract_months(config)[plan],
            churn, leads.milestone_rate[lead], adopted, leads.seats[lead].copy(), np.zeros(len(lead), np.int64),
            ended, unpaid,
        )  # fmt: skip
        going.milestones.append((none, none, none.astype(float)))
        going.failures.append((none, none, none.astype(float)))
        return going

    def pass_month(self, rows: Numbers, month: int) -> Numbers:
        """One month of accounts ``rows``: renewal, payment, milestone, seats, invoice; returns those that stay."""
        day = self.start[rows] + month * MONTH
        draws = self._draws(rows, month)
        hazard = renewal_hazard(self.config, self.churn[rows], self.reached[rows], day, self.contract[rows], month)
        leaves = draws.random() < hazard
        self._pay(rows[~leaves], month)
        leaves |= self.unpaid[rows]
        self.ended[rows[leaves]] = day[leaves]
        stays = np.flatnonzero(~leaves)
        rows, day, draws = rows[stays], day[stays], draws.at(stays)
        step = (draws.random() < self.milestone_rate[rows]) & (self.reached[rows] < len(self.config.milestones.names))
        self.milestones.append((rows[step], self.reached[rows[step]], day[step]))
        self.reached[rows[step]] += 1
        self.seats[rows] = next_seats(self.config, self.seats[rows], draws)
        self.invoice(rows, month)
        return rows

    def invoice(self, rows: Numbers, month: int) -> None:
        """Write the month's invoices of accounts ``rows``."""
        day = self.start[rows] + month * MONTH
        price = np.round(list_prices(self.config)[self.plan[rows]] * price_level(self.config, day), 2)
        self.invoices.append((rows, np.full(len(rows), month), day, self.seats[rows], price))

    def _pay(self, rows: Numbers, month: int) -> None:
        fails, paid_after = failed_payments(self.config, self.lead[rows], month, self.block)
        self.failures.append((rows[fails], np.full(int(fails.sum()), month), paid_after[fails]))
        self.unpaid[rows[fails & np.isnan(paid_after)]] = True

    def _draws(self, rows: Numbers, month: int) -> Draws:
        if self.block.by_customer:
            return self.block.keyed("accounts", self.lead[rows], month)
        return BlockDraws(self.stream, len(rows))


def failed_payments(config: SimulatedSaasConfig, lead: Numbers, month: int, block: Block) -> tuple[Numbers, Numbers]:
    """Whether each account's payment of this month fails, and days until it is paid after all (NaN = never)."""
    payments = config.payments
    if payments is None:
        return np.zeros(len(lead), bool), np.zeros(len(lead))
    draws = block.keyed("payments", lead, month)
    fails, recovers = draws.random() < payments.fail_share, draws.random() < payments.recover_share
    return fails, np.where(recovers, payments.mean_days * draws.exponential(), np.nan)


def lost_to_payments(config: SimulatedSaasConfig) -> float:
    """P(a month's payment fails for good): f (1 - r)."""
    return config.payments.fail_share * (1.0 - config.payments.recover_share) if config.payments else 0.0


def renewal_hazard(
    config: SimulatedSaasConfig, churn: Numbers, reached: Numbers, day: Numbers, contract: Numbers, month: Numbers | int
) -> Numbers:
    """P(leave at this month's renewal); 0 inside a contract. All of shape (n,), ``month`` >= 1."""
    kept = (1.0 - config.milestones.effect_on_churn) ** reached
    bumped = price_effect(config, day - contract * MONTH, day)
    return np.where(np.asarray(month) % contract == 0, np.minimum(churn * kept * bumped, 1.0), 0.0)


def price_effect(config: SimulatedSaasConfig, since: Numbers, until: Numbers) -> Numbers:
    """Product of the churn factors of all price rises in (since, until]."""
    factor = np.ones(len(until))
    for rise in config.price_rises:
        at = day_number(config.start, rise.at)
        factor *= np.where((since < at) & (at <= until), rise.churn_factor, 1.0)
    return factor


def price_level(config: SimulatedSaasConfig, day: Numbers) -> Numbers:
    """Product of the factors of all price rises until ``day``."""
    level = np.ones(np.shape(day))
    for rise in config.price_rises:
        level = level * np.where(day_number(config.start, rise.at) <= day, rise.factor, 1.0)
    return level


def plan_of(config: SimulatedSaasConfig, seats: Numbers) -> Numbers:
    """The plan that an account of this size signs; it is kept for life."""
    return np.searchsorted([plan.from_seats for plan in config.plans], seats, side="right") - 1


def contract_months(config: SimulatedSaasConfig) -> Numbers:
    """Contract length of each plan in months."""
    return np.array([plan.contract_months for plan in config.plans])


def list_prices(config: SimulatedSaasConfig) -> Numbers:
    """Price per seat and month of each plan at the start."""
    return np.array([plan.price for plan in config.plans])


def next_seats(config: SimulatedSaasConfig, seats: Numbers, draws: Draws) -> Numbers:
    """Seats a month later, at least 1."""
    gained = draws.poisson(config.monthly_expansion * seats)
    return seats + gained - draws.binomial(seats - 1, config.monthly_contraction)


def expected_next_seats(config: SimulatedSaasConfig, seats: Numbers) -> Numbers:
    """E[seats a month later] = (1 + e - d) seats + d."""
    growth, loss = config.monthly_expansion, config.monthly_contraction
    return (1.0 + growth - loss) * seats + loss


def price_rows(config: SimulatedSaasConfig) -> list[tuple[str, date, date | None, float]]:
    """Price list: plan, valid from, valid to, price per seat and month."""
    rises = sorted(config.price_rises, key=lambda rise: rise.at)
    begins = [config.start, *(rise.at for rise in rises)]
    ends: list[date | None] = [*begins[1:], None]
    levels = np.cumprod([1.0, *(rise.factor for rise in rises)])
    return [
        (plan.name, begin, end, round(plan.price * level, 2))
        for plan in config.plans
        for begin, end, level in zip(begins, ends, levels, strict=True)
    ]
