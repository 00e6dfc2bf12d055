"""Quotes inside fields that are not doubled: parsers drop some of them and keep others, without a word."""

from __future__ import annotations

import csv
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from cvo_ml.core.errors import DataError
from cvo_ml.ingest.sources.inspection import Inspection


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
