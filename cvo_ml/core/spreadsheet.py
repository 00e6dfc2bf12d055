"""CSV that a spreadsheet opens without running anything in it."""

from __future__ import annotations

import csv
import io
from typing import Any, Final

import pandas as pd

#: With what a cell begins that a spreadsheet would run.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


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


def exact_csv(table: pd.DataFrame) -> str:
    """A frame as CSV that is read back: numbers as they are, and texts as ``cell`` writes them.

    Examples
    --------
    >>> text = exact_csv(pd.DataFrame({"action": ["=1+1", "call"], "effect": [0.1234567, None]}))
    >>> print(text, end="")
    action,effect
    '=1+1,0.1234567
    call,
    >>> [text_of(action) for action in ("'=1+1", "call", "'s")]
    ['=1+1', 'call', "'s"]
    """
    texts = {str(name): column.map(cell, na_action="ignore") for name, column in table.items() if _is_text(column)}
    return table.assign(**texts).to_csv(index=False, lineterminator="\n")


def text_of(written: str) -> str:
    """A text that ``cell`` wrote."""
    return written[1:] if written[:1] == "'" and written[1:2] in FORMULA else written


def _is_text(values: pd.Series) -> bool:
    return bool(pd.api.types.is_string_dtype(values) or pd.api.types.is_object_dtype(values))


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
    return f"'{text}" if text[:1] in FORMULA else text
