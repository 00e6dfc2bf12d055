"""Rows of one table while a stream of events is read: in memory where they are few, else in a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa

_HELD: Final = 50_000
_AT_ONCE: Final = 500_000


class SpooledRows:
    """Rows of texts, each with some numbers.

    Parameters
    ----------
    texts, integers, floats:
        The names of the columns.
    path:
        Where they are written; None = they stay in memory.
    """

    def __init__(
        self, texts: Sequence[str], integers: Sequence[str], floats: Sequence[str] = (), path: Path | None = None
    ) -> None:
        kinds = ((texts, pa.large_string()), (integers, pa.int64()), (floats, pa.float64()))
        self._schema = pa.schema([(name, kind) for names, kind in kinds for name in names])
        self._texts, self._path, self._rows = len(texts), path, 0
        self._held: list[tuple[object, ...]] = []
        self._batches: list[pa.RecordBatch] = []
        self._file: pa.RecordBatchStreamWriter | None = None

    def __len__(self) -> int:
        return self._rows

    def add(self, row: tuple[object, ...]) -> None:
        """Add a row: values in the order of the columns."""
        self._held.append(row)
        self._rows += 1
        if len(self._held) >= _HELD:
            self._write()

    def end(self) -> None:
        """All rows were added."""
        self._write()
        if self._file is not None:
            self._file.close()

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """The rows in their order, as many at once as fit memory; at least one batch.

        Parameters
        ----------
        columns:
            None = all.
        """
        chosen = list(self._schema.names if columns is None else columns)
        some: list[pa.RecordBatch] = []
        for batch in self._every():
            some.append(batch.select(chosen))
            if self._path is not None and sum(map(len, some)) >= _AT_ONCE:
                yield pa.Table.from_batches(some)
                some = []
        if some or not self._rows:
            yield pa.Table.from_batches(some, pa.schema([self._schema.field(name) for name in chosen]))

    def column(self, name: str) -> pa.ChunkedArray:
        """One column of all rows."""
        return pa.concat_tables(list(self.batches([name])))[name]

    def _every(self) -> Iterator[pa.RecordBatch]:
        if self._path is None or not self._path.exists():
            yield from self._batches
            return
        with pa.ipc.open_stream(self._path) as stream:
            yield from stream

    def _write(self) -> None:
        if not self._held:
            return
        columns = zip(*self._held, strict=True)
        arrays = [pa.array(values, kind) for values, kind in zip(columns, self._schema.types, strict=True)]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        self._held = []
        if self._path is None:
            self._batches.append(batch)
            return
        if self._file is None:
            self._file = pa.ipc.new_stream(self._path, self._schema)
        self._file.write_batch(batch)
