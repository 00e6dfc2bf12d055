"""The contracts of all tables that the product reads. Only ``orders`` is required to run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cvo_ml.core.contract import Column, Kind, TableContract


def _required(name: str, kind: Kind, meaning: str = "") -> Column:
    return Column(name, kind, required=True, meaning=meaning)


_KNOWN_AT = Column("known_at", "time", meaning="when the row became known; default: its event time")

ORDERS: Final = TableContract(
    "orders",
    (
        _required("order_id", "id"),
        _required("customer_id", "id"),
        _required("ordered_at", "time"),
        _required("net", "money", "value when ordered: after discounts, before tax; refunds are rows of their own"),
        Column("gross", "money"),
        Column("discount", "money"),
        Column("shipping", "money"),
        Column("tax", "money"),
        Column("cost", "money"),
        Column("currency", "text"),
        Column("status", "text"),
        Column("discount_code", "text"),
        Column("channel", "text"),
        Column("is_test", "flag"),
        _KNOWN_AT,
    ),
    key=("order_id",),
    event_time="ordered_at",
)

REFUNDS: Final = TableContract(
    "refunds",
    (
        Column("refund_id", "id"),
        _required("refunded_at", "time"),
        _required("amount", "money", "positive: what went back to the customer"),
        Column("order_id", "id", meaning="the order it gives back; null where only the customer is known"),
        Column("customer_id", "id"),
        Column("currency", "text"),
        Column("reason", "text"),
        _KNOWN_AT,
    ),
    event_time="refunded_at",
)

ORDER_LINES: Final = TableContract(
    "order_lines",
    (
        _required("order_id", "id"),
        Column("line_id", "id"),
        _required("product_id", "id"),
        _required("quantity", "number"),
        Column("unit_price", "money"),
        Column("net", "money"),
        Column("category", "text"),
        Column("brand", "text"),
        Column("unit_cost", "money"),
        _KNOWN_AT,
    ),
)

CUSTOMERS: Final = TableContract(
    "customers",
    (
        _required("customer_id", "id"),
        Column("created_at", "time"),
        Column("country", "text"),
        Column("region", "text"),
        Column("city", "text"),
        Column("acquisition_channel", "text"),
        Column("acquisition_campaign", "text"),
        Column("marketing_consent", "flag"),
        Column("profiling_opt_out", "flag"),
        _KNOWN_AT,
    ),
    key=("customer_id",),
)

SUBSCRIPTIONS: Final = TableContract(
    "subscriptions",
    (
        _required("subscription_id", "id"),
        _required("customer_id", "id"),
        _required("status", "text"),
        _required("mrr", "money", "monthly recurring revenue of this row's state"),
        _required("started_at", "time"),
        Column("ended_at", "time"),
        Column("currency", "text"),
        Column("plan", "text"),
        Column("seats", "number"),
        Column("current_period_end", "time"),
        Column("cancel_reason", "text"),
        _KNOWN_AT,
    ),
    event_time="started_at",
)

EVENTS: Final = TableContract(
    "events",
    (
        _required("customer_id", "id"),
        _required("at", "time"),
        _required("name", "text"),
        Column("value", "number"),
        _KNOWN_AT,
    ),
    event_time="at",
)

TOUCHPOINTS: Final = TableContract(
    "touchpoints",
    (
        _required("customer_id", "id"),
        _required("at", "time"),
        _required("channel", "text"),
        Column("source", "text"),
        Column("medium", "text"),
        Column("campaign", "text"),
        Column("kind", "text"),
        Column("cost", "money"),
        Column("is_offline", "flag"),
        _KNOWN_AT,
    ),
    event_time="at",
)

COSTS_TO_SERVE: Final = TableContract(
    "costs_to_serve",
    (
        Column("customer_id", "id", meaning="or segment"),
        Column("segment", "text"),
        _required("period", "time", "first day of the month the cost belongs to"),
        _required("activity", "text"),
        _required("quantity", "number"),
        _required("unit_cost", "money"),
        _KNOWN_AT,
    ),
    event_time="period",
)

ACQUISITION_SPEND: Final = TableContract(
    "acquisition_spend",
    (
        _required("date", "time"),
        _required("channel", "text"),
        _required("spend", "money"),
        Column("campaign", "text"),
        Column("cost_kind", "text", meaning="ads, people or tools"),
        _KNOWN_AT,
    ),
    event_time="date",
)

TICKETS: Final = TableContract(
    "tickets",
    (
        Column("ticket_id", "id"),
        _required("customer_id", "id"),
        _required("opened_at", "time"),
        Column("closed_at", "time"),
        Column("topic", "text"),
        Column("minutes", "number", meaning="minutes of work"),
        Column("priority", "text"),
        _KNOWN_AT,
    ),
    event_time="opened_at",
)

SURVEYS: Final = TableContract(
    "surveys",
    (
        _required("customer_id", "id"),
        _required("answered_at", "time"),
        _required("kind", "text", "nps_pre, nps_post, ces, csat or wtp"),
        _required("score", "number"),
        Column("text", "text"),
        _KNOWN_AT,
    ),
    event_time="answered_at",
)

RETURNS: Final = TableContract(
    "returns",
    (
        _required("customer_id", "id"),
        _required("opened_at", "time"),
        Column("order_id", "id"),
        Column("product_id", "id"),
        Column("kind", "text"),
        _KNOWN_AT,
    ),
    event_time="opened_at",
)

TREATMENTS: Final = TableContract(
    "treatments",
    (
        _required("customer_id", "id"),
        _required("action", "text"),
        _required("sent_at", "time"),
        Column("channel", "text"),
        Column("cost", "money"),
        Column("propensity", "number", meaning="probability with which the action was chosen"),
        _KNOWN_AT,
    ),
    event_time="sent_at",
)

ASSIGNMENTS: Final = TableContract(
    "assignments",
    (
        _required("experiment_id", "id"),
        _required("unit_id", "id"),
        _required("variant", "text"),
        _required("assigned_at", "time"),
        _KNOWN_AT,
    ),
    key=("experiment_id", "unit_id"),
    event_time="assigned_at",
)

LEADS: Final = TableContract(
    "leads",
    (_required("lead_id", "id"), _required("created_at", "time"), _KNOWN_AT),
    key=("lead_id",),
    event_time="created_at",
)

DEALS: Final = TableContract(
    "deals",
    (
        _required("deal_id", "id"),
        _required("lead_id", "id"),
        Column("customer_id", "id"),
        Column("stage", "text"),
        Column("amount", "money"),
        Column("is_won", "flag"),
        Column("created_at", "time"),
        Column("closed_at", "time"),
        _KNOWN_AT,
    ),
    key=("deal_id",),
    event_time="closed_at",
)

MILESTONES: Final = TableContract(
    "milestones",
    (
        _required("customer_id", "id"),
        _required("milestone", "text"),
        _required("reached_at", "time"),
        Column("value", "number"),
        _KNOWN_AT,
    ),
    event_time="reached_at",
)

PRICES: Final = TableContract(
    "prices",
    (
        _required("product_id", "id", "or the plan"),
        _required("valid_from", "time"),
        _required("price", "money"),
        Column("valid_to", "time"),
        _KNOWN_AT,
    ),
    event_time="valid_from",
)

FX: Final = TableContract(
    "fx",
    (
        _required("date", "time", "from this day on"),
        _required("currency", "text"),
        _required("rate", "number", "what one unit of it is worth in the shop's currency"),
        _KNOWN_AT,
    ),
    key=("date", "currency"),
)

CONTRACTS: Final[Mapping[str, TableContract]] = {
    contract.name: contract
    for contract in (
        ORDERS,
        REFUNDS,
        ORDER_LINES,
        CUSTOMERS,
        SUBSCRIPTIONS,
        EVENTS,
        TOUCHPOINTS,
        COSTS_TO_SERVE,
        ACQUISITION_SPEND,
        TICKETS,
        SURVEYS,
        RETURNS,
        TREATMENTS,
        ASSIGNMENTS,
        LEADS,
        DEALS,
        MILESTONES,
        PRICES,
        FX,
    )
}
