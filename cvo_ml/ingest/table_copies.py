"""A long table of a database, copied once into Parquet files and read from them in batches.

The server is asked once, whatever is asked of the rows afterwards, and all batches are of one moment. Nothing of a
table that fits into one batch is written to disk.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cvo_ml.config.shops import SourceConfig
from cvo_ml.core.errors import DataError, is_full
from cvo_ml.core.scratch import Scratch, place_of
from cvo_ml.ingest.batches import Batched, Whole
from cvo_ml.ingest.raw import RawTable, SourceFile, one_file, raw_from_arrow, refuse_empty
from cvo_ml.ingest.sources.parquet import open_parquet
from cvo_ml.ingest.sources.row_hashes import RowHashes
from cvo_ml.ingest.sources.tables import open_table, raw_of

#: Rows of a batch; a table of no more is held.
BATCH: Final = 500_000
#: Rows of a file.
PART: Final = 1_000_000
_HOLES: Final = 4  # rows that count to one that does not: a file with more holes is read in vain


@dataclass(frozen=True)
class TablePart:
    """One file of a copy.

    Parameters
    ----------
    rows:
        Those that count.
    gone:
        A file with the numbers of rows that do not count any more (0 = the first of the file).
    """

    path: Path
    rows: int
    gone: Path | None = None

    def batches(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """The rows that count."""
        gone, start = self.numbers_gone(), 0
        with open_parquet(self.path) as found:
            for batch in found.rows.iter_batches(BATCH, columns=list(columns)):
                rows = pa.Table.from_batches([batch]).select(columns)
                first, last = np.searchsorted(gone, [start, start + rows.num_rows])
                if last > first:
                    counts = np.ones(rows.num_rows, dtype=np.bool_)
                    counts[gone[first:last] - start] = False
                    rows = rows.filter(pa.array(counts))
                start += batch.num_rows
                if rows.num_rows:
                    yield rows

    @property
    def is_dense(self) -> bool:
        """Whether few of its rows do not count."""
        return len(self.numbers_gone()) * _HOLES < self.rows

    def numbers_gone(self) -> NDArray[np.int64]:
        """The numbers of rows that do not count, in order."""
        if self.gone is None:
            return np.empty(0, dtype=np.int64)
        with open_parquet(self.gone) as found:
            return np.asarray(found.rows.read().column(0).to_numpy(), dtype=np.int64)


class TableCopy:
    """Rows of a table in Parquet files; iterating again reads them again.

    Parameters
    ----------
    place:
        The table's name in messages.
    columns:
        Those that are read; the files may have more.
    scratch:
        The folder that goes when nobody holds the copy any more; None = the files stay.
    """

    whole = False

    def __init__(
        self, place: str, parts: Sequence[TablePart], columns: Sequence[str], notes: tuple[str, ...] = (),
        scratch: Scratch | None = None,
    ) -> None:  # fmt: skip
        self._place, self._parts, self._columns, self._scratch = place, parts, list(columns), scratch
        self._sha256 = ""
        self.rows = sum(part.rows for part in parts)
        self.notes = notes
        self.most_rows: Mapping[str, int] = {place: max(1, self.rows)}

    def __iter__(self) -> Iterator[RawTable]:
        hashes, start = RowHashes(self._columns), 0
        for rows in self._batches():
            hashes.add(rows)
            yield self._raw(rows, start)
            start += rows.num_rows
        self._sha256 = hashes.sha256()
        if not start:
            yield self._raw(self._none(), 0)

    def sources(self, rows: Mapping[str, int]) -> tuple[SourceFile, ...]:
        """The table, by the hash of the rows that were read last."""
        return (SourceFile(self._place, rows[self._place], self._sha256),)

    def at_once(self) -> RawTable:
        """All rows, held."""
        pieces = [*self._batches()] or [self._none()]
        rows = pa.concat_tables(pieces, promote_options="permissive")
        hashes = RowHashes(self._columns)
        hashes.add(rows)
        return replace(raw_from_arrow(rows, self._columns, self._place, hashes.sha256()), notes=self.notes)

    def _none(self) -> pa.Table:
        return pa.table({name: pa.array([], pa.large_string()) for name in self._columns})

    def _batches(self) -> Iterator[pa.Table]:
        for part in self._parts:
            yield from part.batches(self._columns)

    def _raw(self, rows: pa.Table, start: int) -> RawTable:
        numbers = np.arange(start + 1, start + rows.num_rows + 1)
        columns = {name: rows.column(name) for name in self._columns}
        places, none = one_file(self._place, numbers), one_file(self._place, np.array([]))
        return RawTable((SourceFile(self._place, rows.num_rows, self._sha256),), columns, places, none)


def copied_table(
    source: SourceConfig, wanted: Sequence[str], optional: Collection[str] = (), *, may_be_empty: bool = False
) -> Batched:
    """The wanted columns of a declared table: held where it is short, else copied.

    Raises
    ------
    ConfigError, DataError, UsageError
        As ``open_table``; or if there is no room for the copy, or no row.
    """
    with open_table(source, wanted, optional) as found:
        with closing(found.pieces()) as pieces:
            held, rows = [], 0
            for piece in pieces:
                held.append(piece)
                rows += piece.num_rows
                if rows > BATCH:
                    break
            else:
                if not may_be_empty:
                    refuse_empty(rows, found.place)
                return Whole(raw_of(held, found))
            scratch = Scratch()
            with room_needed(scratch.folder, found.place):
                parts = written(chain(held, pieces), scratch.folder)
        return TableCopy(found.place, parts, found.columns, scratch=scratch)


def written(pieces: Iterable[pa.Table], folder: Path) -> list[TablePart]:
    """Pieces of a table as files of :data:`PART` rows or a little more, under new names."""
    parts: list[TablePart] = []
    rest = (piece for piece in pieces if piece.num_rows)
    for first in rest:
        path = folder / f"part-{secrets.token_hex(8)}.parquet"
        with pq.ParquetWriter(
            path, first.schema, compression="zstd", compression_level=1, use_dictionary=False
        ) as file:
            rows = 0
            for piece in chain([first], rest):
                file.write_table(piece.cast(first.schema))
                rows += piece.num_rows
                if rows >= PART:
                    break
        parts.append(TablePart(path, rows))
    return parts


def without(part: TablePart, numbers: NDArray[np.int64], folder: Path) -> TablePart:
    """A part of which further rows do not count any more, named by their numbers in the file."""
    before = part.numbers_gone()
    gone = np.union1d(before, numbers)
    if len(gone) == len(before):
        return part
    path = folder / f"gone-{secrets.token_hex(8)}.parquet"
    pq.write_table(pa.table({"row": gone}), path)
    return TablePart(part.path, part.rows - (len(gone) - len(before)), path)


@contextmanager
def room_needed(folder: Path, place: str) -> Iterator[None]:
    """Say where room is needed, if the disk has none left.

    Raises
    ------
    DataError
        Then.
    """
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise DataError(
            f"is copied, and there is no room left for it in {place_of(folder)}",
            "make room for about the size of the table, or set TMPDIR to a folder that has it",
            file=place,
        ) from None
