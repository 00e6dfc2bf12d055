"""What the books say beside the orders: costs to serve, spend, earlier months, rates, and what happened when."""

from __future__ import annotations

from typing import Final

from cvo_ml.core.contract import KNOWN_AT_COLUMN, Column, Range, TableContract, required

COSTS_TO_SERVE: Final = TableContract(
    "costs_to_serve",
    (
        Column("customer_id", "id", meaning="or segment, or neither: then the driver says who bears it"),
        Column("segment", "text"),
        required("period", "time", "first day of the month the cost belongs to"),
        required("activity", "text", "what was done, such as picking, support, account management"),
        required("quantity", "number", "units of the driver"),
        required("unit_cost", "money", "of one unit of the driver"),
        Column(
            "driver", "text", meaning="what the quantity counts: orders, lines, returns, ticket_minutes, csm_hours, …"
        ),
        Column("is_fixed", "flag", meaning="whether it would be spent anyway; such costs are shared by the driver"),
        KNOWN_AT_COLUMN,
    ),
    event_time="period",
    about="What it cost to serve a customer, a segment, or all in a month.",
    one_of=(("customer_id", "segment", "driver"),),
)

ACQUISITION_SPEND: Final = TableContract(
    "acquisition_spend",
    (
        required("date", "time"),
        required("channel", "text"),
        required("spend", "money"),
        Column("currency", "text"),
        Column("campaign", "text"),
        Column("cost_kind", "text", meaning="ads, people or tools"),
        KNOWN_AT_COLUMN,
    ),
    event_time="date",
    about="What was spent to win customers.",
)

MONTHS: Final = TableContract(
    "months",
    (
        required("month", "time", "its first day"),
        Column("orders", "number", meaning="how many were placed", within=Range(0)),
        Column("net", "money", meaning="their value: after discounts, before tax"),
        Column("known_at", "time", meaning="when the total became known; default: the first day of the next month"),
    ),
    key=("month",),
    event_time="month",
    about="The total of a month from the books, also of years of which no orders are left; it has no customers.",
    one_of=(("orders", "net"),),
    months=1,
)

FX: Final = TableContract(
    "fx",
    (
        required("date", "time", "from this day on"),
        required("currency", "text", "ISO 4217"),
        required("rate", "number", "what one unit of it is worth in the shop's currency", Range(0, above_low=True)),
        KNOWN_AT_COLUMN,
    ),
    key=("date", "currency"),
    about="What a currency is worth: an amount is converted at the latest rate at or before its row's day.",
)

ANNOTATIONS: Final = TableContract(
    "annotations",
    (
        required("at", "time"),
        required("what", "text", "in words, such as: new carrier in the north"),
        Column("kind", "text", meaning="such as fix, launch, price, outage"),
        KNOWN_AT_COLUMN,
    ),
    event_time="at",
    about="Something that happened to the shop: a mark on every series, before and after are compared.",
)
