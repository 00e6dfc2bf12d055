"""A source in batches that fit memory: CSV and Parquet files, each row with its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from cvo_ml.config.shops import SourceConfig
from cvo_ml.core.errors import ConfigError, DataError
from cvo_ml.core.input_files import Stamp
from cvo_ml.ingest.raw import Places, RawTable, SourceFile, check_header, one_file, refuse_empty
from cvo_ml.ingest.sources.csv_layout import CsvLayout, lay_out
from cvo_ml.ingest.sources.csv_text import Rejected, refuse_swallowing, row_numbers, rows_as_raw
from cvo_ml.ingest.sources.parquet import open_parquet
from cvo_ml.ingest.sources.quotes import any_quote, refuse_undoubled

_ROWS: Final = 500_000


_TEXT: Final = (".csv", ".txt", ".tsv")


def can_batch(path: Path) -> bool:
    """Whether a file of this name can be read in batches: CSV (also gzip) and Parquet."""
    name = path.name.lower()
    return name.endswith(".parquet") or name.removesuffix(".gz").endswith(_TEXT)


class Batches:
    """One file, inspected; iterating gives its rows once, in order.

    ``sha256`` is that of its content; ``most_rows`` is at least the number of its rows.
    """

    def __init__(self, path: Path, config: SourceConfig, wanted: Sequence[str]) -> None:
        self.name, self._path, self._wanted = path.name, path, list(dict.fromkeys(wanted))
        self._layout: CsvLayout | None = None
        self._stamp: Stamp | None = None
        self.notes: tuple[str, ...] = ()
        if path.name.lower().removesuffix(".gz").endswith(_TEXT):
            self._layout = lay_out(path, config, wanted, hold=0)  # a folder may have many files
            self.sha256, self.most_rows = self._layout.inspection.sha256, max(1, self._layout.inspection.lines - 1)
            self.notes = self._layout.notes
        elif path.name.lower().endswith(".parquet"):
            with open_parquet(path) as found:
                check_header(found.rows.schema_arrow.names, wanted, path.name)
                refuse_empty(found.rows.metadata.num_rows, path.name)
                self.most_rows = max(1, found.rows.metadata.num_rows)
                self.sha256, self._stamp = found.sha256(), found.stamp
        else:
            raise ConfigError(f"source {path.name}: only CSV and Parquet files are read in batches")

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
                columns = {name: table[name] for name in self._wanted}
                yield self._raw(columns, one_file(self.name, numbers), one_file(self.name, np.array([])))

    def _csv(self, layout: CsvLayout) -> Iterator[RawTable]:
        """The rows; Arrow has seen a batch's faulty rows, and perhaps later ones, when it gives the batch."""
        every = layout.inspection.quotes > 0  # quotes may swallow rows in any column
        rejected = Rejected(layout)
        start, seen, quoted = 0, 0, False
        with layout.stream() as stream:
            places = range(len(layout.header)) if every else layout.places_to_read()
            reader = self._open(layout, stream, places, rejected)
            for batch in self._read(layout, reader):
                rejected.refuse(layout.name)
                numbers, ragged = _numbers(start, batch.num_rows, rejected.rows[seen:])
                start, seen = start + batch.num_rows + len(ragged), seen + len(ragged)
                table = pa.Table.from_batches([batch])
                for name in table.column_names if every else ():
                    refuse_swallowing(layout, table[name], numbers)
                rows = len(numbers) + len(ragged)
                found = rows_as_raw(layout, table, numbers, ragged.tolist(), rejected.totals, rows)
                quoted = quoted or (every and any_quote(found.columns.values()))
                yield replace(found, notes=())
        if quoted:
            config = layout.config
            refuse_undoubled(layout.inspection, config.delimiter, config.encoding, self.name, layout.lines_above)
        rejected.refuse(layout.name)
        refuse_empty(start + len(rejected.rows) - seen, layout.name)
        if last := rejected.rows[seen:]:
            none = pa.table({f"c{place}": pa.array([], pa.string()) for place in layout.places()})
            numbers = np.array([], dtype=np.int64)
            yield replace(rows_as_raw(layout, none, numbers, last, rejected.totals, len(last)), notes=())

    def _open(
        self, layout: CsvLayout, stream: pa.NativeFile, places: Sequence[int], rejected: Rejected
    ) -> pacsv.CSVStreamingReader:
        try:
            return pacsv.open_csv(stream, *layout.options(places, rejected))
        except pa.ArrowInvalid as error:
            if "empty" in str(error).lower():
                raise DataError("has a header but no rows", "export it again", file=self.name) from None
            raise layout.unreadable(error) from None

    def _read(self, layout: CsvLayout, reader: pacsv.CSVStreamingReader) -> Iterator[pa.RecordBatch]:
        try:
            yield from (batch for batch in reader if batch.num_rows)
        except pa.ArrowInvalid as error:
            raise layout.unreadable(error) from None


def _numbers(start: int, good: int, rejected: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of a batch's ``good`` rows, and those of the ragged rows among them."""
    ragged = 0
    while ragged < len(rejected) and rejected[ragged] <= start + good + ragged:
        ragged += 1
    faulty = np.array(rejected[:ragged], dtype=np.int64)
    return row_numbers(good + ragged, faulty - start) + start, faulty
