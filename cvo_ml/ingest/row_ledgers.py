"""The account of a table's rows while they come in batches and are looked at together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.core.errors import DataError
from cvo_ml.core.ledger import RowLedger
from cvo_ml.ingest.row_rules import ValidatedRows
from cvo_ml.ingest.row_status import QUARANTINE_COLUMNS, RAGGED, too_many

_FIRST: Final = 3  # row numbers that an error names


class Account:
    """Ledger and quarantine of one table, by file.

    Parameters
    ----------
    most_rows:
        File name to at least its number of rows.
    by_batch:
        Whether rows come in parts of files: a fault's share is then one of the file, which no batch can tell.
    people:
        The column that says who bought, where rows without it may be guests.
    ragged:
        What is wrong with rows that could not be read at all: their share is one of all rows, also of those left out.
    """

    def __init__(
        self, table: str, max_bad_share: float, most_rows: Mapping[str, int], by_batch: bool,
        people: str = "", ragged: str = RAGGED,
    ) -> None:  # fmt: skip
        self._people, self._ragged = people, ragged
        self._table, self._share, self._most_rows, self._by_batch = table, max_bad_share, most_rows, by_batch
        self.files = tuple(most_rows)
        self.ledgers: dict[str, RowLedger] = dict.fromkeys(most_rows, RowLedger(0, 0))
        self._quarantine: list[pd.DataFrame] = []
        self._faults: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0])  # count, then first rows

    def add(self, validated: ValidatedRows) -> None:
        """Add a batch.

        Raises
        ------
        DataError
            If a fault is one of the file already.
        """
        for file, ledger in validated.status.by_file().items():
            self.ledgers[file] += ledger
        if validated.status.alive.all() and not len(validated.raw.ragged):
            return
        rows = validated.status.quarantined()
        if len(rows):
            self._quarantine.append(rows)
        if self._by_batch and len(rows):
            self._count(rows)
            for place in self._faults:
                self._refuse(place, self._most_rows[place[0]])

    def end(self) -> None:
        """All batches were added.

        Raises
        ------
        DataError
            If a fault is one of the file.
        """
        for place in self._faults:
            file, column, reason = place
            of_all = not column and reason == self._ragged
            self._refuse(place, self.ledgers[file].rows_in if of_all else self._considered(file))

    def set_aside(
        self, file: NDArray[np.int32], row: NDArray[np.int64], column: str, reason: str, excluded: bool = False
    ) -> None:
        """Take rows that were used so far out again; ``file`` numbers the files, ``row`` the rows of each.

        Raises
        ------
        DataError
            If more rows of a file than allowed are quarantined.
        """
        if not len(row):
            return
        order = np.lexsort((row, file))
        file, row = file[order], row[order]
        if not excluded:
            self._refuse_if_many(file, row, column, reason)
            self._quarantine.append(self._frame(file, row, column, reason))
        words = f"{column}: {reason}" if column else reason
        for number, count in zip(*np.unique(file, return_counts=True), strict=True):
            name = self.files[number]
            self.ledgers[name] = _without(self.ledgers[name], int(count), words, excluded)

    def quarantine(self) -> pd.DataFrame:
        """The rows set aside, by file and row."""
        if not self._quarantine:
            return pd.DataFrame(
                {name: pd.Series(dtype="int64" if name == "row" else "str") for name in QUARANTINE_COLUMNS}
            )
        frame = pd.concat(self._quarantine, ignore_index=True)
        place = frame["file"].map({name: number for number, name in enumerate(self.files)})
        return (
            frame.assign(_file=place)
            .sort_values(["_file", "row"], kind="stable", ignore_index=True)
            .drop(columns="_file")
        )

    def _considered(self, file: str) -> int:
        ledger = self.ledgers[file]
        return ledger.rows_in - sum(ledger.excluded.values())

    def _refuse_if_many(self, file: NDArray[np.int32], row: NDArray[np.int64], column: str, reason: str) -> None:
        counts = np.bincount(file, minlength=len(self.files))
        considered = np.array([self._considered(name) for name in self.files])
        worst = int(np.argmax(counts / np.maximum(considered, 1)))
        if counts[worst] > self._share * considered[worst]:
            first_rows = row[file == worst][:_FIRST].tolist()
            count, of = int(counts[worst]), int(considered[worst])
            raise self._too_many(reason, self.files[worst], column, count, of, first_rows)

    def _frame(self, file: NDArray[np.int32], row: NDArray[np.int64], column: str, reason: str) -> pd.DataFrame:
        texts = {"column": column, "reason": reason}
        frame = pd.DataFrame({"file": pd.Series(np.array(self.files, dtype=object)[file], dtype="str"), "row": row})
        frame.insert(0, "table", pd.Series([self._table] * len(row), dtype="str"))
        return frame.assign(**{name: pd.Series([text] * len(row), dtype="str") for name, text in texts.items()})

    def _count(self, rows: pd.DataFrame) -> None:
        for (file, column, reason), found in rows.groupby(["file", "column", "reason"], sort=False)["row"]:
            numbers = found.tolist()
            fault = self._faults[str(file), str(column), str(reason)]
            fault[0] += len(numbers)
            fault.extend(numbers[: max(0, _FIRST + 1 - len(fault))])

    def _refuse(self, place: tuple[str, str, str], considered: int) -> None:
        file, column, reason = place
        count, *first_rows = self._faults[place]
        if count > self._share * considered:
            raise self._too_many(reason, file, column, count, considered, first_rows)

    def _too_many(
        self, reason: str, file: str, column: str, count: int, considered: int, first_rows: list[int]
    ) -> DataError:
        of_people = column == self._people != ""
        return too_many(reason, file, column, count, considered, self._share, first_rows, of_people=of_people)


def _without(ledger: RowLedger, count: int, words: str, excluded: bool) -> RowLedger:
    account = dict(ledger.excluded if excluded else ledger.quarantined)
    account[words] = account.get(words, 0) + count
    parts = (ledger.quarantined, account) if excluded else (account, ledger.excluded)
    return RowLedger(ledger.rows_in, ledger.used - count, *parts)
