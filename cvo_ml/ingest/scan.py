"""One pass over a table's rows: each batch is cast and validated for itself, and its used rows go into the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from cvo_ml.config.shops import NO_CURRENCY
from cvo_ml.core.contract import Kind
from cvo_ml.ingest.batches import Batched
from cvo_ml.ingest.casts.amounts import ONE_READING, TWO_READINGS
from cvo_ml.ingest.casts.fast_path import LOWER, UPPER
from cvo_ml.ingest.casts.ids import CASE, FLOATS, WHOLES
from cvo_ml.ingest.casts.times import MARKED, UNMARKED
from cvo_ml.ingest.findings import Findings
from cvo_ml.ingest.row_database import FILE, ROW, RowDatabase
from cvo_ml.ingest.row_ledgers import Account
from cvo_ml.ingest.row_rules import ValidatedRows, counted, validate_rows
from cvo_ml.ingest.specs import TableSpec
from cvo_ml.ingest.table_rows import TableRows

_CONFLICTS: Final = ({FLOATS, WHOLES}, {MARKED, UNMARKED})
_TYPES: Final[Mapping[Kind, pa.DataType]] = {
    "id": pa.large_string(), "text": pa.large_string(), "time": pa.timestamp("us"), "flag": pa.bool_(),
}  # fmt: skip
Facts = Mapping[str, frozenset[str]]
#: What is done to a batch when its rows are cast and validated.
Complete = Callable[[ValidatedRows], None]


def scan(
    source: Batched,
    spec: TableSpec,
    as_of: date | None,
    database: RowDatabase,
    complete: Complete,
    *,
    keeps_ids: bool = False,
) -> TableRows:
    """The used rows of a source, in the database; each was validated for itself.

    Parameters
    ----------
    complete:
        Looks at each batch before its rows are stored, and may fill columns in.
    keeps_ids:
        Whether the order ids of rows that are not used are kept too: rows of further tables may name them.

    Raises
    ------
    DataError
        If a source as a whole cannot be trusted.
    """
    found = _Pass(source, spec, as_of, database, complete, keeps_ids)
    found.run({} if not source.whole else None)
    if not source.whole and in_conflict(found.facts, found.parts):
        found = _Pass(source, spec, as_of, database, complete, keeps_ids).run_again(found)
    found.account.end()
    pa.default_memory_pool().release_unused()
    if not source.whole:
        found.count_cases()
    return found.rows()


class _Pass:
    """Validates all batches for themselves; ``facts`` are those of whole columns, ``parts`` those of each batch."""

    def __init__(
        self, source: Batched, spec: TableSpec, as_of: date | None, database: RowDatabase, complete: Complete,
        keeps_ids: bool,
    ) -> None:  # fmt: skip
        self._source, self._spec, self._as_of, self._database = source, spec, as_of, database
        self._complete, self._keeps_ids = complete, keeps_ids
        # shares are those of whole files: in a batch, every fault is one of the row
        self._batch_spec = spec if source.whole else replace(spec, max_bad_share=1.0)
        self.account = Account(
            spec.table, spec.max_bad_share, source.most_rows, not source.whole, spec.people, spec.ragged
        )
        self.parts: list[Facts] = []
        self.facts: dict[str, frozenset[str]] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._findings = Findings()
        self._currency: str | None = None
        self._columns: tuple[str, ...] = ()
        self._rows = 0

    def run_again(self, first: _Pass) -> _Pass:
        """The pass with the facts of an earlier one."""
        self.facts = dict(first.facts)
        self.run(first.facts)
        return self

    def run(self, known: Facts | None) -> None:
        """Validate each batch, and store its used rows."""
        numbers = {name: number for number, name in enumerate(self.account.files)}
        with ExitStack() as stack:
            rows = stack.enter_context(self._database.writer(f"rows_{self._spec.stored}"))
            aside = (
                stack.enter_context(self._database.writer(f"aside_{self._spec.stored}")) if self._keeps_ids else None
            )
            for raw in self._source:
                validated = validate_rows(raw, self._batch_spec, self._as_of, known)
                self._complete(validated)
                self.account.add(validated)
                self._note(validated)
                files = np.array([numbers[source.name] for source in raw.sources], dtype=np.int32)
                rows.write(_arrow(validated, self._spec, files[raw.places.file]), _repeating(self._spec))
                if aside is not None:
                    aside.write(_aside(validated))
        self._columns, self._rows = rows.columns, rows.rows

    def rows(self) -> TableRows:
        """What was found."""
        where = self.account.files[0] if len(self.account.files) == 1 else f"{len(self.account.files):,} files"
        notes = (*self._source.notes, *counted(where, self._counts))
        sources = self._source.sources({file: ledger.rows_in for file, ledger in self.account.ledgers.items()})
        return TableRows(
            self._database, self._spec, self.account, self._columns, self._rows, notes, self._currency, self._keeps_ids,
            sources, self._findings,
        )  # fmt: skip

    def count_cases(self) -> None:
        """Count the ids that differ only in upper and lower case, as the cast of a whole column does."""
        table = TableRows(self._database, self._spec, self.account, self._columns, self._rows)
        for name, cases in self.facts.items():
            if {LOWER, UPPER} <= cases and (pairs := table.differing_in_case(name)):
                self._counts[self._spec.header(name), CASE] = pairs

    def _note(self, validated: ValidatedRows) -> None:
        self.parts.append(validated.facts)
        self._counts.update(validated.counts)
        self._findings += validated.findings
        for name, facts in validated.facts.items():
            self.facts[name] = self.facts.get(name, frozenset()) | facts
        if self._currency is None and "currency" in validated.rows and len(validated.used):
            self._currency = str(validated.used["currency"].iloc[0]).upper()
            if self._batch_spec.currency == NO_CURRENCY:  # later batches must have that of the first
                self._batch_spec = replace(self._batch_spec, currency=self._currency)


def in_conflict(whole: Facts, parts: Sequence[Facts]) -> bool:
    """Whether a batch was cast otherwise than the whole column asks for."""
    for name, facts in whole.items():
        if TWO_READINGS in facts and ONE_READING not in facts:
            return True
        for both in _CONFLICTS:
            if both <= facts and any(not both <= part.get(name, frozenset()) for part in parts):
                return True
    return False


def _arrow(validated: ValidatedRows, spec: TableSpec, file: np.ndarray) -> pa.Table:
    """The used rows with their places, each column as its kind asks for."""
    alive = validated.status.alive
    every = bool(alive.all())
    frame = validated.rows if every else validated.rows[alive]
    columns = {name: _array(frame[name], _TYPES.get(spec.kinds.get(str(name), "text"), pa.float64())) for name in frame}
    places = {FILE: file, ROW: validated.raw.places.row}
    return pa.table(columns | {name: pa.array(each if every else each[alive]) for name, each in places.items()})


def _array(values: pd.Series, kind: pa.DataType) -> pa.Array:
    return pa.array(values, kind, from_pandas=True)


def _repeating(spec: TableSpec) -> list[str]:
    return [FILE, *(name for name in (*spec.columns, *spec.profile) if spec.kinds.get(name, "text") == "text")]


def _aside(validated: ValidatedRows) -> pa.Table:
    """The order ids of the rows that are not used."""
    gone = ~validated.status.alive
    ids = pa.array(validated.rows["order_id"][gone], pa.large_string(), from_pandas=True)
    return pa.table({"order_id": ids, "excluded": pa.array(validated.status.excluded()[gone])})
