"""The report: one HTML file that opens anywhere, with its charts inside."""

from cvo_ml.report.page import render
from cvo_ml.report.priorities import priorities_section
from cvo_ml.report.segments import segment_section

__all__ = ["priorities_section", "render", "segment_section"]
