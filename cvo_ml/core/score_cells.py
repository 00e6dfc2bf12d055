"""The columns of Scores while they are filled: plain arrays, of which one frame is made at the end.

A frame costs as much per column as a model per row, so a group of columns is filled, spread among other rows and joined
to the next as arrays by name; ``table`` makes the frame, with each column's type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from cvo_ml.core.arrays import Flags, Numbers, Objects
from cvo_ml.core.contract import TIME_DTYPE, Kind
from cvo_ml.core.scores import REASON_COLUMNS, SCORE_COLUMNS, Group

#: One value for all rows (None = null), or one per row (n,): texts are Python objects with None for null, numbers NaN,
#: times NaT; or a column that is finished already.
Cell = str | float | pd.Timestamp | None | Numbers | Objects | pd.api.extensions.ExtensionArray
Cells = dict[str, Cell]

KINDS: Final[Mapping[str, Kind]] = {
    **{column.name: column.kind for column in SCORE_COLUMNS},
    **dict.fromkeys(REASON_COLUMNS.values(), "text"),
}


def null_cells(group: Group, reason: str | None) -> Cells:
    """The columns of a group for rows without a value: null, with the reason."""
    nulls: Cells = dict.fromkeys(column.name for column in SCORE_COLUMNS if column.group == group)
    return {**nulls, REASON_COLUMNS[group]: reason}


def among(rows: Flags, filled: Cells, others: Cells) -> Cells:
    """``filled``, the columns of ``rows``, among rows for which ``others`` hold.

    Parameters
    ----------
    rows:
        (n,): whose columns ``filled`` are.
    others:
        One value for all rows or one per row (n,), by column; a column that is not here is null elsewhere.

    Examples
    --------
    >>> cells = among(np.array([True, False]), {"p_alive": np.array([0.5])}, {"clv_reason": "no_order_left"})
    >>> cells["p_alive"], cells["clv_reason"]
    (array([0.5, nan]), array([None, 'no_order_left'], dtype=object))
    """
    if rows.all():
        return filled
    names = dict.fromkeys((*filled, *others))
    return {name: _joined(KINDS[name], rows, filled.get(name), others.get(name)) for name in names}


def table(cells: Mapping[str, Cell], index: pd.Index) -> pd.DataFrame:
    """The frame of some columns of Scores, in their order, each with its type."""
    return pd.DataFrame({name: _column(KINDS[name], cell, len(index)) for name, cell in cells.items()}, index=index)


def null_columns(index: pd.Index, group: Group, reason: str) -> pd.DataFrame:
    """The columns of a group for customers without a value: null, with the reason.

    Parameters
    ----------
    index:
        The customers.
    reason:
        A short stable code, such as ``too_few_repeat_buyers``.
    """
    return table(null_cells(group, reason), index)


def reasons_where(flags: Mapping[str, Flags]) -> Objects:
    """For each row (n,) the reasons whose flag it has, joined with ``;``; null where it has none.

    Examples
    --------
    >>> reasons_where({"one_order": np.array([True, False, True]), "no_value": np.array([True, False, False])})
    array(['one_order;no_value', None, 'one_order'], dtype=object)
    """
    weights = [flag.astype(np.intp) << place for place, flag in enumerate(flags.values())]
    return np.asarray(_combinations(tuple(flags))[np.sum(weights, axis=0)])


@cache
def _combinations(reasons: tuple[str, ...]) -> Objects:
    """Every set of ``reasons`` as a text, at the place whose bits say which are in it."""
    chosen = [[name for bit, name in enumerate(reasons) if place >> bit & 1] for place in range(1 << len(reasons))]
    return np.array([";".join(names) or None for names in chosen], dtype=object)


def objects(cell: Cell, n: int) -> Objects:
    """A column of texts, one per row (n,)."""
    return cell if isinstance(cell, np.ndarray) else np.full(n, cell, dtype=object)


def _joined(kind: Kind, rows: Flags, filled: Cell, other: Cell) -> Cell:
    """One value per row (n,), of ``filled`` for ``rows`` and of ``other`` elsewhere."""
    dtype, null = _TYPES[kind]
    if isinstance(other, np.ndarray):
        values = other.astype(dtype)
    else:
        values = np.full(len(rows), null if other is None else other, dtype=dtype)
    values[rows] = null if filled is None else filled
    return values


def _column(kind: Kind, cell: Cell, n: int) -> Any:
    """A column of the frame (n,)."""
    return cell if isinstance(cell, pd.api.extensions.ExtensionArray) else _COLUMNS[kind](cell, n)


def _texts(cell: Cell, n: int) -> Any:
    if cell is None:
        return _TEXT.__from_arrow__(pa.nulls(n, pa.large_string()))
    if isinstance(cell, np.ndarray):
        return _TEXT.__from_arrow__(pa.array(cell, pa.large_string(), from_pandas=True))
    return _TEXT.__from_arrow__(pa.repeat(pa.scalar(cell, pa.large_string()), n))


def _numbers(cell: Cell, n: int) -> Any:
    return cell if isinstance(cell, np.ndarray) else np.full(n, np.nan if cell is None else cell)


def _times(cell: Cell, n: int) -> Any:
    if isinstance(cell, np.ndarray):
        return cell
    return np.full(n, np.datetime64("NaT") if cell is None else cell, dtype=TIME_DTYPE)


def _flags(cell: Cell, n: int) -> Any:
    values: Any = objects(cell, n)
    return pd.array(values, dtype="boolean")


_TEXT: Final[Any] = pd.Series(dtype="str").dtype
_TYPES: Final[Mapping[Kind, tuple[str, Any]]] = {
    "id": ("object", None), "text": ("object", None), "time": (TIME_DTYPE, np.datetime64("NaT")),
    "money": ("float64", np.nan), "number": ("float64", np.nan), "integer": ("float64", np.nan),
    "flag": ("object", None),
}  # fmt: skip
_COLUMNS: Final[Mapping[Kind, Callable[[Cell, int], Any]]] = {
    "id": _texts, "text": _texts, "time": _times,
    "money": _numbers, "number": _numbers, "integer": _numbers,
    "flag": _flags,
}  # fmt: skip
