"""What strptime format a written date has, to suggest it where it must be declared."""

from __future__ import annotations

import re
from typing import Final

_CLOCK: Final = re.compile(
    r"(?P<before>[T ,]+)(?P<hour>\d{1,2})(?P<sep>[:.])\d{2}(?P<seconds>(?P=sep)\d{2})?(?P<fraction>\.\d{1,6})?"
    r"(?P<noon>\s?[ap]\.?m\.?)?(?P<zone>\s?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?(?P<rest>\D*)",
    re.IGNORECASE,
)
_NUMBERS: Final = re.compile(r"(\d{1,4})(\D)(\d{1,2})\D(\d{1,4})(.*)", re.DOTALL)
_MONTHS: Final = [
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
]  # fmt: skip
_DAYS: Final = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_WORD: Final = re.compile(r"[^\W\d_]{3,}")
#: Lengths of whole numbers that count time since 1970, from 2001 to 2286, and the formats that say so.
EPOCH_OF: Final = {10: "epoch_s", 13: "epoch_ms", 16: "epoch_us"}


def written_format(text: str, order: str = "dmY") -> str | None:
    """The strptime format of a date in numbers; None where it is none.

    Parameters
    ----------
    order:
        Which of the three numbers is which.

    Examples
    --------
    >>> written_format("1/13/24 3:30:05 PM", "mdY"), written_format("13.01.2024, 15:30 +0100")
    ('%m/%d/%y %I:%M:%S %p', '%d.%m.%Y, %H:%M %z')
    """
    found = _NUMBERS.fullmatch(text)
    if found is None:
        return None
    *parts, rest = found.groups()
    numbers = dict(zip(order, (parts[0], parts[2], parts[3]), strict=True))
    names = ["%y" if name == "Y" and len(numbers[name]) == 2 else f"%{name}" for name in order]
    clock = clock_format(rest)
    return None if clock is None else f"{parts[1]}".join(names) + clock


def clock_format(text: str) -> str | None:
    """The format of what stands behind a day: a time of day with its zone, or nothing.

    Examples
    --------
    >>> clock_format(" 3:30 pm UTC"), clock_format(""), clock_format("?")
    (' %I:%M %p UTC', '', None)
    """
    if not text:
        return ""
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    part = {name: value or "" for name, value in found.groupdict().items()}
    sep = part["sep"]
    hour, noon = ("%I", f"{part['noon'][:-2].rstrip('apAP.')}%p") if part["noon"] else ("%H", "")
    zone = part["zone"]
    if zone and zone.strip()[0] in "+-":
        zone = " %z" if zone[0].isspace() else "%z"
    seconds, fraction = f"{sep}%S" if part["seconds"] else "", ".%f" if part["fraction"] else ""
    return f"{part['before']}{hour}{sep}%M{seconds}{fraction}{noon}{zone}{part['rest'].replace('%', '%%')}"


def named_format(text: str) -> str | None:
    """The format of a date with an English month's name; empty where a name is none of English, None without a name.

    Examples
    --------
    >>> named_format("Sat, 13 Jan 2024 15:30"), named_format("January 13, 2024"), named_format("13. Januar 2024")
    ('%a, %d %b %Y %H:%M', '%B %d, %Y', '')
    >>> named_format("2024-01-13")
    """
    date, clock = _without_clock(text)
    words = _WORD.findall(date)
    if not words or not re.search(r"\d", date):
        return None
    formats = [_word_format(word) for word in words]
    if None in formats or sum(one in ("%b", "%B") for one in formats) != 1:
        return ""
    for word, one in zip(words, formats, strict=True):
        date = date.replace(word, str(one), 1)
    date = re.sub(r"(?<!\d)\d{4}(?!\d)", "%Y", date)
    date = re.sub(r"(?<![\d%])\d{1,2}(?!\d)", "%d", date, count=1)
    date = re.sub(r"(?<![\d%])\d{2}(?!\d)", "%y", date, count=1)
    return None if re.search(r"\d", date) or clock is None else date + clock


def _without_clock(text: str) -> tuple[str, str | None]:
    found = re.search(r"[T ,]+\d{1,2}[:.]\d{2}(?!\d|\.\d)", text)
    return (text, "") if found is None else (text[: found.start()], clock_format(text[found.start() :]))


def _word_format(word: str) -> str | None:
    """``%b``, ``%B``, ``%a`` or ``%A`` of an English name; None for any other word."""
    low = word.lower()
    for names, short, long in ((_MONTHS, "%b", "%B"), (_DAYS, "%a", "%A")):
        if low in names and len(low) > 3:
            return long
        if low in [name[:3] for name in names]:
            return short
    return None
