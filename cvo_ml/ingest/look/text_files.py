"""A text file as a grid: all of its rows where it is small, its beginning, middle and end where it is not."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.csv as pacsv

from cvo_ml.core.errors import DataError
from cvo_ml.core.input_files import InputFile, open_input
from cvo_ml.core.result import Json
from cvo_ml.ingest.look.findings import Decision, counted
from cvo_ml.ingest.look.grid import FoundColumn, Grid
from cvo_ml.ingest.look.sums import footer_texts, without_sums
from cvo_ml.ingest.look.text_layout import TextLayout, decoded, lay_out
from cvo_ml.ingest.raw import check_header

#: Bytes of a file that is looked at whole; of a larger one, so many are looked at.
WHOLE: Final = 64 << 20
_PIECES: Final = (32 << 20, 16 << 20, 16 << 20)
_MANGLED_BOM: Final = "\xef\xbb\xbf"
_NUL: Final = bytes(1)


def text_grid(path: Path) -> Grid:
    """The table in a text file, plain, gzip or in a zip archive of one member.

    Raises
    ------
    DataError, UsageError
        If it cannot be read, is no text, or has no header.
    """
    name = path.name
    with open_input(path) as file:
        raw, is_whole = bytes_of(file, name)
    if not raw.strip(b"\xef\xbb\xbf\xff\xfe\r\n\t " + _NUL):
        problem = "is empty" if is_whole and not raw.count(_NUL) else "holds no line of text"
        raise DataError(problem, "export it again", file=name)
    text, _, encoding = decoded(raw, name, is_cut=not is_whole)
    if text.startswith(_MANGLED_BOM):
        text = text.removeprefix(_MANGLED_BOM)
    layout = lay_out(text, name, encoding)
    check_header(layout.header, (), name)
    table, ragged = _parsed(text[layout.body :], layout, name)
    if not table.num_rows and text[layout.body :].count('"') % 2:
        raise DataError("a quote is opened and not closed, so no row can be read", "close it", file=name)
    footer = footer_texts(ragged, layout.delimiter, table.num_rows)
    columns, decisions = without_sums(_columns(table, layout), footer)
    if left := len(ragged) - len(footer):
        decisions.append(
            Decision("rows of another width", f"{left:,}", "they have more or fewer fields than the header")
        )
    repeated = tuple(sorted({header for header in layout.header if header and layout.header.count(header) > 1}))
    if repeated:
        evidence = "left unread: no one column is meant"
        decisions.append(Decision("headers that repeat", ", ".join(repeated)[:80], evidence))
    rows = len(next(iter(columns.values())).values) if columns else 0
    if not is_whole:
        decisions.append(Decision("looked at", counted(rows, "row"), "of the beginning, middle and end"))
    source: dict[str, Json] = {"path": str(path)}
    return Grid(
        name, source, columns, rows, is_whole, (*layout.decisions, *decisions), repeated=repeated
    )  # fmt: skip


def bytes_of(file: InputFile, name: str) -> tuple[bytes, bool]:
    """The unpacked bytes that are looked at, and whether they are all."""
    head = file.stream().read(4) or b""
    if file.is_gzip():
        return _at_most(gzip.GzipFile(fileobj=io.BufferedReader(file.stream())), name)
    if head == b"PK\x03\x04":
        return _member(file, name)
    if file.size <= WHOLE:
        return _at_most(file.stream(), name)
    pieces = []
    for size, start in zip(_PIECES, (0, file.size // 2, file.size - _PIECES[2]), strict=True):
        stream = file.stream()
        stream.seek(start)
        piece = stream.read(size) or b""
        pieces.append(piece if not start else piece[piece.find(b"\n") + 1 :])
    return b"".join(piece[: piece.rfind(b"\n") + 1] for piece in pieces), False


def _at_most(stream: object, name: str) -> tuple[bytes, bool]:
    pieces, left = [], WHOLE + 1
    try:
        while left > 0 and (piece := stream.read(min(left, 1 << 22))):  # type: ignore[attr-defined]
            pieces.append(piece)
            left -= len(piece)
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise DataError(f"is damaged or cut off ({error})", "copy it again", file=name) from None
    raw = b"".join(pieces)
    return (raw, True) if left > 0 else (raw[: raw.rfind(b"\n") + 1], False)


def _member(file: InputFile, name: str) -> tuple[bytes, bool]:
    try:
        with zipfile.ZipFile(io.BufferedReader(file.stream())) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1 or members[0].flag_bits & 1:
                what = f"holds {len(members)} files" if len(members) != 1 else "is locked by a password"
                raise DataError(f"is an archive that {what}", "unpack it, and name the files", file=name)
            with archive.open(members[0]) as stream:
                return _at_most(stream, name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise DataError(f"is an archive that cannot be read ({error})", "unpack it", file=name) from None


def _parsed(text: str, layout: TextLayout, name: str) -> tuple[pa.Table, list[str]]:
    """The rows as texts, and the lines of those that have another width."""
    names = [f"c{place}" for place in range(len(layout.header))]
    ragged: list[str] = []

    def skip(row: pacsv.InvalidRow) -> str:
        ragged.append(row.text)
        return "skip"

    if not text.strip():
        return pa.table({column: pa.array([], pa.string()) for column in names}), []
    try:
        table = pacsv.read_csv(
            io.BytesIO(text.encode("utf-8", "replace")),
            pacsv.ReadOptions(column_names=names, block_size=1 << 24),
            pacsv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=True, invalid_row_handler=skip),
            pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), null_values=[], strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        problem = f"cannot be parsed ({' '.join(str(error).split())[:160]})"
        raise DataError(problem, "check its quotes and its delimiter", file=name) from None
    return table, ragged


def _columns(table: pa.Table, layout: TextLayout) -> dict[str, FoundColumn]:
    return {
        header: FoundColumn(header, table[f"c{place}"])
        for place, header in enumerate(layout.header)
        if header and layout.header.count(header) == 1
    }
