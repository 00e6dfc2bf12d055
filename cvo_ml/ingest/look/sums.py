"""Rows below the table that are no rows of it: sums of others, and lines that a program puts at the end."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvo_ml.ingest.look.findings import Decision, counted
from cvo_ml.ingest.look.grid import FoundColumn
from cvo_ml.ingest.look.header_row import is_sum

#: More lines of another width are no footer.
_LONGEST_FOOTER = 8


def footer_texts(lines: Sequence[str], delimiter: str, rows: int) -> list[str]:
    """Texts with which lines of another width begin, where they are few and those texts are words."""
    if not lines or len(lines) > max(_LONGEST_FOOTER, rows // 100):
        return []
    return [
        first[:40] for line in lines if len(first := _first(line, delimiter)) > 3 and re.search(r"[^\W\d_]{3}", first)
    ]


def _first(line: str, delimiter: str) -> str:
    try:
        return next((field.strip() for field in next(csv.reader([line], delimiter=delimiter), []) if field.strip()), "")
    except csv.Error:
        return ""


def without_sums(
    columns: Mapping[str, FoundColumn], footer: Sequence[str] = ()
) -> tuple[dict[str, FoundColumn], list[Decision]]:
    """The columns without the rows that are sums of others, and what was found of those.

    Parameters
    ----------
    footer:
        Texts with which lines at the end begin that are no rows.
    """
    places = _first_fields(columns)
    texts = {text for text in _texts_at(columns, places) if is_sum(text)}
    filled = np.array([column.codes >= 0 for column in columns.values()])
    chosen = _begins_with(columns, places, texts) if texts else np.zeros(filled.shape[1], dtype=np.bool_)
    fullness = filled.mean(axis=0)
    if chosen.any() and fullness[chosen].max() > 0.75 * fullness[~chosen].mean():
        chosen[:] = False  # rows like all others
    begins = [*(sorted(texts) if chosen.any() else ()), *dict.fromkeys(footer)]
    if begins and _begins_with(columns, places, set(footer))[~chosen].any():
        begins = sorted(texts) if chosen.any() else []
    if not begins:
        return dict(columns), []
    first = (np.flatnonzero(chosen)[:3] + 1).tolist()
    evidence = f"{counted(int(chosen.sum()), 'row')} begin so and are emptier than others"
    evidence += f", first: {', '.join(map(str, first))}" if first else ""
    if footer:
        evidence += f"; {counted(len(footer), 'line')} of another width"
    decision = Decision("rows that are none", ", ".join(map(repr, begins)), evidence, {"source.total_rows": begins})
    kept = pa.array(~chosen)
    return {name: replace(column, values=pc.filter(column.values, kept)) for name, column in columns.items()}, [
        decision
    ]


def _first_fields(columns: Mapping[str, FoundColumn]) -> NDArray[np.int64]:
    """(rows,) place of the first column with a text."""
    filled = np.array([column.codes >= 0 for column in columns.values()])
    return np.where(filled.any(axis=0), filled.argmax(axis=0), -1)


def _texts_at(columns: Mapping[str, FoundColumn], places: NDArray[np.int64]) -> set[str]:
    found: set[str] = set()
    for place, column in enumerate(columns.values()):
        if (rows := places == place).any() and not column.is_number and not column.is_time:
            found |= {column.distinct[code] for code in np.unique(column.codes[rows])}
    return found


def _begins_with(columns: Mapping[str, FoundColumn], places: NDArray[np.int64], texts: set[str]) -> NDArray[np.bool_]:
    """(rows,) whether the first field that is not empty begins with one of the texts."""
    chosen = np.zeros(len(places), dtype=np.bool_)
    for place, column in enumerate(columns.values()):
        if not texts or not (rows := places == place).any():
            continue
        begins = [text.startswith(tuple(texts)) for text in column.distinct]
        chosen |= rows & column.spread(begins, False).astype(np.bool_)
    return chosen
