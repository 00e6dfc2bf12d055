"""RFM scores, group and value tier of each customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.core.arrays import Floats
from cvo_ml.core.membership import is_among
from cvo_ml.core.score_cells import null_columns
from cvo_ml.core.scores import columns_of
from cvo_ml.segments.rules.edges import SegmentEdges, measures, tier_values
from cvo_ml.segments.rules.groups import cells

Levels = NDArray[np.int8]
Codes = NDArray[np.int16]

#: Where this many rows are scored at a time, memory stays small beside the customers themselves.
_BLOCK: Final = 1 << 18


@dataclass(frozen=True)
class Assigned:
    """Segments as small numbers, one row per customer: what 10 million customers fit into.

    Parameters
    ----------
    r, f, m:
        Levels, 1 to scale (n,).
    """

    r: Levels
    f: Levels
    m: Levels
    edges: SegmentEdges

    @property
    def cell(self) -> Codes:
        """Place of the cell in ``groups.cells(scale)`` (n,)."""
        scale = np.int16(self.edges.scale)
        codes: Codes = self.r.astype(np.int16) - np.int16(1)
        for level in (self.f, self.m):
            codes *= scale
            codes += level
            codes -= np.int16(1)
        return codes

    def groups(self, table: tuple[str, ...] | None = None) -> pd.Categorical:
        """The group of each customer, by the edges' own table of cells or by another one of the same scale."""
        groups = self.edges.groups if table is None else table
        names = list(dict.fromkeys(groups))
        code = np.array([names.index(name) for name in groups], dtype=np.int8)
        return pd.Categorical.from_codes(code[self.cell], categories=pd.Index(names, dtype="str"))

    def cells(self) -> pd.Categorical:
        """The cell of each customer, such as 321."""
        texts = ["".join(map(str, cell)) for cell in cells(self.edges.scale)]
        return pd.Categorical.from_codes(self.cell, categories=pd.Index(texts, dtype="str"))


def segment(rfm: pd.DataFrame, edges: SegmentEdges) -> Assigned:
    """Levels of each row: later, more often and more never score lower.

    Parameters
    ----------
    rfm:
        ``days_since_last_order, number_of_orders, net_value``, one row per customer.

    Raises
    ------
    ContractError
        If a measure is missing or null.
    """
    recency, orders, value = measures(rfm)
    return Assigned(
        np.int8(edges.scale) - _levels(recency, edges.recency_days),
        np.int8(1) + _levels(orders, edges.frequency),
        np.int8(1) + _levels(value, edges.monetary),
        edges,
    )


def value_tiers(rfm: pd.DataFrame, edges: SegmentEdges) -> pd.Categorical:
    """The value tier of each row.

    Raises
    ------
    ContractError
        If the tiers hold margins and ``margin`` is missing or null.
    """
    codes = _levels(-tier_values(rfm, edges.tier_basis), tuple(-edge for edge in edges.tiers))
    return pd.Categorical.from_codes(codes, categories=pd.Index(edges.tier_names, dtype="str"))


def assign(
    scores: pd.DataFrame, rfm: pd.DataFrame, edges: SegmentEdges, movement: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Fill the segment columns of Scores.

    Parameters
    ----------
    scores:
        The scores so far, indexed by ``customer_id``.
    rfm:
        As in ``segment``, by ``customer_id``; customers without a row get nulls and the reason ``no_order_left``.
    movement:
        ``rfm_group_previous, rfm_change_cause, segment_reason`` by ``customer_id`` (``movement_since``); without it
        these are null with the reason ``no_previous_run``.

    Returns
    -------
    pandas.DataFrame
        The segment columns and ``segment_reason``, indexed like ``scores``.
    """
    segments = null_columns(scores.index, "segment", "no_order_left")
    known = scores.index[is_among(scores.index, rfm.index)]
    rows = rfm.loc[known]
    assigned = segment(rows, edges)
    filled = pd.DataFrame(
        {
            "rfm_r": assigned.r.astype(np.float64),
            "rfm_f": assigned.f.astype(np.float64),
            "rfm_m": assigned.m.astype(np.float64),
            "rfm_scale": float(edges.scale),
            "rfm_cell": assigned.cells(),
            "rfm_group": assigned.groups(),
            "value_tier": value_tiers(rows, edges),
            "segment_reason": "no_previous_run",
        },
        index=known,
    )
    if movement is not None:
        filled = filled.drop(columns="segment_reason").join(movement)
    has_orders = is_among(segments.index, known)
    for name, column in filled.items():
        values = column.astype(segments[name].dtype).reindex(segments.index)
        segments[name] = values.where(has_orders, segments[name])
    return segments[[*columns_of("segment"), "segment_reason"]]


def _levels(values: Floats, edges: tuple[float, ...]) -> Levels:
    """How many edges lie strictly below each value (n,)."""
    levels = np.zeros(len(values), dtype=np.int8)
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK]
        for edge in edges:
            levels[start : start + _BLOCK] += block > edge
    return levels
