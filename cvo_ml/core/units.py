"""Units as types: time spans and the cut date. All unit arithmetic is here.

A month is 30.4375 days and a year 365.25, never 30 or 4.345 weeks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pandas as pd
from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from cvo_ml.core.errors import UsageError, shortened

DAYS_PER_UNIT: Final = {"D": 1.0, "W": 7.0, "M": 30.4375, "Y": 365.25}
#: Key of a frame's ``attrs`` under which the unit of its times stands; without it the reader's unit is taken.
UNIT: Final = "unit"
#: Days of the longest span: what is longer was mistyped.
LONGEST: Final = 36_525
#: The first and the last year of a cut date: others were mistyped, and cannot be counted in.
YEARS: Final = (1900, 2199)
_HORIZON = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([DWMY])\s*$")


@dataclass(frozen=True, order=True)
class Horizon:
    """A span of time with its unit.

    Parameters
    ----------
    text:
        A positive number and a unit: ``D`` days, ``W`` weeks, ``M`` months of 30.4375 days,
        ``Y`` years of 365.25 days.

    Raises
    ------
    UsageError
        If the text is not a positive number with a unit, or longer than a hundred years.

    Examples
    --------
    >>> Horizon("90D").days
    90.0
    >>> Horizon("12M").to("W")
    52.17857142857143
    >>> str(Horizon("1Y"))
    '1Y'
    """

    days: float
    #: how it was written; spans of equal length are equal however they were
    text: str = field(compare=False)

    def __init__(self, text: str | Horizon) -> None:
        if isinstance(text, Horizon):
            object.__setattr__(self, "days", text.days)
            object.__setattr__(self, "text", text.text)
            return
        match = _HORIZON.match(text) if isinstance(text, str) else None
        if match is None or float(match[1]) <= 0:
            raise UsageError(
                f"horizon {shortened(text)} is not a positive span: write a number and D, W, M or Y, such as '90D'"
            )
        days = float(match[1]) * DAYS_PER_UNIT[match[2]]
        if days > LONGEST:
            raise UsageError(f"horizon {shortened(text)} is longer than a hundred years: give at most '100Y'")
        if round(days) < 1:
            raise UsageError(f"horizon {text!r} is shorter than a day: windows hold whole days, so give at least '1D'")
        object.__setattr__(self, "days", days)
        object.__setattr__(self, "text", f"{match[1]}{match[2]}")

    @classmethod
    def of_days(cls, days: float) -> Horizon:
        """The span of so many days.

        Examples
        --------
        >>> Horizon.of_days(30.4375)
        Horizon('30.4375D')
        """
        return cls(f"{float(days):.10f}".rstrip("0").rstrip(".") + "D")

    def to(self, unit: str) -> float:
        """The span in ``unit`` (one of D, W, M, Y)."""
        return self.days / days_per(unit)

    @property
    def whole_days(self) -> int:
        """Days, rounded: windows between dates hold whole days."""
        return round(self.days)

    @property
    def delta(self) -> timedelta:
        """The span as a timedelta of whole days."""
        return timedelta(days=self.whole_days)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Horizon({str(self)!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def parse(value: Any) -> Horizon:
            try:
                return Horizon(value)
            except UsageError as error:
                raise ValueError(str(error)) from error

        return core_schema.no_info_plain_validator_function(parse, serialization=core_schema.to_string_ser_schema())


def days_per(unit: str) -> float:
    """Days in one ``unit`` (D, W, M or Y).

    Raises
    ------
    UsageError
        If the unit is unknown.
    """
    try:
        return DAYS_PER_UNIT[unit]
    except KeyError:
        raise UsageError(f"time unit {unit!r} is unknown: use one of D, W, M, Y") from None


def parse_as_of(value: str | date) -> date:
    """The cut date: a day of the shop that the caller gives; code never asks the clock.

    Raises
    ------
    UsageError
        If the text is not an ISO date, or no shop has such a day.

    Examples
    --------
    >>> parse_as_of("2011-09-10")
    datetime.date(2011, 9, 10)
    """
    if isinstance(value, datetime):
        value = value.astimezone(UTC) if value.tzinfo is not None else value
        if value.timetz().replace(tzinfo=None) != datetime.min.time():
            raise UsageError(f"as_of {value} is no day: write a date, which begins at 00:00 in the shop's zone")
        return value.date()
    if isinstance(value, date):
        return value
    try:
        day = date.fromisoformat(value.strip())
    except (ValueError, AttributeError):
        shown = shortened(value)
        raise UsageError(f"as_of {shown} is not a date: write it as YYYY-MM-DD, such as 2011-09-10") from None
    if not YEARS[0] <= day.year <= YEARS[1]:
        raise UsageError(f"as_of {day} is not in {YEARS[0]} to {YEARS[1]}: no shop has such a day")
    return day


def midnight(day: date) -> pd.Timestamp:
    """00:00 of ``day`` as the zone-less timestamp used in all tables (times are those of the shop's clock).

    Examples
    --------
    >>> midnight(date(2011, 9, 10))
    Timestamp('2011-09-10 00:00:00')
    """
    return pd.Timestamp(datetime(day.year, day.month, day.day, tzinfo=UTC)).tz_localize(None).as_unit("us")
