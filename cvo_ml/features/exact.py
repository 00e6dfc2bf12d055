"""Sums whose result does not depend on the order of their terms, so that any number of threads agrees to the bit.

Amounts are taken as whole millionths (``MICRO`` per unit) in 64-bit integers, summed exactly and turned back into one
float64 at the end. A row may hold up to 9.2 million million units of currency.
"""

from __future__ import annotations

from typing import Any, Final

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
