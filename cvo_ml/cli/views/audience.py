"""Who is on a seed list, on the terminal."""

from __future__ import annotations

from cvo_ml.report.screen import Screen
from cvo_ml.report.text.audience import LEFT_OUT
from cvo_ml.workflows.audience import AudienceResult


def audience(screen: Screen, result: AudienceResult) -> None:
    """How many are listed, and why the others are not."""
    screen.say(
        f"{result.listed:,} of {result.known:,} customers listed by {result.value} as of {result.as_of}: {result.file}",
        soft_wrap=True,
    )  # fmt: skip
    for reason, count in result.left_out.items():
        screen.say(f"  {count:,} left out: {LEFT_OUT[reason]}")
    screen.notes(result.notes)
