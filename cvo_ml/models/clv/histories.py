"""From a customer table to checked arrays, and to the sufficient statistic of all buy-till-you-die models.

The only place where the CLV models look at a DataFrame's columns. A shop with a million customers and daily data has
far fewer distinct triples (frequency, recency, T): ``PurchaseHistories`` counts how many customers share each. One
``GROUP BY`` over a cluster gives the same object, and parts of a customer base merge with ``+``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Flags, Floats, Ints, Places
from cvo_ml.core.columns import Columns, Table
from cvo_ml.core.errors import ContractError, ModelRefused, UsageError, nearest_name
from cvo_ml.core.units import UNIT
from cvo_ml.models.estimator import WrongInput

_SMALL_RANGE: Final = 2**22
HISTORY_COLUMNS = ("frequency", "recency", "T")
#: What the columns of an array are, by their number.
ARRAY_COLUMNS: Final = {
    2: ("frequency", "monetary_value"),
    3: HISTORY_COLUMNS,
    4: (*HISTORY_COLUMNS, "monetary_value"),
}


@dataclass(frozen=True)
class PurchaseHistories:
    """Distinct purchase histories, ordered by frequency, then recency, then T, with their counts.

    Attributes
    ----------
    frequency, recency, T:
        Arrays (n,): repeat purchase periods, time from the first to the last purchase, time from the first
        purchase to the end of observation. 0 <= recency <= T.
    count:
        Customers with that history (n,), > 0.
    """

    frequency: Floats
    recency: Floats
    T: Floats
    count: Floats

    def __len__(self) -> int:
        return len(self.count)

    def __add__(self, other: PurchaseHistories) -> PurchaseHistories:
        """Histories of both customer bases together."""
        ours, theirs = (self.frequency, self.recency, self.T), (other.frequency, other.recency, other.T)
        columns = [np.concatenate(pair) for pair in zip(ours, theirs, strict=True)]
        return group_histories(columns[0], columns[1], columns[2], np.concatenate([self.count, other.count]))

    @property
    def n_customers(self) -> float:
        """Customers, counted with their weights."""
        return float(self.count.sum())

    @property
    def n_repeat_customers(self) -> float:
        """Customers with at least one repeat purchase."""
        return float(self.count[self.frequency > 0].sum())

    def thinned(self, size: int) -> PurchaseHistories:
        """Every k-th distinct history, about ``size`` of them: a cheap look at the whole for a first fit."""
        stride = max(1, len(self) // size)
        return PurchaseHistories(
            self.frequency[::stride], self.recency[::stride], self.T[::stride], self.count[::stride]
        )


def group_histories(frequency: Floats, recency: Floats, T: Floats, weight: Floats | None = None) -> PurchaseHistories:
    """Group customers with the same (frequency, recency, T).

    Parameters
    ----------
    frequency, recency, T:
        Arrays (n,) of finite numbers >= 0.
    weight:
        Customers per row (n,); 1 if None. Rows of weight 0 are dropped.

    Examples
    --------
    >>> histories = group_histories(np.array([0., 2, 0]), np.array([0., 5, 0]), np.array([9., 9, 9]))
    >>> histories.frequency.tolist(), histories.count.tolist()
    ([0.0, 2.0], [2.0, 1.0])
    """
    if weight is not None and not np.all(weight > 0):
        kept = weight > 0
        frequency, recency, T, weight = frequency[kept], recency[kept], T[kept], weight[kept]
    code = _whole_number_code((frequency, recency, T))
    if code is None or weight is not None:
        order = np.lexsort((T, recency, frequency)) if code is None else np.argsort(code, kind="stable")
        frequency, recency, T = frequency[order], recency[order], T[order]
        first = _starts((frequency, recency, T))
        weight = np.ones(len(order)) if weight is None else weight[order]
        count = np.add.reduceat(weight, first) if len(first) else np.zeros(0)
        return PurchaseHistories(frequency[first], recency[first], T[first], count)
    values, radix = code, _radix((frequency, recency, T))
    values.sort()
    first = _starts((values,))
    count = np.diff(np.append(first, len(values))).astype(np.float64)
    distinct = values[first]
    rest, periods = np.divmod(distinct, radix[2])
    repeats, last = np.divmod(rest, radix[1])
    return PurchaseHistories(repeats.astype(np.float64), last.astype(np.float64), periods.astype(np.float64), count)


def refuse_few_repeaters(histories: PurchaseHistories, minimum: int) -> None:
    """Refuse data that no buy-till-you-die model can learn from.

    Raises
    ------
    ModelRefused
        With reason_code ``no_customers``, ``one_date``, ``no_repeat_customers`` or ``too_few_repeat_customers``.
    """
    if len(histories) == 0:
        raise ModelRefused("the table has no customers: give at least one row", reason_code="no_customers")
    if not (histories.T > 0).any():
        raise ModelRefused(
            "all customers bought first on the last day of observation (T = 0): give a longer order history",
            reason_code="one_date",
        )
    repeaters = histories.n_repeat_customers
    if repeaters == 0:
        raise ModelRefused(
            "no customer bought a second time: give a longer order history, or use the formula",
            reason_code="no_repeat_customers",
        )
    if repeaters < minimum:
        raise ModelRefused(
            f"only {repeaters:g} of {histories.n_customers:g} customers bought again and at least {minimum} are "
            "needed: give a longer order history or more customers, pool similar shops, or use the formula",
            reason_code="too_few_repeat_customers",
        )


def distinct_pairs(first: Floats, second: Floats) -> tuple[Floats, Floats, Places]:
    """Distinct pairs of two columns and, for each row, the position of its pair.

    Examples
    --------
    >>> distinct_pairs(np.array([1., 0, 1]), np.array([7., 7, 7]))
    (array([0., 1.]), array([7., 7.]), array([1, 0, 1]))
    """
    code = _whole_number_code((first, second))
    if code is None:
        ranks = [np.unique(column, return_inverse=True)[1] for column in (first, second)]
        code = ranks[0] * (int(ranks[1].max(initial=0)) + 1) + ranks[1]
    last_row = np.full(min(int(code.max(initial=0)) + 1, _SMALL_RANGE), -1, dtype=np.intp)
    if len(last_row) < _SMALL_RANGE:  # a table beats sorting: daily data of any size
        last_row[code] = np.arange(len(code))
        present = last_row >= 0
        position, inverse = last_row[present], (np.cumsum(present) - 1)[code]
    else:
        _, position, inverse = np.unique(code, return_index=True, return_inverse=True)
    return first[position], second[position], inverse


def _radix(columns: Sequence[Floats]) -> list[int]:
    return [int(column.max(initial=0.0)) + 1 for column in columns]


def _whole_number_code(columns: Sequence[Floats]) -> Ints | None:
    """One integer per row that orders like the columns, or None if they are not whole or too large for it."""
    if any(column.max(initial=0.0) > 1e15 for column in columns):
        return None
    radix = _radix(columns)
    if float(np.prod([float(r) for r in radix])) > 9e18:
        return None
    code = np.zeros(len(columns[0]), dtype=np.int64)
    for column, size in zip(columns, radix, strict=True):
        whole = column.astype(np.int64)
        if not np.array_equal(whole, column):
            return None
        code *= size
        code += whole
    return code


def _starts(columns: Sequence[Ints] | Sequence[Floats]) -> Places:
    """Positions where a run of equal rows begins, in columns sorted together."""
    changed = np.zeros(len(columns[0]), dtype=bool)
    changed[:1] = True
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(changed)


def numbers(table: Table, column: str, *, nan_allowed: bool = False) -> Floats:
    """A column as float64 (n,): finite and >= 0.

    Raises
    ------
    ContractError
        If the column is missing or a value is not a finite number >= 0.
    """
    values = _finite(table, column, nan_allowed=nan_allowed)
    refuse(values < 0, column, "values are negative", "compute the table with rfm_summary")
    return values


def _finite(table: Table, column: str, *, nan_allowed: bool = False) -> Floats:
    columns = Columns.of(as_table(table))
    if column not in columns:
        hint = nearest_name(column, columns.names)
        raise ContractError(f"the column is missing{hint}", "rename or add it; see rfm_summary", column=column)
    try:
        values = columns.numbers(column)
    except (TypeError, ValueError):
        raise ContractError("holds values that are not numbers", "convert it to numbers", column=column) from None
    wrong = np.isinf(values) if nan_allowed else ~np.isfinite(values)
    refuse(wrong, column, "values are missing or infinite", "drop or repair these customers")
    return values


def purchase_history(table: Table) -> tuple[Floats, Floats, Floats]:
    """Frequency, recency and T (n,), consistent with each other.

    Raises
    ------
    ContractError
        If a frequency is not whole, recency > T, or a customer without repeat purchase has recency > 0.
    """
    frequency, recency, T = (numbers(table, column) for column in HISTORY_COLUMNS)
    refuse(frequency != np.floor(frequency), "frequency", "values are not whole numbers", "count repeat purchases")
    late = recency > T * (1 + 1e-9)
    refuse(late, "recency", "recency is larger than T", "cut the orders at the end of observation")
    inconsistent = (frequency == 0) & (recency > 0)
    refuse(inconsistent, "recency", "recency is positive where frequency is 0", "set it to 0")
    return frequency, np.minimum(recency, T), T


def as_table(X: Any) -> Any:
    """X itself, or the frame of an array, whose columns stand in the field's order.

    Raises
    ------
    WrongInput
        If an array has another shape.

    Examples
    --------
    >>> as_table(np.ones((1, 2))).columns.tolist(), as_table(np.ones((1, 4))).columns.tolist()
    (['frequency', 'monetary_value'], ['frequency', 'recency', 'T', 'monetary_value'])
    """
    if not isinstance(X, np.ndarray):
        return X
    names = ARRAY_COLUMNS.get(X.shape[-1]) if X.ndim == 2 else None
    if names is None:
        raise WrongInput(
            f"X is an array of shape {X.shape}: give (n, 3) of frequency, recency, T, (n, 4) with monetary_value too, "
            "or a frame"
        )
    return pd.DataFrame(X, columns=names, copy=False)


def check_unit(table: Table, unit: str) -> None:
    """Refuse a table whose times are known to be in another unit than the model's.

    Raises
    ------
    UsageError
        If its ``attrs["unit"]`` is another one.

    Examples
    --------
    >>> table = pd.DataFrame({"frequency": [1], "recency": [2.0], "T": [5.0]})
    >>> table.attrs["unit"] = "W"
    >>> check_unit(table, "W")
    >>> check_unit(table, "D")
    Traceback (most recent call last):
    cvo_ml.core.errors.UsageError: the summary is in W and the model in D: make the summary with
    rfm_summary(..., unit='D') or the model with time_unit='W'; if you converted it, set summary.attrs['unit']
    """
    own = getattr(table, "attrs", {}).get(UNIT, unit)
    if own != unit:
        raise UsageError(
            f"the summary is in {own} and the model in {unit}: make the summary with rfm_summary(..., unit={unit!r}) "
            f"or the model with time_unit={own!r}; if you converted it, set summary.attrs['unit']"
        )


def covariate_columns(table: Table, names: Sequence[str]) -> dict[str, Floats]:
    """Columns of finite numbers of any sign, by name.

    Raises
    ------
    ContractError
        If a column is missing or holds something else.
    """
    return {name: _finite(table, name) for name in names}


def weights(sample_weight: Any, n: int) -> Floats | None:
    """Customers per row (n,), or None.

    Raises
    ------
    ContractError
        If the length differs or a weight is not a finite number >= 0.
    """
    if sample_weight is None:
        return None
    values = np.asarray(sample_weight, dtype=np.float64)
    if values.shape != (n,):
        raise ContractError(f"sample_weight has shape {values.shape}", f"give one weight for each of the {n} rows")
    refuse(~np.isfinite(values) | (values < 0), "sample_weight", "weights are not finite and >= 0", "repair them")
    return values


def refuse(wrong: Flags, column: str, problem: str, remedy: str) -> None:
    """Raise a ContractError that counts the wrong rows, if there are any."""
    if wrong.any():
        first: Sequence[int] = (np.flatnonzero(wrong)[:3] + 1).tolist()
        raise ContractError(problem, remedy, column=column, count=int(wrong.sum()), first_rows=first)
