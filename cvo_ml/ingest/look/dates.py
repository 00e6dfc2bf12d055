"""How times are written: ISO 8601, a format that reads all, or a count since 1970; two readings are asked about."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.config.shops import EPOCHS
from cvo_ml.ingest.look.findings import FoundOut, counted
from cvo_ml.ingest.look.grid import FoundColumn

_ISO: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?\s?(?:Z|UTC|[+-]\d{2}(?::?\d{2})?)?"
)
_NUMBERS: Final = re.compile(r"(\d{1,4})([./-]|\. )(\d{1,2})\2(\d{2,4})\.?")
_COMPACT: Final = re.compile(r"(?:19|20)\d{6}")
_DAY_MONTH: Final = re.compile(
    r"(?P<day>\d{1,2})(?P<s1>[ ./-]|\. )(?P<month>[A-Za-z]{3,9})(?P<s2>,? |[./-])(?P<year>\d{4}|\d{2})"
)
_MONTH_DAY: Final = re.compile(
    r"(?P<month>[A-Za-z]{3,9})(?P<s1>[ -])(?P<day>\d{1,2})(?P<s2>,? |-)(?P<year>\d{4}|\d{2})"
)
_WEEKDAY: Final = re.compile(r"(?P<name>[A-Z][a-z]{2,8})(?P<after>,? )(?=[A-Z\d])")
_CLOCK: Final = re.compile(
    r"(?P<before>T|,? | - )(?P<hour>\d{1,2})(?P<sign>[:.h])\d{2}(?P<seconds>(?P=sign)\d{2})?(?P<part>[.,]\d{1,9})?"
    r"(?P<half> ?[AaPp][Mm])?(?P<zone> ?Z| ?[+-]\d{2}:?\d{2}| UTC| GMT)?"
)
#: Counts since 1970 lie between 1995 and 2050.
_FIRST_SECOND, _LAST_SECOND = 788_918_400, 2_524_608_000
_SPREADSHEET: Final = re.compile(r"[345]\d{4}(?:\.\d+)?")
#: Texts that are tried one by one before all are.
_TRIED: Final = 200
#: Distinct texts that a format must read before all are tried, and the share of them.
_SAMPLE: Final = 5_000
_NEARLY: Final = 0.9
#: What was found out about columns that are still looked at.
_KNOWN: Final[WeakKeyDictionary[FoundColumn, list[Reading]]] = WeakKeyDictionary()
_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
#: Share of the rows that a reading must read, as in ``max_bad_share``.
ENOUGH: Final = 0.99


@dataclass(frozen=True)
class Reading:
    """One way to read a column of times.

    Parameters
    ----------
    written:
        A strptime format, ``epoch_s`` and its like, or ``""`` for ISO 8601.
    share:
        Of the rows with a text, those that it reads.
    times:
        (distinct,) what it reads; NaT elsewhere.
    """

    written: str
    share: float
    times: NDArray[np.datetime64]

    @property
    def settings(self) -> str | None:
        """What stands as ``date_format``."""
        return self.written or None


def readings(column: FoundColumn) -> list[Reading]:
    """The ways that read nearly all texts of a column, none of them the same as another; the best first."""
    if column not in _KNOWN:
        _KNOWN[column] = _readings(column)
    return _KNOWN[column]


def _readings(column: FoundColumn) -> list[Reading]:
    if not column.distinct:
        return []
    if column.is_time:
        return [_reading(column, "", pd.to_datetime(pd.Series(column.distinct), errors="coerce", utc=True))]
    counted_since = _counts(column)
    if counted_since:
        return counted_since
    candidates = _without_odd_years(column, _candidates(column.distinct))
    if len(candidates) > 1 and len(column.distinct) > _SAMPLE:
        candidates = [written for written in candidates if _share(column.distinct[:_SAMPLE], written) >= _NEARLY]
    found = [one for written in candidates if (one := _read(column, written)) is not None]
    best = max((one.share for one in found), default=0.0)
    kept: list[Reading] = []
    for one in found:
        same = any(np.array_equal(one.times, other.times, equal_nan=True) for other in kept)
        if one.share >= max(ENOUGH, best - 1e-9) and not same:
            kept.append(one)
    return kept


def _counts(column: FoundColumn) -> list[Reading]:
    texts = pd.Series(column.distinct)
    if not texts.str.fullmatch(r"\d{9,17}(?:\.0+)?").mean() >= ENOUGH:
        return []
    numbers = pd.to_numeric(texts, errors="coerce")
    for written, per in EPOCHS.items():
        if numbers.between(_FIRST_SECOND * per, _LAST_SECOND * per).mean() >= ENOUGH:
            seconds = pd.to_datetime(numbers / per, unit="s", errors="coerce", utc=True)
            return [_reading(column, written, seconds)]
    return []


def _candidates(texts: Sequence[str]) -> list[str]:
    """The formats that may read most of some texts; ISO 8601 alone where these are."""
    step = max(1, len(texts) // _TRIED)
    tried = texts[::step][:_TRIED]
    if sum(_ISO.fullmatch(text) is not None for text in tried) > len(tried) / 2:
        return [""]
    fitting = Counter(written for text in tried for written in formats_of(text))
    return [written for written, count in fitting.items() if count > 0.5 * len(tried)]


def _without_odd_years(column: FoundColumn, candidates: list[str]) -> list[str]:
    """Of two-digit years at the beginning or the end, the place with fewer values: days have more than years."""
    first_year = [written for written in candidates if written.startswith("%y")]
    if not first_year or len(first_year) == len(candidates):
        return candidates
    parts = [found for text in column.distinct if (found := re.match(r"(\d{2})\D+\d{2}\D+(\d{2})", text))]
    first, last = len({part[1] for part in parts}), len({part[2] for part in parts})
    if first == last:
        return candidates
    return first_year if first < last else [written for written in candidates if written not in first_year]


def formats_of(text: str) -> list[str]:
    """The strptime formats that a text may be written in.

    Examples
    --------
    >>> formats_of("3/4/2024 1:05 PM")
    ['%d/%m/%Y %I:%M %p', '%m/%d/%Y %I:%M %p']
    >>> formats_of("Jan 2, 2024"), formats_of("20240102"), formats_of("soon")
    (['%b %d, %Y'], ['%Y%m%d'], [])
    """
    weekday = _WEEKDAY.match(text)
    named = weekday is not None and weekday["name"][:3] in _WEEKDAYS
    start = weekday.end() if weekday is not None and named else 0
    before = (
        ""
        if not start
        else f"{'%a' if weekday and len(weekday['name']) == 3 else '%A'}{weekday['after'] if weekday else ''}"
    )
    for pattern, days in (
        (_NUMBERS, _by_numbers),
        (_DAY_MONTH, _by_name),
        (_MONTH_DAY, _by_name),
        (_COMPACT, _compact),
    ):
        if (found := pattern.match(text, start)) is None:
            continue
        clock = _CLOCK.fullmatch(text, found.end())
        if clock is not None or found.end() == len(text):
            return [f"{before}{day}{_clock_format(clock)}" for day in days(found)]
    return []


def _by_numbers(found: re.Match[str]) -> list[str]:
    first, sign, _, last = found.groups()
    end = "." if found[0].endswith(".") else ""
    if len(first) == 4:
        return [f"%Y{sign}%m{sign}%d{end}"] if len(last) <= 2 else []
    year = "%Y" if len(last) == 4 else "%y"
    orders = [f"%d{sign}%m{sign}{year}{end}", f"%m{sign}%d{sign}{year}{end}"]
    return [*orders, f"%y{sign}%m{sign}%d{end}"] if len(last) == len(first) == 2 and sign != "/" else orders


def _by_name(found: re.Match[str]) -> list[str]:
    months = ["%b"] if len(found["month"]) == 3 else ["%B"]
    months = ["%b", "%B"] if found["month"].lower() == "may" else months
    year = "%Y" if len(found["year"]) == 4 else "%y"
    first, second = ("%d", "{}") if found.start("day") < found.start("month") else ("{}", "%d")
    return [f"{first}{found['s1']}{second}{found['s2']}{year}".replace("{}", month) for month in months]


def _compact(found: re.Match[str]) -> list[str]:
    return ["%Y%m%d"]


def _clock_format(found: re.Match[str] | None) -> str:
    if found is None:
        return ""
    sign, half = found["sign"], found["half"] or ""
    seconds = f"{sign}%S" if found["seconds"] else ""
    part = f"{found['part'][0]}%f" if found["part"] else ""
    zone = found["zone"] or ""
    zone = (
        zone if zone.strip() in ("Z", "UTC", "GMT") else f"{' ' if zone.startswith(' ') else ''}{'%z' if zone else ''}"
    )
    halves = half.replace(half.strip(), "%p") if half else ""
    return f"{found['before']}%{'I' if half else 'H'}{sign}%M{seconds}{part}{halves}{zone}"


def _share(texts: Sequence[str], written: str) -> float:
    """Of some texts, those that a format reads."""
    return float(_times(pd.Series(texts, dtype="str"), written).notna().mean())


def _read(column: FoundColumn, written: str) -> Reading | None:
    times = _times(pd.Series(column.distinct, dtype="str"), written)
    found = _reading(column, written, times)
    return found if found.share > 0.5 else None


def _times(texts: pd.Series, written: str) -> pd.Series:
    if written:
        return pd.to_datetime(texts, format=written, errors="coerce", utc=True)
    iso = texts.str.fullmatch(_ISO.pattern)
    plain = texts.where(iso).str.replace(r"\s?UTC$", "Z", regex=True).str.replace(r"\s([+-]\d+)", r"\1", regex=True)
    return pd.to_datetime(plain, format="ISO8601", errors="coerce", utc=True)


def _reading(column: FoundColumn, written: str, times: pd.Series) -> Reading:
    plain = times.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    share = float(column.counts[~np.isnat(plain)].sum() / max(column.filled, 1))
    return Reading(written, share, plain)


def looks_like_times(column: FoundColumn) -> bool:
    """Whether there is a way to read a column's texts as times."""
    return bool(readings(column))


def decide_dates(
    columns: Mapping[str, FoundColumn],
    findings: FoundOut,
    prefix: str = "source",
    question: str = "dates",
    many: bool = False,
    beside: Sequence[FoundColumn] = (),
) -> dict[str, Reading | None]:
    """The reading of each of the columns of a table, or None where it has none or several; asks once for all of them.

    Parameters
    ----------
    columns:
        Canonical name to column.
    prefix:
        Keys of the table's source.
    question:
        Name of what may be asked.
    many:
        Whether the source has further columns of times.
    beside:
        Other columns of times, which the same program has written: what is sure of one of them is sure of all.
    """
    found = {name: readings(column) for name, column in columns.items()}
    known = [*found.values(), *map(readings, beside)]
    sure = {_day_of(one[0].written) for one in known if len(one) == 1}
    chosen: dict[str, Reading | None] = {}
    for name, ways in found.items():
        column = columns[name]
        same_way = [one for one in ways if _day_of(one.written) in sure]
        if not ways:
            findings.missing.append(_unreadable(column, name))
            chosen[name] = None
        elif len(ways) == 1 or len(same_way) == 1:
            chosen[name] = (same_way or ways)[0]
            _decide(name, column, (same_way or ways)[0], len(ways) > 1, findings, prefix, many or len(columns) > 1)
        else:
            chosen[name] = None
            _ask(question, column, ways, findings, prefix)
    return chosen


def _day_of(written: str) -> str:
    """The format of the day alone, whatever clock follows."""
    return re.split(r"[T ,]+%[HI]", written)[0]


def _decide(
    name: str, column: FoundColumn, way: Reading, by_another: bool, findings: FoundOut, prefix: str, many: bool
) -> None:
    lost = column.filled - int(column.counts[~np.isnat(way.times)].sum())
    said = f"reads {counted(column.filled - lost, 'row')} of {column.filled:,} of {column.header!r}"
    known = way.times[~np.isnat(way.times)]
    span = f"; {str(known.min())[:10]} to {str(known.max())[:10]}" if len(known) else ""
    why = _why(way, column) if not by_another else "; another column that is written so shows which part is the day"
    key = f"{prefix}.date_format" if not many else f"{prefix}.date_formats.{name}"
    settings = {key: way.written} if way.written else {}
    findings.decide(f"dates: {name}", way.written or "ISO 8601", said + span + why, settings)


def _why(way: Reading, column: FoundColumn) -> str:
    if not re.match(r"%[dm]\W%[dm]\W", way.written):
        return ""
    day_first = way.written.startswith("%d")
    day, place = (re.compile(r"(\d+)"), "first") if day_first else (re.compile(r"\d+\D(\d+)"), "second")
    over = next((text for text in column.distinct if (found := day.match(text)) and int(found[1]) > 12), None)
    return f"; the {place} part is the day: {over!r}" if over is not None else ""


def _ask(question: str, column: FoundColumn, ways: list[Reading], findings: FoundOut, prefix: str) -> None:
    differing = [text for place, text in enumerate(column.distinct) if len({str(way.times[place]) for way in ways}) > 1]
    shown = tuple(
        f"{text} = " + " or ".join(str(way.times[column.distinct.index(text)])[:10] for way in ways)
        for text in differing[:3]
    )
    names = {"%d": "day_first", "%m": "month_first", "%Y": "year_first", "%y": "year_first"}
    choices = {names.get(way.written[:2], way.written): {f"{prefix}.date_format": way.written} for way in ways}
    findings.ask(
        question, f"column {column.header!r}: every day is 12 or less; which part is the day?", choices,
        column.first_rows(differing), shown,
    )  # fmt: skip


def _unreadable(column: FoundColumn, name: str) -> str:
    texts = ", ".join(map(repr, column.distinct[:3])) or "nothing"
    if column.distinct and all(_SPREADSHEET.fullmatch(text) for text in column.distinct[:100]):
        return (
            f"{name}: column {column.header!r} holds day numbers of a spreadsheet ({texts}): "
            "format it as dates, and export it again"
        )
    return (
        f"{name}: no one format reads column {column.header!r} ({texts}): export it in ISO 8601, such as 2024-06-30, "
        "or write the date_format of its source"
    )
