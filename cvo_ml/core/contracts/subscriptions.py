"""Customers under contract: subscriptions, and the success that makes them renew."""

from __future__ import annotations

from typing import Final

from cvo_ml.core.contract import KNOWN_AT_COLUMN, Column, Range, TableContract, TimeOrder, required

SUBSCRIPTIONS: Final = TableContract(
    "subscriptions",
    (
        required("subscription_id", "id"),
        required("customer_id", "id"),
        required("status", "text"),
        required("mrr", "money", "monthly recurring revenue of this row's state"),
        required("started_at", "time", "when this state began"),
        Column("ended_at", "time", meaning="when this state ended; null while it lasts"),
        Column("currency", "text", meaning="ISO 4217"),
        Column("plan", "text"),
        Column("seats", "number", within=Range(0)),
        Column("current_period_end", "time", meaning="when it is renewed next"),
        Column("cancel_reason", "text"),
        KNOWN_AT_COLUMN,
    ),
    event_time="started_at",
    about="A state of a subscription: a change of plan, seats or price is a row of its own.",
    spans=(TimeOrder("started_at", "ended_at"),),
)

MILESTONES: Final = TableContract(
    "milestones",
    (
        required("customer_id", "id"),
        required("milestone", "text"),
        required("reached_at", "time"),
        Column("value", "number", meaning="what the customer's metric was then, in its own unit"),
        Column("metric", "text", meaning="the customer's own measure of success, such as deadlines missed"),
        Column("start", "number", meaning="what the metric was at first, in its own unit"),
        Column("target", "number", meaning="what it is to become, in its own unit"),
        Column("step", "number", meaning="the milestone's place in the process, 1 first", within=Range(1)),
        Column("cost", "money", meaning="what it cost to bring the customer there", within=Range(0)),
        KNOWN_AT_COLUMN,
    ),
    event_time="reached_at",
    about="A step towards what a customer wants; progress is (value - start) / (target - start).",
)
