"""Distinct texts of a column as numbers by the declared decimal sign, thousands, currency signs and minus."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvo_ml.config.shops import AmountFormat
from cvo_ml.core.arrays import Flags
from cvo_ml.ingest.casts.column import as_mask

_MINUS: Final = "\u2212"  # the sign that typesetting has for it
_SPACE: Final = "[ \u00a0\u2007\u2009\u202f]"
_APOSTROPHE: Final = "['\u2019\u02bc]"
_GROUPING: Final = {",": ",", ".": r"\.", " ": _SPACE, "'": _APOSTROPHE}


@dataclass(frozen=True)
class NumberTexts:
    """What is left of texts when currency, parentheses and signs are taken off.

    Parameters
    ----------
    digits:
        (n,) digits with their separators; null where the text is no number.
    negative:
        (n,) whether it is below zero.
    decimal, thousands:
        The signs; thousands is None where it is not declared.
    """

    digits: pa.LargeStringArray
    negative: Flags
    decimal: str
    thousands: str | None

    @classmethod
    def of(cls, texts: pa.LargeStringArray, decimal: str, form: AmountFormat) -> NumberTexts:
        """The texts taken apart by one pattern."""
        parts = pc.extract_regex(_with_plain_minus(texts), _pattern(decimal, form))
        minus = _marks(parts, "minus", "-")
        opened, closed = _marks(parts, "opened", "("), _marks(parts, "closed", ")")
        below = minus.sum(axis=0) + opened.sum(axis=0)
        whole = (below <= 1) & (opened.sum(axis=0) == closed.sum(axis=0))
        digits = pc.if_else(pa.array(whole), pc.struct_field(parts, "digits"), None)
        return cls(digits.cast(pa.large_string()), below == 1, decimal, form.thousands)

    @property
    def readable(self) -> Flags:
        """(n,) which texts are numbers."""
        return np.asarray(self.digits.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)

    def numbers(self) -> NDArray[np.float64]:
        """(n,) their values; NaN where a text is none."""
        plain = self.digits
        if group := _group(self.decimal, self.thousands):
            plain = pc.replace_substring_regex(plain, group, "")
        if self.decimal == ",":
            plain = pc.replace_substring(plain, ",", ".")
        values = _floats(plain)
        return np.where(self.negative, -values, values)

    def two_readings(self) -> Flags:
        """(n,) which could be whole thousands as well as decimals, such as ``1.250``."""
        return self._match(rf"[1-9]\d{{0,2}}{re.escape(self.decimal)}\d{{3}}")

    def one_reading(self) -> Flags:
        """(n,) which have a decimal sign that cannot group thousands, such as ``12.5`` and ``0.125``."""
        holds = as_mask(pc.match_substring(self.digits, self.decimal))
        return holds & ~self.two_readings()

    def _match(self, pattern: str) -> Flags:
        return as_mask(pc.match_substring_regex(self.digits, f"^(?:{pattern})$"))


def _with_plain_minus(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    return pc.replace_substring(texts, _MINUS, "-")


def _marks(parts: pa.StructArray, group: str, mark: str) -> NDArray[np.bool_]:
    """(groups, n) whether the mark stands in each of the groups that are called so."""
    names = [field.name for field in parts.type if field.name.rstrip("0123456789") == group]
    found = [as_mask(pc.equal(pc.struct_field(parts, name), mark)) for name in names]
    return np.array(found, dtype=np.bool_).reshape(len(names), len(parts))


def _pattern(decimal: str, form: AmountFormat) -> str:
    """One pattern of a whole amount, by its named groups: minus…, opened, closed, digits."""
    signs = "|".join(re.escape(sign) for sign in sorted(form.currency, key=len, reverse=True))
    currency = f"(?:{_SPACE}*(?:{signs}){_SPACE}*)?" if signs else ""
    space = f"{_SPACE}*" if signs or form.parentheses or form.trailing_minus else ""
    opened, closed = (r"(?P<opened>\(?)", r"(?P<closed>\)?)") if form.parentheses else ("", "")
    before, after = (rf"{space}(?P<minus3>-?)", r"(?P<minus4>-?)") if form.trailing_minus else ("", "")
    number = f"(?P<digits>{_digits(decimal, form.thousands)})"
    return (
        f"^(?P<minus1>[+-]?){currency}{opened}{currency}(?P<minus2>[+-]?){space}{number}"
        f"{before}{currency}{after}{closed}{currency}$"
    )


def _digits(decimal: str, thousands: str | None) -> str:
    group = _group(decimal, thousands)
    whole = rf"\d{{1,3}}(?:{group}\d{{3}})+|\d+" if group else r"\d+"
    if group == ",":  # lakhs: 12,34,567
        whole = rf"\d{{1,2}}(?:,\d{{2}})+,\d{{3}}|{whole}"
    if decimal == ",":
        return rf"(?:{whole})(?:,\d*)?|,\d+"
    return rf"(?:(?:{whole})(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"


def _group(decimal: str, thousands: str | None) -> str:
    """The pattern of the sign between thousands; beside a decimal comma it is the point, where none is declared."""
    if thousands is None:
        return r"\." if decimal == "," else ""
    return _GROUPING.get(thousands, "")


def _floats(texts: pa.LargeStringArray) -> NDArray[np.float64]:
    try:
        return np.asarray(pc.cast(texts, pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    except pa.ArrowInvalid:  # 1e400
        return np.array([np.nan if text is None else float(text) for text in texts.to_pylist()], dtype=np.float64)
