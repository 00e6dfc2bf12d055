"""Rows of a flat export as an adapter looks at them: texts, amounts and times by header, and parts as tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.ingest.casts import Cast, RawColumn, cast
from cvo_ml.ingest.casts.column import as_mask
from cvo_ml.ingest.raw import Places, RawTable, one_file

_TEXT: Final = pa.large_string()
_DAY: Final = len("2024-06-30")
_ZONES_APART: Final = 3  # days between which the latest moment may lie, in whichever zones their times are


@dataclass(frozen=True)
class FlatRows:
    """Some rows of an export, read as its shop's source says.

    Parameters
    ----------
    shop:
        Its source says how amounts and dates are written.
    """

    raw: RawTable
    shop: ShopConfig

    def __len__(self) -> int:
        return len(self.raw)

    def __contains__(self, header: str) -> bool:
        return header in self.raw.columns

    def chosen(self, rows: Flags, headers: Collection[str] | None = None) -> FlatRows:
        """Those rows, in their order; of these columns alone where they are named."""
        few = self if headers is None else self.only(headers)
        if rows.all():
            return few
        mask = pa.array(rows)
        columns = {header: values.filter(mask) for header, values in few.raw.columns.items()}
        return FlatRows(replace(self.raw, columns=columns, places=self.raw.places[rows], left_out={}), self.shop)

    def only(self, headers: Collection[str]) -> FlatRows:
        """The rows with these columns alone, where they have them."""
        columns = {name: values for name, values in self.raw.columns.items() if name in headers}
        return FlatRows(replace(self.raw, columns=columns), self.shop)

    def texts(self, header: str) -> pa.ChunkedArray:
        """(n,) texts; empty where there is none, or no such column."""
        values = self.raw.columns.get(header)
        if values is None:
            return pa.chunked_array([pa.repeat(pa.scalar("", _TEXT), len(self))])
        texts = values if pa.types.is_string(values.type) else values.cast(_TEXT)
        return pc.fill_null(texts, "") if texts.null_count else texts

    def filled(self, header: str) -> Flags:
        """(n,) rows that have something in a column."""
        if header not in self.raw.columns:
            return np.zeros(len(self), dtype=np.bool_)
        return np.asarray(pc.binary_length(self.texts(header)).to_numpy() > 0, dtype=np.bool_)

    def among(self, header: str, texts: tuple[str, ...]) -> Flags:
        """(n,) rows with one of these texts, in any case."""
        return self.told(header, "^(?:" + "|".join(texts) + ")$")

    def told(self, header: str, pattern: str) -> Flags:
        """(n,) rows whose text holds a pattern (RE2), in any case; each distinct text is looked at once."""
        codes, distinct = coded(self.texts(header))
        found = as_mask(pc.match_substring_regex(distinct, pattern, ignore_case=True))
        return np.asarray(found[codes], dtype=np.bool_)

    def amounts(self, header: str) -> Floats:
        """(n,) amounts; NaN where there is none that can be read."""
        return self._amounts(header).values.to_numpy(dtype=np.float64)

    def unreadable(self, header: str) -> Flags:
        """(n,) rows with something that is no amount."""
        found = np.zeros(len(self), dtype=np.bool_)
        for rows in self._amounts(header).faults.values():
            found |= rows
        return found

    def times(self, header: str, column: str) -> pd.Series:
        """(n,) times of the shop's clock; NaT where there is none that can be read.

        Parameters
        ----------
        column:
            The canonical column, by which the source may declare a date format.
        """
        if header not in self.raw.columns:
            return pd.Series(np.full(len(self), "NaT", dtype="datetime64[us]"))
        return cast(self._column(header), "time", self.shop.source, self.shop.timezone, column).values

    def latest(self, header: str, column: str) -> pd.Timestamp | None:
        """The latest time of a column; None where it has none.

        Parameters
        ----------
        column:
            As for ``times``.
        """
        if header not in self.raw.columns or not self.filled(header).any():
            return None
        days = pc.utf8_slice_codeunits(self.texts(header), 0, _DAY)
        rows = self
        if self.shop.source.format_of(column) is None:  # of ISO days, only the last ones can hold it
            rows = self.chosen(as_mask(pc.is_in(days, pc.unique(days).sort("descending")[:_ZONES_APART])), [header])
        latest = rows.times(header, column).max()
        return None if pd.isna(latest) else latest

    def table(
        self,
        columns: Mapping[str, pa.Array] | None = None,
        *,
        notes: tuple[str, ...] = (),
        left_out: Mapping[str, Flags] | None = None,
        gone: Mapping[str, Places] | None = None,
        ragged: bool = False,
    ) -> RawTable:
        """The rows as a table, some columns given anew.

        Parameters
        ----------
        ragged:
            Whether this table accounts for the rows of the export that could not be read at all.
        """
        added = {header: pa.chunked_array([values]) for header, values in (columns or {}).items()}
        none = replace(one_file("", np.array([])), files=self.raw.places.files)
        return replace(
            self.raw, columns={**self.raw.columns, **added}, notes=notes, left_out=left_out or {},
            gone={rule: places.by_file() for rule, places in (gone or {}).items()},
            ragged=self.raw.ragged if ragged else none,
        )  # fmt: skip

    def written(self, header: str, amounts: Floats) -> pa.Array:
        """Amounts in place of a column's; what cannot be read there stays as it is, so that it is told as a fault."""
        faulty = self.unreadable(header)
        if not faulty.any():
            return pa.array(amounts, pa.float64(), from_pandas=True)
        numbers = pc.cast(pa.array(amounts, pa.float64(), from_pandas=True), _TEXT)
        numbers = pc.replace_substring(numbers, ".", self.shop.source.decimal)
        return pc.if_else(pa.array(faulty), self.texts(header).combine_chunks(), numbers)

    def _amounts(self, header: str) -> Cast:
        if header not in self.raw.columns:
            return Cast(pd.Series(np.full(len(self), np.nan)))
        return cast(self._column(header), "money", self.shop.source, self.shop.timezone, currency=self.shop.currency)

    def _column(self, header: str) -> RawColumn:
        return RawColumn(self.raw.columns[header], header, self.raw.places)


def coded(texts: pa.ChunkedArray) -> tuple[NDArray[np.int64], pa.Array]:
    """Texts as codes into their distinct values."""
    encoded = texts.combine_chunks().dictionary_encode()
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary


def first_rows(codes: NDArray[np.int64], rows: Flags, groups: int) -> NDArray[np.int64]:
    """(groups,) place of the first of these rows in each group; -1 where it has none.

    Examples
    --------
    >>> first_rows(np.array([0, 0, 1, 2]), np.array([False, True, True, False]), 3)
    array([ 1,  2, -1])
    """
    found = np.full(groups, -1, dtype=np.int64)
    places = np.flatnonzero(rows)[::-1]
    found[codes[places]] = places  # of several, the last one that is assigned stays
    return found
