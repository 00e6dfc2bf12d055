"""Measured numbers: each an interval, a count, or a reason why there is none; and each key figure with its action."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from cvo_ml.core.result import Result
from cvo_ml.stats.intervals import Interval, Z, wilson

Unit: TypeAlias = Literal["share", "money", "customers", "orders", "ratio", "days", "months", "years"]
NONE = "–"


@dataclass(frozen=True)
class Undefined(Result):
    """A number that does not exist here, and why; it is never 0."""

    reason: str


Measured: TypeAlias = Interval | Undefined


@dataclass(frozen=True)
class Kpi(Result):
    """A key figure.

    Parameters
    ----------
    name:
        By its own name: two measures never share one.
    value:
        A number known exactly has an interval of no width.
    source:
        Where the rule is written: a row of docs/methods.md, a paper.
    action:
        What to do about it: a figure without one is a decoration.
    """

    name: str
    value: Measured
    unit: Unit
    source: str
    action: str


def exactly(value: float) -> Interval:
    """A number that is counted and not estimated."""
    return Interval(float(value), float(value), float(value), 1.0)


def share(part: int, whole: int, nobody: str) -> Measured:
    """A proportion with Wilson's interval, or ``nobody`` as the reason why there is none."""
    return wilson(part, whole) if whole > 0 else Undefined(nobody)


def mean_of(count: int, total: float, squares: float, too_few: str, least: int = 2) -> Measured:
    """A mean and its 95 % interval (normal, from sums of values and of their squares)."""
    if count < least:
        return Undefined(too_few)
    mean = total / count
    variance = max(squares - count * mean * mean, 0.0) / (count - 1)
    half = Z * math.sqrt(variance / count)
    return Interval(mean, mean - half, mean + half)


def scaled(value: Measured, factor: float) -> Measured:
    """The same in another unit; ``factor`` >= 0."""
    if isinstance(value, Undefined):
        return value
    return Interval(value.estimate * factor, value.lower * factor, value.upper * factor, value.level)


def shown(value: Measured | float | None, unit: Unit, currency: str = "") -> str:
    """A number as people read it: the estimate, and from where to where it may be.

    Examples
    --------
    >>> shown(wilson(5, 100), "share")
    '5.0 % (2.2–11.2)'
    >>> shown(exactly(960), "money", "EUR")
    '960 EUR'
    >>> shown(Undefined("nobody bought twice"), "days")
    '–'
    """
    if value is None or isinstance(value, Undefined):
        return NONE
    if not isinstance(value, Interval):
        return _with_unit(_number(value, unit), unit, currency)
    estimate = _number(value.estimate, unit)
    if value.lower == value.upper:
        return _with_unit(estimate, unit, currency)
    to = " to " if value.lower < 0 else "–"
    ends = (value.estimate, value.lower, value.upper)
    widest = max(map(abs, ends))
    estimate, lower, upper = (_number(end, unit, widest) for end in ends)
    return f"{_with_unit(estimate, unit, currency)} ({lower}{to}{upper})"


def _number(value: float, unit: Unit, widest: float | None = None) -> str:
    """In as many digits as the widest of the numbers beside it needs, so that an interval is of one precision."""
    size = abs(value) if widest is None else widest
    if unit == "share":
        return f"{100 * value:.{2 if 0 < size < 0.01 else 1}f}"
    if unit in ("customers", "orders", "days", "months"):
        return f"{value:,.0f}"
    if unit in ("ratio", "years"):
        return f"{value:,.{2 if size < 100 else 0}f}"
    whole = widest is None and value == round(value)
    return f"{value:,.0f}" if size >= 100 or whole else f"{value:,.2f}"


def _with_unit(text: str, unit: Unit, currency: str) -> str:
    if unit == "share":
        return f"{text} %"
    if unit == "money":
        return f"{text} {currency}".rstrip()
    return text if unit in ("ratio", "customers", "orders") else f"{text} {unit}"
