"""Casts from a raw column to a kind of a contract; each says which rows are faulty and why."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvo_ml.config.shops import NO_CURRENCY, SourceConfig
from cvo_ml.core.contract import Kind
from cvo_ml.ingest.casts.amounts import Written, cast_amount
from cvo_ml.ingest.casts.column import Cast, RawColumn
from cvo_ml.ingest.casts.ids import cast_id
from cvo_ml.ingest.casts.texts import cast_flag, cast_text
from cvo_ml.ingest.casts.times import cast_time

__all__ = ["Cast", "RawColumn", "cast"]


def cast(
    column: RawColumn,
    kind: Kind,
    source: SourceConfig,
    timezone: str,
    name: str = "",
    *,
    currency: str = NO_CURRENCY,
    decimals: int | NDArray[np.int64] = 2,
) -> Cast:
    """A raw column as ``kind``; null is no fault here.

    Parameters
    ----------
    name:
        The canonical column, by which a source may declare a date format.
    currency:
        The shop's, for columns of money.
    decimals:
        Of the shop's currency, or (n,) of each row's.

    Raises
    ------
    DataError
        If the column as a whole is ambiguous: rounded ids, mixed date formats, mixed zones, numbers of two readings.
    """
    if kind == "id":
        return cast_id(column)
    if kind == "time":
        return cast_time(column, source.format_of(name), timezone)
    if kind == "flag":
        return cast_flag(column)
    if kind == "text":
        return cast_text(column)
    return cast_amount(column, Written(source.decimal, source.amounts, currency, decimals, kind == "money"))
