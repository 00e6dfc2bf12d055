"""A source as batches of rows: the whole at once where it is small, else pieces that fit memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from cvo_ml.config.shops import SourceConfig
from cvo_ml.config.variables import VARIABLE
from cvo_ml.core.errors import ConfigError
from cvo_ml.core.input_files import Stamp
from cvo_ml.ingest.raw import Places, RawTable, SourceFile, check_header, one_file, plain, present, refuse_empty
from cvo_ml.ingest.sources import files_of, is_text
from cvo_ml.ingest.sources.csv_layout import CsvLayout, lay_out
from cvo_ml.ingest.sources.csv_text import Rejected, batch_numbers, refuse_swallowing, rows_as_raw
from cvo_ml.ingest.sources.parquet import open_parquet
from cvo_ml.ingest.sources.quotes import any_quote, refuse_undoubled

_ROWS: Final = 500_000
_TEXT: Final = (".csv", ".txt", ".tsv")
#: Bytes of text: a smaller source is read at once, and nothing of it is written to disk.
LARGE: Final = 64 << 20
_PACKED: Final = 5  # a file of packed text, or of columns, unpacks to about so many times its size


class Batched(Protocol):
    """A source whose rows come in batches.

    ``whole`` says that one batch holds them all; ``most_rows`` is file name to at least its number of rows.
    """

    @property
    def whole(self) -> bool: ...

    @property
    def most_rows(self) -> Mapping[str, int]: ...

    @property
    def notes(self) -> tuple[str, ...]: ...

    def __iter__(self) -> Iterator[RawTable]: ...

    def sources(self, rows: Mapping[str, int]) -> tuple[SourceFile, ...]:
        """The files, with the number of rows that were found in each."""


@dataclass(frozen=True)
class Whole:
    """Rows that were read at once."""

    raw: RawTable

    whole = True

    @property
    def most_rows(self) -> Mapping[str, int]:
        return {source.name: source.rows for source in self.raw.sources}

    @property
    def notes(self) -> tuple[str, ...]:
        return self.raw.notes

    def __iter__(self) -> Iterator[RawTable]:
        yield self.raw

    def sources(self, rows: Mapping[str, int]) -> tuple[SourceFile, ...]:
        return self.raw.sources


class Streamed:
    """Files that are inspected now, and read batch by batch; iterating again reads them again."""

    whole = False

    def __init__(self, files: Sequence[Batches]) -> None:
        self._files = files
        self.notes = tuple(note for file in files for note in file.notes)
        self.most_rows: Mapping[str, int] = {file.name: file.most_rows for file in files}

    def __iter__(self) -> Iterator[RawTable]:
        for file in self._files:
            yield from file

    def sources(self, rows: Mapping[str, int]) -> tuple[SourceFile, ...]:
        return tuple(SourceFile(file.name, rows[file.name], file.sha256) for file in self._files)


def is_large(source: SourceConfig) -> bool:
    """Whether a source is read in batches: CSV or Parquet files of :data:`LARGE` bytes of text and more."""
    if "://" in source.path or VARIABLE.search(source.path):
        return False
    files = files_of(source)
    if not all(file.is_file() and can_batch(file) for file in files):
        return False
    return sum(file.stat().st_size * (1 if file.suffix.lower() in _TEXT else _PACKED) for file in files) >= LARGE


def streamed(
    source: SourceConfig, wanted: Sequence[str], optional: Collection[str] = (), *, may_be_empty: bool = False
) -> Streamed:
    """A source of CSV or Parquet files in batches.

    Parameters
    ----------
    optional, may_be_empty:
        As for ``read_source``.

    Raises
    ------
    DataError, UsageError
        As ``read_source``.
    """
    paths = files_of(source)
    names = [path.name for path in paths]
    told_apart = len(set(names)) == len(names)
    return Streamed(
        [
            Batches(path, source, wanted, optional, may_be_empty, path.name if told_apart else _with_folder(path))
            for path in paths
        ]
    )


def _with_folder(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def can_batch(path: Path) -> bool:
    """Whether a file of this name can be read in batches: CSV (also gzip or zip) and Parquet."""
    return path.name.lower().endswith(".parquet") or is_text(path)


class Batches:
    """One file, inspected; iterating gives its rows once, in order.

    ``sha256`` is that of its content; ``most_rows`` is at least the number of its rows.
    """

    def __init__(
        self, path: Path, config: SourceConfig, wanted: Sequence[str], optional: Collection[str] = (),
        may_be_empty: bool = False, name: str = "",
    ) -> None:  # fmt: skip
        self.name, self._path, self._wanted = name or path.name, path, wanted
        self._layout: CsvLayout | None = None
        self._stamp: Stamp | None = None
        self._may_be_empty = may_be_empty
        self.notes: tuple[str, ...] = ()
        if is_text(path):
            self._layout = lay_out(path, config, wanted, optional, hold=0)  # a folder may have many files
            self.sha256, self.most_rows = self._layout.inspection.sha256, max(1, self._layout.inspection.lines - 1)
            self.notes = self._layout.notes
        elif path.name.lower().endswith(".parquet"):
            self._look_at_parquet(optional)
        else:
            raise ConfigError(f"source {path.name}: only CSV and Parquet files are read in batches")

    def _look_at_parquet(self, optional: Collection[str]) -> None:
        with open_parquet(self._path) as found:
            header, rows = found.rows.schema_arrow.names, found.rows.metadata.num_rows
            check_header(header, [name for name in self._wanted if name not in optional], self.name)
            self._wanted = present(header, self._wanted)
            self._refuse_empty(rows)
            self.most_rows = max(1, rows)
            self.sha256, self._stamp = found.sha256(), found.stamp

    def _refuse_empty(self, rows: int) -> None:
        if not self._may_be_empty:
            refuse_empty(rows, self.name)

    def __iter__(self) -> Iterator[RawTable]:
        return self._csv(self._layout) if self._layout is not None else self._parquet()

    def _raw(self, columns: dict[str, pa.ChunkedArray], numbers: Places, ragged: Places) -> RawTable:
        source = SourceFile(self.name, len(numbers) + len(ragged), self.sha256)
        return RawTable((source,), columns, numbers, ragged)

    def _parquet(self) -> Iterator[RawTable]:
        start = 0
        with open_parquet(self._path, self._stamp) as found:
            for batch in found.rows.iter_batches(_ROWS, columns=self._wanted):
                numbers = np.arange(start + 1, start + batch.num_rows + 1)
                start += batch.num_rows
                table = pa.Table.from_batches([batch])
                columns = {name: plain(table[name], name, self.name) for name in self._wanted}
                yield self._raw(columns, one_file(self.name, numbers), one_file(self.name, np.array([])))
        if not start:
            none = {name: pa.chunked_array([], pa.large_string()) for name in self._wanted}
            yield self._raw(none, one_file(self.name, np.array([])), one_file(self.name, np.array([])))

    def _csv(self, layout: CsvLayout) -> Iterator[RawTable]:
        """The rows; Arrow has seen a batch's faulty rows, and perhaps later ones, when it gives the batch."""
        every = layout.inspection.quotes > 0  # quotes may swallow rows in any column
        rejected = Rejected(layout)
        start, seen, quoted = 0, 0, False
        with layout.stream() as stream:
            places = range(len(layout.header)) if every else layout.places_to_read()
            reader = self._open(layout, stream, places, rejected)
            for batch in self._read(layout, reader) if reader is not None else ():
                rejected.refuse(layout.name)
                numbers, ragged = batch_numbers(start, batch.num_rows, rejected.rows[seen:])
                start, seen = start + batch.num_rows + len(ragged), seen + len(ragged)
                table = pa.Table.from_batches([batch])
                for name in table.column_names if every else ():
                    refuse_swallowing(layout, table[name], numbers)
                rows = len(numbers) + len(ragged)
                found = rows_as_raw(layout, table, numbers, ragged.tolist(), rejected.totals, rows)
                quoted = quoted or (every and any_quote(found.columns.values()))
                yield self._named(found)
        if quoted:
            config = layout.config
            refuse_undoubled(layout.inspection, config.delimiter, config.encoding, self.name, layout.lines_above)
        rejected.refuse(layout.name)
        self._refuse_empty(start + len(rejected.rows) - seen)
        if (last := rejected.rows[seen:]) or not start:
            none = pa.table({f"c{place}": pa.array([], pa.string()) for place in layout.places()})
            numbers = np.array([], dtype=np.int64)
            yield self._named(rows_as_raw(layout, none, numbers, last, rejected.totals, len(last)))

    def _named(self, found: RawTable) -> RawTable:
        """A batch by the name of its file, without the notes, which are of the whole."""
        raw = found if self.name == self._path.name else found.renamed(self.name)
        return replace(raw, notes=())

    def _open(
        self, layout: CsvLayout, stream: pa.NativeFile, places: Sequence[int], rejected: Rejected
    ) -> pacsv.CSVStreamingReader | None:
        try:
            return pacsv.open_csv(stream, *layout.options(places, rejected))
        except pa.ArrowInvalid as error:
            if "empty" in str(error).lower():  # a header alone, or with rows that cannot be read
                return None
            raise layout.unreadable(error) from None

    def _read(self, layout: CsvLayout, reader: pacsv.CSVStreamingReader) -> Iterator[pa.RecordBatch]:
        try:
            yield from (batch for batch in reader if batch.num_rows)
        except pa.ArrowInvalid as error:
            raise layout.unreadable(error) from None
