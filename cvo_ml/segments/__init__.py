"""Every customer in exactly one RFM group and one value tier."""

from cvo_ml.segments.history import Segmented, segment_customers
from cvo_ml.segments.rules.assign import Assigned, assign, segment
from cvo_ml.segments.rules.custom_groups import BoxTable, box_table
from cvo_ml.segments.rules.edges import SegmentEdges, choose_scale, fit_edges
from cvo_ml.segments.rules.groups import rfm_group

__all__ = [
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
