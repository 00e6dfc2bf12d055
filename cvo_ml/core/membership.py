"""Which texts stand among others: what pandas' ``isin`` answers, without a Python object for each of them."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from cvo_ml.core.arrays import Flags


def is_among(texts: pd.Series | pd.Index, known: pd.Series | pd.Index) -> Flags:
    """Which of the texts are among the known ones; a missing text is not.

    pandas 3 builds the set of the known texts one Python object at a time, 9 µs each: 9 s for a million orders, where
    this takes a tenth of a second.

    Parameters
    ----------
    texts, known:
        Of any length, in any order, with repetitions or without.

    Returns
    -------
    (n,) one flag for each of ``texts``.

    Examples
    --------
    >>> is_among(pd.Series(["b", None, "a"]), pd.Index(["a", "c"]))
    array([False, False,  True])
    """
    found: Any = pc.is_in(_arrow(texts), value_set=_arrow(known), skip_nulls=True)
    flags: Flags = found.to_numpy(zero_copy_only=False)
    return flags


def _arrow(texts: pd.Series | pd.Index) -> Any:
    found = pa.array(texts, pa.large_string(), from_pandas=True)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
