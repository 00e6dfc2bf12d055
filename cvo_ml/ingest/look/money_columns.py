"""The amounts of a table by their meaning, as numbers, and how they add up."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cvo_ml.ingest.header_names import in_minor_units
from cvo_ml.ingest.look.amounts import AmountWriting, is_amounts
from cvo_ml.ingest.look.grid import FoundColumn, Grid

#: Meanings of amounts, of which a table may have several columns each.
AMOUNTS: Final = (
    "net", "subtotal", "total", "with_tax", "gross", "line_total", "unit_price", "quantity", "discount", "shipping",
    "tax", "payment_cost", "refund_amount", "payout", "tips", "cost", "unit_cost",
)  # fmt: skip
_VALUES: Final = ("net", "subtotal", "total", "with_tax", "gross", "line_total", "unit_price")
CENT: Final = 0.011
#: Share of the rows in which a sum must come out.
_NEARLY_ALL: Final = 0.99
#: Decimal logarithm of the chance from which on amounts that agree prove nothing.
_LOG_CHANCE: Final = -6.0
Numbers = NDArray[np.float64]


def amount_columns(grid: Grid) -> dict[str, list[FoundColumn]]:
    """The columns of amounts by their meaning, the best name first; only those that hold amounts."""
    found: dict[str, list[FoundColumn]] = {}
    for meaning in AMOUNTS:
        columns = [grid.columns[header] for header in grid.headers_for(meaning)]
        if amounts := [column for column in columns if is_amounts(column)]:
            found[meaning] = amounts
    return _of_one_unit(found)


def are_minor_units(columns: Mapping[str, list[FoundColumn]]) -> bool:
    """Whether the amounts are whole numbers of the smallest unit, by their headers."""
    return any(in_minor_units(column.header) for found in columns.values() for column in found)


def _of_one_unit(columns: Mapping[str, list[FoundColumn]]) -> dict[str, list[FoundColumn]]:
    """The amounts of whole orders and lines in one unit: in euros where a value stands in euros, else in cents."""
    plain = {
        meaning: [column for column in found if not in_minor_units(column.header)] for meaning, found in columns.items()
    }
    if any(plain.get(meaning) for meaning in _VALUES):
        return {meaning: found for meaning, found in plain.items() if found}
    if not are_minor_units(columns):
        return dict(columns)
    return {
        meaning: kept
        for meaning, found in columns.items()
        if (kept := [column for column in found if meaning == "quantity" or in_minor_units(column.header)])
    }


@dataclass(frozen=True)
class OrderAmounts:
    """Columns of amounts as numbers.

    Parameters
    ----------
    columns:
        Meaning to columns, the best first.
    told:
        Headers whose meaning is known from elsewhere than their names: no arithmetic overrules it.
    """

    columns: Mapping[str, list[FoundColumn]]
    written: AmountWriting
    told: Collection[str] = ()
    _numbers: dict[str, Numbers] = field(default_factory=dict, repr=False)

    def numbers(self, column: FoundColumn) -> Numbers:
        """(rows,) the values of a column; NaN where there is none."""
        if column.header not in self._numbers:
            self._numbers[column.header] = self.written.numbers(column)
        return self._numbers[column.header]

    def of(self, meaning: str) -> list[FoundColumn]:
        """The columns of a meaning."""
        return self.columns.get(meaning, [])

    def size(self, meaning: str) -> Numbers | float:
        """(rows,) the absolute values of the first column of a meaning, 0 where there is none."""
        found = self.of(meaning)
        return np.abs(np.nan_to_num(self.numbers(found[0]))) if found else 0.0

    def is_used(self, meaning: str) -> bool:
        """Whether a meaning has a column that is not zero throughout."""
        return bool(np.any(np.asarray(self.size(meaning)) > 0))


def agree(left: Numbers, right: Numbers) -> bool:
    """Whether two columns are equal to the cent in nearly all rows that have both."""
    both = np.isfinite(left) & np.isfinite(right)
    return bool(both.any() and np.mean(np.abs(left[both] - right[both]) <= CENT) >= _NEARLY_ALL)


@dataclass(frozen=True)
class OrderRows:
    """Rows by their order.

    Parameters
    ----------
    codes:
        (rows,) number of each row's order; -1 where it has none.
    """

    codes: NDArray[np.int64]

    @property
    def known(self) -> NDArray[np.bool_]:
        """(rows,) which rows have an order."""
        return self.codes >= 0

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(orders,) rows of each order."""
        return np.bincount(self.codes[self.known])

    @property
    def repeated(self) -> int:
        """Orders with several rows."""
        return int((self.sizes > 1).sum())

    def sums(self, values: Numbers) -> Numbers:
        """(orders,) the sum of each order's rows."""
        return np.bincount(
            self.codes[self.known], weights=np.nan_to_num(values[self.known]), minlength=len(self.sizes)
        ).astype(np.float64)

    def firsts(self, values: Numbers) -> Numbers:
        """(orders,) the value of each order's first row."""
        _, first = np.unique(self.codes[self.known], return_index=True)
        return np.asarray(values[self.known][first], dtype=np.float64)

    def is_constant(self, values: Numbers) -> bool:
        """Whether nearly all orders of several rows have one value in all of them."""
        filled = np.nan_to_num(values[self.known], nan=-1.0)
        firsts = self.firsts(np.nan_to_num(values, nan=-1.0))[self.codes[self.known]]
        several = self.sizes[self.codes[self.known]] > 1
        return bool(several.any() and np.mean(np.abs(filled - firsts)[several] <= CENT) >= _NEARLY_ALL)

    def may_agree_by_chance(self, values: Numbers) -> bool:
        """Whether rows of one order would often have one value too if each had a value of its own.

        The chance that two rows agree is that of two rows of different orders; all further rows of orders must agree.
        """
        _, counts = np.unique(np.nan_to_num(self.firsts(values), nan=-1.0), return_counts=True)
        alike = float(np.sum((counts / counts.sum()) ** 2))
        further = int((self.sizes - 1).clip(min=0).sum())
        return bool(further * np.log10(alike) > _LOG_CHANCE)

    def is_text_constant(self, column: FoundColumn) -> bool:
        """The same of a column of texts."""
        return self.is_constant(column.codes.astype(np.float64))
