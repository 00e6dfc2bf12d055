"""CSV that a spreadsheet opens without running anything in it."""

from __future__ import annotations

import csv
import io
from typing import Any

import pandas as pd


def table_csv(table: pd.DataFrame) -> str:
    """A frame's columns, without its index, as CSV text; nulls are empty.

    Examples
    --------
    >>> print(table_csv(pd.DataFrame({"name": ["=1+1", "a"], "value": [2.0, None]})), end="")
    name,value
    '=1+1,2
    a,
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(table.columns)
    # as Python objects column by column: going through Arrow's texts one at a time takes longer than all the rest
    columns = [values.to_numpy(dtype=object) for _, values in table.items()]
    for row in zip(*columns, strict=True):
        writer.writerow([cell(value) for value in row])
    return buffer.getvalue()


def cell(value: Any) -> str:
    """A CSV cell; text that a spreadsheet would run as a formula gets a leading apostrophe.

    Examples
    --------
    >>> [cell(value) for value in ("=1+1", "-2", 2.0, 0.12345, None, float("nan"))]
    ["'=1+1", "'-2", '2', '0.1235', '', '']
    """
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:.4f}"
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    text = str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else text
