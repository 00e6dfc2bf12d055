"""``@feature``: how a function in a user's file says that it is a feature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.errors import UsageError, nearest_name

#: The attribute of a declared function.
MARK: Final = "__cvo_feature__"
#: The parameter that is no table: midnight of the date in the shop's zone.
AS_OF: Final = "as_of"

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Declaration:
    """What a function said of itself.

    Parameters
    ----------
    unit:
        Of its values, such as days or currency.
    reads:
        The tables that it is given.
    """

    unit: str
    reads: tuple[str, ...]


def feature(*, unit: str, reads: Sequence[str]) -> Callable[[Function], Function]:
    """Declare a function as a feature; it stays an ordinary function that can be called and tested.

    Parameters
    ----------
    unit:
        Of its values: ``days``, ``currency``, ``count``, ``share``, ``category``.
    reads:
        Names of tables, such as ``["orders", "tickets"]``. The function's parameters are these and ``as_of``.

    Returns
    -------
    A decorator. The function gets each table as a DataFrame that holds only what was known at ``as_of`` (a
    ``pandas.Timestamp``), and returns a Series of numbers or texts, one value a customer, indexed by ``customer_id``.

    Raises
    ------
    UsageError
        If a table is unknown, or the function's parameters are not the tables and ``as_of``.

    Examples
    --------
    >>> @feature(unit="days", reads=["orders"])
    ... def days_since_big_order(orders, as_of):
    ...     \"\"\"Days since the last order above 100.\"\"\"
    ...     big = orders[orders["net"] > 100]
    ...     return (as_of - big.groupby("customer_id")["ordered_at"].max()).dt.days
    """
    tables = (reads,) if isinstance(reads, str) else tuple(reads)
    for name in tables:
        if name not in CONTRACTS:
            raise UsageError(
                f"reads={list(tables)}: {name!r} is no table{nearest_name(name, list(CONTRACTS))}: "
                f"use {', '.join(sorted(CONTRACTS))}"
            )
    if not tables:
        raise UsageError("reads=[] names no table: name those that the function needs, such as reads=['orders']")

    def declare(function: Function) -> Function:
        expected, found = {*tables, AS_OF}, tuple(inspect.signature(function).parameters)
        if set(found) != expected:
            raise UsageError(
                f"{function.__name__}({', '.join(found)}) must take what it reads and the date: "
                f"def {function.__name__}({', '.join((*tables, AS_OF))})"
            )
        setattr(function, MARK, Declaration(unit, tables))
        return function

    return declare
