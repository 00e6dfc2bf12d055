"""What a simulated business holds, on the terminal."""

from __future__ import annotations

from rich.console import Console

from cvo_ml.cli.views.blocks import table
from cvo_ml.workflows.simulate import SimulateResult


def simulated(console: Console, result: SimulateResult) -> None:
    """The files and their rows."""
    files = table(f"{result.folder}: seed {result.manifest.seed}", "file", ">rows")
    for name, file in sorted(result.manifest.files.items()):
        files.add_row(name, f"{file.rows:,}")
    console.print(files)
    console.print("truth/ holds what no model may read: rates, dropout, effects, label propensity.", highlight=False)
