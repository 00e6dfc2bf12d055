"""A table's columns by name, as arrays: what a model reads of it, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Flags, Floats, Numbers, Objects
from cvo_ml.core.errors import UsageError


class Columns:
    """The columns of a frame, each taken out and made numbers once, when it is asked for first.

    pandas takes as long to hand out one column of one row as a model takes to score it, and longer to choose rows of
    all columns. Here a column costs its frame once, however many models read it, and rows are chosen of those columns
    only that are read. It is never changed by who reads it.

    Parameters
    ----------
    source:
        The frame, or the columns that these are rows of.
    rows:
        Which rows of the source; None = all.
    own:
        Columns (n,) that the source does not have, or that take the place of its own: numbers, or texts as objects.

    Examples
    --------
    >>> X = Columns(pd.DataFrame({"net": [1.0, 2.0], "country": ["DE", None]}))
    >>> X.numbers("net").tolist(), X.take(np.array([False, True])).numbers("net").tolist(), "gross" in X
    ([1.0, 2.0], [2.0], False)
    """

    def __init__(
        self,
        source: pd.DataFrame | Columns,
        rows: Flags | slice | None = None,
        own: Mapping[str, Numbers] | None = None,
    ) -> None:
        self._source, self._rows, self._own = source, rows, dict(own or {})
        self._read: dict[tuple[str, Reading], Numbers] = {}

    @classmethod
    def of(cls, table: pd.DataFrame | Columns) -> Columns:
        """The columns of a frame; columns are what they are."""
        return table if isinstance(table, cls) else cls(table)

    @classmethod
    def from_arrays(cls, index: pd.Index, arrays: Mapping[str, Numbers]) -> Columns:
        """Columns (n,) of the rows ``index`` that no frame holds: numbers with NaN for null, or texts as objects."""
        return cls(pd.DataFrame(index=index), own=arrays)

    @cached_property
    def index(self) -> pd.Index:
        """The rows' labels, (n,)."""
        return self._source.index if self._rows is None else self._source.index[self._rows]

    @property
    def attrs(self) -> Mapping[Any, Any]:
        """What the frame says of itself, such as its unit."""
        return self._source.attrs

    @property
    def names(self) -> list[str]:
        """The columns, in the order of the frame."""
        source = self._source
        names = source.names if isinstance(source, Columns) else [str(name) for name in source.columns]
        return [*names, *(name for name in self._own if name not in names)]

    def __len__(self) -> int:
        return len(self.index)

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._source

    def require(self, names: Iterable[str]) -> None:
        """Refuse a table without some of the columns.

        Raises
        ------
        UsageError
            Naming those that are missing.
        """
        missing = [name for name in names if name not in self]
        if missing:
            raise UsageError(
                f"columns to score are missing: {', '.join(missing)}: compute them with cvo.snapshot(tables, as_of, "
                "models=models) from tables that hold them, or leave the model that reads them out "
                "(load_models(only=...))"
            )

    def numbers(self, name: str) -> Floats:
        """The column as numbers, a null as NaN, (n,); to read, not to write into.

        Raises
        ------
        UsageError
            If there is none.
        TypeError, ValueError
            If it holds something else than numbers.
        """
        return self._as(_floats, name)

    def parsed(self, name: str) -> Floats:
        """As ``numbers``; texts, as from a file, are read as numbers, and count as missing where they are none."""
        return self._as(_parsed, name)

    def texts(self, name: str) -> Objects:
        """The column as Python texts, a null as NaN, (n,).

        Raises
        ------
        UsageError
            If there is none.
        """
        return self._as(_texts, name)

    def take(self, rows: Flags | slice) -> Columns:
        """Some of the rows."""
        return self if isinstance(rows, np.ndarray) and rows.all() else Columns(self, rows)

    def pieces(self, size: int) -> list[Columns]:
        """All rows in their order, at most ``size`` at once."""
        if len(self) <= size:
            return [self]
        return [self.take(slice(start, start + size)) for start in range(0, len(self), size)]

    def with_numbers(self, **own: Floats) -> Columns:
        """With further number columns (n,); one of the same name gives way."""
        return Columns(self, own=own)

    def _as(self, reading: Reading, name: str) -> Numbers:
        """A column as an array by ``reading``, taken once."""
        found = self._own.get(name)
        if found is None:
            found = self._read.get((name, reading))
        return self._taken(reading, name) if found is None else found

    def _taken(self, reading: Reading, name: str) -> Numbers:
        if isinstance(self._source, Columns):
            whole = self._source._as(reading, name)
            found = whole if self._rows is None else whole[self._rows]
        else:
            self.require([name])
            column = self._source[name] if self._rows is None else self._source[name][self._rows]
            found = reading(column)
            if reading is not _texts and column.dtype == np.float64:  # both ways of reading numbers are one
                self._read[name, _floats] = self._read[name, _parsed] = found
        self._read[name, reading] = found
        return found


#: What a model takes: a frame, or the columns of one.
Table = pd.DataFrame | Columns
#: From a column of a frame to an array.
Reading = Callable[[pd.Series], Numbers]


def _floats(values: pd.Series) -> Floats:
    if values.dtype == np.float64:  # as features are: nothing to convert, and no nulls to look for
        return np.asarray(values.to_numpy())
    return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))


def _parsed(values: pd.Series) -> Floats:
    if values.dtype != np.float64 and pd.api.types.is_string_dtype(values.dtype):
        values = pd.to_numeric(values, errors="coerce")
    return _floats(values)


def _texts(values: pd.Series) -> Objects:
    return np.asarray(values.astype("str").to_numpy(dtype=object))
