"""Columns of the tables: ids, texts and times made without a Python object per row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from cvo_ml.core.arrays import Numbers

Columns = Mapping[str, Numbers | pa.Array]
SECONDS_PER_DAY = 86_400


def ids(pattern: str, *numbers: Numbers) -> pa.Array:
    """Texts of equal width from whole numbers: ``#`` in the pattern is one digit.

    Parameters
    ----------
    pattern:
        Text with one run of ``#`` per array in ``numbers``.
    numbers:
        Whole numbers from 0 to 2^32 - 1, shape (n,); each must fit its run of digits.

    Raises
    ------
    OverflowError
        If a number needs more digits than its run has.

    Examples
    --------
    >>> ids("o###-##", np.array([7, 12]), np.array([1, 2])).to_pylist()
    ['o007-01', 'o012-02']
    """
    size, width = len(numbers[0]), len(pattern)
    text = np.empty((width, size), np.uint8)  # one row per place: written in one go, turned at the end
    text[:] = np.frombuffer(pattern.encode(), np.uint8)[:, None]
    for run, number in zip(re.finditer("#+", pattern), numbers, strict=True):
        rest = np.asarray(number).astype(np.uint32)
        for place in range(run.end() - 1, run.start() - 1, -1):
            tenth = rest // np.uint32(10)
            text[place] = rest - tenth * np.uint32(10) + ord("0")
            rest = tenth
        if rest.any():
            raise OverflowError(f"a number does not fit the id {pattern!r}")
    offsets = np.arange(0, (size + 1) * width, width, dtype=np.int64)
    return pa.LargeStringArray.from_buffers(size, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text.T)))


def texts(names: Sequence[str], codes: Numbers, missing: Numbers | None = None) -> pa.Array:
    """``names[codes]`` as a text column, null where ``missing``.

    Examples
    --------
    >>> texts(["a", "b"], np.array([1, 0]), np.array([False, True])).to_pylist()
    ['b', None]
    """
    return pa.array(names, pa.large_string()).take(pa.array(codes, pa.int64(), mask=missing))


def constant(text: str, rows: int) -> pa.Array:
    """The same text in every row."""
    return pa.repeat(pa.scalar(text, pa.large_string()), rows)


def times(start: date, day: Numbers) -> Numbers:
    """Zone-less timestamps of ``day`` days after ``start``, whole seconds; NaN becomes NaT.

    Whole seconds, so that the last bits of floating arithmetic cannot change a table.
    """
    seconds = np.floor(np.where(np.isnan(day), 0.0, day) * SECONDS_PER_DAY).astype("timedelta64[s]")
    stamps = (np.datetime64(start, "s") + seconds).astype("datetime64[us]")
    stamps[np.isnan(day)] = np.datetime64("NaT")
    return stamps


def cents(amount: Numbers) -> Numbers:
    """Money rounded to two decimals."""
    return np.round(amount, 2)


def table(columns: Columns) -> pa.Table:
    """An Arrow table of equally long columns."""
    return pa.table(
        {name: pa.array(values) if isinstance(values, np.ndarray) else values for name, values in columns.items()}
    )


def day_number(start: date, when: date) -> float:
    """Days from ``start`` to ``when``.

    Examples
    --------
    >>> day_number(date(2020, 1, 1), date(2020, 3, 1))
    60.0
    """
    return float((when - start).days)
