"""Which row of a table is its header, and which rows below it are sums of others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cvo_ml.ingest.header_names import key_of, meaning_of

#: Rows in which the header is looked for, and those after one that are compared with it.
FIRST_ROWS: Final = 60
COMPARED: Final = 1000
_VALUE: Final = re.compile(r"[-+(]?[\d.,]+\)?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*|\S+@\S+\.\S+")
_SUM: Final = re.compile(
    r"(?:grand |sub)?totals?|sum|summe|gesamt(?:summe)?|zwischensumme|endsumme|total(?:e|en)?|sous-total|somme"
    r"|totaal|suma|razem|summa|i alt|totalt", re.IGNORECASE,
)  # fmt: skip


@dataclass(frozen=True)
class Header:
    """A row that may be the header.

    Parameters
    ----------
    fields:
        All of them, nameless ones included.
    place:
        Of the row among those looked at.
    known:
        Meanings of columns that it names.
    share:
        Of the rows after it that have as many fields.
    above:
        The rows above it that are not empty, as texts.
    """

    fields: tuple[str, ...]
    place: int
    known: int
    share: float
    above: tuple[str, ...]


def header_among(rows: Sequence[Sequence[str]]) -> Header | None:
    """The first of the rows that name the most columns, if those after it have as many fields."""
    candidates: list[Header] = []
    for place, fields in enumerate(rows[:FIRST_ROWS]):
        if not _may_be_header(fields):
            continue
        after = [len(other) for other in rows[place + 1 : place + 1 + COMPARED] if any(other)]
        share = sum(width == len(fields) for width in after) / len(after) if after else 1.0
        known = len({meaning for field in fields if field.strip() and (meaning := meaning_of(field))})
        above = tuple(" ".join(filter(None, map(str.strip, other))) for other in rows[:place] if any(other))
        if share > 0.5 or known >= 3:
            candidates.append(Header(tuple(field.strip() for field in fields), place, known, share, above))
    return max(candidates, key=lambda one: (one.share > 0.5, one.known), default=None)


def _may_be_header(fields: Sequence[str]) -> bool:
    named = [field.strip() for field in fields if field.strip()]
    values = sum(_VALUE.fullmatch(field) is not None for field in named)
    return len(named) >= 2 and len(named) > len(fields) / 2 and values == 0 and len(set(named)) > len(named) / 2


def is_sum(text: str) -> bool:
    """Whether a row that begins so is a sum of others.

    Examples
    --------
    >>> is_sum("Grand Total"), is_sum("Summe:"), is_sum("Total Fitness GmbH")
    (True, True, False)
    """
    return _SUM.fullmatch(text.strip(" :*")) is not None and key_of(text) != ""
