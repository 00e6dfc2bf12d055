"""Amounts and quantities: finite decimal numbers, with no unit and no guess about commas."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cvo_ml.ingest.casts.column import Cast, Coded, RawColumn
from cvo_ml.ingest.casts.fast_path import PlainTexts, quick_amounts

_PLAIN: Final = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_WITH_COMMA: Final = r"[+-]?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?"
_LOOKS_DECIMAL_COMMA: Final = r"[+-]?[\d.]*\d,\d{1,2}"
#: From here on float64 no longer tells tenths of a cent apart, and sums of such amounts mean nothing.
LARGEST: Final = 1e13
_NOT_FINITE: Final = r"(?i)[+-]?(?:nan|inf|infinity)"


def cast_amount(column: RawColumn, decimal: str) -> Cast:
    """Amounts as float64; an empty text is null.

    Parameters
    ----------
    decimal:
        ``.``, or ``,`` (then ``.`` groups thousands).
    """
    if column.is_text:
        plain = PlainTexts.of(column.values) if decimal == "." else None
        quick = quick_amounts(plain, LARGEST) if plain is not None else None
        if quick is not None:
            return Cast(pd.Series(quick))
        return _from_text(column.coded(), decimal)
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)):
        known = ~column.values.is_null().to_numpy()
        return Cast(pd.Series(np.full(len(known), np.nan)), {"not a number": known})
    numbers = column.plain().cast(pa.float64()).to_numpy().astype(np.float64)
    known = ~column.values.is_null().to_numpy()
    return _finite(numbers, {"not finite": known & ~np.isfinite(numbers)})


def _from_text(coded: Coded, decimal: str) -> Cast:
    readable = coded.matches(_WITH_COMMA if decimal == "," else _PLAIN)
    texts = coded.texts
    if decimal == ",":
        texts = pc.replace_substring(pc.replace_substring(texts, ".", ""), ",", ".")
    numbers = np.full(len(readable), np.nan)
    numbers[readable] = _floats(texts.filter(pa.array(readable)))
    not_finite = (readable & ~np.isfinite(numbers)) | coded.matches(_NOT_FINITE, ~readable)
    comma = coded.matches(_LOOKS_DECIMAL_COMMA, ~readable) if decimal == "." else np.zeros_like(readable)
    other = ~readable & ~not_finite & ~comma & ~coded.up_to(0)
    faults = {"not finite": not_finite, "decimal comma": comma, "not a number": other}
    spread = coded.spread(numbers, np.nan).astype(np.float64)
    return _finite(spread, {reason: coded.rows(chosen) for reason, chosen in faults.items()})


def _floats(texts: pa.LargeStringArray) -> np.ndarray:
    try:
        return np.asarray(pc.cast(pc.utf8_ltrim(texts, "+"), pa.float64()).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid:  # 1e400
        return np.array([float(text) for text in texts.to_pylist()])


def _finite(numbers: np.ndarray, faults: dict[str, np.ndarray]) -> Cast:
    finite = np.where(np.isfinite(numbers), numbers, np.nan)
    large = np.abs(finite) >= LARGEST
    return Cast(pd.Series(np.where(large, np.nan, finite)), {**faults, "too large": large})
