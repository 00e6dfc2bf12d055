"""How amounts are written: decimal sign, thousands, currency signs, minus; digits with two readings are asked about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cvo_ml.core.currencies import decimals as decimals_of
from cvo_ml.core.result import Json
from cvo_ml.ingest.look.findings import FoundOut, counted
from cvo_ml.ingest.look.grid import FoundColumn

_SPACES: Final = "\u0020\u00a0\u2007\u2009\u202f"
_MARK: Final = r"(?P<mark>[A-Z]{1,3}?[$€£¥]|[€£¥$₹₩₪₫₴₽₺฿₦₱]|[A-Z]{3}|zł|Kč|Ft|kr\.?|Fr\.?|SFr\.?|Rs\.?|R\$|lei|лв\.?)"
_DIGITS: Final = rf"(?P<digits>\d[\d.,'’{_SPACES}]*\d|\d|[.,]\d+)"
_AMOUNT: Final = re.compile(
    rf"(?P<minus1>[-−+]?)[{_SPACES}]*(?P<open>\(?)[{_SPACES}]*(?:{_MARK.replace('mark', 'mark1')})?[{_SPACES}]*"
    rf"(?P<minus2>[-−+]?)[{_SPACES}]*{_DIGITS}(?P<dash>[.,][-–—]{{1,2}})?(?P<exponent>[eE][+-]?\d+)?[{_SPACES}]*(?P<minus3>-?)[{_SPACES}]*"
    rf"(?:{_MARK.replace('mark', 'mark2')})?[{_SPACES}]*(?P<minus4>-?)(?P<close>\)?)"
)  # fmt: skip
_OF_STRIPE: Final = re.compile(r"(?:ch|pi|py|in|cs|txn)_\w+")
#: Share of a column's rows that must be amounts.
ENOUGH: Final = 0.99


@dataclass(frozen=True)
class AmountWriting:
    """How the amounts of a file are written; ``thousands`` is None where nothing says."""

    decimal: str = "."
    thousands: str | None = None
    signs: tuple[str, ...] = ()
    parentheses: bool = False
    trailing_minus: bool = False

    def numbers(self, column: FoundColumn) -> NDArray[np.float64]:
        """(rows,) the values; NaN where there is none."""
        return np.asarray(column.spread(self.of_distinct(column), np.nan), dtype=np.float64)

    def of_distinct(self, column: FoundColumn) -> list[float]:
        """(distinct,) the values; NaN where a text is no amount."""
        return [self._number(text) for text in column.distinct]

    def _number(self, text: str) -> float:
        found = _AMOUNT.fullmatch(text)
        if found is None:
            return np.nan
        digits = found["digits"]
        for sign in ("'", "’", *_SPACES, {".": ",", ",": "."}[self.decimal]):
            digits = digits.replace(sign, "")
        if self.thousands in (".", ","):
            digits = digits.replace(self.thousands, "")
        try:
            value = float(digits.replace(",", ".") + (found["exponent"] or ""))
        except ValueError:
            return np.nan
        return -value if _is_negative(found) else value


def _is_negative(found: re.Match[str]) -> bool:
    minus = any(found[f"minus{place}"] in ("-", "−") for place in (1, 2, 3, 4) if found[f"minus{place}"])
    return minus or bool(found["open"])


def is_amounts(column: FoundColumn) -> bool:
    """Whether nearly all texts of a column are amounts in some writing."""
    if column.is_number:
        return True
    if not column.distinct or column.is_time:
        return False
    fitting = np.array([_AMOUNT.fullmatch(text) is not None for text in column.distinct])
    return bool(column.counts[fitting].sum() >= ENOUGH * column.filled)


def decide_amounts(
    columns: Mapping[str, FoundColumn],
    findings: FoundOut,
    prefix: str = "source",
    question: str = "amounts",
    currency: str | None = None,
) -> AmountWriting:
    """How the amounts of a table are written, from all of its columns of amounts together.

    Parameters
    ----------
    columns:
        Canonical name, or header, to column.
    prefix:
        Keys of the table's source.
    question:
        Name of what may be asked.
    currency:
        Where it is known: one without decimals has no decimal sign.
    """
    texts = {text: column for column in columns.values() if not column.is_number for text in column.distinct}
    found = {text: match for text in texts if (match := _AMOUNT.fullmatch(text))}
    if not found:
        return AmountWriting()
    cores = {text: match["digits"] for text, match in found.items()}
    proofs = {text: proof for text, core in cores.items() if (proof := _decimal_of(core)) is not None}
    decimals = {sign for sign in proofs.values() if sign}
    open_ones = [text for text, core in cores.items() if _has_two_readings(core)]
    form = _form(found)
    if len(decimals) > 1:
        examples = [next(text for text, sign in proofs.items() if sign == one) for one in sorted(decimals)]
        findings.missing.append(
            f"amounts: decimal points and decimal commas are mixed ({' and '.join(map(repr, examples))}): "
            "export them in one writing"
        )
        return AmountWriting(signs=form.signs)
    if not decimals and open_ones and currency is not None and decimals_of(currency) == 0:
        grouping = next(sign for sign in ".," if sign in cores[open_ones[0]])
        decimals = {"," if grouping == "." else "."}
    if not decimals and open_ones:
        _ask(question, open_ones, texts, findings, prefix, form)
        sign = next(sign for sign in ".," if sign in cores[open_ones[0]])
        return AmountWriting(sign, None, form.signs, form.parentheses, form.trailing_minus)
    decimal = next(iter(decimals), ".")
    thousands = _thousands_of(cores.values(), decimal)
    return _decided(
        AmountWriting(decimal, thousands, form.signs, form.parentheses, form.trailing_minus),
        found,
        proofs,
        findings,
        prefix,
    )


def _decimal_of(core: str) -> str | None:
    """The sign that must be the decimal one; "" where a sign must group thousands, None where nothing is told."""
    points, commas = core.count("."), core.count(",")
    if points and commas:
        last = max(core.rfind("."), core.rfind(","))
        return core[last] if core.count(core[last]) == 1 else None
    if points + commas == 1:
        sign = "." if points else ","
        whole, _, rest = core.partition(sign)
        grouped = re.fullmatch(r"[1-9]\d{0,2}", whole.strip()) is not None and len(rest) == 3
        return None if grouped else sign
    if points + commas > 1:  # 1.234.567: it groups, so the other one would be the decimal sign
        return "," if points else "."
    return None


def _has_two_readings(core: str) -> bool:
    return re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", core) is not None


def _thousands_of(cores: object, decimal: str) -> str:
    other = "," if decimal == "." else "."
    for sign in (other, "'", " "):
        kinds = {"'": "'’", " ": _SPACES}.get(sign, sign)
        if any(any(one in core for one in kinds) for core in cores):  # type: ignore[attr-defined]
            return sign
    return ""


def _form(found: Mapping[str, re.Match[str]]) -> AmountWriting:
    signs = dict.fromkeys(mark for match in found.values() for mark in (match["mark1"], match["mark2"]) if mark)
    trailing = any(match["minus3"] or match["minus4"] for match in found.values())
    return AmountWriting(
        signs=tuple(signs), parentheses=any(match["open"] for match in found.values()), trailing_minus=trailing
    )  # fmt: skip


def _decided(
    way: AmountWriting, found: Mapping[str, re.Match[str]], proofs: Mapping[str, str], findings: FoundOut, prefix: str
) -> AmountWriting:
    amounts: dict[str, Json] = {}
    evidence = [f"{counted(len(found), 'distinct text')}"]
    if way.thousands:
        amounts[f"{prefix}.amounts.thousands"] = way.thousands
        shown = _example(found, way.thousands, way.decimal)
        evidence.append(f"thousands: {shown!r}")
    elif any(_has_two_readings(match["digits"]) for match in found.values()):
        amounts[f"{prefix}.amounts.thousands"] = ""
    if proofs:
        evidence.append(f"decimal: {next(text for text, sign in proofs.items() if sign)!r}")
    if way.signs:
        amounts[f"{prefix}.amounts.currency"] = list(way.signs)
        evidence.append(f"signs: {', '.join(way.signs)}")
    if way.parentheses:
        amounts[f"{prefix}.amounts.parentheses"] = True
        evidence.append(f"below zero: {next(text for text, match in found.items() if match['open'])!r}")
    if way.trailing_minus:
        amounts[f"{prefix}.amounts.trailing_minus"] = True
        shown = next(text for text, match in found.items() if match["minus3"] or match["minus4"])
        evidence.append(f"below zero: {shown!r}")
    settings: dict[str, Json] = {**({f"{prefix}.decimal": ","} if way.decimal == "," else {}), **amounts}
    findings.decide("amounts", f"decimal {way.decimal!r}, thousands {way.thousands!r}", "; ".join(evidence), settings)
    return way


def _example(found: Mapping[str, re.Match[str]], thousands: str, decimal: str) -> str:
    kinds = {"'": "'’", " ": _SPACES}.get(thousands, thousands)
    holding = [text for text, match in found.items() if any(sign in match["digits"] for sign in kinds)]
    return next((text for text in holding if decimal in text), holding[0])


def _ask(
    question: str,
    open_ones: list[str],
    texts: Mapping[str, FoundColumn],
    findings: FoundOut,
    prefix: str,
    form: AmountWriting,
) -> None:
    sign, other = (".", ",") if "." in open_ones[0] else (",", ".")
    column = texts[open_ones[0]]
    if any(other in text for text in open_ones):
        findings.missing.append(
            f"amounts: {open_ones[0]!r} and others have two readings and both signs: export them with two decimals"
        )
        return
    marks: dict[str, Json] = {f"{prefix}.amounts.currency": list(form.signs)} if form.signs else {}
    decimal: dict[str, Json] = {f"{prefix}.decimal": sign, f"{prefix}.amounts.thousands": "", **marks}
    grouped: dict[str, Json] = {f"{prefix}.decimal": other, f"{prefix}.amounts.thousands": sign, **marks}
    shown = tuple(f"{text} = {text.replace(sign, '')} or {text.replace(sign, '.')}" for text in open_ones[:3])
    findings.ask(
        question, f"column {column.header!r}: does {sign!r} in {open_ones[0]!r} group thousands, or is it the "
        "decimal sign?",
        {"thousands": grouped, "decimals": decimal}, column.first_rows(open_ones), shown,
    )  # fmt: skip


def decide_minor_units(findings: FoundOut, prefix: str) -> None:
    """The headers say that amounts are whole numbers of the smallest unit."""
    evidence = "the headers say so; some currencies have no smaller unit, or three decimals"
    findings.decide("minor units", "cents", evidence, {f"{prefix}.amounts.minor_units": True})


def ask_minor_units(ids: FoundColumn, values: NDArray[np.float64], findings: FoundOut, prefix: str) -> None:
    """Ask whether whole amounts are cents, where orders are objects of Stripe, whose interface counts so."""
    known = values[np.isfinite(values)]
    if not len(known) or (known != np.round(known)).any() or not all(map(_OF_STRIPE.fullmatch, ids.distinct)):
        return
    findings.ask(
        "minor_units",
        f"orders are objects of Stripe, such as {ids.distinct[0]!r}, and their amounts are whole, such as "
        f"{known[0]:,.0f}: is that cents, as its interface counts?",
        {"cents": {f"{prefix}.amounts.minor_units": True}, "whole_units": {f"{prefix}.amounts.minor_units": False}},
    )  # fmt: skip
