"""Rows of a flat file as texts, and tables of chosen rows with some columns written anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from cvo_ml.core.arrays import Flags
from cvo_ml.ingest.raw import RawTable, one_file


def texts_of(raw: RawTable, headers: Sequence[str]) -> pd.DataFrame:
    """The named columns as trimmed texts; empty ones, and columns that the file lacks, are null."""
    found = {}
    for header in headers:
        values = raw.columns.get(header)
        if values is None:
            found[header] = pd.Series(None, index=range(len(raw)), dtype="str")
            continue
        texts = values.cast(pa.large_string()).to_pandas().astype("str").str.strip()
        found[header] = texts.mask(texts == "")
    return pd.DataFrame(found, index=range(len(raw)))


def with_columns(
    raw: RawTable, columns: Mapping[str, pd.Series], left_out: Mapping[str, Flags], notes: Sequence[str] = ()
) -> RawTable:
    """The same rows with some columns written anew, and further ones left out by rule."""
    written = {header: _arrow(values) for header, values in columns.items()}
    return replace(
        raw, columns={**raw.columns, **written}, left_out={**raw.left_out, **left_out}, notes=(*raw.notes, *notes)
    )


def of_rows(raw: RawTable, rows: NDArray[np.intp], columns: Mapping[str, pd.Series]) -> RawTable:
    """A table whose rows were derived from those of ``raw``, of which one may give several, with columns of its own."""
    none = replace(one_file("", np.array([])), files=raw.places.files)
    taken = {header: values.take(pa.array(rows, pa.int64())) for header, values in raw.columns.items()}
    written = {**taken, **{header: _arrow(values) for header, values in columns.items()}}
    return replace(raw, columns=written, places=raw.places[rows], ragged=none, notes=(), left_out={})


def any_of(raw: RawTable) -> Flags:
    """(n,) rows that some rule leaves out already."""
    found: Flags = np.zeros(len(raw), dtype=np.bool_)
    for rows in raw.left_out.values():
        found = found | rows
    return found


def first_listed(texts: pd.Series) -> pd.Series:
    """The first of several ids in a cell, which semicolons part."""
    first = texts.str.replace(";.*", "", regex=True).str.strip()
    return first.mask(first == "")


def _arrow(values: pd.Series) -> pa.ChunkedArray:
    return pa.chunked_array([pa.Array.from_pandas(values, type=pa.large_string())])
