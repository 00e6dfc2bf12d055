"""The rows of one table of a stream of events, as they are spooled, with what was decided of them at its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa

from cvo_ml.core.arrays import Flags
from cvo_ml.core.scratch import Scratch
from cvo_ml.ingest.adapters.spooled_rows import SpooledRows
from cvo_ml.ingest.raw import Places, RawTable, SourceFile

#: Columns of spooled rows: the number of their file, and their row in it.
FILE: Final = "#file"
ROW: Final = "#row"


@dataclass(frozen=True)
class EventRows:
    """The rows of one table of a stream; ``Batched``.

    Parameters
    ----------
    files:
        The files of the stream.
    left_out:
        Rule to (n,) mask.
    instead:
        Header to place of a row and the text that stands there instead.
    gone:
        Rule to file to rows that are no rows of this table, and are not held.
    """

    spool: SpooledRows
    headers: tuple[str, ...]
    files: tuple[SourceFile, ...]
    whole: bool
    scratch: Scratch | None
    left_out: Mapping[str, Flags] = field(default_factory=dict)
    instead: Mapping[str, Mapping[int, str | None]] = field(default_factory=dict)
    gone: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    ragged: Places | None = None
    notes: tuple[str, ...] = ()

    @property
    def most_rows(self) -> Mapping[str, int]:
        """File to at least its number of rows; 0 where the stream holds no such table."""
        any_ = len(self.spool) > 0 or self.ragged is not None
        return {file.name: file.rows if any_ else 0 for file in self.files}

    def sources(self, rows: Mapping[str, int]) -> tuple[SourceFile, ...]:
        """The files."""
        return self.files

    def __iter__(self) -> Iterator[RawTable]:
        start = 0
        for table in self.spool.batches():
            yield self._raw(table, start)
            start += len(table)

    def _raw(self, table: pa.Table, start: int) -> RawTable:
        names, end = tuple(file.name for file in self.files), start + len(table)
        columns = {header: self._column(header, table[header], start) for header in self.headers}
        places = Places(names, table[FILE].to_numpy().astype(np.int32), table[ROW].to_numpy())
        none = Places(names, np.array([], dtype=np.int32), np.array([], dtype=np.int64))
        first = start == 0
        return RawTable(
            self.files,
            columns,
            places,
            self.ragged if self.ragged is not None and first else none,
            self.notes if self.whole else (),
            {rule: rows[start:end] for rule, rows in self.left_out.items()},
            self.gone if first else {},
        )

    def _column(self, header: str, values: pa.ChunkedArray, start: int) -> pa.ChunkedArray:
        other = {place - start: text for place, text in self.instead.get(header, {}).items()}
        here = {place: text for place, text in other.items() if 0 <= place < len(values)}
        if not here:
            return values
        texts = values.to_pylist()
        for place, text in here.items():
            texts[place] = text
        return pa.chunked_array([pa.array(texts, pa.large_string())])
