"""Whether the contacts of a plan paid, on the terminal."""

from __future__ import annotations

from rich.console import Console

from cvo_ml.cli.views.blocks import blocks
from cvo_ml.report.text.evaluation import evaluation_blocks
from cvo_ml.workflows.evaluate import EvaluateResult


def evaluation(console: Console, result: EvaluateResult) -> None:
    """Treated beside held out, action by action."""
    blocks(console, evaluation_blocks(result.plan))
    console.print(f"Written: {result.file}, {result.measured_effects}", highlight=False)
