"""The report: one HTML file that opens anywhere, with its charts inside."""

from cvo_ml.report.page import render

__all__ = ["render"]
