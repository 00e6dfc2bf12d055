"""The used rows of one table in the database, fewer with each rule that looks at several rows at once."""

# ruff: noqa: S608 (names in queries are quoted and come from contracts)

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from cvo_ml.ingest import hashes
from cvo_ml.ingest.findings import Findings
from cvo_ml.ingest.raw import SourceFile
from cvo_ml.ingest.row_database import FILE, ROW, RowDatabase, quoted
from cvo_ml.ingest.row_ledgers import Account
from cvo_ml.ingest.specs import TableSpec

#: Rows that are looked at in memory at once.
BUCKET_ROWS = 1_000_000


class TableRows:
    """Validated rows of one table.

    Parameters
    ----------
    columns:
        Canonical columns and further fields, then the place of each row (``FILE``, ``ROW``).
    rows:
        How many were used when each had been validated for itself.
    notes:
        What was repaired, converted or noticed, as sentences.
    currency:
        The first that stands in the rows.
    has_aside:
        Whether the order ids of the rows that are not used were kept.
    findings:
        What only all rows together tell.
    """

    def __init__(
        self, database: RowDatabase, spec: TableSpec, account: Account, columns: Sequence[str], rows: int,
        notes: tuple[str, ...] = (), currency: str | None = None, has_aside: bool = False,
        sources: tuple[SourceFile, ...] = (), findings: Findings | None = None,
    ) -> None:  # fmt: skip
        self.database, self.spec, self.account, self.rows = database, spec, account, rows
        self.columns = [name for name in columns if name not in (FILE, ROW)]
        self.notes, self.currency, self.has_aside, self.sources = notes, currency, has_aside, sources
        self.findings = findings or Findings()
        self._dropped: list[pa.Table] = []

    @property
    def used(self) -> str:
        """The rows that are still used, for SQL; it reads files alone where they are ``untouched`` and on disk."""
        return f"used_{self.spec.stored}" if self._dropped else self._all

    @property
    def _all(self) -> str:
        return self.database.rows_of(f"rows_{self.spec.stored}")

    @property
    def count(self) -> int:
        """How many rows are still used."""
        return self.rows - sum(len(dropped) for dropped in self._dropped)

    @property
    def untouched(self) -> bool:
        """Whether all rows are still used."""
        return not self._dropped

    def drop(
        self, file: NDArray[np.int32], row: NDArray[np.int64], column: str, reason: str, *, excluded: bool = False
    ) -> None:
        """Exclude rows by a rule, or set them aside for a fault.

        Raises
        ------
        DataError
            If the fault is one of the file.
        """
        if not len(row):
            return
        self.account.set_aside(file, row, column, reason, excluded)
        flags = np.full(len(row), excluded)
        self._dropped.append(
            pa.table({FILE: pa.array(file, pa.int32()), ROW: pa.array(row, pa.int64()), "excluded": flags})
        )
        name, table = f"dropped_{self.spec.stored}", self.spec.stored
        self.database.hold(name, pa.concat_tables(self._dropped))
        self.database.view(
            f"used_{table}", f"SELECT * FROM {self._all} ANTI JOIN {name} USING ({quoted(FILE)}, {quoted(ROW)})"
        )

    def drop_found(self, query: str, column: str, reason: str, *, excluded: bool = False) -> None:
        """As ``drop``, with the places that a query finds.

        Raises
        ------
        DataError
            As ``drop``.
        """
        found = self.database.arrow(query)
        self.drop(found[FILE].to_numpy(), found[ROW].to_numpy(), column, reason, excluded=excluded)

    def ids_aside(self) -> str:
        """The query of the order ids of rows that are not used: ``order_id``, ``excluded`` (else in quarantine)."""
        table, parts = self.spec.stored, []
        if self.has_aside:
            parts.append(
                f"SELECT order_id, excluded FROM {self.database.rows_of(f'aside_{table}')} WHERE order_id IS NOT NULL"
            )
        if self._dropped:
            parts.append(
                f"SELECT order_id, excluded FROM {self._all} JOIN dropped_{table} USING ({quoted(FILE)}, {quoted(ROW)})"
            )
        return " UNION ALL ".join(parts)

    def named_orders(self) -> pd.Series:
        """The order ids that any row names, used or not."""
        parts = [f"SELECT order_id FROM {self._all}"]
        if self.has_aside:
            parts.append(f"SELECT order_id FROM {self.database.rows_of(f'aside_{self.spec.stored}')}")
        ids: pd.Series = self.database.arrow(" UNION ALL ".join(parts)).to_pandas()["order_id"]
        return ids

    def buckets(self, query: str, by: str) -> Iterator[pd.DataFrame]:
        """The rows of a query in pieces that fit memory; those with one value of ``by`` stay together."""
        if not self.database.on_disk:
            found = self.database.arrow(query)
            yield from [found.to_pandas()] if len(found) else []
            return
        (count,) = self.database.one(f"SELECT count(*) FROM ({query})")
        buckets = -(-count // BUCKET_ROWS)
        for bucket in range(buckets):
            chosen = f"SELECT * FROM ({query}) WHERE hash({quoted(by)}) % {buckets} = {bucket}"
            yield self.database.arrow(chosen).to_pandas()

    def differing_in_case(self, column: str) -> int:
        """How many ids of a column differ from another only in upper and lower case."""
        known = f"(SELECT {quoted(column)} FROM {self.used} WHERE {quoted(column)} IS NOT NULL)"
        each = (hashes.hash_of([column]), f"hash(lower({quoted(column)}))")
        exact, folded = (hashes.distinct(self.database, known, value, self.rows) for value in each)
        return exact - folded
