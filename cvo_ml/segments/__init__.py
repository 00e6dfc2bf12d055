"""Every customer in exactly one RFM group and one value tier."""

from cvo_ml.segments.assign import Assigned, assign, segment
from cvo_ml.segments.boxes import BoxTable, box_table
from cvo_ml.segments.edges import SegmentEdges, choose_scale, fit_edges
from cvo_ml.segments.groups import rfm_group

__all__ = [
    "Assigned",
    "BoxTable",
    "SegmentEdges",
    "assign",
    "box_table",
    "choose_scale",
    "fit_edges",
    "rfm_group",
    "segment",
]
