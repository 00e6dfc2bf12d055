"""Times: ISO 8601 or one declared format, to the shop's wall times; what has two readings is refused."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cvo_ml.core.arrays import Flags
from cvo_ml.core.contract import TIME_DTYPE
from cvo_ml.core.errors import DataError
from cvo_ml.core.wall_times import skipped, wall_times
from cvo_ml.ingest.casts.column import Cast, Coded, RawColumn
from cvo_ml.ingest.casts.fast_path import PlainTexts, quick_times

_DAY: Final = r"\d{4}-\d{2}-\d{2}"
_CLOCK: Final = r"[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?"
_ZONE: Final = r"\s?(?:Z|UTC|[+-]\d{2}(?::?\d{2})?)"
_UNMARKED: Final = f"{_DAY}(?:{_CLOCK})?"
_MARKED: Final = f"{_DAY}{_CLOCK}{_ZONE}"
_OTHER_ORDER: Final = r"\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d{2})(?:\D.*)?"
_YEAR_FIRST: Final = r"\d{4}[/.]\d{1,2}[/.]\d{1,2}(?:\D.*)?"
_SPREADSHEET: Final = r"[2-6]\d{4}(?:\.\d+)?"
_AFTER_1900, _YEAR_9999, _UNIX_ZERO = (np.datetime64(day, "us") for day in ("1900-01-02", "9999-01-01", "1970-01-01"))
MARKED: Final = "times with a zone"
UNMARKED: Final = "times without a zone"


def cast_time(column: RawColumn, date_format: str | None, timezone: str) -> Cast:
    """Wall times of the shop, zone-less ``datetime64[us]``; an empty text is null.

    Times with a zone are converted to ``timezone``, the shop's; those without one, and bare days, stay as they stand.

    Raises
    ------
    DataError
        If formats, day and month, or marked and unmarked times are mixed, or days are spreadsheet numbers.
    """
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        return _from_timestamps(column, timezone)
    if not date_format and (found := _from_plain(column, timezone)) is not None:
        return found
    coded = column.coded()
    parse = _parse_declared if date_format else _parse_iso
    parsed, marked, faults = parse(column, coded, date_format or "")
    known = parsed.notna().to_numpy()
    facts = frozenset([MARKED if marked else UNMARKED] if known.any() else [])
    times, own = _on_the_wall(parsed, marked, timezone)
    faults = {**faults, **own}
    distinct = times.mask(np.logical_or.reduce(list(faults.values()))).to_numpy(dtype=TIME_DTYPE)
    values = pd.Series(coded.spread(distinct, np.datetime64("NaT")), dtype=TIME_DTYPE)
    return Cast(values, {reason: coded.rows(chosen) for reason, chosen in faults.items()}, facts=facts)


def _from_plain(column: RawColumn, timezone: str) -> Cast | None:
    """Times of one shape, none of them impossible."""
    plain = PlainTexts.of(column.values)
    found = quick_times(plain, _UNMARKED, _MARKED) if plain is not None else None
    if found is None or (UNMARKED if found[1] else MARKED) in column.facts:
        return None
    parsed, marked = found
    times, faults = _on_the_wall(parsed, marked, timezone)
    return Cast(times, faults, facts=frozenset([MARKED if marked else UNMARKED]))


def _on_the_wall(parsed: pd.Series, marked: bool, timezone: str) -> tuple[pd.Series, dict[str, Flags]]:
    """Parsed times, those that carry a zone in UTC, as wall times of the shop, and which of them are none."""
    sentinel = _sentinel(parsed)
    times = parsed.mask(sentinel) if sentinel.any() else parsed
    if marked:
        return wall_times(times, timezone), {"sentinel date": sentinel}
    gaps = skipped(times, timezone)
    times = times.mask(gaps) if gaps.any() else times
    return times, {"time skipped by the clock": gaps, "sentinel date": sentinel}


def _parse_iso(column: RawColumn, coded: Coded, _: str) -> tuple[pd.Series, bool, dict[str, Flags]]:
    unmarked = coded.matches(_UNMARKED)
    marked = coded.matches(_MARKED, ~unmarked)
    _refuse_other_formats(column, coded, unmarked | marked)
    if (marked.any() or MARKED in column.facts) and (unmarked.any() or UNMARKED in column.facts):
        present = [chosen for chosen in (marked, unmarked) if chosen.any()]
        fewer = min(present, key=lambda chosen: coded.rows(chosen).sum())
        which = "with" if fewer is marked else "without"
        raise column.refuse(f"times {which} a zone among others", "export all times in UTC", coded.rows(fewer))
    readable = marked | unmarked
    zoned = coded.texts
    if marked.any():
        zoned = pc.replace_substring_regex(zoned, r"\s?UTC$", "Z")
        zoned = pc.replace_substring_regex(zoned, r"\s([+-]\d+:?\d*)$", r"\1")
    texts = pd.Series(np.where(readable, zoned.to_numpy(zero_copy_only=False), None), dtype="str")
    parsed = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True).dt.tz_localize(None)
    impossible = readable & parsed.isna().to_numpy()
    other = ~readable & ~coded.up_to(0)
    return _micro(parsed), bool(marked.any()), {"impossible date": impossible, "not an ISO 8601 date": other}


def _refuse_other_formats(column: RawColumn, coded: Coded, iso: Flags) -> None:
    rest = ~iso
    numbers = coded.matches(_SPREADSHEET, rest)
    if numbers.any():
        remedy = "format the column as dates, and export it again"
        raise column.refuse("days are spreadsheet numbers, such as 40878", remedy, coded.rows(numbers))
    other = coded.matches(_OTHER_ORDER, rest)
    if (either := other | coded.matches(_YEAR_FIRST, rest)).any():
        chosen = coded.rows(either)
        if iso.any():
            raise column.refuse(
                "several date formats are mixed with ISO 8601", "export all dates in one format", chosen
            )
        raise _order_error(column, coded, other)


def _order_error(column: RawColumn, coded: Coded, other: Flags) -> DataError:
    if not other.any():
        return column.refuse("dates are not ISO 8601", _declare("%Y/%m/%d"), coded.rows(~other))
    parts = coded.texts.to_pandas().where(other).str.extract(r"^(\d+)\D(\d+)").astype("float64")
    day_first, month_first = (parts[0] > 12).to_numpy(), (parts[1] > 12).to_numpy()
    if day_first.any() and month_first.any():
        fewer = min(day_first, month_first, key=lambda chosen: coded.rows(chosen).sum())
        return column.refuse("day-first and month-first dates are mixed", "export it in ISO 8601", coded.rows(fewer))
    if day_first.any():
        return column.refuse("dates are day-first", _declare(_format_of(coded, day_first)), coded.rows(day_first))
    if month_first.any():
        written = _format_of(coded, month_first, "m", "d")
        return column.refuse("dates are month-first", _declare(written), coded.rows(month_first))
    remedy = _declare(_format_of(coded, other))
    return column.refuse("dates may be day-first or month-first", remedy, coded.rows(other))


def _format_of(coded: Coded, chosen: Flags, first: str = "d", second: str = "m") -> str:
    """The strptime format of the first of the chosen texts, as far as it can be told."""
    text = str(coded.texts.filter(pa.array(chosen))[0].as_py())
    found = re.fullmatch(r"\d+(\D)\d+\D(\d+)([T ]\d+:\d+)?(:\d+)?.*", text)
    assert found is not None  # it looks like a date of another order
    sign, year, minutes, seconds = found.groups()
    clock = f"{minutes[0]}%H:%M{':%S' if seconds else ''}" if minutes else ""
    return f"%{first}{sign}%{second}{sign}%{'Y' if len(year) == 4 else 'y'}{clock}"


def _declare(date_format: str) -> str:
    return f"declare its date_format, such as '{date_format}' (--date-format)"


def _parse_declared(column: RawColumn, coded: Coded, date_format: str) -> tuple[pd.Series, bool, dict[str, Flags]]:
    texts = coded.texts.to_pandas()
    marked = "%z" in date_format
    parsed = _strptime(texts, date_format)
    failed = parsed.isna().to_numpy() & ~coded.up_to(0)
    swapped = date_format.replace("%d", "%%").replace("%m", "%d").replace("%%", "%m")
    for other, problem in (
        (swapped, "day-first and month-first dates are mixed"),
        (None, "several date formats are mixed: ISO 8601 among others"),
    ):
        fits = (
            coded.matches(_UNMARKED, failed) if other is None else failed & _strptime(texts, other).notna().to_numpy()
        )
        if fits.any():
            raise column.refuse(problem, f"export all dates as {date_format}", coded.rows(fits))
    return parsed, marked, {"not a date of the declared format": failed}


def _strptime(texts: pd.Series, date_format: str) -> pd.Series:
    return _micro(pd.to_datetime(texts, format=date_format, errors="coerce", utc=True).dt.tz_localize(None))


def _micro(times: pd.Series) -> pd.Series:
    return times.astype(TIME_DTYPE)


def _from_timestamps(column: RawColumn, timezone: str) -> Cast:
    values = column.plain()
    marked = pa.types.is_timestamp(column.type) and column.type.tz is not None
    plain = values.cast(pa.timestamp("us", tz="UTC" if marked else None)).to_pandas()
    parsed = _micro(plain.dt.tz_localize(None) if marked else plain)
    return Cast(*_on_the_wall(parsed, marked, timezone))


def _sentinel(times: pd.Series) -> Flags:
    """Days that stand for 'unknown' in databases: up to 1900-01-01, 1970-01-01, and from the year 9999."""
    days = times.to_numpy(dtype=TIME_DTYPE)  # NaT compares as False
    return np.asarray((days < _AFTER_1900) | (days >= _YEAR_9999) | (days == _UNIX_ZERO), dtype=np.bool_)
