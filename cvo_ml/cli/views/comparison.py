"""Models side by side, on the terminal."""

from __future__ import annotations

from cvo_ml.report.screen import Screen
from cvo_ml.report.text.comparison import comparison_blocks
from cvo_ml.workflows.compare import CompareResult


def comparison(screen: Screen, result: CompareResult) -> None:
    """Fits, parameters, and order and total in the holdout."""
    found = result.comparison
    screen.say(f"{result.shop} at {result.as_of}: {found.customers:,} customers")
    screen.blocks(comparison_blocks(found, result.currency))
    if result.page is not None:
        screen.say(f"Figures: {result.page}")
