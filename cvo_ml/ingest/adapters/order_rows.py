"""Which rows of an export are orders, where the columns of an order stand in one of its rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvo_ml.core.arrays import Flags
from cvo_ml.ingest.adapters.flat_rows import FlatRows, coded, first_rows
from cvo_ml.ingest.raw import Places

FURTHER_LINE: Final = "further line of its order"
IN_LATER_FILE: Final = "order that a later file has too"
COPY: Final = "row of an order that was exported again"


@dataclass(frozen=True)
class RowsOfOrders:
    """The rows of an export by their order.

    Parameters
    ----------
    order:
        (n,) number of each row's order; those of one name have the same.
    own:
        (n,) rows that are orders: the first of a name with the columns of an order, wherever it stands, else its first.
        A row without a name is an order for itself, so that it is told as a fault.
    later:
        (n,) rows of orders that a later file has too, as it was exported anew.
    copies:
        (n,) rows that the same file holds again.
    """

    order: NDArray[np.int64]
    own: Flags
    later: Flags
    copies: Flags

    @property
    def lines(self) -> Flags:
        """(n,) rows that are order lines: all that count once."""
        return ~(self.later | self.copies)

    def gone(self, places: Places, *, further: bool) -> dict[str, Places]:
        """The places of the rows that are left out, by rule.

        Parameters
        ----------
        further:
            Whether the further lines of an order are.
        """
        rules = {FURTHER_LINE: self.lines & ~self.own & further, IN_LATER_FILE: self.later, COPY: self.copies}
        return {rule: places[rows] for rule, rows in rules.items() if rows.any()}


def order_rows(every: FlatRows, name: str, of_order: Sequence[str], identity: str) -> RowsOfOrders:
    """The rows of an export by their order.

    Parameters
    ----------
    name:
        The header that all rows of an order share.
    of_order:
        Headers of which one is filled in an order's own row, and none in its further ones.
    identity:
        The header by which two orders of one name are told apart, where it is filled in both.
    """
    codes, names = coded(every.texts(name))
    filled = np.logical_or.reduce([every.filled(header) for header in of_order])
    named = np.asarray(pc.not_equal(pc.utf8_trim_whitespace(names), "").to_numpy(zero_copy_only=False))[codes]
    later = named & _in_later_file(codes, every.raw.places.file.astype(np.int64), filled, len(names))
    first = first_rows(codes, filled & ~later, len(names))
    place = np.where(first >= 0, first, first_rows(codes, ~later, len(names)))
    own = ~named
    own[place[place >= 0]] = True
    copies = np.zeros(len(codes), dtype=np.bool_)
    again = np.flatnonzero(filled & named & ~later & ~own)
    if len(again):
        own[again] = _is_another(every, identity, again, place[codes[again]])
        copies = _copies(every, codes, np.isin(codes, codes[again]) & ~later, of_order)
    return RowsOfOrders(codes, own & ~copies, later, copies)


def _in_later_file(codes: NDArray[np.int64], file: NDArray[np.int64], filled: Flags, groups: int) -> Flags:
    """(n,) rows of orders whose own columns stand here and in a later file again."""
    last = np.full(groups, -1, dtype=np.int64)
    rows = np.flatnonzero(filled)
    last[codes[rows]] = file[rows]  # rows are in the order of the files: of several, the last one stays
    here = codes * (int(file.max(initial=0)) + 1) + file
    earlier: Flags = file < last[codes]
    return earlier & np.isin(here, np.unique(here[filled])) if earlier.any() else earlier


def _is_another(every: FlatRows, identity: str, rows: NDArray[np.int64], first: NDArray[np.int64]) -> Flags:
    """Which rows are another order of the same name."""
    ids = every.texts(identity)
    here, there = ids.take(pa.array(rows)), ids.take(pa.array(first))
    known = pc.and_(pc.not_equal(here, ""), pc.not_equal(there, ""))
    return np.asarray(pc.and_(known, pc.not_equal(here, there)).to_numpy(), dtype=np.bool_)


def _copies(every: FlatRows, codes: NDArray[np.int64], suspects: Flags, of_order: Sequence[str]) -> Flags:
    """(n,) rows that stand again as often as the own row of their order does, and count once."""
    some, found = every.chosen(suspects), np.zeros(len(codes), dtype=np.bool_)
    rows, group = _alike(some)
    if not len(rows):
        return found
    own = np.logical_or.reduce([some.filled(header) for header in of_order])[rows]
    frame = pd.DataFrame({"group": group, "order": codes[suspects][rows]})
    number, times = frame.groupby("group").cumcount(), frame.groupby("group")["order"].transform("size")
    repeated = times.where(own).groupby(frame["order"]).transform("max").fillna(1)
    found[np.flatnonzero(suspects)[rows]] = (number >= (times / repeated).round().clip(lower=1)).to_numpy()
    return found


def _alike(some: FlatRows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows that equal another one in all columns, and the number of each one's group."""
    rows, group = np.arange(len(some)), np.zeros(len(some), dtype=np.int64)
    for header in some.raw.columns:  # few columns tell nearly all rows apart
        values = coded(some.texts(header))[0][rows]
        _, group, sizes = np.unique(
            group * (values.max(initial=0) + 1) + values, return_inverse=True, return_counts=True
        )
        rows, group = rows[sizes[group] > 1], group[sizes[group] > 1]
        if not len(rows):
            break
    return rows, group.astype(np.int64)
