"""Times that are counted since 1970: seconds, thousandths or millionths."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cvo_ml.config.shops import EPOCHS
from cvo_ml.core.contract import TIME_DTYPE
from cvo_ml.ingest.casts.column import Coded, RawColumn

_NUMBER: Final = r"-?\d{1,17}(?:\.\d{1,9})?"
_MICROSECONDS: Final = 1e6
_FIRST, _LAST = (float(np.datetime64(day, "us").astype(np.int64)) for day in ("1980-01-01", "2200-01-01"))


def parse_epochs(column: RawColumn, coded: Coded, date_format: str) -> pd.Series:
    """The moments in UTC that numbers stand for; NaT where a text is no number, or no moment before the year 10000.

    Raises
    ------
    DataError
        If all numbers count another unit: then all would lie in January 1970, or after the year 2200.
    """
    readable = coded.matches(_NUMBER)
    numbers = np.full(len(readable), np.nan)
    numbers[readable] = pc.cast(coded.texts.filter(pa.array(readable)), pa.float64()).to_numpy(zero_copy_only=False)
    moments = numbers * (_MICROSECONDS / EPOCHS[date_format])
    known = moments[readable & (numbers != 0)]
    if len(known) and (other := _other_unit(known, date_format)):
        problem = f"its numbers count another unit than {date_format}"
        raise column.refuse(problem, f"declare date_format: {other}", coded.rows(readable))
    possible = np.abs(moments) < float(np.datetime64("9999-12-31", "us").astype(np.int64))
    whole = np.round(np.where(possible, moments, 0)).astype(np.int64).view("datetime64[us]")
    return pd.Series(np.where(possible, whole, np.datetime64("NaT", "us")), dtype=TIME_DTYPE)


def _other_unit(moments: np.ndarray, date_format: str) -> str | None:
    """The unit by which all moments are of our time, where by the declared one none is."""
    if ((moments >= _FIRST) & (moments < _LAST)).any():
        return None
    for other, per_second in EPOCHS.items():
        scaled = moments * (EPOCHS[date_format] / per_second)
        if ((scaled >= _FIRST) & (scaled < _LAST)).all():
            return other
    return None
