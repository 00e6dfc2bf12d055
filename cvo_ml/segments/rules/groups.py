"""Which group each RFM cell belongs to: frozen tables, kept as data (methods B3, B4)."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final, Literal

from cvo_ml.core.errors import UsageError

Vocabulary = Literal["klaviyo", "reveal"]
#: R, F and M of a cell.
Cell = tuple[int, int, int]

#: The vocabulary's table and, for each scale, how its levels map to the table's levels.
TABLES: Final[Mapping[tuple[str, int], tuple[str, tuple[int, ...]]]] = {
    ("klaviyo", 3): ("klaviyo_cube.csv", (1, 2, 3)),
    ("klaviyo", 4): ("four_scale_cube.csv", (1, 2, 3, 4)),
    ("klaviyo", 5): ("klaviyo_cube.csv", (1, 1, 2, 3, 3)),
    ("reveal", 3): ("reveal_cube.csv", (1, 3, 5)),
    ("reveal", 4): ("reveal_cube.csv", (1, 2, 4, 5)),
    ("reveal", 5): ("reveal_cube.csv", (1, 2, 3, 4, 5)),
}


def rfm_group(r: int, f: int, m: int, *, scale: int = 3, vocabulary: Vocabulary = "klaviyo") -> str:
    """The name of the group of one RFM cell.

    Parameters
    ----------
    r, f, m:
        Scores from 1 (least) to ``scale`` (best).
    scale:
        3, 4 or 5 levels.

    Raises
    ------
    UsageError
        If there is no such vocabulary or scale, or a score lies outside it.

    Examples
    --------
    >>> rfm_group(3, 3, 3), rfm_group(1, 1, 1), rfm_group(5, 5, 5, scale=5, vocabulary="reveal")
    ('Champions', 'Inactive', 'Soulmates')
    """
    table, levels = _table(scale, vocabulary)
    if not all(1 <= score <= scale for score in (r, f, m)):
        raise UsageError(f"RFM scores {r}, {f}, {m} lie outside 1-{scale}")
    return _cells(table)["".join(str(levels[score - 1]) for score in (r, f, m))]


def group_table(*, scale: int, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The groups of all cells in their order: 111, 112, … (``scale`` ** 3 names).

    Raises
    ------
    UsageError
        If there is no such vocabulary or scale.

    Examples
    --------
    >>> group_table(scale=3, vocabulary="klaviyo")[:4]
    ('Inactive', 'Inactive', 'Inactive', 'Inactive')
    """
    _table(scale, vocabulary)
    return tuple(rfm_group(*cell, scale=scale, vocabulary=vocabulary) for cell in cells(scale))


def cells(scale: int) -> list[Cell]:
    """All cells in their order, M running fastest."""
    levels = range(1, scale + 1)
    return list(itertools.product(levels, levels, levels))


def _table(scale: int, vocabulary: str) -> tuple[str, tuple[int, ...]]:
    if (vocabulary, scale) not in TABLES:
        raise UsageError(f"no RFM groups for vocabulary {vocabulary!r} at scale {scale}: use klaviyo or reveal at 3-5")
    return TABLES[vocabulary, scale]


@cache
def _cells(table: str) -> dict[str, str]:
    text = files("cvo_ml.segments").joinpath("tables", table).read_text(encoding="utf-8")
    return {row["cell"]: row["recommended"] for row in csv.DictReader(text.splitlines())}
