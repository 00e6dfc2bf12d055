"""What only all rows together tell, gathered batch by batch: it merges with ``+``, and is judged once at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.core.errors import DataError
from cvo_ml.ingest.raw import Places

_FIRST_ROWS: Final = 3


@dataclass(frozen=True)
class Tally:
    """How many rows hold a text, their money, and where the first ones stand."""

    rows: int
    money: float
    file: str = ""
    first_rows: tuple[int, ...] = ()

    def __add__(self, other: Tally) -> Tally:
        same = other.first_rows if other.file == self.file else ()
        first = (*self.first_rows, *same)[:_FIRST_ROWS]
        return Tally(self.rows + other.rows, self.money + other.money, self.file, first)


Tallies = Mapping[str, Tally]


@dataclass(frozen=True)
class Findings:
    """What was found so far.

    Parameters
    ----------
    statuses:
        Text of the status column to the rows that hold it, of those that no rule had left out before.
    beside:
        Header of a column that is read beside the mapped ones to its texts, of the rows that are used.
    latest:
        The latest event time of all rows, whatever became of them; None where there is none.
    """

    statuses: Tallies = field(default_factory=dict)
    beside: Mapping[str, Tallies] = field(default_factory=dict)
    latest: pd.Timestamp | None = None

    def __add__(self, other: Findings) -> Findings:
        headers = {**self.beside, **other.beside}
        return Findings(
            _merged(self.statuses, other.statuses),
            {name: _merged(self.beside.get(name, {}), other.beside.get(name, {})) for name in headers},
            max((time for time in (self.latest, other.latest) if time is not None), default=None),
        )


def refuse_all_at_once(questions: Sequence[Callable[[], object]]) -> None:
    """Ask all questions, and refuse once with all that are open: nobody should answer one to meet the next.

    Raises
    ------
    DataError
        If any of them refuses.
    """
    refused: list[DataError] = []
    for question in questions:
        try:
            question()
        except DataError as error:
            refused.append(error)
    if not refused:
        return
    first, *more = refused
    also = "".join(f"; also {str(error).removeprefix(f'{error.file}: ').removesuffix('.')}" for error in more)
    raise DataError(
        first.problem, first.remedy + also, file=first.file, column=first.column, count=first.count,
        first_rows=first.first_rows,
    )  # fmt: skip


def tallies(texts: pd.Series, chosen: Flags, money: Floats, places: Places) -> dict[str, Tally]:
    """The texts of the chosen rows, null as an empty one.

    Parameters
    ----------
    money:
        (n,) value of each row; NaN counts as 0.
    """
    rows = np.flatnonzero(chosen)
    codes, found = pd.factorize(texts.iloc[rows].fillna(""))
    count = np.bincount(codes, minlength=len(found))
    value = np.bincount(codes, weights=np.nan_to_num(money[rows]), minlength=len(found))
    order, start = rows[np.argsort(codes, kind="stable")], np.cumsum(count) - count
    result = {}
    for code, text in enumerate(found):
        file, first = places[order[start[code] : start[code] + min(count[code], _FIRST_ROWS)]].first()
        result[str(text)] = Tally(int(count[code]), float(value[code]), file.split(" (and ")[0], tuple(first))
    return result


def counted_texts(found: Iterable[tuple[str, Tally]], most: int = 8) -> str:
    """Texts and their rows, the most frequent first.

    Examples
    --------
    >>> counted_texts([("failed", Tally(1, 5.0)), ("void", Tally(3, 9.0))])
    'void 3, failed 1'
    """
    ordered = sorted(found, key=lambda item: (-item[1].rows, item[0]))
    rest = f" and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(f"{text} {tally.rows:,}" for text, tally in ordered[:most]) + rest


def _merged(left: Tallies, right: Tallies) -> dict[str, Tally]:
    merged = dict(left)
    for text, tally in right.items():
        merged[text] = merged[text] + tally if text in merged else tally
    return merged
