"""Rows that are sums of others: found by the text with which they begin, and left out by rule."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvo_ml.core.arrays import Flags
from cvo_ml.ingest.raw import RawTable, SourceFile, one_file

TOTAL_ROW: Final = "total row"


def is_total(fields: Sequence[str], begins: Sequence[str]) -> bool:
    """Whether the first field that is not empty begins with one of the texts.

    Examples
    --------
    >>> is_total(["", "Total: ", "812.00"], ["Total"])
    True
    """
    first = next((field.strip() for field in fields if field.strip()), "")
    return bool(first) and first.startswith(tuple(begins))


def is_total_line(line: str, delimiter: str, begins: Sequence[str]) -> bool:
    """The same of a line of text that is no row."""
    try:
        return bool(begins) and is_total(next(csv.reader([line], delimiter=delimiter), []), begins)
    except csv.Error:  # several lines, or a field without end
        return False


def total_rows(table: pa.Table, begins: Sequence[str]) -> Flags:
    """(n,) the same of the rows of a table of texts, which has all columns of the file."""
    found = np.zeros(table.num_rows, dtype=np.bool_)
    open_ones = np.full(table.num_rows, bool(begins))
    for column in table.columns:
        if not open_ones.any():
            break
        texts = pc.utf8_trim_whitespace(column)
        filled = open_ones & np.asarray(pc.not_equal(texts, "").to_numpy(zero_copy_only=False), dtype=np.bool_)
        for text in begins:
            found |= filled & np.asarray(pc.starts_with(texts, text).to_numpy(zero_copy_only=False), dtype=np.bool_)
        open_ones &= ~filled
    return found


def without_totals(
    source: SourceFile,
    columns: Mapping[str, pa.ChunkedArray],
    numbers: NDArray[np.int64],
    totals: Flags,
    ragged: NDArray[np.int64],
    ragged_totals: NDArray[np.int64],
    notes: tuple[str, ...] = (),
) -> RawTable:
    """A raw table in which the rows of totals are left out by rule, and hold nothing that a cast could look at.

    Parameters
    ----------
    numbers, totals:
        (n,) row numbers of the columns, and which are totals.
    ragged, ragged_totals:
        Numbers of rows with another number of fields: faulty ones, and totals.
    """
    if totals.any():
        columns = {name: pc.if_else(pa.array(~totals), values, None) for name, values in columns.items()}
    if len(ragged_totals):
        order = np.argsort(np.concatenate([numbers, ragged_totals]), kind="stable")
        columns = {
            name: pa.chunked_array([*values.chunks, pa.nulls(len(ragged_totals), values.type)], values.type).take(order)
            for name, values in columns.items()
        }
        numbers = np.concatenate([numbers, ragged_totals])[order]
        totals = np.concatenate([totals, np.ones(len(ragged_totals), dtype=np.bool_)])[order]
    left_out = {TOTAL_ROW: totals} if totals.any() else {}
    return RawTable(
        (source,), columns, one_file(source.name, numbers), one_file(source.name, ragged), notes, left_out
    )  # fmt: skip
