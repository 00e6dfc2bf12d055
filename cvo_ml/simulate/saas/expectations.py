"""Exact expectations for accounts: a Markov chain over (milestones reached, gone), month by month."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cvo_ml.config.simulation import SimulatedSaasConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.saas.accounts import (
    MONTH,
    contract_months,
    expected_next_seats,
    list_prices,
    lost_to_payments,
    price_level,
    renewal_hazard,
)


@dataclass(frozen=True)
class AccountState:
    """Accounts at a date; arrays of shape (n,). ``month``: months begun and invoiced so far, minus one."""

    start: Numbers
    plan: Numbers
    churn: Numbers
    milestone_rate: Numbers
    alive: Numbers
    month: Numbers
    reached: Numbers
    seats: Numbers


@dataclass(frozen=True)
class Expectations:
    """Expected value and months invoiced in the window, P(left in it | here at its start), expected monthly revenue
    at its end; shape (n,)."""

    invoiced: Numbers
    months: Numbers
    churned: Numbers
    mrr: Numbers


def look_ahead(config: SimulatedSaasConfig, state: AccountState, until: Numbers) -> Expectations:
    """Follow the chain over all months that begin before day ``until``, shape (n,)."""
    contract, price = contract_months(config)[state.plan], list_prices(config)[state.plan]
    levels, unpaid = len(config.milestones.names) + 1, lost_to_payments(config)
    chance = np.zeros((len(state.start), levels))  # P(still here, milestones reached)
    chance[np.arange(len(chance)), state.reached] = state.alive
    seats = state.seats.astype(float)
    invoiced, months = np.zeros((2, len(chance)))
    month, day = state.month + 1, state.start + (state.month + 1) * MONTH
    mrr = state.alive * seats * np.round(price * price_level(config, day - MONTH), 2)
    while np.any(day < until):
        inside = day < until
        for level in range(levels):
            hazard = renewal_hazard(config, state.churn, np.full(len(chance), level), day, contract, month)
            chance[:, level] *= (1.0 - np.where(inside, hazard, 0.0)) * (1.0 - np.where(inside, unpaid, 0.0))
        moves = chance[:, :-1] * np.where(inside, state.milestone_rate, 0.0)[:, None]
        chance[:, :-1] -= moves
        chance[:, 1:] += moves
        seats = np.where(inside, expected_next_seats(config, seats), seats)
        here = np.where(inside, chance.sum(axis=1), 0.0)
        invoice = here * seats * np.round(price * price_level(config, day), 2)
        invoiced += invoice
        mrr = np.where(inside, invoice, mrr)
        months += here
        month, day = month + 1, day + MONTH
    with np.errstate(invalid="ignore", divide="ignore"):
        churned = np.where(state.alive > 0, 1.0 - chance.sum(axis=1) / state.alive, np.nan)
    return Expectations(invoiced, months, churned, mrr)
