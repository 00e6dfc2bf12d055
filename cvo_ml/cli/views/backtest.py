"""A walk through the past, on the terminal."""

from __future__ import annotations

from rich.console import Console

from cvo_ml.cli.views.blocks import blocks
from cvo_ml.core.workspace import Workspace
from cvo_ml.report.text.backtest import Backtest, backtest_blocks


def show(console: Console, backtest: Backtest, workspace: Workspace) -> None:
    """The cuts, the ledger and the earnings as tables."""
    blocks(console, backtest_blocks(backtest))
    console.print(f"\nPlots: [bold]{workspace.backtest_page}[/]; numbers: {workspace.backtest_file}", highlight=False)
