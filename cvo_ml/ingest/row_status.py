"""What became of each source row: used, quarantined for a reason, or excluded by a rule; once each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.core.arrays import Flags
from cvo_ml.core.errors import DataError
from cvo_ml.core.ledger import RowLedger
from cvo_ml.ingest.raw import Places, RawTable

QUARANTINE_COLUMNS: Final = ("table", "file", "row", "column", "reason")
RAGGED: Final = "another number of fields than the header"
#: Where more rows than this share have one fault, a higher tolerance is no remedy.
_MOST_TOLERATED: Final = 0.2
_REMEDIES: Final = {
    RAGGED: "check its quotes and its delimiter",
    "decimal comma": "declare decimal: ',' (--decimal)",
    "not a number": "write plain numbers such as 1234.50, or declare what stands beside them, such as "
    "amounts: {currency: ['€'], thousands: ' '}",
    "no whole number of minor units": "amounts.minor_units are whole, such as cents: leave it out, or correct them",
    "too large": "amounts and quantities stay below 1e13: check the column, or give money in a larger unit",
    "not an ISO 8601 date": "write 2024-06-30 or 2024-06-30T18:00:00Z, or declare its date_format (--date-format)",
    "not a date of the declared format": "correct date_format, or export the dates again",
    "null": "fill it",
    "guest id": "declare guests: exclude (--guests), which leaves such rows out by rule",
    "order id with conflicting rows": "if each row is an order line, declare rows: lines",
    "names an unknown order": "export orders and this table over the same time",
    "its order is in quarantine": "look at the reasons of the orders first",
    "below zero": "write it without a minus: what went back is positive too",
    "before its order": "correct the times, or their zone",
    "not a JSON object": "write one JSON object a line",
    "sentinel date": "days up to 1900-01-01, 1970-01-01 and the year 9999 stand for 'unknown': export such as empty",
    "after extracted_at": "correct extracted_at, or the clock that wrote the dates",
    "no rate of its currency by its day": "give a rate from the first day of each currency on (table fx)",
    "blank status": "fill it, or say what a row without one is, such as statuses: {'': sale}",
    "blank currency": "fill it, or leave the column unread where all rows are in one currency: ignore",
}


#: By a part of a reason, the first that fits.
_REMEDIES_OF_KIND: Final = {
    "the scale of": "correct the scores; where those of ces or csat have another scale, declare its highest: "
    "constants: {scale: 10}",
    "outside": "correct the numbers, or their unit",
    "names an unknown": "export both tables over the same time",
    "names neither": "fill one of the columns, or leave such rows out (where_filled)",
    "not above zero": "write numbers above zero",
    "earlier price": "end each price where the next one begins (valid_to)",
    "alone in its task": "export every alternative that was shown, not only the one that was chosen",
    "of its task": "one alternative of a task is chosen: to choose nothing is an alternative too",
    "four prices": "map the columns from too_cheap to too_expensive, and leave out who did not answer all of them",
    "where it began": "give the value that it began with, and another one as the target",
    "back to itself": "name for each account the one above it, and none at the top",
    "refers itself": "correct who recommended whom",
    "before": "correct the times, or their zone",
}


@dataclass(frozen=True)
class _RowState:
    """Why rows are not used; ``excluded`` says whether by rule, else the rows are quarantined."""

    column: str
    reason: str
    excluded: bool = False

    @property
    def words(self) -> str:
        return f"{self.column}: {self.reason}" if self.column else self.reason


def too_many(
    reason: str,
    file: str,
    column: str,
    count: int,
    considered: int,
    max_bad_share: float,
    first_rows: list[int],
    *,
    of_people: bool = False,
) -> DataError:
    """The error of a fault in more than the allowed share of a file's rows.

    Parameters
    ----------
    of_people:
        Whether the column says who bought: rows without it may be guests.
    """
    remedy = _REMEDIES.get(reason) or next(
        (what for part, what in _REMEDIES_OF_KIND.items() if part in reason), "correct the export"
    )
    if reason == "null" and of_people:
        remedy += "; where rows without a customer are guests, declare guests: exclude (--guests)"
    if count <= _MOST_TOLERATED * considered:
        remedy += ", or raise max_bad_share (--max-bad-share)"
    return DataError(
        f"{reason} in {count / considered:.1%} of its rows, more than the {max_bad_share:.1%} allowed",
        remedy,
        file=file,
        column=column or None,
        count=count,
        first_rows=first_rows,
    )


class RowStatus:
    """The account of one table's rows, filled while they are validated; the first verdict on a row counts.

    Parameters
    ----------
    max_bad_share:
        More rows of a file than this share of those not excluded, with one fault in one column, refuse it.
    ragged:
        What is wrong with the rows that could not be read at all.
    people:
        The column that says who bought, where rows without it may be guests.
    """

    def __init__(self, raw: RawTable, table: str, max_bad_share: float, ragged: str = RAGGED, people: str = "") -> None:
        self._people = people
        self._raw, self._table, self._max_bad_share, self._ragged = raw, table, max_bad_share, ragged
        self._kinds: list[_RowState] = []
        self._status: NDArray[np.int16] = np.zeros(len(raw), dtype=np.int16)  # 0 used, else place in _kinds + 1
        self.alive: Flags = np.ones(len(raw), dtype=np.bool_)
        for rule, rows in raw.left_out.items():
            self.exclude(rows, rule)
        self._refuse_if_many("", ragged, raw.ragged, of_all=True)

    def exclude(self, rows: Flags, rule: str) -> None:
        """Leave out the rows by a declared rule."""
        self._settle(rows, _RowState("", rule, excluded=True))

    def quarantine(self, rows: Flags, column: str, reason: str) -> None:
        """Set the rows aside for a fault.

        Raises
        ------
        DataError
            If the fault is a fault of the file: more than ``max_bad_share`` of its rows show it.
        """
        found = rows & ~self.excluded()
        if found.any():
            self._refuse_if_many(column, reason, self._raw.places[found])
            self._settle(rows, _RowState(column, reason))

    def excluded(self) -> Flags:
        """(n,) rows left out by rule."""
        return np.array([False, *(kind.excluded for kind in self._kinds)])[self._status]

    def _settle(self, rows: Flags, kind: _RowState) -> None:
        found = rows & self.alive
        if found.any():
            self._kinds.append(kind)
            self._status[found] = len(self._kinds)
            self.alive &= ~rows

    def _refuse_if_many(self, column: str, reason: str, places: Places, of_all: bool = False) -> None:
        """Refuse a fault of a file; ``of_all`` counts also the rows left out: an unreadable row is one of all."""
        if not len(places):
            return
        considered = self._raw.rows - int(self.excluded().sum())
        if len(self._raw.sources) > 1 or of_all:
            considered, places = self._worst_file(places, of_all)
        if len(places) > self._max_bad_share * considered:
            file, first_rows = places.first()
            of_people = column == self._people != ""
            share = self._max_bad_share
            raise too_many(reason, file, column, len(places), considered, share, first_rows, of_people=of_people)

    def _worst_file(self, places: Places, of_all: bool) -> tuple[int, Places]:
        """The rows of the file with the greatest share of ``places``, and how many of its rows count."""
        size = len(self._raw.sources)
        counted = self._raw.places.file if of_all else self._raw.places.file[~self.excluded()]
        rows = np.bincount(counted, minlength=size) + np.bincount(self._raw.ragged.file, minlength=size)
        if of_all:
            rows += [sum(files.get(one.name, 0) for files in self._raw.gone.values()) for one in self._raw.sources]
        worst = int(np.argmax(np.bincount(places.file, minlength=size) / np.maximum(rows, 1)))
        return int(rows[worst]), places[places.file == worst]

    def ledger(self) -> RowLedger:
        """The balanced account of all files."""
        return sum(self.by_file().values(), RowLedger(0, 0))

    def by_file(self) -> dict[str, RowLedger]:
        """The balanced account of each file."""
        place, ragged = self._raw.places.file, np.bincount(self._raw.ragged.file, minlength=len(self._raw.sources))
        if len(self._raw.sources) == 1:
            name = self._raw.sources[0].name
            return {name: self._account(name, self._status, len(self._raw.ragged))}
        return {
            source.name: self._account(source.name, self._status[place == number], int(ragged[number]))
            for number, source in enumerate(self._raw.sources)
        }

    def _account(self, file: str, status: NDArray[np.int16], ragged: int) -> RowLedger:
        counts = np.bincount(status, minlength=len(self._kinds) + 1)
        quarantined: dict[str, int] = {self._ragged: ragged} if ragged else {}
        gone = {rule: files[file] for rule, files in self._raw.gone.items() if file in files}
        excluded: dict[str, int] = dict(gone)
        for kind, count in zip(self._kinds, counts[1:].tolist(), strict=True):
            if count:
                account = excluded if kind.excluded else quarantined
                account[kind.words] = account.get(kind.words, 0) + count
        return RowLedger(len(status) + ragged + sum(gone.values()), int(counts[0]), quarantined, excluded)

    def quarantined(self) -> pd.DataFrame:
        """The rows set aside: table, file, row (1 = the first data row), column, reason; never a value."""
        rows = np.flatnonzero(~self.alive & ~self.excluded())
        columns = np.array(["", *(kind.column for kind in self._kinds)], dtype=object)[self._status[rows]]
        reasons = np.array(["", *(kind.reason for kind in self._kinds)], dtype=object)[self._status[rows]]
        ragged = len(self._raw.ragged)
        files = np.array(self._raw.places.files, dtype=object)
        file = np.concatenate([self._raw.ragged.file, self._raw.places.file[rows]]).astype(np.int64)
        frame = pd.DataFrame(
            {
                "table": pd.Series([self._table] * (ragged + len(rows)), dtype="str"),
                "file": pd.Series(files[file], dtype="str"),
                "row": np.concatenate([self._raw.ragged.row, self._raw.places.row[rows]]).astype(np.int64),
                "column": pd.Series(np.concatenate([[""] * ragged, columns]), dtype="str"),
                "reason": pd.Series(np.concatenate([[self._ragged] * ragged, reasons]), dtype="str"),
            }
        )
        return (
            frame.assign(_file=file)
            .sort_values(["_file", "row"], kind="stable", ignore_index=True)
            .drop(columns="_file")
        )
