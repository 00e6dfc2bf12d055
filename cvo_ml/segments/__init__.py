"""Every customer in exactly one RFM group and one value tier."""

from cvo_ml.segments.assign import assign
from cvo_ml.segments.edges import SegmentEdges, fit_edges
from cvo_ml.segments.groups import rfm_group

__all__ = ["SegmentEdges", "assign", "fit_edges", "rfm_group"]
