"""What people did, and what was done to them: events, touches, treatments, assignments to experiments."""

from __future__ import annotations

from typing import Final

from cvo_ml.core.contract import KNOWN_AT_COLUMN, Column, Range, TableContract, required

EVENTS: Final = TableContract(
    "events",
    (
        required("customer_id", "id"),
        required("at", "time"),
        required("name", "text", "what was done, such as page_view or report_opened"),
        Column("value", "number", meaning="how much of it, in the event's own unit"),
        KNOWN_AT_COLUMN,
    ),
    event_time="at",
    about="Something that a customer did in the shop or the product.",
)

TOUCHPOINTS: Final = TableContract(
    "touchpoints",
    (
        Column("customer_id", "id"),
        Column("lead_id", "id", meaning="who was no customer yet", names="leads"),
        required("at", "time"),
        required("channel", "text"),
        Column("source", "text"),
        Column("medium", "text"),
        Column("campaign", "text"),
        Column("kind", "text", meaning="such as ad_click, lead_created, demo_request, sales_call"),
        Column("cost", "money"),
        Column("is_offline", "flag"),
        KNOWN_AT_COLUMN,
    ),
    event_time="at",
    about="A contact of marketing or sales with a customer or a lead.",
    one_of=(("customer_id", "lead_id"),),
)

TREATMENTS: Final = TableContract(
    "treatments",
    (
        required("customer_id", "id"),
        required("action", "text"),
        required("sent_at", "time"),
        Column("channel", "text"),
        Column("cost", "money", meaning="of this one contact"),
        Column(
            "propensity", "number", meaning="probability with which the action was chosen",
            within=Range(0, 1, above_low=True),
        ),
        Column("receipt", "text", meaning="what the channel answered, such as delivered or bounced; null: nothing"),
        KNOWN_AT_COLUMN,
    ),
    event_time="sent_at",
    about="An action that was taken on a customer.",
)  # fmt: skip

ASSIGNMENTS: Final = TableContract(
    "assignments",
    (
        required("experiment_id", "id"),
        required("unit_id", "id", "the customer, lead or account"),
        required("variant", "text"),
        required("assigned_at", "time"),
        KNOWN_AT_COLUMN,
    ),
    key=("experiment_id", "unit_id"),
    event_time="assigned_at",
    about="Which variant of an experiment somebody has.",
)
