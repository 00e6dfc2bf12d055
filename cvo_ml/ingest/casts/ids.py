"""Ids: text that identifies, whatever a spreadsheet made of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvo_ml.core.arrays import Flags
from cvo_ml.ingest.casts.column import Cast, Coded, RawColumn, as_mask, text_series
from cvo_ml.ingest.casts.fast_path import LOWER, UPPER, PlainTexts, quick_ids

#: Also what MySQL writes (\\N), what analytics write, and a spreadsheet's errors.
_NULL: Final = (
    r"(?i)|null|nan|none|<na>|nat|na|n/a|\(not set\)|undefined|\\n"
    r"|#(?:n/a|ref!|value!|name\?|null!|num!|div/0!)"
)
_FIRST_OF_NULL: Final = rb"nN<(uU\#"
_ROUNDED: Final = r"\d+(?:[.,]\d+)?[eE]\+\d+"
_FLOAT: Final = r"\d+\.0+"
_LONGEST_NULL: Final = 9
_FLOATS_READ: Final = "ids written as floats were read as whole numbers"
_WRAPPED: Final = r'="[^"]*"'
_UNWRAPPED: Final = 'ids were wrapped as ="…" and were unwrapped'
_ALTERED: Final = "ids were trimmed or brought into Unicode NFC"
CASE: Final = "distinct ids differ from another only in upper and lower case; they were kept apart"
_EXACT_UP_TO: Final = 2.0**53  # beyond it, neighbouring whole numbers are one float
FLOATS: Final = "ids written as floats"
WHOLES: Final = "ids written as whole numbers"
_REMEDY: Final = "export the ids as text"


def cast_id(column: RawColumn) -> Cast:
    """Ids as text: trimmed, NFC, ``17850.0`` read as ``17850`` where all whole numbers are written so.

    Raises
    ------
    DataError
        If ids were rounded, such as ``1.2E+11`` or floats of 2^53 and more.
    """
    if pa.types.is_floating(column.type):
        return _from_floats(column)
    if column.part is not None and (found := _from_plain(column)) is not None:
        return found
    coded, wrapped = _unwrapped(column.coded())
    if (rounded := coded.rows(coded.matches(_ROUNDED, coded.holds("+")))).any():
        raise column.refuse("ids were rounded by a spreadsheet, such as 1.2E+11", _REMEDY, rounded)
    null = coded.matches(_NULL, coded.up_to(_LONGEST_NULL))
    floats = coded.matches(_FLOAT, coded.holds(".0"))
    wholes = WHOLES in column.facts or bool(
        coded.matches(r"\d+").any() if floats.any() or column.part is not None else False
    )
    facts = frozenset(([FLOATS] if floats.any() else []) + ([WHOLES] if wholes else [])) | _cases(coded.texts)
    texts, faults, counts = _without_fraction(coded, floats, wholes)
    if altered := int(coded.rows(coded.altered & ~null).sum()):
        counts[_ALTERED] = altered
    if column.part is None and (pairs := _differing_in_case(texts)):
        counts[CASE] = pairs
    if wrapped:
        counts[_UNWRAPPED] = wrapped
    codes = np.where(coded.rows(null), -1, coded.codes)
    return Cast(text_series(texts, codes), faults, counts, facts)


def _unwrapped(coded: Coded) -> tuple[Coded, int]:
    """Ids that were written as formulas, so that a spreadsheet keeps their zeros, as they are; and how many rows."""
    wrapped = coded.matches(_WRAPPED, coded.holds('="'))
    if not wrapped.any():
        return coded, 0
    inner = pc.utf8_trim_whitespace(pc.replace_substring_regex(coded.texts, r'^="([^"]*)"$', r"\1"))
    return replace(coded, texts=inner), int(coded.rows(wrapped).sum())


def _from_plain(column: RawColumn) -> Cast | None:
    """Ids of a part of a column in which nothing is to be repaired or refused."""
    plain = PlainTexts.of(column.values)
    found = quick_ids(plain, _NULL, _LONGEST_NULL, _FIRST_OF_NULL) if plain is not None else None
    if found is None:
        return None
    series, whole, cases = found
    return Cast(series, facts=frozenset([WHOLES] if whole or WHOLES in column.facts else []) | cases)


def _from_floats(column: RawColumn) -> Cast:
    numbers = column.plain().to_numpy().astype(np.float64)
    known = np.isfinite(numbers)
    if (rounded := known & (np.abs(np.where(known, numbers, 0)) >= _EXACT_UP_TO)).any():
        raise column.refuse("ids are floats too large to be exact", _REMEDY, rounded)
    whole = known & (np.floor(np.where(known, numbers, 0.5)) == numbers)
    texts = pc.cast(pa.array(np.where(whole, numbers, 0).astype(np.int64)), pa.large_string())
    codes = np.where(whole, np.arange(len(numbers)), -1)
    faults = {"id with a fraction": (known & ~whole) | np.isinf(numbers)}
    return Cast(text_series(texts, codes), faults, {_FLOATS_READ: int(whole.sum())})


def _without_fraction(
    coded: Coded, floats: Flags, wholes: bool
) -> tuple[pa.LargeStringArray, dict[str, Flags], dict[str, int]]:
    if not floats.any():
        return coded.texts, {}, {}
    rows = coded.rows(floats)
    if wholes:
        return coded.texts, {"id ends in .0 beside ids that do not": rows}, {}
    texts = pc.if_else(pa.array(floats), pc.replace_substring_regex(coded.texts, r"\.0+$", ""), coded.texts)
    return texts, {}, {_FLOATS_READ: int(rows.sum())}


def _cases(texts: pa.LargeStringArray) -> frozenset[str]:
    lower = as_mask(pc.not_equal(texts, pc.utf8_upper(texts))).any()
    upper = as_mask(pc.not_equal(texts, pc.utf8_lower(texts))).any()
    return frozenset(([LOWER] if lower else []) + ([UPPER] if upper else []))


def _differing_in_case(texts: pa.LargeStringArray) -> int:
    with_letters = texts.filter(pa.array(as_mask(pc.match_substring_regex(texts, r"\pL"))))
    distinct = pc.unique(with_letters)
    return len(distinct) - int(pc.count_distinct(pc.utf8_lower(distinct)).as_py())
