"""Sums whose result does not depend on the order of their terms, so that any number of threads agrees to the bit.

Amounts are taken as whole millionths (``MICRO`` per unit) in 64-bit integers, summed exactly and turned back into one
float64 at the end. A row may hold up to 9.2 million million units of currency.
"""

from __future__ import annotations

from typing import Any, Final

import ibis
import ibis.expr.operations as ops

#: Smallest parts of one unit of currency (or of quantity) that features keep.
MICRO: Final = 1_000_000


def micro(amount: Any) -> Any:
    """A float column in whole millionths, int64."""
    return (amount.cast("float64") * MICRO).round().cast("int64")


def units(millionths: Any) -> Any:
    """Millionths, or their sum, as float64 units."""
    return millionths.cast("float64") / MICRO


def exact_sum(amount: Any, where: Any | None = None) -> Any:
    """The sum of a float column in units, the same in any order of rows; null without rows."""
    return units(micro(amount).sum(where=where))


def exact_mean(amount: Any, where: Any | None = None) -> Any:
    """The mean of the values that are not null, the same in any order of rows; null without values."""
    return exact_sum(amount, where) / amount.count(where=where).nullif(0)


def if_true(condition: Any, value: Any) -> Any:
    """``value`` where the condition holds, else null.

    An aggregate of it takes a third less time in DuckDB than the same aggregate with a FILTER.
    """
    return condition.ifelse(value, ibis.null(value.type()))


def number(condition: Any) -> Any:
    """The number of rows where the condition holds; half the time of the sum of a condition in DuckDB."""
    return if_true(condition, ibis.literal(1)).count()


def as_int64(total: Any) -> Any:
    """A sum of integers as the 64 bits that Ibis says it has; DuckDB's has 128, which makes what follows slower."""
    # .cast() would drop the cast as superfluous
    return ops.Cast(total, to="int64").to_expr()


def value_at_least(value: Any, key: Any) -> Any:
    """An integer ``value`` where an integer ``key`` is least; rows with a null key do not count.

    Ibis' own argmin makes DuckDB sort by text.
    """
    return _MIN_BY(value, key)


def value_at_most(value: Any, key: Any) -> Any:
    """An integer ``value`` where an integer ``key`` is greatest; rows with a null key do not count."""
    return _MAX_BY(value, key)


def _by(value: Any, key: Any) -> Any:
    """The parameters of two functions that DuckDB and Spark both have; the engine's own function is the body."""


_INTEGERS: Final = (("int64", "int64"), "int64")
_MIN_BY: Final = ibis.udf.agg.builtin(_by, name="min_by", signature=_INTEGERS)
_MAX_BY: Final = ibis.udf.agg.builtin(_by, name="max_by", signature=_INTEGERS)
