"""Who is on a seed list, on the terminal."""

from __future__ import annotations

from rich.console import Console

from cvo_ml.cli.views.blocks import notes
from cvo_ml.report.text.audience import LEFT_OUT
from cvo_ml.workflows.audience import AudienceResult


def audience(console: Console, result: AudienceResult) -> None:
    """How many are listed, and why the others are not."""
    console.print(
        f"{result.listed:,} of {result.known:,} customers listed by {result.value} as of {result.as_of}: {result.file}",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip
    for reason, count in result.left_out.items():
        console.print(f"  {count:,} left out: {LEFT_OUT[reason]}", highlight=False)
    notes(console, result.notes)
