"""The account of a source that is read in batches: ledgers add up, faults are counted over the whole file."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd

from cvo_ml.core.ledger import RowLedger
from cvo_ml.ingest.row_rules import ValidatedRows
from cvo_ml.ingest.row_status import too_many


class Account:
    """Ledger and quarantine of one table, by file.

    Parameters
    ----------
    most_rows:
        File name to at least its number of rows: a fault in more than its allowed share is refused at once.
    people:
        The column that says who bought, where rows without it may be guests.
    """

    def __init__(self, table: str, max_bad_share: float, most_rows: dict[str, int], people: str = "") -> None:
        self._people = people
        self._table, self._share, self._most_rows = table, max_bad_share, most_rows
        self._ledgers: dict[str, RowLedger] = dict.fromkeys(most_rows, RowLedger(0, 0))
        self._quarantine: list[pd.DataFrame] = []
        self._faults: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0])  # count, then first rows

    def add(self, validated: ValidatedRows) -> None:
        """Add a batch of one file.

        Raises
        ------
        DataError
            If a fault is one of the file already.
        """
        file = validated.raw.sources[0].name
        self._ledgers[file] += validated.status.ledger()
        rows = validated.status.quarantined()
        if len(rows):
            self._quarantine.append(rows)
            self._count(rows)
            for place in self._faults:
                self._refuse(place, self._most_rows[place[0]])

    def set_aside(self, file: str, numbers: list[int], column: str, reason: str, excluded: bool = False) -> None:
        """Take rows that were used so far out again."""
        ledger, words = self._ledgers[file], f"{column}: {reason}" if column else reason
        account = dict(ledger.excluded if excluded else ledger.quarantined)
        account[words] = account.get(words, 0) + len(numbers)
        used = ledger.used - len(numbers)
        self._ledgers[file] = (
            RowLedger(ledger.rows_in, used, ledger.quarantined, account)
            if excluded
            else RowLedger(ledger.rows_in, used, account, ledger.excluded)
        )
        if not excluded:
            texts = {"table": self._table, "file": file, "column": column, "reason": reason}
            rows = pd.DataFrame({name: pd.Series([text] * len(numbers), dtype="str") for name, text in texts.items()})
            rows.insert(2, "row", np.array(sorted(numbers), dtype=np.int64))
            self._quarantine.append(rows)
            self._count(rows)

    def close(self) -> tuple[dict[str, RowLedger], pd.DataFrame]:
        """Ledgers by file, and the quarantine.

        Raises
        ------
        DataError
            If a fault is one of the file.
        """
        for place in self._faults:
            ledger = self._ledgers[place[0]]
            self._refuse(place, ledger.rows_in - sum(ledger.excluded.values()))
        if not self._quarantine:
            empty = {name: pd.Series(dtype="int64" if name == "row" else "str") for name in
                     ("table", "file", "row", "column", "reason")}  # fmt: skip
            return self._ledgers, pd.DataFrame(empty)
        frame = pd.concat(self._quarantine, ignore_index=True)
        return self._ledgers, frame.sort_values(["file", "row"], kind="stable", ignore_index=True)

    def _count(self, rows: pd.DataFrame) -> None:
        for (file, column, reason), found in rows.groupby(["file", "column", "reason"])["row"]:
            numbers = found.tolist()
            fault = self._faults[str(file), str(column), str(reason)]
            fault[0] += len(numbers)
            fault.extend(numbers[: max(0, 4 - len(fault))])

    def _refuse(self, place: tuple[str, str, str], considered: int) -> None:
        file, column, reason = place
        count, *first_rows = self._faults[place]
        if count > self._share * considered:
            of_people = column == self._people != ""
            raise too_many(reason, file, column, count, considered, self._share, first_rows, of_people=of_people)
