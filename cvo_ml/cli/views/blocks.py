"""Sentences and tables on the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from cvo_ml.report.blocks import Block, TextTable


def table(title: str, *columns: str) -> Table:
    """An empty table; a column whose name begins with ``>`` stands to the right."""
    drawn = Table(title=title, title_justify="left", show_edge=False)
    for name in columns:
        drawn.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left")
    return drawn


def blocks(console: Console, written: Iterable[Block]) -> None:
    """One after the other."""
    for block in written:
        if isinstance(block, TextTable):
            drawn = table(block.title, *block.columns)
            for row in block.rows:
                drawn.add_row(*row)
            console.print(drawn)
        else:
            console.print(block.text, style=block.style, highlight=False, markup=False)


def notes(console: Console, said: Iterable[str]) -> None:
    """What the reader, the scoring or a model found worth saying."""
    for note in said:
        console.print(f"  note: {note}", style="dim", highlight=False, markup=False)
