"""How a CSV file is laid out: its header and dialect, before any of its rows."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow as pa
import pyarrow.csv as pacsv

from cvo_ml.config.shops import SourceConfig
from cvo_ml.core.errors import DataError
from cvo_ml.ingest.raw import check_header, present
from cvo_ml.ingest.sources.inspection import Inspection, inspect_text

_OTHER_DELIMITERS: Final = (",", ";", "\t", "|")
_MANGLED_BOM: Final = "\xef\xbb\xbf"  # a byte order mark that was read as Latin-1 and saved as UTF-8
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_FIRST_ROWS: Final = 20
_TITLES: Final = 100_000  # signs that may stand above a header
#: Bytes that are parsed at once, and so the rows of a batch.
BLOCK: Final = 1 << 24
UNWRAP: Final = "export it without the outer quotes"


class CsvOptions(NamedTuple):
    """How Arrow reads, parses and converts a file."""

    read: pacsv.ReadOptions
    parse: pacsv.ParseOptions
    convert: pacsv.ConvertOptions


@dataclass(frozen=True)
class CsvLayout:
    """A file that was inspected: its header, what is wanted of it, and how it is parsed.

    Parameters
    ----------
    header:
        With nameless fields at its end, where all rows have them.
    lines_above:
        Lines above the header: titles and blank ones.
    added:
        How many of the nameless fields the header line itself does not have; a row that fills one is faulty.
    """

    name: str
    config: SourceConfig
    inspection: Inspection
    header: tuple[str, ...]
    wanted: tuple[str, ...]
    lines_above: int
    added: int
    notes: tuple[str, ...]

    def options(self, columns: Collection[int], rejected: Callable[[pacsv.InvalidRow], str]) -> CsvOptions:
        """Arrow's options to read the columns at these places (called c0, c1, …) as text."""
        names = [f"c{place}" for place in range(len(self.header))]
        return CsvOptions(
            pacsv.ReadOptions(
                use_threads=False,  # only then does the parser know the numbers of faulty rows
                block_size=BLOCK,
                column_names=names,
                skip_rows=self.lines_above,
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

    def places_to_read(self) -> Sequence[int]:
        """Places of the columns that must be read: all where totals are to be found, and those that must be empty."""
        return range(len(self.header)) if self.config.total_rows else [*self.places(), *self.must_be_empty()]

    def must_be_empty(self) -> range:
        """Places behind the header's last field."""
        return range(len(self.header) - self.added, len(self.header))

    def unreadable(self, error: pa.ArrowInvalid) -> DataError:
        """The error of a file that the parser gives up."""
        problem = f"cannot be parsed ({' '.join(str(error).split())[:160]})"
        return DataError(problem, "check its quotes and its delimiter", file=self.name)


def lay_out(
    path: Path,
    config: SourceConfig,
    wanted: Sequence[str],
    optional: Collection[str] = (),
    *,
    hold: int | None = None,
    head_only: bool = False,
) -> CsvLayout:
    """Inspect a CSV file and its header, without reading its rows.

    Parameters
    ----------
    hold:
        So many bytes are kept, so that the rows are read from memory; None = those of a file read at once.
    head_only:
        Nothing is wanted but the header: the rest of the file is not looked at.

    Raises
    ------
    DataError, UsageError
        As :func:`read_csv`.
    """
    name = path.name
    inspection = inspect_text(path, config.encoding, name, hold=hold, head_only=head_only)
    written, rows, lines_above, notes = _header(inspection, config, name)
    header = _as_wide_as(written, rows)
    needed = [column for column in wanted if column not in optional]
    if not set(needed) <= set(header):
        _refuse_lower_header(inspection.head, needed, config, name)
    _check_delimiter(header, needed, config.delimiter, name)
    found = tuple(present(header, wanted))
    check_header(header, [*needed, *found], name)
    added = max(0, len(header) - len(written))
    return CsvLayout(name, config, inspection, tuple(header), found, lines_above, added, notes)


def _header(
    inspection: Inspection, config: SourceConfig, name: str
) -> tuple[list[str], list[list[str]], int, tuple[str, ...]]:
    """The header, some rows below it, the number of lines above it, and what was repaired."""
    text, lines_above = _from_header(inspection.head, config.header_row, name)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=config.delimiter)
    try:
        fields = next(rows)
    except csv.Error as error:
        raise DataError(f"its header cannot be read ({error})", "check its quotes", file=name) from None
    header = [field.strip() for field in fields]
    notes: tuple[str, ...] = ()
    if header and header[0].startswith(_MANGLED_BOM):
        header[0] = header[0].removeprefix(_MANGLED_BOM)
        notes = (f"{name}: the first header began with a damaged byte order mark, which was removed",)
    return header, _first_rows(rows), lines_above, notes


def _from_header(head: str, header_row: int, name: str) -> tuple[str, int]:
    """The text from the header on, and how many lines stand above it."""
    if header_row == 1:  # blank lines above it are none
        text = head.lstrip("\r\n")
        return text, len(_LINE_END.findall(head[: len(head) - len(text)]))
    ends = list(itertools.islice(_LINE_END.finditer(head), header_row - 1))
    text = head[ends[-1].end() :] if len(ends) == header_row - 1 else ""
    if not text or text[0] in "\r\n":
        problem = f"line {header_row} is blank, so it is no header" if text else f"has no line {header_row}"
        raise DataError(problem, "declare the header_row in which the header stands", file=name)
    return text, header_row - 1


def _first_rows(rows: Iterator[list[str]]) -> list[list[str]]:
    """Some rows below the header; the last of a part of a file may be cut off, and a faulty one ends them."""
    found: list[list[str]] = []
    with contextlib.suppress(csv.Error):
        found.extend(itertools.islice((row for row in rows if row), _FIRST_ROWS + 1))
    return found[:_FIRST_ROWS]


def _as_wide_as(header: list[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The header with as many nameless fields at its end as the rows have, where only delimiters at the end differ."""
    named = len(header) - sum(1 for _ in itertools.takewhile(lambda name: not name, reversed(header)))
    widths = {len(row) for row in rows}
    if len(widths) != 1 or (width := widths.pop()) == len(header) or width < named:
        return header
    if any(field.strip() for row in rows for field in row[len(header) :]):
        return header
    return [*header[:named], *[""] * (width - named)]


def _refuse_lower_header(head: str, needed: Sequence[str], config: SourceConfig, name: str) -> None:
    """Refuse a file whose header stands in another line than the declared one."""
    reader, line = csv.reader(io.StringIO(head[:_TITLES], newline=""), delimiter=config.delimiter), 1
    with contextlib.suppress(csv.Error):
        for fields in reader:
            if set(needed) <= {field.strip() for field in fields}:
                problem = f"its header stands in line {line}, not in line {config.header_row}"
                raise DataError(problem, f"declare header_row: {line}", file=name)
            line = reader.line_num + 1


def _check_delimiter(header: Sequence[str], wanted: Sequence[str], delimiter: str, name: str) -> None:
    if set(wanted) <= set(header):
        return
    first = delimiter.join(header)
    if re.fullmatch("sep=.?", first.rstrip(delimiter), re.IGNORECASE):
        raise DataError(
            "its first line tells a spreadsheet the delimiter (sep=)",
            f"declare header_row: 2, and delimiter: {first[4:5] or delimiter!r}",
            file=name,
        )
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
            "declare header_row where lines stand above the header, or its delimiter (--delimiter)",
            file=name,
        )
