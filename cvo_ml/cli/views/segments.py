"""The segments of a shop, on the terminal."""

from __future__ import annotations

from cvo_ml.core.workspace import Workspace
from cvo_ml.report.screen import Screen
from cvo_ml.report.segment_profile import profile_blocks
from cvo_ml.workflows.segment import SegmentResult


def segments(screen: Screen, result: SegmentResult, workspace: Workspace) -> None:
    """The profile, and what was written of it."""
    screen.blocks(profile_blocks(result.profile, result.actions, result.currency))
    if result.no_window:
        screen.say(f"No last-chance window: {result.no_window}", style="dim")
    screen.notes(result.notes)
    written = f"{workspace.segments}: {', '.join(result.files)}"
    screen.say(written if result.files else "Dry run: nothing was written, no edge frozen.")
