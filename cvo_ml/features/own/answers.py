"""What a user's function may answer: one number or text a customer, the same whenever it is asked."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.core.units import midnight
from cvo_ml.features.own.declaration import AS_OF
from cvo_ml.features.own.file import OwnFunction, line_of
from cvo_ml.features.own.rows import CUSTOMERS, KnownRows

#: Sums of the same numbers in another order differ by less than this share.
ROUNDING: Final = 1e-9


def ask(
    function: OwnFunction, rows: KnownRows, day: date, *, backwards: bool = False, among: frozenset[str] | None = None
) -> pd.Series:
    """What a function says of each customer at ``day``: float64 or str, indexed by ``customer_id``.

    Parameters
    ----------
    backwards:
        Hand the rows out in the opposite order.
    among:
        Hand out the rows of these customers alone; None = of all.

    Raises
    ------
    UsageError
        If it fails, or answers anything but one number or text a customer; names file, function and line.
    """
    tables = {name: rows.at(name, day, among) for name in function.declaration.reads}
    if backwards:
        tables = {name: table.iloc[::-1].reset_index(drop=True) for name, table in tables.items()}
    people = {str(value) for table in tables.values() if "customer_id" in table for value in table["customer_id"]}
    try:
        answer = function.function(**{name: table.copy() for name, table in tables.items()}, **{AS_OF: midnight(day)})
    except (Exception, SystemExit) as error:
        raise function.wrong(_why(error, function, rows, people), line_of(error, function.file)) from None
    return _checked(function, answer, people)


def verify(function: OwnFunction, rows: KnownRows, day: date) -> None:
    """Refuse a function that answers otherwise when it is asked again, in another order, or of half of the customers.

    Raises
    ------
    UsageError
        If it does.
    """
    first, again, turned = (ask(function, rows, day, backwards=turn) for turn in (False, False, True))
    if not first.equals(again):
        raise function.wrong(
            "two calls on the same rows give different values: give random numbers a seed, and read neither clock nor "
            "files"
        )
    if not _same(first.sort_index(), turned.sort_index()):
        raise function.wrong(
            "gives other values when its rows come in another order: sort them by time first, and break ties by an id"
        )
    half = frozenset(sorted(first.index)[::2])
    alone = ask(function, rows, day, among=half)
    if half and not _same(first[first.index.isin(half)].sort_index(), alone[alone.index.isin(half)].sort_index()):
        raise function.wrong(
            "gives a customer another value when other customers are left out, and one customer must score the same as "
            "among all: leave totals, ranks and quantiles of the shop out"
        )


def _checked(function: OwnFunction, answer: Any, people: set[str]) -> pd.Series:
    if not isinstance(answer, pd.Series):
        raise function.wrong(
            f"returns {_a(answer)}: return a pandas Series with one value a customer, such as "
            'orders.groupby("customer_id")["net"].sum()'
        )
    if isinstance(answer.index, pd.MultiIndex):
        raise function.wrong(f"its Series has {answer.index.nlevels} index levels: index it by customer_id alone")
    ids = answer.index.astype("str")
    if len(ids) and not any(each in people for each in ids):
        raise function.wrong(
            "its Series is not indexed by customer_id: end with a groupby('customer_id') or set_index('customer_id')"
        )
    if ids.has_duplicates:
        raise function.wrong("its Series holds a customer twice: aggregate to one value a customer")
    values = answer.set_axis(ids, axis=0).rename_axis("customer_id")
    return _typed(function, values)


def _typed(function: OwnFunction, values: pd.Series) -> pd.Series:
    kind = values.dtype.kind
    if kind in "mM":
        do = "take .dt.days of it" if kind == "m" else "return days: (as_of - it).dt.days"
        raise function.wrong(f"returns {'durations' if kind == 'm' else 'dates'}, and a feature is a number: {do}")
    if pd.api.types.is_numeric_dtype(values.dtype) and kind != "c":
        numbers = values.astype("float64")
        infinite = int(np.isinf(numbers.to_numpy()).sum())
        if infinite:
            raise function.wrong(
                f"{infinite:,} of its values are infinite: a division by 0 is no number; use .replace(0, np.nan) below"
            )
        return numbers
    if isinstance(values.dtype, pd.CategoricalDtype | pd.StringDtype):
        return values.astype("str")
    held = pd.api.types.infer_dtype(values, skipna=True)
    if held in ("string", "empty"):
        return values.astype("str")
    if held in ("boolean", "integer", "floating", "mixed-integer-float", "decimal"):
        return _typed(function, values.astype("float64"))
    raise function.wrong(f"its values are {held} and neither all numbers nor all texts: return one kind")


def _why(error: BaseException, function: OwnFunction, rows: KnownRows, people: set[str]) -> str:
    """The error in words, without a customer's id."""
    said = " ".join(str(error).split())[:200]
    words = {word.strip("'\".,:()[]") for word in said.split()}
    if isinstance(error, KeyError):
        reads = function.declaration.reads
        hidden = [(table, name) for table in reads for name in rows.withheld(table) if name in words]
        if hidden:
            (table, name), *_ = hidden
            do = (
                f"declare it under leaks.known_at_conversion, or give the column {name}_known_at"
                if table == CUSTOMERS
                else "use the times instead"
            )
            return f"{table}.{name} is not handed out, because nobody says what it held on an earlier date: {do}"
        held = (f"{table} has {', '.join(map(str, rows.at(table, date.min)))}" for table in reads)
        said = f"{said} ({'; '.join(held)})"
    if words & people:
        return f"raises {type(error).__name__} (its words name a customer and are left out): correct it"
    return f"raises {type(error).__name__}: {said}: correct it"


def _same(first: pd.Series, second: pd.Series) -> bool:
    if not first.index.equals(second.index) or first.dtype != second.dtype:
        return False
    if first.dtype.kind != "f":
        return first.equals(second)
    return bool(np.allclose(first.to_numpy(), second.to_numpy(), rtol=ROUNDING, atol=ROUNDING, equal_nan=True))


def _a(answer: Any) -> str:
    return "nothing" if answer is None else f"a {type(answer).__name__}"
