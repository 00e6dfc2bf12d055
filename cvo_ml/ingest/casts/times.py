"""Times: ISO 8601 or one declared format, to the shop's wall times; what has two readings is refused."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cvo_ml.config.shops import EPOCHS
from cvo_ml.core.arrays import Flags
from cvo_ml.core.contract import TIME_DTYPE
from cvo_ml.core.errors import DataError
from cvo_ml.core.wall_times import skipped, wall_times
from cvo_ml.ingest.casts.column import Cast, Coded, RawColumn
from cvo_ml.ingest.casts.epochs import parse_epochs
from cvo_ml.ingest.casts.fast_path import PlainTexts, quick_times
from cvo_ml.ingest.casts.time_formats import EPOCH_OF, named_format, written_format

_DAY: Final = r"\d{4}-\d{2}-\d{2}"
_CLOCK: Final = r"[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?"
_ZONE: Final = r"\s?(?:Z|UTC|[+-]\d{2}(?::?\d{2})?)"
_UNMARKED: Final = f"{_DAY}(?:{_CLOCK})?"
_MARKED: Final = rf"{_DAY}{_CLOCK}{_ZONE}(?:\[[\w/+-]+\])?"
_OTHER_ORDER: Final = r"\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d{2})(?:\D.*)?"
_YEAR_FIRST: Final = r"\d{4}[/.]\d{1,2}[/.]\d{1,2}(?:\D.*)?"
_SPREADSHEET: Final = r"[2-6]\d{4}(?:\.\d+)?"
_AFTER_1900, _YEAR_9999, _UNIX_ZERO = (np.datetime64(day, "us") for day in ("1900-01-02", "9999-01-01", "1970-01-01"))
_ZONE_AT_END: Final = re.compile(r"(?<!%)(?:Z|UTC|GMT)$")
_NOT_DECLARED: Final = "not a date of the declared format"
_MIXED_ORDER: Final = "day-first and month-first dates are mixed"
_MIXED_WITH_ISO: Final = "several date formats are mixed: ISO 8601 among others"
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
    coded = column.whole_numbers().coded()
    parsed, marked, faults = _parsed(column, coded, date_format)
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


def _parsed(column: RawColumn, coded: Coded, date_format: str | None) -> tuple[pd.Series, bool, dict[str, Flags]]:
    """The distinct texts as moments, whether they carry a zone (then they are in UTC), and the faults."""
    if date_format is None:
        return _parse_iso(column, coded)
    if date_format not in EPOCHS:
        return _parse_declared(column, coded, date_format)
    moments = parse_epochs(column, coded, date_format)
    failed = moments.isna().to_numpy() & ~coded.empty()
    return moments, True, {_NOT_DECLARED: failed}


def _parse_iso(column: RawColumn, coded: Coded) -> tuple[pd.Series, bool, dict[str, Flags]]:
    unmarked = coded.matches(_UNMARKED)
    marked = coded.matches(_MARKED, ~unmarked)
    _refuse_other_formats(column, coded, unmarked | marked)
    readable = marked | unmarked
    zoned = coded.texts
    if marked.any():
        zoned = pc.replace_substring_regex(zoned, r"\[[^\]]*\]$", "")
        zoned = pc.replace_substring_regex(zoned, r"\s?UTC$", "Z")
        zoned = pc.replace_substring_regex(zoned, r"\s([+-]\d+:?\d*)$", r"\1")
    texts = pd.Series(np.where(readable, zoned.to_numpy(zero_copy_only=False), None), dtype="str")
    parsed = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True).dt.tz_localize(None)
    impossible = readable & parsed.isna().to_numpy()
    _refuse_mixed_zones(column, coded, marked & ~impossible, unmarked & ~impossible)
    other = ~readable & ~coded.empty()
    faults = {"impossible date": impossible, "not an ISO 8601 date": other}
    return _micro(parsed), bool((marked & ~impossible).any()), faults


def _refuse_mixed_zones(column: RawColumn, coded: Coded, marked: Flags, unmarked: Flags) -> None:
    """Refuse times with a zone beside times without one; an impossible date is of neither kind."""
    if (marked.any() or MARKED in column.facts) and (unmarked.any() or UNMARKED in column.facts):
        present = [chosen for chosen in (marked, unmarked) if chosen.any()]
        if not present:
            return
        fewer = min(present, key=lambda chosen: coded.rows(chosen).sum())
        which = "with" if fewer is marked else "without"
        raise column.refuse(f"times {which} a zone among others", "export all times in UTC", coded.rows(fewer))


def _refuse_other_formats(column: RawColumn, coded: Coded, iso: Flags) -> None:
    rest = ~iso & ~coded.empty()
    if not rest.any():
        return
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
    _refuse_numbers_and_names(column, coded, iso, rest)


def _refuse_numbers_and_names(column: RawColumn, coded: Coded, iso: Flags, rest: Flags) -> None:
    """Refuse a column of days without signs, of times since 1970, or of dates with names of months."""
    if iso.any():
        return  # single faulty rows among dates
    if (compact := coded.matches(r"(?:19|20)\d{6}", rest)).any():
        raise column.refuse("days are written without signs", _declare("%Y%m%d"), coded.rows(compact))
    if (months := coded.matches(r"(?:19|20)\d{2}-(?:0[1-9]|1[0-2])", rest)).any():
        raise column.refuse("months are written without a day", _declare("%Y-%m"), coded.rows(months))
    for length, date_format in EPOCH_OF.items():
        if (counted := coded.matches(rf"1\d{{{length - 1}}}(?:\.\d+)?", rest)).any():
            problem = "times are numbers, as if counted since 1970"
            raise column.refuse(problem, f"declare its date_format: {date_format}", coded.rows(counted))
    named = np.array([bool(text) and named_format(text) is not None for text in coded.texts.to_pylist()]) & rest
    if named.any():
        raise _names_error(column, coded, named)


def _names_error(column: RawColumn, coded: Coded, named: Flags) -> DataError:
    written = named_format(_first(coded, named))
    if written:
        return column.refuse("dates have names of months", _declare(written), coded.rows(named))
    problem = "dates have names of months that are not English"
    return column.refuse(problem, "export the dates in numbers, best as ISO 8601", coded.rows(named))


def _order_error(column: RawColumn, coded: Coded, other: Flags) -> DataError:
    if not other.any():
        written = _format_of(coded, ~coded.empty(), "Ymd")
        return column.refuse("dates are not ISO 8601", _declare(written), coded.rows(~other & ~coded.empty()))
    parts = coded.texts.to_pandas().where(other).str.extract(r"^(\d+)\D(\d+)").astype("float64")
    day_first, month_first = (parts[0] > 12).to_numpy(), (parts[1] > 12).to_numpy()
    if day_first.any() and month_first.any():
        fewer = min(day_first, month_first, key=lambda chosen: coded.rows(chosen).sum())
        return column.refuse("day-first and month-first dates are mixed", "export it in ISO 8601", coded.rows(fewer))
    if day_first.any():
        return column.refuse("dates are day-first", _declare(_format_of(coded, day_first)), coded.rows(day_first))
    if month_first.any():
        written = _format_of(coded, month_first, "mdY")
        return column.refuse("dates are month-first", _declare(written), coded.rows(month_first))
    day, month = _format_of(coded, other), _format_of(coded, other, "mdY")
    remedy = f"declare its date_format, '{day}' or '{month}' (--date-format)"
    return column.refuse("dates may be day-first or month-first", remedy, coded.rows(other))


def _first(coded: Coded, chosen: Flags) -> str:
    return str(coded.texts.filter(pa.array(chosen))[0].as_py())


def _format_of(coded: Coded, chosen: Flags, order: str = "dmY") -> str:
    """The strptime format of the first of the chosen texts, as far as it can be told."""
    text = _first(coded, chosen)
    return written_format(text, order) or written_format(re.split(r"[T ,]", text)[0], order) or "%d/%m/%Y"


def _declare(date_format: str) -> str:
    return f"declare its date_format, such as '{date_format}' (--date-format)"


def _parse_declared(column: RawColumn, coded: Coded, date_format: str) -> tuple[pd.Series, bool, dict[str, Flags]]:
    texts = coded.texts.to_pandas()
    parsed = _strptime(texts, date_format)
    failed = parsed.isna().to_numpy() & ~coded.empty()
    if failed.any():
        _refuse_undeclared(column, coded, texts, date_format, failed)
    return parsed, _carries_zone(date_format), {_NOT_DECLARED: failed}


def _carries_zone(date_format: str) -> bool:
    """Whether times of a format carry a zone, by an offset or in words."""
    return "%z" in date_format.lower() or _ZONE_AT_END.search(date_format) is not None


def _refuse_undeclared(column: RawColumn, coded: Coded, texts: pd.Series, date_format: str, failed: Flags) -> None:
    """Refuse a column with dates of another format than the declared one: all of them, or some among the others."""
    known = ~coded.empty()
    swapped = date_format.replace("%d", "%%").replace("%m", "%d").replace("%%", "%m")
    for other, fits, said, mixed in (
        (swapped, _strptime(texts, swapped).notna().to_numpy(), f"of {swapped}", _MIXED_ORDER),
        (None, coded.matches(_UNMARKED) | coded.matches(_MARKED), "ISO 8601", _MIXED_WITH_ISO),
    ):
        if fits[known].all():
            remedy = "leave date_format out" if other is None else f"declare date_format: '{other}' (--date-format)"
            raise column.refuse(f"all dates are {said}, not of the declared {date_format}", remedy, coded.rows(known))
        if (fits & failed).any() and not failed[known].all():
            raise column.refuse(mixed, f"export all dates as {date_format}", coded.rows(fits & failed))
    if failed[known].all():
        text = _first(coded, known)
        written = named_format(text) or written_format(text) or written_format(text, "Ymd")
        remedy = _declare(written) if written and written != date_format else "correct it, or leave it out for ISO 8601"
        raise column.refuse(f"no date is of the declared format {date_format}", remedy, coded.rows(known))


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
