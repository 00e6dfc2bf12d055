"""Groups of one's own as boxes of levels: every cell gets exactly one, by precedence and then by nearness."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from cvo_ml.config.segments import GroupBox
from cvo_ml.core.errors import ConfigError
from cvo_ml.segments.rules.groups import Cell, cells

#: The band of each recency level: 0 lapsed, 1 slipping, 2 active (levels of 3 and 4 by percentile mid-point).
BANDS: Final = {3: (0, 1, 2), 4: (0, 1, 2, 2), 5: (0, 1, 1, 2, 2)}


@dataclass(frozen=True)
class BoxTable:
    """The group of every cell, and how it came to it.

    Parameters
    ----------
    groups:
        Names in the order of ``groups.cells(scale)``.
    covering:
        Of each cell, the groups whose box holds it, first in precedence first.
    """

    scale: int
    groups: tuple[str, ...]
    covering: tuple[tuple[str, ...], ...]

    def coverage(self) -> pd.DataFrame:
        """One row per group: cells stated, kept, lost to others and added by nearness, and the total."""
        rows = []
        for name in dict.fromkeys(self.groups):
            stated = [place for place, names in enumerate(self.covering) if name in names]
            kept = sum(self.groups[place] == name for place in stated)
            total = self.groups.count(name)
            alone = sum(len(self.covering[place]) == 1 for place in stated)
            rows.append((name, len(stated), alone, kept, len(stated) - kept, total - kept, total))
        columns = ["group", "stated", "stated_alone", "kept", "lost", "added", "cells"]
        return pd.DataFrame(rows, columns=columns).set_index("group")

    def covered(self) -> dict[int, int]:
        """Number of boxes that hold a cell, to the number of such cells; 0 = uncovered."""
        counts = [len(names) for names in self.covering]
        return {number: counts.count(number) for number in sorted(set(counts))}


def box_table(boxes: Sequence[GroupBox], scale: int) -> BoxTable:
    """Give every cell to exactly one group.

    A covered cell goes to its smallest box, equal volumes in the order listed. An uncovered cell goes to the nearest
    box: fewest recency bands crossed, then |dR| + |dF| + |dM|, then |dF|, then |dM|, then that order. So a lapsed
    customer gets no active name while any group reaches the lapsed band.

    Raises
    ------
    ConfigError
        If there is no box, or a group is left without any cell.

    Examples
    --------
    >>> vip = GroupBox(name="VIP", r=(3, 3), f=(3, 3), m=(3, 3))
    >>> rest = GroupBox(name="rest", r=(1, 3), f=(1, 2), m=(1, 3))
    >>> table = box_table([rest, vip], 3)
    >>> table.groups[-1], table.groups[0], table.covered()
    ('VIP', 'rest', {0: 8, 1: 19})
    """
    if not boxes:
        raise ConfigError("segments: no group is named: add boxes under 'groups', or use klaviyo or reveal")
    ordered = sorted(boxes, key=_volume)
    covering = tuple(tuple(box.name for box in ordered if _distance(box, cell) == (0, 0, 0)) for cell in cells(scale))
    groups = tuple(
        names[0] if names else _nearest(ordered, cell, scale)
        for cell, names in zip(cells(scale), covering, strict=True)
    )
    empty = [box.name for box in boxes if box.name not in groups]
    if empty:
        raise ConfigError(
            f"segments: group {empty[0]!r} gets no cell, because smaller or earlier boxes hold all of its own: "
            "make its box smaller or list it earlier"
        )
    return BoxTable(scale, groups, covering)


def _volume(box: GroupBox) -> int:
    return math.prod(high - low + 1 for low, high in (box.r, box.f, box.m))


def _distance(box: GroupBox, cell: Cell) -> tuple[int, int, int]:
    """Levels to go in R, F and M from the cell to the box."""
    r, f, m = (
        max(low - level, 0, level - high) for (low, high), level in zip((box.r, box.f, box.m), cell, strict=True)
    )
    return r, f, m


def _nearest(ordered: Sequence[GroupBox], cell: Cell, scale: int) -> str:
    def key(place: int) -> tuple[int, ...]:
        box = ordered[place]
        r, f, m = _distance(box, cell)
        level = min(max(cell[0], box.r[0]), box.r[1])
        crossed = abs(BANDS[scale][cell[0] - 1] - BANDS[scale][level - 1])
        return crossed, r + f + m, f, m, place

    return ordered[min(range(len(ordered)), key=key)].name
