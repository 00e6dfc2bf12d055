"""RFM scores, group and value tier of each customer."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.core.scores import columns_of, null_columns
from cvo_ml.segments.edges import SegmentEdges
from cvo_ml.segments.groups import Vocabulary, rfm_group

Floats = NDArray[np.float64]


def assign(
    scores: pd.DataFrame, rfm: pd.DataFrame, edges: SegmentEdges, vocabulary: Vocabulary = "klaviyo"
) -> pd.DataFrame:
    """Fill the segment columns of Scores.

    Parameters
    ----------
    scores:
        The scores so far, indexed by ``customer_id``.
    rfm:
        ``days_since_last_order, number_of_orders, net_value`` by ``customer_id``; customers without
        a row get nulls and the reason ``no_order_left``.

    Returns
    -------
    pandas.DataFrame
        The segment columns and ``segment_reason``, indexed like ``scores``.
    """
    segments = null_columns(scores.index, "segment", "no_order_left")
    known = scores.index.intersection(rfm.index)
    rows = rfm.loc[known]
    r, f, m = rfm_scores(rows, edges)
    groups = {
        cell: rfm_group(*cell, scale=edges.scale, vocabulary=vocabulary) for cell in set(zip(r, f, m, strict=True))
    }
    names = [groups[cell] for cell in zip(r, f, m, strict=True)]
    values = {
        "rfm_r": r.astype(float),
        "rfm_f": f.astype(float),
        "rfm_m": m.astype(float),
        "rfm_scale": float(edges.scale),
        "rfm_cell": [f"{a}{b}{c}" for a, b, c in zip(r, f, m, strict=True)],
        "rfm_group": names,
        "value_tier": value_tier(rows["net_value"].to_numpy(dtype=np.float64), edges),
        "segment_reason": "no_previous_run",
    }
    filled = pd.DataFrame(values, index=known).reindex(columns=[*columns_of("segment"), "segment_reason"])
    for name, column in filled.items():
        segments[name] = (
            column.reindex(segments.index)
            .astype(segments[name].dtype)
            .where(segments.index.isin(known), segments[name])
        )
    return segments


def rfm_scores(rfm: pd.DataFrame, edges: SegmentEdges) -> tuple[NDArray[np.int_], NDArray[np.int_], NDArray[np.int_]]:
    """R, F and M of each row, 1 (least) to ``edges.scale``; later, more often and more never score lower."""
    recency = rfm["days_since_last_order"].to_numpy(dtype=np.float64)
    orders = rfm["number_of_orders"].to_numpy(dtype=np.float64)
    value = rfm["net_value"].to_numpy(dtype=np.float64)
    r = edges.scale - np.searchsorted(np.sort(edges.recency_days), recency, side="left")
    f = np.where(orders >= 2, 2 + np.searchsorted(np.sort(edges.frequency), orders, side="left"), 1)
    m = 1 + np.searchsorted(np.sort(edges.monetary), value, side="left")
    return r.astype(int), f.astype(int), m.astype(int)


def value_tier(value: Floats, edges: SegmentEdges) -> list[str]:
    """The tier of each value: the first whose lower edge it exceeds or meets."""
    place = np.searchsorted(-np.asarray(edges.tiers), -value, side="left")
    return [edges.tier_names[position] for position in place]
