"""The analyses: what customers are worth, who stays, and what to do about it (docs/analyses.md).

An analysis is one file: it fetches sufficient statistics from the rows that can be seen at a date, and works out its
result from them alone. ``ANALYSES`` holds all of them; one entry there is a command, a function, a section of a page
and a page of the docs.
"""

from cvo_ml.value.analysis import Analysis, AnalysisResult, Needs
from cvo_ml.value.measures import Kpi, Undefined
from cvo_ml.value.registry import ANALYSES, analysis_of

__all__ = ["ANALYSES", "Analysis", "AnalysisResult", "Kpi", "Needs", "Undefined", "analysis_of"]
