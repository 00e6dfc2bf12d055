"""What things cost, and what people would pay: list prices, conjoint choices, answers to questions of price."""

from __future__ import annotations

from typing import Final

from cvo_ml.core.contract import KNOWN_AT_COLUMN, Column, Range, TableContract, TimeOrder, required

PRICES: Final = TableContract(
    "prices",
    (
        required("product_id", "id", "or the plan"),
        required("valid_from", "time"),
        required("price", "money", within=Range(0)),
        Column("valid_to", "time", meaning="when it ended, itself not included; null: until the next one begins"),
        Column("currency", "text", meaning="ISO 4217"),
        Column("unit", "text", meaning="what one price is for, such as seat or 1,000 contacts"),
        Column("segment", "text", meaning="for whom, where prices differ"),
        KNOWN_AT_COLUMN,
    ),
    event_time="valid_from",
    about="A list price while it was valid.",
    spans=(TimeOrder("valid_from", "valid_to"),),
)

CHOICES: Final = TableContract(
    "choices",
    (
        required("respondent_id", "id"),
        required("task_id", "id", "the question: one is chosen in each"),
        required("alternative_id", "id", "what could be chosen; to choose nothing is one too"),
        required("chosen", "flag"),
        required("answered_at", "time"),
        Column("price", "money", meaning="of this alternative", within=Range(0)),
        Column("customer_id", "id", meaning="who the respondent is, where known"),
        KNOWN_AT_COLUMN,
    ),
    key=("respondent_id", "task_id", "alternative_id"),
    event_time="answered_at",
    about="An alternative of a choice experiment (conjoint); further columns are its attributes.",
    profile=True,
)

#: The four prices of Van Westendorp's price sensitivity meter, the lowest first.
FOUR_PRICES: Final = ("too_cheap", "cheap", "expensive", "too_expensive")

PRICE_ANSWERS: Final = TableContract(
    "price_answers",
    (
        required("respondent_id", "id"),
        required("answered_at", "time"),
        Column("product_id", "id", meaning="or the plan"),
        Column("customer_id", "id", meaning="who the respondent is, where known"),
        Column("too_cheap", "money", meaning="so cheap that its quality is doubted", within=Range(0)),
        Column("cheap", "money", meaning="a bargain", within=Range(0)),
        Column("expensive", "money", meaning="expensive, but worth a thought", within=Range(0)),
        Column("too_expensive", "money", meaning="so expensive that it is out of the question", within=Range(0)),
        Column("offered_price", "money", meaning="a price that was shown", within=Range(0)),
        Column("would_buy", "flag", meaning="whether the respondent would buy at the price that was shown"),
        KNOWN_AT_COLUMN,
    ),
    event_time="answered_at",
    about="Four prices (Van Westendorp), or one that was shown and the answer to it (Gabor-Granger).",
    one_of=(("too_expensive", "offered_price"),),
)
