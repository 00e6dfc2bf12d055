"""Analyses, on the terminal."""

from __future__ import annotations

from cvo_ml.report.screen import Screen, table
from cvo_ml.report.text.analyses import analysis_blocks
from cvo_ml.workflows.analyze import AnalysisList, AnalyzeResult


def listed(screen: Screen, result: AnalysisList) -> None:
    """All analyses with their questions."""
    drawn = table("cvo analyze NAME", "name", "question")
    for one in result.analyses:
        drawn.add_row((one.name, "bold"), one.question)
    screen.print(drawn)


def analyzed(screen: Screen, result: AnalyzeResult) -> None:
    """Each result, the finding first."""
    if result.shop:
        screen.say(f"{result.shop} as known at {result.as_of}")
    for found in result.results:
        screen.blocks(analysis_blocks(found))
    if result.page is not None:
        screen.say(f"Figures: {result.page}")
