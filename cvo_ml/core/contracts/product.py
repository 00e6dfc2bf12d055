"""What the product can do, for whom, and what is asked for."""

from __future__ import annotations

from typing import Final

from cvo_ml.core.contract import KNOWN_AT_COLUMN, Column, Range, TableContract, required

PRODUCT_FEATURES: Final = TableContract(
    "product_features",
    (
        required("feature_id", "id"),
        Column("name", "text"),
        Column("persona", "text", meaning="for whom the row holds: a persona or segment"),
        Column("weight", "number", meaning="how much the persona cares, 0 to 1", within=Range(0, 1)),
        Column("outcome", "text", meaning="the persona's pain or outcome that it serves"),
        Column("product_id", "id", meaning="or the plan that has it"),
        Column("event_name", "text", meaning="the name in events that shows its use"),
        Column("is_planned", "flag", meaning="whether it is not there yet"),
        Column("launched_at", "time"),
        Column("lift_low", "number", meaning="change of the persona's recurring revenue, at least; .12 = +12 %"),
        Column("lift_high", "number", meaning="the same, at most"),
        KNOWN_AT_COLUMN,
    ),
    about="A feature of the product, there or planned, and what it is worth to a persona.",
    key_where_told=("feature_id", "persona"),
)  # fmt: skip

FEATURE_REQUESTS: Final = TableContract(
    "feature_requests",
    (
        Column("request_id", "id"),
        Column("customer_id", "id"),
        Column("lead_id", "id", meaning="who is no customer yet", names="leads"),
        required("requested_at", "time"),
        Column("feature_id", "id", names="product_features"),
        Column("title", "text", meaning="what is asked for, where it is no feature of the list"),
        Column("reason", "text", meaning="why, in the words of who asked"),
        Column("status", "text"),
        KNOWN_AT_COLUMN,
    ),
    event_time="requested_at",
    about="Somebody who asked for a feature.",
    key_where_told=("request_id",),
    one_of=(("customer_id", "lead_id"), ("feature_id", "title")),
)
