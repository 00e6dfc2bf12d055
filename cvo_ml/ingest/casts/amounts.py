"""Amounts and quantities: finite decimal numbers, written as the source declares; two readings are refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from cvo_ml.config.shops import NO_CURRENCY, AmountFormat
from cvo_ml.core.arrays import Flags
from cvo_ml.core.currencies import currencies_of
from cvo_ml.ingest.casts.column import Cast, Coded, RawColumn
from cvo_ml.ingest.casts.fast_path import PlainTexts, quick_amounts
from cvo_ml.ingest.casts.number_texts import NumberTexts

#: From here on float64 no longer tells tenths of a cent apart, and sums of such amounts mean nothing.
LARGEST: Final = 1e13
#: Facts of a column: numbers such as ``1.250``, and numbers that tell which of their two readings is right.
TWO_READINGS: Final = "numbers with two readings"
ONE_READING: Final = "numbers with one reading"
_PLAIN: Final = AmountFormat()
_LOOKS_DECIMAL_COMMA: Final = r"[+-]?[\d.]*\d,\d{1,2}"
_GROUPED_BY_COMMA: Final = r"[+-]?\d{1,3}(?:,\d{2,3})+(?:\.\d*)?"
_NOT_FINITE: Final = r"(?i)[+-]?(?:nan|inf|infinity)"
_PARENTHESES: Final = r"\([^()]*\d[^()]*\)"
_TRAILING_MINUS: Final = r"[^-]*\d[^-]*-"


@dataclass(frozen=True)
class Written:
    """How the amounts of a column are written.

    Parameters
    ----------
    decimal:
        ``.`` or ``,``.
    form:
        What stands beside the digits.
    currency:
        The shop's; amounts with the sign of another are refused.
    decimals:
        Of the currency, or (n,) of each row's: by them ``minor_units`` are divided.
    is_money:
        Whether it is one: quantities have neither currency nor minor units.
    """

    decimal: str = "."
    form: AmountFormat = _PLAIN
    currency: str = NO_CURRENCY
    decimals: int | NDArray[np.int64] = 2
    is_money: bool = True


def cast_amount(column: RawColumn, written: Written) -> Cast:
    """Amounts as float64; an empty text is null.

    Raises
    ------
    DataError
        If all numbers with a decimal sign may be thousands as well, such as ``1.250`` beside ``980``, and the source
        does not say which; or if an amount has the sign of another currency.
    """
    found = _as_written(column, written)
    if not (written.form.minor_units and written.is_money):
        return found
    numbers = found.values.to_numpy(dtype=np.float64)
    whole = np.isnan(numbers) | (numbers == np.floor(numbers))
    units = np.where(whole, numbers, np.nan) / np.power(10.0, written.decimals)
    return Cast(pd.Series(units), {**found.faults, "no whole number of minor units": ~whole}, found.counts, found.facts)


def _as_written(column: RawColumn, written: Written) -> Cast:
    if column.is_text:
        return _quick(column, written) or _from_text(column, column.coded(), written)
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)):
        known = ~column.values.is_null().to_numpy()
        return Cast(pd.Series(np.full(len(known), np.nan)), {"not a number": known})
    numbers = column.plain().cast(pa.float64()).to_numpy().astype(np.float64)
    known = ~column.values.is_null().to_numpy()
    return _finite(numbers, {"not finite": known & ~np.isfinite(numbers)})


def _quick(column: RawColumn, written: Written) -> Cast | None:
    """The numbers of a column in which nothing is amiss, and none has two readings that nothing tells apart."""
    plain = PlainTexts.of(column.values) if written.decimal == "." and written.form.thousands != "." else None
    quick = quick_amounts(plain, LARGEST) if plain is not None else None
    if plain is None or quick is None:
        return None
    proved = plain.have_one_reading() if written.form.thousands is None else None
    facts = {None: frozenset[str](), True: frozenset({ONE_READING}), False: frozenset({TWO_READINGS})}[proved]
    if _is_refused(facts, column):
        return None  # all distinct texts are looked at, to say which
    return Cast(pd.Series(quick), facts=facts)


def _is_refused(found: frozenset[str], column: RawColumn) -> bool:
    """Whether numbers have two readings and none of the whole column tells which; of a part, the whole is known."""
    known = found if column.part is None else column.facts
    return TWO_READINGS in found and TWO_READINGS in known and ONE_READING not in known | found


def _from_text(column: RawColumn, coded: Coded, written: Written) -> Cast:
    texts = NumberTexts.of(coded.texts, written.decimal, written.form)
    _refuse_other_currency(column, coded, written)
    two, facts = _two_readings(texts, written)
    if _is_refused(facts, column):
        raise column.refuse(*_readings(written.decimal), coded.rows(two))
    numbers = texts.numbers()
    not_finite = (texts.readable & ~np.isfinite(numbers)) | coded.matches(_NOT_FINITE, ~texts.readable)
    faults = {"not finite": not_finite, **_unreadable(coded, written, texts.readable | not_finite | coded.empty())}
    spread = coded.spread(numbers, np.nan).astype(np.float64)
    return _finite(spread, {reason: coded.rows(chosen) for reason, chosen in faults.items()}, facts)


def _two_readings(texts: NumberTexts, written: Written) -> tuple[Flags, frozenset[str]]:
    """Which texts could be thousands as well as decimals, and what the column tells about that."""
    two = texts.two_readings()
    if written.form.thousands is not None:
        return two, frozenset()
    one = texts.one_reading().any()
    return two, frozenset(([TWO_READINGS] if two.any() else []) + ([ONE_READING] if one else []))


def _unreadable(coded: Coded, written: Written, settled: Flags) -> dict[str, Flags]:
    """Why the texts that are not settled are no numbers, as precisely as can be told."""
    faults: dict[str, Flags] = {}
    reasons = [
        ("decimal comma", _LOOKS_DECIMAL_COMMA, written.decimal == "."),
        ("commas between digits", _GROUPED_BY_COMMA, written.decimal == "."),
        ("in parentheses", _PARENTHESES, not written.form.parentheses),
        ("minus at the end", _TRAILING_MINUS, not written.form.trailing_minus),
    ]
    for reason, pattern, applies in reasons:
        if applies:
            faults[reason] = coded.matches(pattern, ~settled)
            settled = settled | faults[reason]
    return {**faults, "not a number": ~settled}


def _refuse_other_currency(column: RawColumn, coded: Coded, written: Written) -> None:
    if not written.is_money or written.currency == NO_CURRENCY:
        return
    for sign in sorted(written.form.currency, key=len, reverse=True):
        possible = currencies_of(sign)
        if possible is not None and written.currency not in possible and (found := coded.holds(sign)).any():
            problem = f"holds amounts in {sign}, but the shop's currency is {written.currency}"
            raise column.refuse(problem, "export each currency for itself, or correct currency", coded.rows(found))


def _readings(decimal: str) -> tuple[str, str]:
    """What is wrong with numbers of two readings, and both ways to declare one."""
    sign, other, example = ("point", ",", "1.250") if decimal == "." else ("comma", ".", "1,250")
    return (
        f"numbers such as {example} have two readings, and none tells which is right",
        f"declare amounts: {{thousands: ''}} if the {sign} is the decimal sign, or decimal: '{other}' and "
        f"amounts: {{thousands: '{decimal}'}} if it groups thousands",
    )


def _finite(numbers: NDArray[np.float64], faults: dict[str, Flags], facts: frozenset[str] = frozenset()) -> Cast:
    finite = np.where(np.isfinite(numbers), numbers, np.nan)
    large = np.abs(finite) >= LARGEST
    return Cast(pd.Series(np.where(large, np.nan, finite)), {**faults, "too large": large}, facts=facts)
