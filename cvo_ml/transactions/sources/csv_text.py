"""CSV by a declared dialect: all columns as text, every row numbered, nothing guessed."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
from numpy.typing import NDArray

from cvo_ml.config.shops import SourceConfig
from cvo_ml.core.errors import DataError
from cvo_ml.transactions.raw import RawTable, SourceFile, check_header, one_file, refuse_empty
from cvo_ml.transactions.sources.inspection import Inspection, inspect_text, is_gzip
from cvo_ml.transactions.sources.quotes import any_quote, refuse_undoubled

_OTHER_DELIMITERS: Final = (",", ";", "\t", "|")
_MANGLED_BOM: Final = "\xef\xbb\xbf"  # a byte order mark that was read as Latin-1 and saved as UTF-8
_UNWRAP: Final = "export it without the outer quotes"


@dataclass(frozen=True)
class CsvLayout:
    """A file that was inspected: its header, what is wanted of it, and how it is parsed."""

    path: Path
    name: str
    config: SourceConfig
    inspection: Inspection
    header: tuple[str, ...]
    wanted: tuple[str, ...]
    blank_lines: int
    notes: tuple[str, ...]

    def options(self, columns: Collection[int], rejected: Rejected) -> dict[str, Any]:
        """Arrow's options to read the columns at these places (called c0, c1, …) as text."""
        names = [f"c{place}" for place in range(len(self.header))]
        return {
            "read_options": pacsv.ReadOptions(
                use_threads=False,  # only then does the parser know the numbers of faulty rows
                block_size=1 << 24,
                column_names=names,
                skip_rows=self.blank_lines,
                skip_rows_after_names=1,
                encoding=self.config.encoding,
            ),
            "parse_options": pacsv.ParseOptions(
                delimiter=self.config.delimiter, newlines_in_values=True, invalid_row_handler=rejected
            ),
            "convert_options": pacsv.ConvertOptions(
                include_columns=list(dict.fromkeys(names[place] for place in columns)),
                column_types={column: pa.string() for column in names},
                null_values=[],
                strings_can_be_null=False,
            ),
        }

    def stream(self) -> pa.NativeFile:
        """The file's bytes, unpacked."""
        return pa.input_stream(str(self.path), compression="gzip" if is_gzip(self.path) else None)

    def places(self) -> list[int]:
        """Places of the wanted columns in the header."""
        return [self.header.index(column) for column in self.wanted]

    def unreadable(self, error: pa.ArrowInvalid) -> DataError:
        """The error of a file that the parser gives up."""
        problem = f"cannot be parsed ({' '.join(str(error).split())[:160]})"
        return DataError(problem, "check its quotes and its delimiter", file=self.name)


@dataclass
class Rejected:
    """Arrow's handler of rows with another number of fields: notes their numbers and why they cannot be rows."""

    delimiter: str
    width: int
    blank_lines: int
    rows: list[int] = field(default_factory=list)
    swallowing: list[int] = field(default_factory=list)
    wrapped: list[int] = field(default_factory=list)

    def __call__(self, row: pacsv.InvalidRow) -> str:
        number = row.number - 1 - self.blank_lines
        self.rows.append(number)
        if _is_wrapped(row.text, self.delimiter, self.width):
            self.wrapped.append(number)
        elif _holds_row(row.text, self.delimiter, self.width):
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
                _UNWRAP,
                file=name,
                count=len(self.wrapped),
                first_rows=self.wrapped[:3],
            )
        if self.swallowing:
            raise _swallowed(name, self.swallowing[0])


def read_csv(path: Path, config: SourceConfig, wanted: Sequence[str], optional: Collection[str] = ()) -> RawTable:
    """The wanted columns of a CSV file (plain or gzip) as text.

    Rows with another number of fields than the header are left out and listed in ``ragged``;
    blank lines are no rows.

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
    table, ragged = _parse(layout, layout.places())
    rows = table.num_rows + len(ragged)
    refuse_empty(rows, layout.name)
    if layout.inspection.quotes and layout.inspection.lines != rows + 1:
        _refuse_swallowed_rows(layout)
    columns = {name: table[f"c{place}"] for name, place in zip(layout.wanted, layout.places(), strict=True)}
    if layout.inspection.quotes and any_quote(columns.values()):
        refuse_undoubled(layout.path, layout.config.delimiter, layout.config.encoding)
    source = SourceFile(layout.name, rows, layout.inspection.sha256)
    numbers = row_numbers(rows, ragged)
    return RawTable((source,), columns, one_file(source.name, numbers), one_file(source.name, ragged), layout.notes)


def lay_out(path: Path, config: SourceConfig, wanted: Sequence[str], optional: Collection[str] = ()) -> CsvLayout:
    """Inspect a CSV file and its header, without reading its rows.

    Raises
    ------
    DataError, UsageError
        As :func:`read_csv`.
    """
    name = path.name
    inspection = inspect_text(path, config.encoding, name)
    header, blank_lines, notes = _header(inspection, config, name)
    needed = [column for column in wanted if column not in optional]
    _check_delimiter(header, needed, config.delimiter, name)
    check_header(header, needed, name)
    found = tuple(column for column in wanted if column in header)
    return CsvLayout(path, name, config, inspection, tuple(header), found, blank_lines, notes)


def _header(inspection: Inspection, config: SourceConfig, name: str) -> tuple[list[str], int, tuple[str, ...]]:
    stripped = inspection.head.lstrip("\r\n")
    blank_lines = inspection.head[: len(inspection.head) - len(stripped)].replace("\r\n", "\n").count("\n")
    try:
        fields = next(csv.reader(io.StringIO(stripped, newline=""), delimiter=config.delimiter))
    except csv.Error as error:
        raise DataError(f"its header cannot be read ({error})", "check its quotes", file=name) from None
    header = [field.strip() for field in fields]
    notes: tuple[str, ...] = ()
    if header[0].startswith(_MANGLED_BOM):
        header[0] = header[0].removeprefix(_MANGLED_BOM)
        notes = (f"{name}: the first header began with a damaged byte order mark, which was removed",)
    return header, blank_lines, notes


def _check_delimiter(header: Sequence[str], wanted: Sequence[str], delimiter: str, name: str) -> None:
    if set(wanted) <= set(header):
        return
    if re.fullmatch("sep=.?", delimiter.join(header).rstrip(delimiter), re.IGNORECASE):
        raise DataError("its first line tells a spreadsheet the delimiter (sep=)", "remove that line", file=name)
    if len(header) == 1 and delimiter in header[0]:
        raise DataError("its lines are wrapped whole in quotes", _UNWRAP, file=name)
    if header[0].lstrip("[ ").startswith("{"):
        raise DataError("is JSON, not a table", "name it .jsonl (one object a line) or .json", file=name)
    for other in _OTHER_DELIMITERS:
        fields = [field.strip().strip('"') for field in delimiter.join(header).split(other)]
        if other != delimiter and len(fields) > len(header):
            raise DataError(
                f"is not delimited by {delimiter!r} but by {other!r}",
                f"declare delimiter: {other!r} (--delimiter)",
                file=name,
            )

    if len(header) == 1 and len(wanted) > 1:
        raise DataError(
            f"its first line has one field only ({header[0][:40]!r}), so it is no header of {', '.join(wanted[:4])}",
            "remove the lines above the header, or declare its delimiter (--delimiter)",
            file=name,
        )


def _parse(layout: CsvLayout, places: Sequence[int]) -> tuple[pa.Table, NDArray[np.int64]]:
    """The columns at ``places`` and the data row numbers of ragged rows."""
    rejected = Rejected(layout.config.delimiter, len(layout.header), layout.blank_lines)
    try:
        table = pacsv.read_csv(layout.stream(), **layout.options(places, rejected))
    except pa.ArrowInvalid as error:
        raise layout.unreadable(error) from None
    rejected.refuse(layout.name)
    return table, np.array(rejected.rows, dtype=np.int64)


def row_numbers(rows: int, ragged: NDArray[np.int64]) -> NDArray[np.int64]:
    """Numbers 1 … ``rows`` without those of the ragged rows."""
    return np.delete(np.arange(1, rows + 1, dtype=np.int64), ragged - 1)


def _refuse_swallowed_rows(layout: CsvLayout) -> None:
    """Refuse fields that hold whole rows: a quote was opened and not closed.

    Runs only where quotes stand in the file and it has more lines than rows.
    """
    table, ragged = _parse(layout, range(len(layout.header)))
    numbers = row_numbers(table.num_rows + len(ragged), ragged)
    for name in table.column_names:
        refuse_swallowing(layout, table[name], numbers)


def refuse_swallowing(layout: CsvLayout, values: pa.ChunkedArray, numbers: NDArray[np.int64]) -> None:
    """Refuse a column with fields that hold whole rows.

    Raises
    ------
    DataError
        With the number of the first such row.
    """
    several_lines = np.flatnonzero(pc.match_substring_regex(values, "[\r\n]").to_numpy(zero_copy_only=False))
    for row in several_lines:
        text = values[int(row)].as_py()
        if layout.inspection.quotes % 2 or _holds_row(text, layout.config.delimiter, len(layout.header)):
            raise _swallowed(layout.name, int(numbers[row]))


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
