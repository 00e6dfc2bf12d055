"""Quotes inside fields that are not doubled: parsers drop some of them and keep others, without a word."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvo_ml.core.errors import DataError
from cvo_ml.ingest.sources.inspection import Inspection

_CHUNK: Final = 1 << 24
_LONGEST: Final = 1 << 20  # bytes between two quotes: what is longer is looked at by the parser


def any_quote(columns: Iterable[pa.ChunkedArray]) -> bool:
    """Whether a value holds a quote, as one with a doubled quote does, and one whose quotes were misread."""
    return any(pc.any(pc.match_substring(values, '"')).as_py() for values in columns)


def refuse_undoubled(inspected: Inspection, delimiter: str, encoding: str, name: str, lines_above: int = 0) -> None:
    """Refuse a file with a field that goes on after its closing quote, such as ``"Miller "Bob" Inc"``.

    Reads the file once more by a strict parser, so it is called only where :func:`any_quote` says so. A quote within
    a field that does not begin with one, such as ``5" pipe``, is an ordinary sign.

    Parameters
    ----------
    lines_above:
        Lines above the header, which are no rows.

    Raises
    ------
    DataError
        With the number of the first such row.
    """
    with inspected.text(encoding, newline="") as text:
        for _ in range(lines_above):
            next(text)
        row = _first_undoubled(text, delimiter)
    if row is not None:
        raise DataError(
            "a quote inside a field is not doubled, so where the field ends is a guess",
            "double the quotes inside fields",
            file=name,
            first_rows=[row],
        )


def lines_between_quotes(inspected: Inspection, delimiter: str, encoding: str, width: int) -> int | None:
    """How many line ends stand between quotes, such as those of a note; None where a whole row may stand there.

    Reads the bytes once and parses nothing, which takes a tenth of parsing all columns.

    Parameters
    ----------
    width:
        Fields of a row.
    """
    found, rest = 0, b""
    if encoding == "utf-16" or inspected.quotes % 2:
        return None
    with inspected.stream() as stream:
        while chunk := stream.read(_CHUNK):
            data = rest + chunk
            held = _held_in(data, delimiter.encode(encoding), width)
            if held is None or len(held[1]) > _LONGEST:
                return None
            found, rest = found + held[0], held[1]
    return None if rest else found


def _held_in(data: bytes, delimiter: bytes, width: int) -> tuple[int, bytes] | None:
    """Line ends between the quotes of some bytes, and the rest from a quote on that is not closed in them."""
    signs = np.frombuffer(data, dtype=np.uint8)
    quotes, ends = np.flatnonzero(signs == ord('"')), np.flatnonzero(signs == ord("\n"))
    closed = len(quotes) - len(quotes) % 2
    opened = np.searchsorted(quotes, ends)
    between = (opened % 2 == 1) & (opened <= closed)
    for quote in np.unique(opened[between]).tolist():
        lines = data[quotes[quote - 1] + 1 : quotes[quote]].split(b"\n")[1:]
        if any(line.count(delimiter) >= width - 1 for line in lines):
            return None
    return int(between.sum()), data[quotes[-1] :] if closed < len(quotes) else b""


def _first_undoubled(lines: Iterable[str], delimiter: str) -> int | None:
    """Number of the first row with a field that goes on after its closing quote (1 = the first data row)."""
    reader, row = csv.reader(lines, delimiter=delimiter, strict=True), 0
    while True:
        try:
            row += bool(next(reader))  # a blank line is no row
        except StopIteration:
            return None
        except csv.Error as error:
            if "expected after" in str(error):
                return row
            row += 1  # a very long field: the parser of the file has read it
