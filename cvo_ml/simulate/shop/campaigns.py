"""Waves of treatments: who gets what with which logged probability, and what it does.

At each wave every consenting customer is offered one action or none:
P(a) = (1 - holdout) (exploration / K + (1 - exploration) softmax(b_a + g_a x staleness)), with
staleness = log(1 + days since the last order / 30) and "none" as one of the K; a random holdout is
added to "none". Every probability is positive, so the log supports any other policy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cvo_ml.config.simulation import Campaigns
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.shop.population import Profile, Traits
from cvo_ml.simulate.shop.purchases import Process, advance, revive


@dataclass(frozen=True)
class TreatmentLog:
    """One row per customer and wave. ``action`` is its number, -1 for none; ``held_out`` by the random holdout."""

    who: Numbers
    wave: Numbers
    sent: Numbers  # days since the start
    action: Numbers
    propensity: Numbers
    held_out: Numbers


def waves(campaigns: Campaigns | None, days: float) -> Numbers:
    """Days since the start at which waves are sent."""
    if campaigns is None:
        return np.zeros(0)
    return np.arange(campaigns.first_after_days, days, campaigns.every_days)


def run(process: Process, campaigns: Campaigns | None, profile: Profile, days: float, block: Block) -> TreatmentLog:
    """Advance the process to ``days`` through all waves."""
    purchases, decisions = block.stream("purchases"), block.stream("campaigns")
    last_order, logs, noted = profile.born.copy(), [run_none()], 0
    for wave, sent in enumerate(waves(campaigns, days)):
        assert campaigns is not None
        advance(process, sent, purchases)
        noted = _note_last_orders(process, last_order, noted)
        log = choose(campaigns, profile, last_order, wave, float(sent), decisions)
        treat(process, campaigns, log, min(float(sent) + campaigns.window_days, days), purchases, decisions)
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
    return TreatmentLog(who, np.full(len(who), wave), np.full(len(who), sent), option - 1, logged, held_out)


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
    process: Process, campaigns: Campaigns, log: TreatmentLog, until: float,
    purchases: np.random.Generator, decisions: np.random.Generator,
) -> None:  # fmt: skip
    """Apply the drawn actions: bring back the saved, then run the window with changed parameters."""
    lift, survival = multipliers(campaigns, process.traits, log, len(process.alive))
    back = 1.0 - survival[log.who]
    comes_back = (decisions.random(len(log.who)) < back) & ~process.alive[log.who]
    revive(process, log.who[comes_back], float(log.sent[0]) if len(log.sent) else until, purchases)
    advance(process, until, purchases, lift, survival)


def multipliers(campaigns: Campaigns, traits: Traits, log: TreatmentLog, customers: int) -> tuple[Numbers, Numbers]:
    """Rate and hazard multipliers in the window for each customer, shape (n,)."""
    lift, survival = np.ones(customers), np.ones(customers)
    for number, action in enumerate(campaigns.actions):
        treated = log.who[log.action == number]
        effect = traits.effect[treated, number]
        if action.kind == "growth":
            lift[treated] = 1.0 + effect
        else:
            survival[treated] = 1.0 - effect
    return lift, survival


def _note_last_orders(process: Process, last_order: Numbers, noted: int) -> int:
    """Bring ``last_order`` up to date with the parts found since ``noted``; the new number of parts."""
    for who, at in zip(process.orders_by[noted:], process.orders_at[noted:], strict=True):
        last_order[who] = process.clock.day_at(at, who)
    return len(process.orders_by)


def run_none() -> TreatmentLog:
    """The log of a shop without campaigns."""
    none, zero = np.zeros(0, np.int64), np.zeros(0)
    return TreatmentLog(none, none, zero, none, zero, np.zeros(0, bool))


def _stack(logs: list[TreatmentLog]) -> TreatmentLog:
    names = ("who", "wave", "sent", "action", "propensity", "held_out")
    return TreatmentLog(*(np.concatenate([getattr(log, name) for log in logs]) for name in names))
