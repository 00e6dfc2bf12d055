"""What accounts leave behind each month: invoices, states, usage, tickets, surveys, costs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cvo_ml.config.simulation import SimulatedSaasConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.columns import Columns, cents, constant, ids, table, texts, times
from cvo_ml.simulate.random_streams import Block
from cvo_ml.simulate.saas import requests
from cvo_ml.simulate.saas.accounts import MONTH, Accounts, price_rows
from cvo_ml.simulate.saas.groups import ACCOUNT
from cvo_ml.simulate.saas.leads import Leads, account_ids, lead_ids, profile_columns

MEAN_TICKET_MINUTES = 15.0
CANCEL_REASONS = ("price", "missing feature", "no results", "closed business")
UNPAID = "payment failed"
TICKET_TOPICS = ("bug", "how to", "billing", "integration")
USAGE_LOGIT, USAGE_SLOPE = 0.4, 1.0
MEAN_SCORE, SCORE_SD = 7.6, 1.8


def customer_columns(config: SimulatedSaasConfig, leads: Leads, accounts: Accounts, block: Block) -> Columns:
    """The table ``customers``: accounts with their lead's profile."""
    profile = dict(profile_columns(config, leads, accounts.lead))
    account = {"account_id": ids(ACCOUNT, block.first + accounts.lead)} if config.parents else {}
    return {
        "customer_id": account_ids(block, accounts.lead),
        "created_at": times(config.start, accounts.start),
        "lead_id": lead_ids(block, accounts.lead),
        "acquisition_channel": profile.pop("source"),
        **account,
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
        "cancel_reason": texts((*CANCEL_REASONS, UNPAID), _reasons(accounts, block)[row], ~left),
    }


def event_columns(config: SimulatedSaasConfig, leads: Leads, accounts: Accounts, block: Block) -> Columns:
    """The table ``events``: active users, use of features, payments that failed and that came after all."""
    parts = [usage_columns(config, leads, accounts, block)]
    if config.features:
        parts.append(requests.use_columns(config, accounts, block))
    if config.payments:
        parts.append(payment_columns(config, accounts, block))
    rows = pa.concat_tables([table(part) for part in parts])
    return {name: rows[name].combine_chunks() for name in rows.column_names}


def usage_columns(config: SimulatedSaasConfig, leads: Leads, accounts: Accounts, block: Block) -> Columns:
    """Active users at the end of each account month.

    Each seat is active with probability expit(.4 + index), index = - link x churn index + own noise.
    """
    draws, link = block.draws("usage", accounts.lead), config.usage_link
    index = -link * leads.churn_index[accounts.lead] + np.sqrt(1 - link**2) * draws.normal()
    chance = 1 / (1 + np.exp(-(USAGE_LOGIT + USAGE_SLOPE * index)))
    active = draws.below(accounts.row, accounts.month).binomial(accounts.seats, chance[accounts.row]).astype(float)
    day = accounts.day + 0.95 * MONTH
    keep = day < config.days
    return {
        "customer_id": account_ids(block, accounts.lead[accounts.row[keep]]),
        "at": times(config.start, day[keep]),
        "name": constant("active_users", int(keep.sum())),
        "value": active[keep],
    }


def payment_columns(config: SimulatedSaasConfig, accounts: Accounts, block: Block) -> Columns:
    """Failed payments, and those paid after reminders: at their time, value 1."""
    day = accounts.start[accounts.failed_by] + accounts.failed_month * MONTH
    paid = day + accounts.paid_after
    recovered = np.flatnonzero(paid < config.days)  # not where it never is: NaN
    who = accounts.lead[np.concatenate([accounts.failed_by, accounts.failed_by[recovered]])]
    kind = np.repeat([0, 1], [len(day), len(recovered)])
    return {
        "customer_id": account_ids(block, who),
        "at": times(config.start, np.concatenate([day, paid[recovered]])),
        "name": texts(["payment_failed", "payment_recovered"], kind),
        "value": np.ones(len(who)),
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
    month, number, day, minutes = _tickets(config, accounts, block)
    lead = accounts.lead[accounts.row[month]]
    draws = block.draws("ticket topics", lead, accounts.month[month] * 1_000 + number)
    closed = day + 2.0 * draws.exponential()
    ticket_id = ids("t########-########", np.full(len(day), block.first), np.arange(len(day)))
    if block.by_customer:
        ticket_id = ids("t########-####-###", block.first + lead, accounts.month[month], number)
    return {
        "ticket_id": ticket_id,
        "customer_id": account_ids(block, accounts.lead[accounts.row[month]]),
        "opened_at": times(config.start, day),
        "closed_at": times(config.start, np.where(closed < config.days, closed, np.nan)),
        "topic": texts(TICKET_TOPICS, draws.integers(len(TICKET_TOPICS))),
        "minutes": minutes,
    }


def serving_columns(config: SimulatedSaasConfig, accounts: Accounts, block: Block) -> Columns:
    """The table ``costs_to_serve``: support minutes per account and calendar month."""
    month, _, day, minutes = _tickets(config, accounts, block)
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
    draws, link = block.draws("surveys", accounts.lead), config.survey_link
    mood = -link * leads.churn_index[accounts.lead] + np.sqrt(1 - link**2) * draws.normal()
    draws = draws.below(accounts.row, accounts.month)
    asked = np.flatnonzero(draws.random() < config.survey_share)
    draws = draws.at(asked)
    day = accounts.day[asked] + MONTH * draws.random()
    score = np.clip(np.round(MEAN_SCORE + SCORE_SD * mood[accounts.row[asked]] + draws.normal()), 0, 10)
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


def annotation_columns(config: SimulatedSaasConfig) -> Columns:
    """The table ``annotations``: rises of price, and what the preset says happened."""
    rows = [(rise.at, f"prices times {rise.factor:g}", "price") for rise in config.price_rises]
    rows += [(mark.at, mark.what, "change") for mark in config.annotations]
    at, what, kind = zip(*sorted(rows), strict=True)
    return {
        "at": np.array(at, "datetime64[us]"),
        "what": pa.array(what, pa.large_string()),
        "kind": pa.array(kind, pa.large_string()),
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


def _tickets(
    config: SimulatedSaasConfig, accounts: Accounts, block: Block
) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Account month, number within it, day and minutes of every ticket before the data end."""
    draws = block.draws("tickets", *requests.keys_of(accounts))
    counts = draws.poisson(config.tickets_per_month)
    month = np.repeat(np.arange(len(counts)), counts)
    number = np.arange(len(month)) - np.repeat(np.cumsum(counts) - counts, counts)
    draws = draws.below(month, number)
    day = accounts.day[month] + MONTH * draws.random()
    minutes = np.round(MEAN_TICKET_MINUTES * draws.exponential(), 1)
    keep = day < config.days
    return month[keep], number[keep], day[keep], minutes[keep]


def _first_of_state(accounts: Accounts) -> Numbers:
    """Account months whose seats or price differ from the month before."""
    changed = np.ones(len(accounts.row), bool)
    same_row = accounts.row[1:] == accounts.row[:-1]
    same_state = (accounts.seats[1:] == accounts.seats[:-1]) & (accounts.price[1:] == accounts.price[:-1])
    changed[1:] = ~(same_row & same_state)
    return np.flatnonzero(changed)


def _reasons(accounts: Accounts, block: Block) -> Numbers:
    drawn = block.draws("cancel reasons", accounts.lead).integers(len(CANCEL_REASONS))
    return np.where(accounts.unpaid, len(CANCEL_REASONS), drawn)
