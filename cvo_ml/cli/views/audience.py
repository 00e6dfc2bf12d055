"""Who is on a seed list, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.console import Console

from cvo_ml.cli.views.blocks import notes
from cvo_ml.workflows.audience import AudienceResult

REASONS: Final[Mapping[str, str]] = {
    "no_address": "without an e-mail address",
    "no_consent": "without consent, or with the address of one who refused it",
    "opted_out": "opted out of profiling, or with the address of one who did",
    "no_value": "without a value in the current run",
    "address_listed_already": "with the address of a more valuable customer",
    "below_the_top": "less valuable",
}


def audience(console: Console, result: AudienceResult) -> None:
    """How many are listed, and why the others are not."""
    console.print(
        f"{result.listed:,} of {result.known:,} customers listed by {result.value} as of {result.as_of}: {result.file}",
        highlight=False, markup=False, soft_wrap=True,
    )  # fmt: skip
    for reason, count in result.left_out.items():
        console.print(f"  {count:,} left out: {REASONS[reason]}", highlight=False)
    notes(console, result.notes)
