"""Spreadsheets (.xlsx, .xlsm, .xls, .ods): one sheet as columns of the types that its cells have.

A number is a number and a date a date, whatever they look like on the screen; a cell with an error is null. A column
whose cells differ in type is read as text, without loss: dates as ISO 8601, numbers with the declared decimal sign.
"""

from __future__ import annotations

import hashlib
import io
import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import python_calamine as calamine

from cvo_ml.config.shops import SourceConfig
from cvo_ml.core.errors import DataError, nearest_name
from cvo_ml.core.input_files import open_input
from cvo_ml.ingest.plain_numbers import number_text
from cvo_ml.ingest.raw import RawTable, SourceFile, check_header, present
from cvo_ml.ingest.sources.sheet_size import COMPOUND, LARGEST_SHEET, refuse_too_large
from cvo_ml.ingest.sources.total_rows import is_total, without_totals
from cvo_ml.ingest.sources.zipped import content_of

_ZIPPED: Final = b"PK"  # how .xlsx and .ods begin
_ROWS_AT_ONCE: Final = 50_000
_KEPT_DIGITS: Final = 1e15  # a spreadsheet keeps fifteen digits of a number, and makes the others 0


def read_sheet(path: Path, config: SourceConfig, wanted: Sequence[str], optional: Collection[str] = ()) -> RawTable:
    """The wanted columns of a spreadsheet's declared sheet, or of the only one with rows.

    Row 1 is the first below the header; empty rows are none.

    Parameters
    ----------
    optional:
        Those of ``wanted`` that may be missing.

    Raises
    ------
    DataError
        If it is no spreadsheet, is damaged, encrypted or larger than a sheet can be; if several sheets have rows and
        none is declared; or if a column is missing or repeats.
    UsageError
        If there is no such file.
    """
    book, sha256 = _opened(path)
    sheet = _sheet(book, config, path.name)
    header, rows = _from_header(sheet, config.header_row, path.name)
    needed = [name for name in wanted if name not in optional]
    found = present(header, wanted)
    if not set(needed) <= set(header):
        _refuse_lower_header(sheet, needed, config.header_row, path.name)
    check_header(header, [*needed, *found], path.name)
    columns, numbers, totals = _columns(rows, [header.index(name) for name in found], config)
    values = {name: column.values() for name, column in zip(found, columns, strict=True)}
    notes = tuple(
        f"{path.name}: column {name!r}: {column.dates:,} date{'s' * (column.dates != 1)} among other cells read as text"
        for name, column in zip(found, columns, strict=True)
        if column.dates and values[name].type == pa.large_string()
    )
    source = SourceFile(path.name, len(numbers), sha256)
    none = np.array([], dtype=np.int64)
    return without_totals(source, values, numbers, totals, none, none, notes)


def header_of_sheet(path: Path, config: SourceConfig) -> tuple[str, ...]:
    """The headers of a spreadsheet, with empty ones where columns have none.

    Raises
    ------
    DataError, UsageError
        As :func:`read_sheet`.
    """
    book, _ = _opened(path)
    return tuple(_from_header(_sheet(book, config, path.name), config.header_row, path.name)[0])


def first_rows_of_sheets(path: Path, most: int) -> dict[str, list[list[str]]]:
    """The first rows of each sheet that has some, as texts; hidden ones come last.

    Raises
    ------
    DataError, UsageError
        As :func:`read_sheet`.
    """
    book, _ = _opened(path)
    sheets = [sheet for sheet in book.sheets_metadata if sheet.typ == calamine.SheetTypeEnum.WorkSheet]
    sheets.sort(key=lambda sheet: sheet.visible != calamine.SheetVisibleEnum.Visible)
    loaded = {sheet.name: _loaded(book, sheet.name, path.name) for sheet in sheets}
    return {
        name: [[_text(cell, ".") or "" for cell in row] for row in itertools.islice(sheet.iter_rows(), most)]
        for name, sheet in loaded.items()
        if sheet.height
    }


def alike(tables: Sequence[RawTable], decimal: str) -> list[RawTable]:
    """The tables of several spreadsheets with columns of one type: as text, where their types differ."""
    changed = list(tables)
    for name in tables[0].columns:
        kinds = {table.columns[name].type for table in tables if table.columns[name].null_count < len(table)}
        if len({table.columns[name].type for table in tables}) == 1:
            continue
        kind = _common(kinds)
        changed = [
            replace(table, columns={**table.columns, name: _as(table.columns[name], kind, decimal)})
            for table in changed
        ]  # fmt: skip
    return changed


def _common(kinds: Collection[pa.DataType]) -> pa.DataType:
    if len(kinds) <= 1:
        return next(iter(kinds), pa.large_string())
    return pa.float64() if set(kinds) == {pa.int64(), pa.float64()} else pa.large_string()


def _as(values: pa.ChunkedArray, kind: pa.DataType, decimal: str) -> pa.ChunkedArray:
    if values.null_count == len(values):
        return pa.chunked_array([pa.nulls(len(values), kind)], kind)
    if kind != pa.large_string() or values.type == kind:
        return values.cast(kind)
    return pa.chunked_array([pa.array([_text(value, decimal) for value in values.to_pylist()], kind)])


def _opened(path: Path) -> tuple[calamine.CalamineWorkbook, str]:
    with open_input(path) as file:
        content = content_of(file, path.name, LARGEST_SHEET)
    if not content.startswith((_ZIPPED, COMPOUND)):
        _refuse_foreign(content, path.name)
    refuse_too_large(content, path.name)
    try:
        return calamine.load_workbook(io.BytesIO(content)), hashlib.sha256(content).hexdigest()
    except calamine.PasswordError:
        raise DataError("is encrypted", "save it without a password", file=path.name) from None
    except BaseException as error:
        raise _unreadable(error, path.name) from None


def _refuse_foreign(content: bytes, name: str) -> None:
    """Refuse what programs of the web like to call .xls: pages, and text with delimiters."""
    if not content.strip():
        raise DataError("is empty", "export it again", file=name)
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        remedy = "open it in a spreadsheet, and save it as .xlsx, or download it again, signed in"
        raise DataError("is a web page or XML, not a spreadsheet", remedy, file=name)
    raise DataError("is no spreadsheet", "name it .csv if it is text with delimiters, or export it again", file=name)


def _unreadable(error: BaseException, name: str) -> BaseException:
    """The error of a file that cannot be parsed; the parser's own panics are no Exception."""
    if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
        return error
    problem = f"is not a readable spreadsheet ({' '.join(str(error).split())[:120]})"
    return DataError(problem, "open it, and save it again as .xlsx or CSV", file=name)


def _sheet(book: calamine.CalamineWorkbook, config: SourceConfig, name: str) -> calamine.CalamineSheet:
    sheets = [sheet for sheet in book.sheets_metadata if sheet.typ == calamine.SheetTypeEnum.WorkSheet]
    names = [sheet.name for sheet in sheets]
    if config.sheet is not None:
        if config.sheet not in names:
            problem = f"no sheet {config.sheet!r}{nearest_name(config.sheet, names)}; it has {_listed(names)}"
            raise DataError(problem, "declare one of them as sheet", file=name)
        return _loaded(book, config.sheet, name)
    shown = [sheet.name for sheet in sheets if sheet.visible == calamine.SheetVisibleEnum.Visible]
    filled = [sheet for one in shown or names if (sheet := _loaded(book, one, name)).height]
    if len(filled) > 1:
        problem = f"several sheets have rows: {_listed([sheet.name for sheet in filled])}"
        raise DataError(problem, "declare one as sheet", file=name)
    if not filled:
        raise DataError("is empty", "export it again", file=name)
    return filled[0]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:10])) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _loaded(book: calamine.CalamineWorkbook, sheet: str, name: str) -> calamine.CalamineSheet:
    try:
        return book.get_sheet_by_name(sheet)
    except BaseException as error:
        raise _unreadable(error, name) from None


def _from_header(sheet: calamine.CalamineSheet, header_row: int, name: str) -> tuple[list[str], Iterator[list[Any]]]:
    """The headers, and the rows below them.

    Empty rows above a header in row 1 are none.
    """
    rows = sheet.iter_rows()
    for number, cells in enumerate(rows, start=1):
        if number >= header_row and (header_row > 1 or any(cell != "" for cell in cells)):
            header = [_text(cell, ".") or "" for cell in cells]
            if not any(header):
                problem = f"row {number} is blank, so it is no header"
                raise DataError(problem, "declare the header_row in which the header stands", file=name)
            return [text.strip() for text in header], rows
    if sheet.height:
        raise DataError(f"has no row {header_row}", "declare the header_row in which the header stands", file=name)
    raise DataError("is empty", "export it again", file=name)


def _refuse_lower_header(sheet: calamine.CalamineSheet, needed: Sequence[str], header_row: int, name: str) -> None:
    for number, cells in zip(range(1, 1001), sheet.iter_rows(), strict=False):
        if set(needed) <= {str(cell).strip() for cell in cells}:
            problem = f"its header stands in row {number}, not in row {header_row}"
            raise DataError(problem, f"declare header_row: {number}", file=name)


@dataclass
class _Column:
    """Cells of a column, some thousand as Python's, those before them as arrays; ``dates`` counts days and times."""

    decimal: str
    cells: list[Any] = field(default_factory=list)
    pieces: list[pa.Array] = field(default_factory=list)
    dates: int = 0

    def put_away(self) -> None:
        """Make an array of the cells."""
        cells = [None if cell == "" else cell for cell in self.cells]
        if any(issubclass(kind, date) for kind in set(map(type, cells))):
            self.dates += sum(isinstance(cell, date) for cell in cells)
        self.pieces.append(_typed(cells, self.decimal))
        self.cells.clear()

    def values(self) -> pa.ChunkedArray:
        """All cells as one type."""
        kind = _common({piece.type for piece in self.pieces if piece.null_count < len(piece)})
        chunks = [_as(pa.chunked_array([piece]), kind, self.decimal) for piece in self.pieces]
        return pa.chunked_array([chunk for column in chunks for chunk in column.chunks], kind)


def _columns(
    rows: Iterator[list[Any]], places: Sequence[int], config: SourceConfig
) -> tuple[list[_Column], np.ndarray, np.ndarray]:
    """Columns at these places, the rows' numbers, and which are totals, whose cells are left out."""
    columns = [_Column(config.decimal) for _ in places]
    numbers: list[int] = []
    totals: list[bool] = []
    for number, row in enumerate(rows, start=1):
        if not any(cell != "" for cell in row):
            continue
        total = bool(config.total_rows) and is_total([str(cell) for cell in row], config.total_rows)
        numbers.append(number)
        totals.append(total)
        for place, column in zip(places, columns, strict=True):
            column.cells.append("" if total else row[place])
        if len(numbers) % _ROWS_AT_ONCE == 0:
            for column in columns:
                column.put_away()
    for column in columns:
        column.put_away()
    return columns, np.array(numbers, dtype=np.int64), np.array(totals, dtype=np.bool_)


def _typed(cells: list[Any], decimal: str) -> pa.Array:
    """Cells as an array of their type; as texts, where they have several."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if not kinds:
        return pa.nulls(len(cells), pa.large_string())
    if kinds == {float}:
        return _numbers(cells)
    if kinds == {bool}:
        return pa.array(cells, pa.bool_())
    if kinds <= {date, datetime}:
        return pa.array([_moment(cell) for cell in cells], pa.timestamp("us"))
    return pa.array([_text(cell, decimal) for cell in cells], pa.large_string())


def _numbers(cells: list[float | None]) -> pa.Array:
    """Whole numbers where all are; as a spreadsheet shows them, where it has rounded one."""
    known = [cell for cell in cells if cell is not None]
    if any(abs(cell) >= _KEPT_DIGITS for cell in known):
        return pa.array([None if cell is None else _shown(cell) for cell in cells], pa.large_string())
    if all(cell.is_integer() for cell in known):
        return pa.array([None if cell is None else int(cell) for cell in cells], pa.int64())
    return pa.array(cells, pa.float64())


def _shown(number: float) -> str:
    return f"{number:.14E}" if abs(number) >= _KEPT_DIGITS else _text(number, ".") or ""


def _moment(cell: Any) -> datetime | None:
    return datetime.combine(cell, time()) if cell is not None and not isinstance(cell, datetime) else cell


def _text(cell: Any, decimal: str) -> str | None:
    """What a cell says, with nothing lost."""
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return number_text(repr(int(cell) if float(cell).is_integer() else cell), decimal)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    return str(cell) if isinstance(cell, timedelta) else cell.isoformat()
