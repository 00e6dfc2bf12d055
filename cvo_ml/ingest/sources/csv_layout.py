"""How a CSV file is laid out: its header and dialect, before any of its rows."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.csv as pacsv

from cvo_ml.config.shops import SourceConfig
from cvo_ml.core.errors import DataError
from cvo_ml.ingest.raw import check_header
from cvo_ml.ingest.sources.inspection import Inspection, inspect_text

_OTHER_DELIMITERS: Final = (",", ";", "\t", "|")
_MANGLED_BOM: Final = "\xef\xbb\xbf"  # a byte order mark that was read as Latin-1 and saved as UTF-8
UNWRAP: Final = "export it without the outer quotes"


class CsvOptions(NamedTuple):
    """How Arrow reads, parses and converts a file."""

    read: pacsv.ReadOptions
    parse: pacsv.ParseOptions
    convert: pacsv.ConvertOptions


@dataclass(frozen=True)
class CsvLayout:
    """A file that was inspected: its header, what is wanted of it, and how it is parsed."""

    name: str
    config: SourceConfig
    inspection: Inspection
    header: tuple[str, ...]
    wanted: tuple[str, ...]
    blank_lines: int
    notes: tuple[str, ...]

    def options(self, columns: Collection[int], rejected: Callable[[pacsv.InvalidRow], str]) -> CsvOptions:
        """Arrow's options to read the columns at these places (called c0, c1, …) as text."""
        names = [f"c{place}" for place in range(len(self.header))]
        return CsvOptions(
            pacsv.ReadOptions(
                use_threads=False,  # only then does the parser know the numbers of faulty rows
                block_size=1 << 24,
                column_names=names,
                skip_rows=self.blank_lines,
                skip_rows_after_names=1,
                encoding=self.config.encoding,
            ),
            pacsv.ParseOptions(delimiter=self.config.delimiter, newlines_in_values=True, invalid_row_handler=rejected),
            pacsv.ConvertOptions(
                include_columns=list(dict.fromkeys(names[place] for place in columns)),
                column_types={column: pa.string() for column in names},
                null_values=[],
                strings_can_be_null=False,
            ),
        )

    @contextlib.contextmanager
    def stream(self) -> Iterator[pa.NativeFile]:
        """The inspected bytes, unpacked.

        Raises
        ------
        DataError
            If they are others by now.
        """
        if self.inspection.held is not None:
            yield pa.BufferReader(self.inspection.held)
            return
        with self.inspection.stream() as stream:
            yield pa.PythonFile(stream, mode="r")

    def places(self) -> list[int]:
        """Places of the wanted columns in the header."""
        return [self.header.index(column) for column in self.wanted]

    def unreadable(self, error: pa.ArrowInvalid) -> DataError:
        """The error of a file that the parser gives up."""
        problem = f"cannot be parsed ({' '.join(str(error).split())[:160]})"
        return DataError(problem, "check its quotes and its delimiter", file=self.name)


def lay_out(
    path: Path, config: SourceConfig, wanted: Sequence[str], optional: Collection[str] = (), *, hold: int | None = None
) -> CsvLayout:
    """Inspect a CSV file and its header, without reading its rows.

    Parameters
    ----------
    hold:
        So many bytes are kept, so that the rows are read from memory; None = those of a file read at once.

    Raises
    ------
    DataError, UsageError
        As :func:`read_csv`.
    """
    name = path.name
    inspection = inspect_text(path, config.encoding, name, hold=hold)
    header, blank_lines, notes = _header(inspection, config, name)
    needed = [column for column in wanted if column not in optional]
    _check_delimiter(header, needed, config.delimiter, name)
    check_header(header, needed, name)
    found = tuple(column for column in wanted if column in header)
    return CsvLayout(name, config, inspection, tuple(header), found, blank_lines, notes)


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
        raise DataError("its lines are wrapped whole in quotes", UNWRAP, file=name)
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
