"""Whether the contacts of a plan paid, on the terminal."""

from __future__ import annotations

from cvo_ml.report.screen import Screen
from cvo_ml.report.text.evaluation import evaluation_blocks
from cvo_ml.workflows.evaluate import EvaluateResult


def evaluation(screen: Screen, result: EvaluateResult) -> None:
    """Treated beside held out, action by action."""
    screen.blocks(evaluation_blocks(result.plan))
    screen.say(f"Written: {result.file}, {result.measured_effects}")
