"""Months without a day, as the books write them: a format where a column holds nothing else."""

from __future__ import annotations

import re
from typing import Final

from cvo_ml.ingest.look.grid import FoundColumn

#: How a month is written, and the strptime format of it; its first day is meant.
_FORMATS: Final = {
    r"\d{4}-\d{2}": "%Y-%m", r"\d{4}/\d{2}": "%Y/%m", r"\d{4}\.\d{2}": "%Y.%m", r"\d{1,2}-\d{4}": "%m-%Y",
    r"\d{1,2}/\d{4}": "%m/%Y", r"\d{1,2}\.\d{4}": "%m.%Y", r"[A-Z][a-z]{2} \d{4}": "%b %Y",
    r"[A-Z][a-z]{2}-\d{4}": "%b-%Y", r"[A-Z][a-z]{3,8} \d{4}": "%B %Y", r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])": "%Y%m",
}  # fmt: skip


def month_format(column: FoundColumn) -> str | None:
    """The strptime format of a column of months; None where it holds days, or anything else.

    Examples
    --------
    >>> import pyarrow as pa
    >>> months = FoundColumn("Month", pa.chunked_array([["2023-01", "2023-02", None]]))
    >>> month_format(months), month_format(FoundColumn("Day", pa.chunked_array([["2023-01-01"]])))
    ('%Y-%m', None)
    """
    if column.is_time:
        return None
    for pattern, written in _FORMATS.items():
        if column.distinct and all(re.fullmatch(pattern, text) for text in column.distinct):
            return written
    return None
