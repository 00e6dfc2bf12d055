"""What a simulated business holds, on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from cvo_ml.workflows.simulate import SimulateResult


def simulated(console: Console, result: SimulateResult) -> None:
    """The files and their rows."""
    table = Table(title=f"{result.folder}: seed {result.manifest.seed}", title_justify="left", show_edge=False)
    table.add_column("file")
    table.add_column("rows", justify="right")
    for name, file in sorted(result.manifest.files.items()):
        table.add_row(name, f"{file.rows:,}")
    console.print(table)
    console.print("truth/ holds what no model may read: rates, dropout, effects, label propensity.", highlight=False)
