"""From a customer table to checked arrays: the only place where the CLV models look at a DataFrame's columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.core.errors import ContractError, nearest_name

Array = NDArray[np.float64]
HISTORY_COLUMNS = ("frequency", "recency", "T")


def numbers(table: pd.DataFrame, column: str, *, nan_allowed: bool = False) -> Array:
    """A column as float64 (n,): finite and >= 0.

    Raises
    ------
    ContractError
        If the column is missing or a value is not a finite number >= 0.
    """
    values = _finite(table, column, nan_allowed=nan_allowed)
    refuse(values < 0, column, "values are negative", "compute the table with rfm_summary")
    return values


def _finite(table: pd.DataFrame, column: str, *, nan_allowed: bool = False) -> Array:
    if column not in table.columns:
        hint = nearest_name(column, [str(name) for name in table.columns])
        raise ContractError(f"the column is missing{hint}", "rename or add it; see rfm_summary", column=column)
    try:
        values = table[column].to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        raise ContractError("holds values that are not numbers", "convert it to numbers", column=column) from None
    wrong = np.isinf(values) if nan_allowed else ~np.isfinite(values)
    refuse(wrong, column, "values are missing or infinite", "drop or repair these customers")
    return values


def purchase_history(table: pd.DataFrame) -> tuple[Array, Array, Array]:
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


def covariates(table: pd.DataFrame, names: Sequence[str]) -> dict[str, Array]:
    """Columns of finite numbers of any sign, by name.

    Raises
    ------
    ContractError
        If a column is missing or holds something else.
    """
    return {name: _finite(table, name) for name in names}


def weights(sample_weight: Any, n: int) -> Array | None:
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


def refuse(wrong: NDArray[np.bool_], column: str, problem: str, remedy: str) -> None:
    """Raise a ContractError that counts the wrong rows, if there are any."""
    if wrong.any():
        first: Sequence[int] = (np.flatnonzero(wrong)[:3] + 1).tolist()
        raise ContractError(problem, remedy, column=column, count=int(wrong.sum()), first_rows=first)
