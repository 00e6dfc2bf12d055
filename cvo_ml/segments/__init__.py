"""Every customer in exactly one RFM group and one value tier."""

from cvo_ml.segments.assign import Assigned, assign, segment
from cvo_ml.segments.custom_groups import BoxTable, box_table
from cvo_ml.segments.edges import SegmentEdges, choose_scale, fit_edges
from cvo_ml.segments.groups import rfm_group
from cvo_ml.segments.run import EDGES, Segmented, segment_customers

__all__ = [
    "EDGES",
    "Assigned",
    "BoxTable",
    "SegmentEdges",
    "Segmented",
    "assign",
    "box_table",
    "choose_scale",
    "fit_edges",
    "rfm_group",
    "segment",
    "segment_customers",
]
