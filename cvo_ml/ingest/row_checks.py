"""Checks of each row of a further table for itself, each with its stated outcome; most follow from the contract.

| finding | outcome |
|---|---|
| number outside the range of its column | quarantined: "below zero", "not above zero", "outside 1 to 5" |
| time before the one that it follows | quarantined: "ends before it begins", "delivered before it was shipped", … |
| none of the columns of which a row names one | quarantined: "names neither order nor customer" |
| survey of a kind with a scale, without a score | quarantined: "no score" |
| score outside the scale of its kind | quarantined: "outside 0 to 10, the scale of nps_pre" |
| ticket that was resolved at a time, and not resolved | quarantined: "resolved at a time, and said not to be" |
| referral of oneself | quarantined: "refers itself" |
| four prices that do not rise, or not all four | quarantined: "the four prices do not rise", "not all four prices" |
| price that was shown, without an answer | quarantined: "no answer to the price that was shown" |
| value of an initiative outside its own range | quarantined: "outside its own range" |
| lift of a feature whose bounds are the wrong way round | quarantined: "its bounds are the wrong way round" |
| key result or milestone that ends where it begins | quarantined: "its target is where it began" |
| month that had not ended when the source was written | excluded: "its month had not ended" |

A day of a month stands for the whole month in the table ``months``, and is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Flags
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.contracts.pricing import FOUR_PRICES
from cvo_ml.core.contracts.service import SCALES
from cvo_ml.core.wall_times import surely_before, wall_time
from cvo_ml.ingest.row_rules import ValidatedRows

#: Kinds of surveys whose scale nobody sets.
_OWN_SCALE: Final = ("nps", "nps_pre", "nps_post")


def check_rows(validated: ValidatedRows) -> None:
    """Validate each row of a further table for itself.

    Raises
    ------
    DataError
        If a fault is one of the file.
    """
    _check_ranges(validated)
    _check_one_of(validated)
    _check_spans(validated)
    if (check := _CHECKS.get(validated.spec.table)) is not None:
        check(validated)


def _check_ranges(validated: ValidatedRows) -> None:
    for column in CONTRACTS[validated.spec.table].columns:
        if column.within is not None and column.name in validated.rows:
            outside = column.within.without(validated.rows[column.name])
            _quarantine(validated, outside, column.name, column.within.broken)


def _check_one_of(validated: ValidatedRows) -> None:
    for group in CONTRACTS[validated.spec.table].one_of:
        named = np.zeros(len(validated.rows), dtype=np.bool_)
        for name in set(group) & set(validated.rows):
            named |= validated.rows[name].notna().to_numpy()
        *some, last = (name.removesuffix("_id") for name in group)
        _quarantine(validated, ~named, "", f"names neither {', '.join(some)} nor {last}")


def _check_spans(validated: ValidatedRows) -> None:
    for span in CONTRACTS[validated.spec.table].spans:
        if {span.begins, span.ends} <= set(validated.rows):
            ends, begins = validated.rows[span.ends], validated.rows[span.begins]
            _quarantine(validated, surely_before(ends, begins, validated.spec.timezone), span.ends, span.broken)


def _check_survey(validated: ValidatedRows) -> None:
    rows = validated.rows
    kinds = rows["kind"].str.lower()
    score = rows["score"] if "score" in rows else pd.Series(np.nan, index=rows.index)
    _quarantine(validated, (kinds.isin(list(SCALES)) & score.isna()).to_numpy(), "score", "no score")
    for kind, scale in SCALES.items():
        highest = rows["scale"].fillna(scale.high) if "scale" in rows and kind not in _OWN_SCALE else scale.high
        outside = (kinds == kind) & ((score < scale.low) | (score > highest))
        _quarantine(validated, outside.to_numpy(), "score", f"{scale.broken}, the scale of {kind}")


def _check_ticket(validated: ValidatedRows) -> None:
    if {"resolved", "resolved_at"} <= set(validated.rows):
        unresolved = validated.rows["resolved"].eq(False) & validated.rows["resolved_at"].notna()
        _quarantine(validated, _flags(unresolved), "resolved", "resolved at a time, and said not to be")


def _check_referral(validated: ValidatedRows) -> None:
    itself = validated.rows["referrer_id"] == validated.rows["referred_id"]
    _quarantine(validated, _flags(itself), "referred_id", "refers itself")


def _check_price_answer(validated: ValidatedRows) -> None:
    rows = validated.rows
    four = rows.reindex(columns=list(FOUR_PRICES)).to_numpy(dtype=np.float64)
    told = ~np.isnan(four)
    _quarantine(validated, np.asarray(told.any(axis=1) & ~told.all(axis=1)), "", "not all four prices")
    _quarantine(validated, np.asarray((np.diff(four, axis=1) < 0).any(axis=1)), "", "the four prices do not rise")
    if "offered_price" in rows:
        answered = rows["would_buy"].notna() if "would_buy" in rows else False
        unanswered = rows["offered_price"].notna() & ~pd.Series(answered, index=rows.index)
        _quarantine(validated, unanswered.to_numpy(), "would_buy", "no answer to the price that was shown")


def _check_initiative(validated: ValidatedRows) -> None:
    rows = validated.rows
    outside = np.zeros(len(rows), dtype=np.bool_)
    if "value_low" in rows:
        outside |= (rows["value"] < rows["value_low"]).to_numpy()
    if "value_high" in rows:
        outside |= (rows["value"] > rows["value_high"]).to_numpy()
    _quarantine(validated, outside, "value", "outside its own range")


def _check_feature(validated: ValidatedRows) -> None:
    if {"lift_low", "lift_high"} <= set(validated.rows):
        turned = validated.rows["lift_low"] > validated.rows["lift_high"]
        _quarantine(validated, turned.to_numpy(), "lift_high", "its bounds are the wrong way round")


def _no_way_to_go(begins: str) -> Callable[[ValidatedRows], None]:
    """Progress is measured from ``begins`` to ``target``: a goal that is there at first has none."""

    def check(validated: ValidatedRows) -> None:
        if {begins, "target"} <= set(validated.rows):
            there = validated.rows[begins] == validated.rows["target"]
            _quarantine(validated, there.to_numpy(), "target", "its target is where it began")

    return check


def _check_month(validated: ValidatedRows) -> None:
    rows, spec = validated.rows, validated.spec
    first = rows["month"].dt.to_period("M").dt.start_time.astype(rows["month"].dtype)
    if days := int((first != rows["month"])[rows["month"].notna()].sum()):
        validated.counts[spec.header("month"), "days stand for their months"] = days
    rows["month"] = first
    if spec.extracted_at is not None:
        over = first + pd.DateOffset(months=1)
        validated.status.exclude(
            (over > wall_time(spec.extracted_at, spec.timezone)).to_numpy(), "its month had not ended"
        )


def _quarantine(validated: ValidatedRows, rows: Flags, column: str, reason: str) -> None:
    validated.status.quarantine(rows, validated.spec.header(column) if column else "", reason)


def _flags(values: pd.Series) -> Flags:
    return np.asarray(values.fillna(False), dtype=np.bool_)


_CHECKS: Final[Mapping[str, Callable[[ValidatedRows], None]]] = {
    "surveys": _check_survey,
    "tickets": _check_ticket,
    "referrals": _check_referral,
    "price_answers": _check_price_answer,
    "initiatives": _check_initiative,
    "product_features": _check_feature,
    "milestones": _no_way_to_go("start"),
    "okrs": _no_way_to_go("base"),
    "months": _check_month,
}
