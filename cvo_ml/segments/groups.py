"""Which group each RFM cell belongs to: frozen tables, kept as data (METHODS B3, B4)."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final, Literal

from cvo_ml.core.errors import UsageError

Vocabulary = Literal["klaviyo", "reveal"]

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
    if (vocabulary, scale) not in TABLES:
        raise UsageError(f"no RFM groups for vocabulary {vocabulary!r} at scale {scale}: use klaviyo or reveal at 3-5")
    if not all(1 <= score <= scale for score in (r, f, m)):
        raise UsageError(f"RFM scores {r}, {f}, {m} lie outside 1-{scale}")
    table, levels = TABLES[vocabulary, scale]
    return _cells(table)["".join(str(levels[score - 1]) for score in (r, f, m))]


@cache
def _cells(table: str) -> dict[str, str]:
    text = files("cvo_ml.segments").joinpath("tables", table).read_text(encoding="utf-8")
    return {row["cell"]: row["recommended"] for row in csv.DictReader(text.splitlines())}
