"""Table contracts: what a table must hold before any other part may look at it.

Ids are strings, times are zone-less and what the shop's clock showed (``wall_times``), money is float64 in one
currency per run. Each table may carry ``known_at``, the time its row became known; by default the event time.

A contract also says what no single cell shows: of which columns a row names at least one, which number lies in which
range, which time comes first, and which table another table's row is named in. Reading, ``init`` and the page of the
tables (``docs/tables.md``) follow it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from cvo_ml.core.errors import ContractError, nearest_name

Kind = Literal["id", "text", "time", "money", "number", "integer", "flag"]
TIME_DTYPE: Final = "datetime64[us]"


@dataclass(frozen=True)
class Range:
    """Where a number lies, both ends included; ``above_low``: not the lower one.

    Examples
    --------
    >>> str(Range(1, 5)), str(Range(0)), str(Range(0, above_low=True)), str(Range(0, 1, above_low=True))
    ('1 to 5', '0 or more', 'above 0', 'above 0, up to 1')
    """

    low: float
    high: float = math.inf
    above_low: bool = False

    def without(self, values: pd.Series) -> np.ndarray:
        """(n,) which numbers lie elsewhere; one that is not told does not."""
        low = values <= self.low if self.above_low else values < self.low
        return np.asarray(low | (values > self.high), dtype=np.bool_)

    @property
    def broken(self) -> str:
        """What is wrong with a number that lies elsewhere."""
        if self.high == math.inf and self.low == 0:
            return "not above zero" if self.above_low else "below zero"
        return f"below {self.low:g}" if self.high == math.inf else f"outside {self.low:g} to {self.high:g}"

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"above {self.low:g}" if self.above_low else f"{self.low:g} or more"
        return f"above {self.low:g}, up to {self.high:g}" if self.above_low else f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Column:
    """One column of a contract.

    Parameters
    ----------
    required:
        Whether it must be there, and no row may lack it.
    meaning:
        What it says, with its unit.
    within:
        Where its numbers lie.
    names:
        The table of which it names a row, where the shop has that table.
    foreseen:
        Whether it is a time that was known before it came, such as a promise.
    waits_for:
        Times of the same row before the first of which its value was not known.
    """

    name: str
    kind: Kind
    required: bool = False
    meaning: str = ""
    within: Range | None = None
    names: str | None = None
    foreseen: bool = False
    waits_for: tuple[str, ...] = ()


def required(name: str, kind: Kind, meaning: str = "", within: Range | None = None, names: str | None = None) -> Column:
    """A column that must be there, and that no row may lack."""
    return Column(name, kind, True, meaning, within, names)


KNOWN_AT_COLUMN: Final = Column("known_at", "time", meaning="when the row became known; default: its event time")


@dataclass(frozen=True)
class TimeOrder:
    """Two times of a row of which ``ends`` never comes before ``begins``; ``broken`` says what it is if it does."""

    begins: str
    ends: str
    broken: str = "ends before it begins"


@dataclass(frozen=True)
class TableContract:
    """The columns of a table, its key and its event time.

    Parameters
    ----------
    key:
        Columns that together identify a row; empty where rows have no key.
    event_time:
        The column that says when the row happened; None for tables about no moment.
    about:
        What one row is, and what the table is for.
    key_where_told:
        Columns that identify a row in a source that has all of them.
    one_of:
        Groups of columns of which a row names at least one each.
    spans:
        Times that follow each other.
    profile:
        Whether further columns are fields of their own, kept as texts.
    months:
        How many months from its event time a row speaks of: it is known when they are over.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    event_time: str | None = None
    about: str = ""
    key_where_told: tuple[str, ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()
    spans: tuple[TimeOrder, ...] = ()
    profile: bool = False
    months: int = 0

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that must be there."""
        return tuple(column.name for column in self.columns if column.required)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns that have a meaning here."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column called ``name``.

        Raises
        ------
        KeyError
            If the contract has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def validate(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Check a frame against the contract and return it unchanged.

        Raises
        ------
        ContractError
            If a required column is missing, a column has the wrong type, a required value is
            null, a number is not finite, or the key repeats.
        """
        for name in self.required:
            if name not in frame.columns:
                hint = nearest_name(name, [str(column) for column in frame.columns])
                raise self._error(f"required column is missing{hint}", "add or map it", name)
        for column in self.columns:
            if column.name in frame.columns:
                self._check_column(column, frame[column.name])
        self._check_key(frame)
        return frame

    def empty(self) -> pd.DataFrame:
        """A frame with this table's columns and no rows."""
        return pd.DataFrame({column.name: pd.Series(dtype=pandas_dtype(column.kind)) for column in self.columns})

    def _check_column(self, column: Column, values: pd.Series) -> None:
        if not has_kind(values, column.kind):
            raise self._error(f"has type {values.dtype}, not {column.kind}", "convert it first", column.name)
        if column.required and (null := values.isna()).any():
            raise self._error("null in a required column", "quarantine such rows", column.name, null)
        if column.kind in ("money", "number") and (infinite := np.isinf(values.astype("float64"))).any():
            raise self._error("infinite amount", "quarantine such rows", column.name, infinite)

    def _check_key(self, frame: pd.DataFrame) -> None:
        if self.key and set(self.key) <= set(frame.columns):
            repeated = pd.Series(frame.duplicated(list(self.key), keep="first"))
            if repeated.any():
                raise self._error("the key repeats", "keep one row per key", ", ".join(self.key), repeated)

    def _error(
        self, problem: str, remedy: str, column: str | None = None, rows: pd.Series | np.ndarray | None = None
    ) -> ContractError:
        positions = np.flatnonzero(np.asarray(rows)) + 1 if rows is not None else np.array([], dtype=int)
        return ContractError(
            problem,
            remedy,
            file=f"table {self.name}",
            column=column,
            count=len(positions) if rows is not None else None,
            first_rows=positions[:3].tolist(),
        )


def either(names: Sequence[str]) -> str:
    """Names of which one is enough, as a sentence has them.

    Examples
    --------
    >>> either(("order_id", "customer_id")), either(("a", "b", "c"))
    ('order_id or customer_id', 'a, b or c')
    """
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def pandas_dtype(kind: Kind) -> str:
    """The pandas dtype that holds a kind."""
    return {
        "id": "str",
        "text": "str",
        "time": TIME_DTYPE,
        "money": "float64",
        "number": "float64",
        "integer": "int64",
        "flag": "bool",
    }[kind]


def has_kind(values: pd.Series, kind: Kind) -> bool:
    """Whether a series holds values of ``kind``."""
    dtype = values.dtype
    if kind in ("id", "text"):
        if pd.api.types.is_object_dtype(dtype):  # it may hold numbers among texts, which the dtype does not tell
            return pd.api.types.infer_dtype(values, skipna=True) in ("string", "empty")
        return pd.api.types.is_string_dtype(dtype)
    if kind == "time":
        return pd.api.types.is_datetime64_any_dtype(dtype) and getattr(dtype, "tz", None) is None
    if kind == "flag":
        return pd.api.types.is_bool_dtype(dtype)
    if kind == "integer":
        return pd.api.types.is_integer_dtype(dtype)
    return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
