"""How large the sheets of a spreadsheet are, found before a parser makes room for them.

A file of a few hundred bytes may name a cell in the last row of the last column, or repeat a cell a billion times, and
parsers hold a sheet as a rectangle.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.parsers import expat

from cvo_ml.core.errors import DataError
from cvo_ml.core.old_sheets import parses
from cvo_ml.ingest.sources.zipped import chunks_of, refusing_damaged

#: How .xls files begin.
COMPOUND: Final = b"\xd0\xcf\x11\xe0"
#: Bytes of a spreadsheet's file.
LARGEST_SHEET: Final = 256 << 20
#: Cells of a sheet, as rows times columns: a million rows of thirty columns.
MOST_CELLS: Final = 32_000_000
_CELL: Final = re.compile(rb"<(?:\w+:)?(c|row)(?=[\s/>])(?:[^<]*?\sr\s*=\s*[\"']([A-Za-z]{0,3})(\d{1,10})[\"'])?")
_USUAL: Final = re.compile(rb'<c r="([A-Z]{1,3})(\d{1,7})"')
_LONGEST_TAG: Final = 1 << 20
_ENCRYPTED: Final = 1


def refuse_too_large(content: bytes, name: str) -> None:
    """Refuse a spreadsheet whose sheets have more cells than memory holds, or which unpacks to more bytes.

    Raises
    ------
    DataError
        Saying how many cells, or if it is damaged.
    """
    if content.startswith(COMPOUND):
        if not parses(content):
            problem = "is not a readable spreadsheet: its parts are damaged, or ask for more memory than there is"
            raise DataError(problem, "open it, and save it again as .xlsx or CSV", file=name)
        return
    with refusing_damaged(name, "the spreadsheet"), zipfile.ZipFile(io.BytesIO(content)) as opened:
        for member in opened.infolist():
            if member.flag_bits & _ENCRYPTED:
                raise DataError("is encrypted", "save it without a password", file=name)
            member.file_size = 1 << 62  # what it says may be wrong: its bytes are counted
            with opened.open(member) as stream:
                chunks = chunks_of(stream, len(content), name)
                cells = _repeated(chunks) if member.filename == "content.xml" else _named(chunks)
            _refuse_cells(cells, name)


def _refuse_cells(cells: int, name: str) -> None:
    if cells > MOST_CELLS:
        problem = f"a sheet has {cells:,} cells (rows times columns), more than the {MOST_CELLS:,} allowed"
        raise DataError(problem, "clear what stands far below or beside the table, or export CSV", file=name)


@dataclass
class _Corner:
    """The last row and column of a part of an .xlsx file, and where the next cell without a name would stand."""

    row: int = 0
    column: int = 0
    next_row: int = 0
    next_column: int = 0

    def add(self, text: bytes) -> None:
        """Look at more of it."""
        cells = _USUAL.findall(text)
        if len(cells) == text.count(b"<c") + text.count(b":c"):
            self.row = self.next_row = max([self.row, *map(int, {number for _, number in cells})])
            self.column = self.next_column = max([self.column, *map(_column, {letters for letters, _ in cells})])
            return
        for tag, letters, number in _CELL.findall(text):  # other tags, or other ways to write one
            if tag == b"row":
                self.next_row, self.next_column = int(number) if number else self.next_row + 1, 0
                continue
            self.next_row = int(number) if number else self.next_row
            self.next_column = _column(letters) if number else self.next_column + 1
            self.row, self.column = max(self.row, self.next_row), max(self.column, self.next_column)


def _named(chunks: Iterator[bytes]) -> int:
    """Rows times columns up to the last cell of a part of an .xlsx file."""
    rest, corner = b"", _Corner()
    for chunk in chunks:
        text = rest + chunk
        cut = text.rfind(b"<")
        text, rest = (text[:cut], text[cut:]) if cut >= 0 and len(text) - cut < _LONGEST_TAG else (text, b"")
        corner.add(text)
    return corner.row * corner.column


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


@dataclass
class _Rows:
    """A handler of the tags of an .ods file: counts the rows and columns up to the last cell with something in it."""

    row: int = 0
    widest: int = 0
    last: int = 0
    width: int = 0
    filled: int = 0
    repeats: int = 1

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        plain = {key.rpartition(":")[2]: value for key, value in attributes.items()}
        if tag.endswith("table-row"):
            self.repeats, self.width, self.filled = _count(plain.get("number-rows-repeated")), 0, 0
        elif tag.endswith("table-cell"):
            self.width += _count(plain.get("number-columns-repeated"))
            self.filled = self.width if "value-type" in plain else self.filled
        elif tag.endswith(":table"):
            self.row = 0

    def end(self, tag: str) -> None:
        if tag.endswith("table-row"):
            self.row += self.repeats
            if self.filled:
                self.last, self.widest = max(self.last, self.row), max(self.widest, self.filled)


def _count(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 12 else 1


def _repeated(chunks: Iterator[bytes]) -> int:
    """Rows times columns up to the last cell with something in it, each as often as it is repeated."""
    rows, parser = _Rows(), expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = rows.start, rows.end
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
            if rows.last * rows.widest > MOST_CELLS:
                break
    except expat.ExpatError as error:
        raise zipfile.BadZipFile(str(error)) from None
    return rows.last * rows.widest
