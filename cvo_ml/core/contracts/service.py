"""What customers say: tickets, answers to surveys, reviews."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cvo_ml.core.contract import KNOWN_AT_COLUMN, Column, Range, TableContract, TimeOrder, required

TICKETS: Final = TableContract(
    "tickets",
    (
        Column("ticket_id", "id"),
        required("customer_id", "id"),
        required("opened_at", "time"),
        Column("closed_at", "time", meaning="when work on it ended"),
        Column("topic", "text"),
        Column("minutes", "number", meaning="minutes of work", within=Range(0), waits_for=("closed_at",)),
        Column("priority", "text"),
        Column("resolved_at", "time", meaning="when the customer's problem was solved"),
        Column(
            "resolved", "flag", meaning="whether it was solved; null: not told", waits_for=("resolved_at", "closed_at")
        ),
        KNOWN_AT_COLUMN,
    ),
    event_time="opened_at",
    about="A question or complaint.",
    key_where_told=("ticket_id",),
    spans=(TimeOrder("opened_at", "closed_at"), TimeOrder("opened_at", "resolved_at", "resolved before it was opened")),
)

#: The scales of scores, by the kind of survey. The sources give none for CES and CSAT: 1 to 7 is the scale of the
#: Customer Effort Score's second version, 1 to 5 the usual one of satisfaction.
SCALES: Final[Mapping[str, Range]] = {
    "nps": Range(0, 10),
    "nps_pre": Range(0, 10),
    "nps_post": Range(0, 10),
    "ces": Range(1, 7),
    "csat": Range(1, 5),
    "wtp": Range(0),
}

SURVEYS: Final = TableContract(
    "surveys",
    (
        required("customer_id", "id"),
        required("answered_at", "time"),
        required("kind", "text", "nps_pre, nps_post, nps, ces, csat, wtp, or one of your own such as goal or reason"),
        Column("score", "number", meaning="nps 0 to 10, ces 1 to 7, csat 1 to 5, wtp an amount of money"),
        Column("text", "text", meaning="the answer in words"),
        Column("scale", "number", meaning="the highest score of ces or csat, where it is another", within=Range(1)),
        Column("order_id", "id", meaning="the order that it was asked about", names="orders"),
        KNOWN_AT_COLUMN,
    ),
    event_time="answered_at",
    about="An answer to a question.",
    one_of=(("score", "text"),),
)

REVIEWS: Final = TableContract(
    "reviews",
    (
        Column("review_id", "id"),
        required("customer_id", "id"),
        required("reviewed_at", "time"),
        Column("product_id", "id", meaning="null: of the shop"),
        Column("order_id", "id", names="orders"),
        required("rating", "number", "stars, 1 to 5", Range(1, 5)),
        Column("text", "text"),
        KNOWN_AT_COLUMN,
    ),
    event_time="reviewed_at",
    about="What a customer says publicly of a product or the shop.",
    key_where_told=("review_id",),
)
