"""The segments of a shop, on the terminal."""

from __future__ import annotations

from rich.console import Console

from cvo_ml.cli.views.blocks import blocks, notes
from cvo_ml.core.workspace import Workspace
from cvo_ml.report.segment_profile import profile_blocks
from cvo_ml.workflows.segment import SegmentResult


def segments(console: Console, result: SegmentResult, workspace: Workspace) -> None:
    """The profile, and what was written of it."""
    blocks(console, profile_blocks(result.profile, result.actions, result.currency))
    if result.no_window:
        console.print(f"[dim]No last-chance window: {result.no_window}[/]", highlight=False)
    notes(console, result.notes)
    written = f"{workspace.segments}: {', '.join(result.files)}"
    console.print(written if result.files else "Dry run: nothing was written, no edge frozen.", highlight=False)
