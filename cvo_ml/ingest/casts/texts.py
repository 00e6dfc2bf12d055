"""Plain texts and yes-or-no flags."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.ingest.casts.column import Cast, RawColumn, text_series

_TRUE: Final = r"(?i)true|yes|y|t|1"
_FALSE: Final = r"(?i)false|no|n|f|0"


def cast_text(column: RawColumn) -> Cast:
    """Texts, trimmed and in NFC; an empty text and ``\\N`` are null."""
    coded = column.coded()
    codes = np.where(coded.rows(coded.empty()), -1, coded.codes)
    return Cast(text_series(coded.texts, codes))


def cast_flag(column: RawColumn) -> Cast:
    """Flags from true/false, yes/no, y/n, t/f, 1/0 in any case; nullable where a row is empty."""
    coded = column.coded()
    true, false = coded.matches(_TRUE), coded.matches(_FALSE)
    known = coded.rows(true | false)
    values = pd.array(coded.rows(true), dtype="boolean")
    values[~known] = pd.NA
    faults = {"not a yes or no": coded.rows(~true & ~false & ~coded.empty())}
    return Cast(pd.Series(values.astype(bool) if known.all() else values), faults)
