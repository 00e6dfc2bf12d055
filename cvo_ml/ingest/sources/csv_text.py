"""CSV by a declared dialect: all columns as text, every row numbered, nothing guessed."""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from cvo_ml.config.shops import SourceConfig
from cvo_ml.core.arrays import Flags
from cvo_ml.core.errors import DataError
from cvo_ml.ingest.raw import RawTable, SourceFile
from cvo_ml.ingest.sources.csv_layout import UNWRAP, CsvLayout, lay_out
from cvo_ml.ingest.sources.quotes import any_quote, lines_between_quotes, refuse_undoubled
from cvo_ml.ingest.sources.total_rows import is_total_line, total_rows, without_totals


@dataclass
class Rejected:
    """Arrow's handler of rows with another number of fields: notes their numbers and why they cannot be rows.

    ``rows`` are all of them, ``totals`` those that are sums of others.
    """

    layout: CsvLayout
    rows: list[int] = field(default_factory=list)
    totals: set[int] = field(default_factory=set)
    swallowing: list[int] = field(default_factory=list)
    wrapped: list[int] = field(default_factory=list)

    def __call__(self, row: pacsv.InvalidRow) -> str:
        delimiter, width = self.layout.config.delimiter, len(self.layout.header)
        number = row.number - 1 - self.layout.lines_above
        self.rows.append(number)
        if is_total_line(row.text, delimiter, self.layout.config.total_rows):
            self.totals.add(number)
        elif _is_wrapped(row.text, delimiter, width):
            self.wrapped.append(number)
        elif _holds_row(row.text, delimiter, width):
            self.swallowing.append(number)
        return "skip"

    def refuse(self, name: str) -> None:
        """Refuse a file with rows that hold other rows, or that were wrapped in quotes.

        Raises
        ------
        DataError
            With the numbers of such rows.
        """
        if self.wrapped:
            raise DataError(
                "lines are wrapped whole in quotes",
                UNWRAP,
                file=name,
                count=len(self.wrapped),
                first_rows=self.wrapped[:3],
            )
        if self.swallowing:
            raise _swallowed(name, self.swallowing[0])


def read_csv(path: Path, config: SourceConfig, wanted: Sequence[str], optional: Collection[str] = ()) -> RawTable:
    """The wanted columns of a CSV file (plain, gzip or zip) as text.

    Rows with another number of fields than the header are left out and listed in ``ragged``;
    blank lines are no rows, and declared totals are left out by rule.

    Parameters
    ----------
    optional:
        Those of ``wanted`` that may be missing.

    Raises
    ------
    DataError
        If the file is empty, a web page, damaged, of another encoding or delimiter, has an unclosed or undoubled
        quote, lines wrapped whole in quotes, a repeated or missing column, or no rows.
    UsageError
        If there is no such file.
    """
    layout = lay_out(path, config, wanted, optional)
    table, rejected = _parse(layout, layout.places_to_read())
    pa.default_memory_pool().release_unused()
    rows = table.num_rows + len(rejected.rows)
    further = layout.inspection.lines - layout.lines_above - rows - 1
    if layout.inspection.quotes and further:
        width = len(layout.header)
        if lines_between_quotes(layout.inspection, config.delimiter, config.encoding, width) != further or width == 1:
            _refuse_swallowed_rows(layout)
    numbers = row_numbers(rows, np.array(rejected.rows, dtype=np.int64))
    found = rows_as_raw(layout, table, numbers, rejected.rows, rejected.totals, rows)
    if layout.inspection.quotes and any_quote(found.columns.values()):
        refuse_undoubled(layout.inspection, config.delimiter, config.encoding, layout.name, layout.lines_above)
    return found


def rows_as_raw(
    layout: CsvLayout,
    table: pa.Table,
    numbers: NDArray[np.int64],
    rejected: Sequence[int],
    totals: Collection[int],
    rows: int,
) -> RawTable:
    """Rows of a file as a raw table; totals are left out by rule.

    Parameters
    ----------
    table:
        Columns of the file called c0, c1, …: all of them where totals are to be found.
    numbers:
        (n,) of the rows of ``table``.
    rejected, totals:
        Numbers of the rows with another number of fields, and which of them are totals.
    rows:
        How many rows the file has, as far as is known.
    """
    overfull = _overfull(layout, table)
    if overfull.any():
        rejected = sorted([*rejected, *numbers[overfull].tolist()])
        table, numbers = table.filter(pa.array(~overfull)), numbers[~overfull]
    columns = {name: table[f"c{place}"] for name, place in zip(layout.wanted, layout.places(), strict=True)}
    ragged = np.array([number for number in rejected if number not in totals], dtype=np.int64)
    ragged_totals = np.array([number for number in rejected if number in totals], dtype=np.int64)
    return without_totals(
        SourceFile(layout.name, rows, layout.inspection.sha256),
        columns,
        numbers,
        total_rows(table, layout.config.total_rows),
        ragged,
        ragged_totals,
        layout.notes,
    )


def _overfull(layout: CsvLayout, table: pa.Table) -> Flags:
    """(n,) rows with something in a field behind the header's last: a delimiter within a field may have moved it."""
    full = np.zeros(table.num_rows, dtype=np.bool_)
    for place in layout.must_be_empty() if table.num_rows else ():
        texts = pc.utf8_trim_whitespace(table[f"c{place}"])
        full |= np.asarray(pc.not_equal(texts, "").to_numpy(zero_copy_only=False), dtype=np.bool_)
    return full


def _parse(layout: CsvLayout, places: Sequence[int]) -> tuple[pa.Table, Rejected]:
    """The columns at ``places``, and the rows with another number of fields."""
    rejected = Rejected(layout)
    try:
        with layout.stream() as stream:
            table = pacsv.read_csv(stream, *layout.options(places, rejected))
    except pa.ArrowInvalid as error:
        raise layout.unreadable(error) from None
    rejected.refuse(layout.name)
    return table, rejected


def row_numbers(rows: int, ragged: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers 1 … ``rows`` without those of the ragged rows."""
    return np.delete(np.arange(1, rows + 1, dtype=np.int64), ragged - 1)


def batch_numbers(start: int, good: int, rejected: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers of a batch's ``good`` rows, and those of the ragged rows among them.

    Parameters
    ----------
    start:
        How many rows stand before the batch, with the ragged ones.
    rejected:
        Numbers of the ragged rows that are known from there on: Arrow may have seen those of later batches too.
    """
    ragged = 0
    while ragged < len(rejected) and rejected[ragged] <= start + good + ragged:
        ragged += 1
    faulty = np.array(rejected[:ragged], dtype=np.int64)
    return row_numbers(good + ragged, faulty - start) + start, faulty


def _refuse_swallowed_rows(layout: CsvLayout) -> None:
    """Refuse fields that hold whole rows: a quote was opened and not closed.

    Runs only where quotes stand in the file and it has more lines than rows; all its columns do not fit memory at once.
    """
    rejected, start, seen = Rejected(layout), 0, 0
    with layout.stream() as stream:
        for batch in pacsv.open_csv(stream, *layout.options(range(len(layout.header)), rejected)):
            numbers, ragged = batch_numbers(start, batch.num_rows, rejected.rows[seen:])
            for values in batch.columns:
                refuse_swallowing(layout, pa.chunked_array([values]), numbers)
            start, seen = start + len(numbers) + len(ragged), seen + len(ragged)
    pa.default_memory_pool().release_unused()


def refuse_swallowing(layout: CsvLayout, values: pa.ChunkedArray, numbers: NDArray[np.int64]) -> None:
    """Refuse a column with fields that hold whole rows.

    Raises
    ------
    DataError
        With the number of the first such row.
    """
    if not any(_has_line_end(chunk) for chunk in values.chunks):
        return
    several_lines = np.flatnonzero(pc.match_substring_regex(values, "[\r\n]").to_numpy(zero_copy_only=False))
    for row in several_lines:
        text = values[int(row)].as_py()
        if layout.inspection.quotes % 2 or _holds_row(text, layout.config.delimiter, len(layout.header)):
            raise _swallowed(layout.name, int(numbers[row]))


def _has_line_end(texts: pa.Array) -> bool:
    """Whether a line end may stand in any of the texts: their bytes are searched at once."""
    data = texts.buffers()[2]
    found = b"" if data is None else data.to_pybytes()
    return b"\n" in found or b"\r" in found


def _swallowed(name: str, row: int) -> DataError:
    problem = "a quote is opened and not closed, which swallows the rows after it"
    return DataError(problem, "close it, or double the quotes inside fields", file=name, first_rows=[row])


def _holds_row(text: str, delimiter: str, width: int) -> bool:
    return width > 1 and any(line.count(delimiter) >= width - 1 for line in text.splitlines()[1:])


def _is_wrapped(text: str, delimiter: str, width: int) -> bool:
    """Whether one pair of quotes holds a line with all the header's fields."""
    line = text.strip()
    if not (width > 1 and line.startswith('"') and line.endswith('"')):
        return False
    return any(_fields(inner, delimiter) == width for inner in (line[1:-1].replace('""', '"'), line[1:-1]))


def _fields(line: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=delimiter), []))
    except csv.Error:  # several lines, or a field of more than 128 kB
        return 0
