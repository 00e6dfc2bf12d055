"""Amounts and quantities: finite decimal numbers, written as the source declares; two readings are refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvo_ml.config.shops import NO_CURRENCY, AmountFormat
from cvo_ml.core.arrays import Flags
from cvo_ml.core.currencies import currencies_of
from cvo_ml.ingest.casts.column import Cast, Coded, RawColumn, as_mask
from cvo_ml.ingest.casts.fast_path import PlainTexts, quick_amounts
from cvo_ml.ingest.casts.number_texts import NumberTexts

#: From here on float64 no longer tells tenths of a cent apart, and sums of such amounts mean nothing.
LARGEST: Final = 1e13
#: Facts of a column: numbers such as ``1.250``, and numbers that tell which of their two readings is right.
TWO_READINGS: Final = "numbers with two readings"
ONE_READING: Final = "numbers with one reading"
_PLAIN: Final = AmountFormat()
_LOOKS_DECIMAL_COMMA: Final = r"[+-]?[\d.]*\d,\d{1,2}"
_NOT_FINITE: Final = r"(?i)[+-]?(?:nan|inf|infinity)"
_ONE_GROUP: Final = r"^[+-]?[1-9]\d{0,2},\d{3}$"
_LOOKED_AT: Final = 10_000  # distinct texts that are no numbers
_SIGNS: Final = (",", " ", "'")  # between thousands, where there is none of them declared
_EXAMPLES: Final = {
    ",": "1,234.50", " ": "1 234.50", "'": "1'234.50", "parentheses": "(3.50)", "trailing_minus": "3.50-",
}  # fmt: skip


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
    _refuse_grouped_by_decimal_sign(column, coded, written, texts)
    two, facts = _two_readings(texts, written)
    if _is_refused(facts, column):
        raise column.refuse(*_readings(written.decimal), coded.rows(two))
    _refuse_undeclared(column, coded, written, texts)
    numbers = texts.numbers()
    not_finite = (texts.readable & ~np.isfinite(numbers)) | coded.matches(_NOT_FINITE, ~texts.readable)
    faults = {"not finite": not_finite, **_unreadable(coded, written, texts.readable | not_finite | coded.empty())}
    spread = coded.spread(numbers, np.nan).astype(np.float64)
    return _finite(spread, {reason: coded.rows(chosen) for reason, chosen in faults.items()}, facts)


def _refuse_grouped_by_decimal_sign(column: RawColumn, coded: Coded, written: Written, texts: NumberTexts) -> None:
    """Refuse numbers with two groups behind the declared decimal sign: it is none, whatever the others look like."""
    sign, other = written.decimal, "," if written.decimal == "." else "."
    left = ~texts.readable & coded.holds(sign)
    grouped = coded.matches(rf"\D*[1-9]\d{{0,2}}(?:{re.escape(sign)}\d{{3}}){{2,}}(?:{re.escape(other)}\d*)?\D*", left)
    if grouped.any():
        problem = f"numbers such as 1{sign}250{sign}000 group thousands by the declared decimal sign"
        remedy = f"declare decimal: '{other}' (--decimal) and amounts: {{thousands: '{sign}'}}"
        raise column.refuse(problem, remedy, coded.rows(grouped))


def _two_readings(texts: NumberTexts, written: Written) -> tuple[Flags, frozenset[str]]:
    """Which texts could be thousands as well as decimals, and what the column tells about that."""
    two = texts.two_readings()
    if written.form.thousands is not None:
        return two, frozenset()
    one = texts.one_reading().any()
    return two, frozenset(([TWO_READINGS] if two.any() else []) + ([ONE_READING] if one else []))


def _unreadable(coded: Coded, written: Written, settled: Flags) -> dict[str, Flags]:
    """Why the texts that are not settled are no numbers."""
    comma = coded.matches(_LOOKS_DECIMAL_COMMA, ~settled) if written.decimal == "." else np.zeros_like(settled)
    return {"decimal comma": comma, "not a number": ~settled & ~comma}


def _refuse_undeclared(column: RawColumn, coded: Coded, written: Written, texts: NumberTexts) -> None:
    """Refuse numbers written as the source does not say, however few.

    Set aside as single faults, the largest amounts would be missing, or those that went back.
    """
    left = np.flatnonzero(~texts.readable & ~coded.empty())[:_LOOKED_AT]
    if not len(left):
        return
    unread = coded.texts.take(pa.array(left))
    needed, found = _what_reads(unread, written)
    if not needed:
        return
    rows = np.zeros(len(coded.texts), dtype=np.bool_)
    rows[left[found]] = True
    one_group = as_mask(pc.match_substring_regex(unread.filter(pa.array(found)), _ONE_GROUP))
    if needed == {"thousands": ","} and one_group.all():
        raise column.refuse(*_readings(",", instead="."), coded.rows(rows))
    examples = " and ".join(_EXAMPLES[value if key == "thousands" else key] for key, value in needed.items())
    listed = ", ".join(f"{key}: {'true' if value is True else repr(value)}" for key, value in needed.items())
    problem = f"holds amounts such as {examples}, and the source does not say so"
    raise column.refuse(problem, f"declare amounts: {{{listed}}} beside what is declared", coded.rows(rows))


def _what_reads(texts: pa.LargeStringArray, written: Written) -> tuple[dict[str, Any], Flags]:
    """Further declarations by which some texts are numbers, and which are: first by one, then by two of them."""
    below: list[dict[str, Any]] = [{"parentheses": True}, {"trailing_minus": True}]
    signs: list[dict[str, Any]] = [
        {"thousands": sign} for sign in _SIGNS if sign != written.decimal and written.form.thousands is None
    ]
    needed: dict[str, Any] = {}
    found = np.zeros(len(texts), dtype=np.bool_)
    for more in [*below, *signs, *({**minus, **sign} for minus in below for sign in signs)]:
        form = written.form.model_copy(update={**more, **needed})
        further = NumberTexts.of(texts, written.decimal, form).readable & ~found
        if further.any():
            needed = {**more, **needed}
            found |= further
    return needed, found


def _refuse_other_currency(column: RawColumn, coded: Coded, written: Written) -> None:
    if not written.is_money or written.currency == NO_CURRENCY:
        return
    for sign in sorted(written.form.currency, key=len, reverse=True):
        possible = currencies_of(sign)
        if possible is not None and written.currency not in possible and (found := coded.holds(sign)).any():
            problem = f"holds amounts in {sign}, but the shop's currency is {written.currency}"
            raise column.refuse(problem, "export each currency for itself, or correct currency", coded.rows(found))


def _readings(sign: str, instead: str = "") -> tuple[str, str]:
    """What is wrong with numbers of two readings, and both ways to declare one.

    Parameters
    ----------
    sign:
        What stands between their digits.
    instead:
        The declared decimal sign, where it is another.
    """
    name, example, other = ("point", "1.250", ",") if sign == "." else ("comma", "1,250", ".")
    as_decimal = f"decimal: '{sign}' and amounts: {{thousands: ''}}" if instead else "amounts: {thousands: ''}"
    as_group = "" if instead else f"decimal: '{other}' and "
    return (
        f"numbers such as {example} have two readings, and none tells which is right",
        f"declare {as_decimal} if the {name} is the decimal sign, or {as_group}amounts: {{thousands: '{sign}'}} "
        "if it groups thousands",
    )


def _finite(numbers: NDArray[np.float64], faults: dict[str, Flags], facts: frozenset[str] = frozenset()) -> Cast:
    finite = np.where(np.isfinite(numbers), numbers, np.nan)
    large = np.abs(finite) >= LARGEST
    return Cast(pd.Series(np.where(large, np.nan, finite)), {**faults, "too large": large}, facts=facts)
