"""What the business means to do and to reach: initiatives and key results."""

from __future__ import annotations

from typing import Final

from cvo_ml.core.contract import KNOWN_AT_COLUMN, Column, Range, TableContract, TimeOrder, required

INITIATIVES: Final = TableContract(
    "initiatives",
    (
        required("initiative_id", "id"),
        required("name", "text"),
        required("effort", "number", "in one unit for all: person-hours, money or points", Range(0, above_low=True)),
        required("value", "money", "expected a year: revenue added or cost saved"),
        Column("value_low", "money", meaning="the value that it passes with nine chances in ten"),
        Column("value_high", "money", meaning="the value that it passes with one chance in ten"),
        Column("effort_unit", "text", meaning="person-hours, money or points"),
        Column("status", "text"),
        Column("created_at", "time", meaning="when it was put on the list"),
        Column("starts_at", "time", foreseen=True),
        Column("ends_at", "time", foreseen=True),
        Column("review_due", "time", meaning="when it is judged again", foreseen=True),
        KNOWN_AT_COLUMN,
    ),
    key=("initiative_id",),
    about="Something that could be done, with what it takes and what it is expected to bring.",
    spans=(TimeOrder("starts_at", "ends_at"),),
)

OKRS: Final = TableContract(
    "okrs",
    (
        required("key_result_id", "id"),
        required("measured_at", "time"),
        Column("value", "number", meaning="what was measured, in the key result's unit; null: the product measures it"),
        required("base", "number", "where it began, in its unit"),
        required("target", "number", "where it is to end, in its unit"),
        Column("objective", "text"),
        Column("key_result", "text", meaning="in words"),
        Column("metric", "text", meaning="what is measured, such as churn, nps, arr"),
        Column("unit", "text"),
        Column("segment", "text", meaning="of whom it speaks; null: of all"),
        Column("starts_at", "time", foreseen=True),
        Column("ends_at", "time", foreseen=True),
        KNOWN_AT_COLUMN,
    ),
    key=("key_result_id", "measured_at"),
    event_time="measured_at",
    about="A measure of a key result; progress is (value - base) / (target - base).",
    spans=(TimeOrder("starts_at", "ends_at"),),
)
