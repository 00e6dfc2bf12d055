"""What accounts leave behind each month: invoices, states, usage, tickets, surveys, costs."""

from __future__ import annotations

import numpy as np

from cvo_ml.config.simulation import SimulatedSaasConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.columns import Columns, cents, constant, ids, texts, times
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.saas.accounts import MONTH, Accounts, price_rows
from cvo_ml.simulate.saas.leads import Leads, account_ids, lead_ids, profile_columns

MEAN_TICKET_MINUTES = 15.0
CANCEL_REASONS = ("price", "missing feature", "no results", "closed business")
TICKET_TOPICS = ("bug", "how to", "billing", "integration")
USAGE_LOGIT, USAGE_SLOPE = 0.4, 1.0
MEAN_SCORE, SCORE_SD = 7.6, 1.8


def customer_columns(config: SimulatedSaasConfig, leads: Leads, accounts: Accounts, block: Block) -> Columns:
    """The table ``customers``: accounts with their lead's profile."""
    profile = dict(profile_columns(config, leads, accounts.lead))
    return {
        "customer_id": account_ids(block, accounts.lead),
        "created_at": times(config.start, accounts.start),
        "lead_id": lead_ids(block, accounts.lead),
        "acquisition_channel": profile.pop("source"),
        **profile,
    }


def invoice_columns(config: SimulatedSaasConfig, accounts: Accounts, block: Block) -> Columns:
    """The table ``orders``: one invoice per account and month, in advance."""
    net = cents(accounts.seats * accounts.price)
    rows = len(net)
    return {
        "order_id": ids("i########-####", block.first + accounts.lead[accounts.row], accounts.month),
        "customer_id": account_ids(block, accounts.lead[accounts.row]),
        "ordered_at": times(config.start, accounts.day),
        "net": net,
        "cost": cents(net * (1 - config.margin)),
        "currency": constant(config.currency, rows),
        "status": constant("paid", rows),
        "is_test": np.zeros(rows, bool),
    }


def subscription_columns(config: SimulatedSaasConfig, accounts: Accounts, block: Block) -> Columns:
    """The table ``subscriptions``: a row per state; a change of seats or price ends one and starts the next."""
    changes = _first_of_state(accounts)
    row = accounts.row[changes]
    last = np.append(row[1:] != row[:-1], True)
    next_start = np.append(accounts.day[changes][1:], np.nan)
    ended = np.where(last, accounts.ended[row], next_start)
    left = last & np.isfinite(ended)
    status = np.where(~last, 0, np.where(left, 1, 2))
    periods = np.floor((config.days - accounts.start[row]) / MONTH) + 1
    return {
        "subscription_id": ids("s########", block.first + accounts.lead[row]),
        "customer_id": account_ids(block, accounts.lead[row]),
        "status": texts(["changed", "canceled", "active"], status),
        "mrr": cents(accounts.seats[changes] * accounts.price[changes]),
        "started_at": times(config.start, accounts.day[changes]),
        "ended_at": times(config.start, np.where(np.isinf(ended), np.nan, ended)),
        "currency": constant(config.currency, len(row)),
        "plan": texts([plan.name for plan in config.plans], accounts.plan[row]),
        "seats": accounts.seats[changes].astype(float),
        "current_period_end": times(config.start, np.where(status == 2, accounts.start[row] + periods * MONTH, np.nan)),
        "cancel_reason": texts(CANCEL_REASONS, _reasons(accounts, block)[row], ~left),
    }


def usage_columns(config: SimulatedSaasConfig, leads: Leads, accounts: Accounts, block: Block) -> Columns:
    """The table ``events``: active users at the end of each account month.

    Each seat is active with probability expit(.4 + index), index = - link x churn index + own noise.
    """
    rng, link = block.stream("usage"), config.usage_link
    index = -link * leads.churn_index[accounts.lead] + np.sqrt(1 - link**2) * rng.standard_normal(len(accounts.lead))
    chance = 1 / (1 + np.exp(-(USAGE_LOGIT + USAGE_SLOPE * index)))
    active = rng.binomial(accounts.seats, chance[accounts.row]).astype(float)
    day = accounts.day + 0.95 * MONTH
    keep = day < config.days
    return {
        "customer_id": account_ids(block, accounts.lead[accounts.row[keep]]),
        "at": times(config.start, day[keep]),
        "name": constant("active_users", int(keep.sum())),
        "value": active[keep],
    }


def milestone_columns(config: SimulatedSaasConfig, accounts: Accounts, block: Block) -> Columns:
    """The table ``milestones``."""
    return {
        "customer_id": account_ids(block, accounts.lead[accounts.reached_by]),
        "milestone": texts(config.milestones.names, accounts.reached),
        "reached_at": times(config.start, accounts.reached_on),
    }


def ticket_columns(config: SimulatedSaasConfig, accounts: Accounts, block: Block) -> Columns:
    """The table ``tickets``: Poisson per account month."""
    month, day, minutes = _tickets(config, accounts, block)
    rng = block.stream("ticket topics")
    closed = day + 2.0 * rng.standard_exponential(len(day))
    return {
        "ticket_id": ids("t########-########", np.full(len(day), block.first), np.arange(len(day))),
        "customer_id": account_ids(block, accounts.lead[accounts.row[month]]),
        "opened_at": times(config.start, day),
        "closed_at": times(config.start, np.where(closed < config.days, closed, np.nan)),
        "topic": texts(TICKET_TOPICS, rng.integers(0, len(TICKET_TOPICS), len(day))),
        "minutes": minutes,
    }


def serving_columns(config: SimulatedSaasConfig, accounts: Accounts, block: Block) -> Columns:
    """The table ``costs_to_serve``: support minutes per account and calendar month."""
    month, day, minutes = _tickets(config, accounts, block)
    first = np.datetime64(config.start, "M")
    calendar = (times(config.start, day).astype("datetime64[M]") - first).astype(np.int64)
    cell, place = np.unique(accounts.row[month] * 10_000 + calendar, return_inverse=True)
    return {
        "customer_id": account_ids(block, accounts.lead[cell // 10_000]),
        "period": (first + cell % 10_000).astype("datetime64[us]"),
        "activity": constant("support minutes", len(cell)),
        "quantity": np.round(np.bincount(place, minutes, minlength=len(cell)), 1),
        "unit_cost": np.full(len(cell), config.cost_per_ticket_minute),
    }


def survey_columns(config: SimulatedSaasConfig, leads: Leads, accounts: Accounts, block: Block) -> Columns:
    """The table ``surveys``: NPS; with link 0 answers say nothing about staying."""
    rng, link = block.stream("surveys"), config.survey_link
    mood = -link * leads.churn_index[accounts.lead] + np.sqrt(1 - link**2) * rng.standard_normal(len(accounts.lead))
    asked = np.flatnonzero(rng.random(len(accounts.row)) < config.survey_share)
    day = accounts.day[asked] + MONTH * rng.random(len(asked))
    score = np.clip(
        np.round(MEAN_SCORE + SCORE_SD * mood[accounts.row[asked]] + rng.standard_normal(len(asked))), 0, 10
    )
    keep = day < config.days
    return {
        "customer_id": account_ids(block, accounts.lead[accounts.row[asked[keep]]]),
        "answered_at": times(config.start, day[keep]),
        "kind": constant("nps_post", int(keep.sum())),
        "score": score[keep],
    }


def price_columns(config: SimulatedSaasConfig) -> Columns:
    """The table ``prices``: the price list of all plans."""
    plan, begin, end, price = zip(*price_rows(config), strict=True)
    return {
        "product_id": texts(plan, np.arange(len(plan))),
        "valid_from": np.array(begin, "datetime64[us]"),
        "valid_to": np.array([np.datetime64("NaT") if day is None else day for day in end], "datetime64[us]"),
        "price": np.array(price),
    }


def spend_columns(config: SimulatedSaasConfig, leads: int, block: Block) -> Columns:
    """The table ``acquisition_spend``: planned spend on leads by source, and on sales time."""
    days = (config.acquired_until - config.start).days
    daily = [leads / days * source.share * source.cost_per_customer for source in config.sources]
    daily.append(leads / days * config.contact.share * config.contact.cost)
    noise = block.stream("acquisition spend").uniform(0.9, 1.1, (days, len(daily)))
    cell = np.tile(np.arange(len(daily)), days)
    return {
        "date": times(config.start, np.repeat(np.arange(days, dtype=float), len(daily))),
        "channel": texts([*(source.name for source in config.sources), "sales"], cell),
        "spend": cents(np.array(daily) * noise).reshape(-1),
        "cost_kind": texts(["ads", "people"], (cell == len(config.sources)).astype(np.int64)),
    }


def _tickets(config: SimulatedSaasConfig, accounts: Accounts, block: Block) -> tuple[Numbers, Numbers, Numbers]:
    """Account month, day and minutes of every ticket before the data end."""
    rng = block.stream("tickets")
    counts = rng.poisson(config.tickets_per_month, len(accounts.row))
    month = np.repeat(np.arange(len(counts)), counts)
    day = accounts.day[month] + MONTH * rng.random(len(month))
    minutes = np.round(MEAN_TICKET_MINUTES * rng.standard_exponential(len(month)), 1)
    keep = day < config.days
    return month[keep], day[keep], minutes[keep]


def _first_of_state(accounts: Accounts) -> Numbers:
    """Account months whose seats or price differ from the month before."""
    changed = np.ones(len(accounts.row), bool)
    same_row = accounts.row[1:] == accounts.row[:-1]
    same_state = (accounts.seats[1:] == accounts.seats[:-1]) & (accounts.price[1:] == accounts.price[:-1])
    changed[1:] = ~(same_row & same_state)
    return np.flatnonzero(changed)


def _reasons(accounts: Accounts, block: Block) -> Numbers:
    return block.stream("cancel reasons").integers(0, len(CANCEL_REASONS), len(accounts.lead))
