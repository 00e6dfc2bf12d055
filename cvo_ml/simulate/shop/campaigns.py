"""Waves of treatments: who gets what with which logged probability, and what it does.

At each wave every consenting customer is offered one action or none:
P(a) = (1 - holdout) (exploration / K + (1 - exploration) softmax(b_a + g_a x staleness)), with
staleness = log(1 + days since the last order / 30) and "none" as one of the K; a random holdout is
added to "none". Every probability is positive, so the log supports any other policy.

What was sent works if it is received, from ``delay_days`` after sending, in full the first time that
anything reaches a customer and (1 - fatigue) times as much each further time; what a growth action
borrows from the time after its window is paid back there.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from cvo_ml.config.simulation import Campaigns
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.shop.population import Profile, Traits
from cvo_ml.simulate.shop.purchases import Process, Random, advance, revive


@dataclass(frozen=True)
class TreatmentLog:
    """One row per customer and wave. ``action`` is its number, -1 for none; ``held_out`` by the random holdout.

    ``received``: whether it reached the customer; ``strength``: what is left of the effect, 0 where nothing did.
    """

    who: Numbers
    wave: Numbers
    sent: Numbers  # days since the start
    action: Numbers
    propensity: Numbers
    held_out: Numbers
    received: Numbers
    strength: Numbers


def waves(campaigns: Campaigns | None, days: float) -> Numbers:
    """Days since the start at which waves are sent."""
    if campaigns is None:
        return np.zeros(0)
    return np.arange(campaigns.first_after_days, days, campaigns.every_days)


def run(
    process: Process, campaigns: Campaigns | None, profile: Profile, days: float, block: Block, rng: Random
) -> TreatmentLog:
    """Advance the process to ``days`` through all waves; ``rng`` draws the purchases."""
    purchases, decisions = rng, block.stream("campaigns")
    last_order, logs, noted = profile.born.copy(), [run_none()], 0
    reached = np.zeros(block.size, np.int64)
    for wave, sent in enumerate(waves(campaigns, days)):
        assert campaigns is not None
        advance(process, sent, purchases)
        noted = _note_last_orders(process, last_order, noted)
        log = choose(campaigns, profile, last_order, wave, float(sent), decisions)
        log = reach(campaigns, log, reached, block)
        treat(process, campaigns, log, float(sent), days, purchases, decisions)
        logs.append(log)
    advance(process, days, purchases)
    return _stack(logs)


def choose(
    campaigns: Campaigns, profile: Profile, last_order: Numbers, wave: int, sent: float, rng: np.random.Generator
) -> TreatmentLog:
    """Draw an action for every consenting customer who has ordered before ``sent``."""
    who = np.flatnonzero((profile.born < sent) & profile.consent)
    chance = propensities(campaigns, sent - last_order[who])
    held_out = rng.random(len(who)) < campaigns.holdout
    drawn = (rng.random(len(who))[:, None] >= np.cumsum(chance, axis=1)[:, :-1]).sum(axis=1)
    option = np.where(held_out, 0, drawn)  # option 0 is none
    logged = (1 - campaigns.holdout) * chance[np.arange(len(who)), option] + campaigns.holdout * (option == 0)
    everywhere = np.ones(len(who), bool)
    return TreatmentLog(
        who,
        np.full(len(who), wave),
        np.full(len(who), sent),
        option - 1,
        logged,
        held_out,
        everywhere,
        everywhere + 0.0,
    )


def reach(campaigns: Campaigns, log: TreatmentLog, reached: Numbers, block: Block) -> TreatmentLog:
    """The log with what was received and what is left of its effect; ``reached`` counts, shape (n,)."""
    share = np.array([*(action.receipt_share for action in campaigns.actions), 1.0])[log.action]
    fatigue = np.array([*(action.fatigue for action in campaigns.actions), 0.0])[log.action]
    received = block.keyed("receipts", log.who, log.wave).random() < share
    strength = received * (1.0 - fatigue) ** reached[log.who]
    reached[log.who] += received & (log.action >= 0)
    return replace(log, received=received, strength=strength)


def propensities(campaigns: Campaigns, days_since_order: Numbers) -> Numbers:
    """P(option) without the holdout, shape (n, 1 + actions); the first option is none."""
    staleness = np.log1p(days_since_order / 30.0)[:, None]
    base = np.array([0.0, *(action.base_logit for action in campaigns.actions)])
    slope = np.array([0.0, *(action.staleness_logit for action in campaigns.actions)])
    logits = base + slope * staleness
    chance = np.exp(logits - logits.max(axis=1, keepdims=True))
    chance /= chance.sum(axis=1, keepdims=True)
    return campaigns.exploration / len(base) + (1 - campaigns.exploration) * chance


def treat(
    process: Process, campaigns: Campaigns, log: TreatmentLog, sent: float, days: float,
    purchases: Random, decisions: np.random.Generator,
) -> None:  # fmt: skip
    """Apply the drawn actions: bring back the saved, then run the stretches with changed parameters."""
    begin, *ends = (min(sent + offset, days) for offset in stretches(campaigns))
    advance(process, begin, purchases)
    lift, survival = multipliers(campaigns, process.traits, log, len(process.alive))
    back = 1.0 - survival[log.who]
    comes_back = (decisions.random(len(log.who)) < back) & ~process.alive[log.who]
    if begin < days:
        revive(process, log.who[comes_back], begin, purchases)
    advance(process, ends[0], purchases, lift, survival)
    for end in ends[1:]:
        advance(process, end, purchases, repayment(campaigns, process.traits, log, len(process.alive)))


def stretches(campaigns: Campaigns) -> tuple[float, ...]:
    """Days after sending at which the window begins, at which it ends, and at which the borrowed is paid back."""
    begin, window = campaigns.delay_days, campaigns.window_days
    ends = (begin, begin + window)
    return (*ends, campaigns.lasting_days) if any(action.borrowed for action in campaigns.actions) else ends


def multipliers(campaigns: Campaigns, traits: Traits, log: TreatmentLog, customers: int) -> tuple[Numbers, Numbers]:
    """Rate and hazard multipliers in the window for each customer, shape (n,)."""
    lift, survival = np.ones(customers), np.ones(customers)
    for number, action in enumerate(campaigns.actions):
        rows = log.action == number
        effect = traits.effect[log.who[rows], number] * log.strength[rows]
        if action.kind == "growth":
            lift[log.who[rows]] = 1.0 + effect
        else:
            survival[log.who[rows]] = 1.0 - effect
    return lift, survival


def repayment(campaigns: Campaigns, traits: Traits, log: TreatmentLog, customers: int) -> Numbers:
    """Rate multipliers after the window, where growth actions have borrowed; shape (n,)."""
    lift = np.ones(customers)
    for number, action in enumerate(campaigns.actions):
        if action.kind == "growth":
            rows = log.action == number
            lift[log.who[rows]] = repaid(action.borrowed, traits.effect[log.who[rows], number] * log.strength[rows])
    return lift


def repaid(borrowed: Numbers | float, effect: Numbers) -> Numbers:
    """Rate multiplier after a window in which the rate was 1 + effect times; at least a twentieth."""
    return np.maximum(1.0 - borrowed * effect, 0.05)


def discounts(campaigns: Campaigns | None, log: TreatmentLog, who: Numbers, day: Numbers, block: Block) -> Numbers:
    """Number of the action whose discount each order (``who``, ``day``) gets, -1 for none."""
    given = np.full(len(who), -1)
    if campaigns is None or not any(action.discount for action in campaigns.actions):
        return given
    offers = np.array([*(action.discount > 0 for action in campaigns.actions), False])[log.action] & log.received
    begin, end = stretches(campaigns)[:2]
    for wave in np.unique(log.wave[offers]):
        rows = np.flatnonzero(offers & (log.wave == wave))
        action = np.full(block.size, -1)
        action[log.who[rows]] = log.action[rows]
        sent = log.sent[rows[0]]
        inside = np.flatnonzero((day >= sent + begin) & (day < sent + end))
        given[inside] = action[who[inside]]
    return given


def _note_last_orders(process: Process, last_order: Numbers, noted: int) -> int:
    """Bring ``last_order`` up to date with the parts found since ``noted``; the new number of parts."""
    for who, at in zip(process.orders_by[noted:], process.orders_at[noted:], strict=True):
        last_order[who] = process.clock.day_at(at, who)
    return len(process.orders_by)


def run_none() -> TreatmentLog:
    """The log of a shop without campaigns."""
    none, zero = np.zeros(0, np.int64), np.zeros(0)
    flags = np.zeros(0, bool)
    return TreatmentLog(none, none, zero, none, zero, flags, flags, zero)


def _stack(logs: list[TreatmentLog]) -> TreatmentLog:
    names = [part.name for part in fields(TreatmentLog)]
    return TreatmentLog(*(np.concatenate([getattr(log, name) for log in logs]) for name in names))
