"""What a simulated business holds, on the terminal."""

from __future__ import annotations

from cvo_ml.report.screen import Screen, table
from cvo_ml.workflows.simulate import SimulateResult


def simulated(screen: Screen, result: SimulateResult) -> None:
    """The files and their rows."""
    files = table(f"{result.folder}: seed {result.manifest.seed}", "file", ">rows")
    for name, file in sorted(result.manifest.files.items()):
        files.add_row(name, f"{file.rows:,}")
    screen.print(files)
    screen.say("truth/ holds what no model may read: rates, dropout, effects, label propensity.")
    screen.say(f"Next: cvo check --shop {result.shop}")
