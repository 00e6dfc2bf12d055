"""A walk through the past, on the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from cvo_ml.cli.views.blocks import blocks
from cvo_ml.report.text.backtest import Backtest, backtest_blocks
from cvo_ml.workflows.backtest import PAGE, SUMMARY


def show(console: Console, backtest: Backtest, out: Path) -> None:
    """The cuts, the ledger and the earnings as tables."""
    blocks(console, backtest_blocks(backtest))
    console.print(f"\nPlots: [bold]{out / PAGE}[/]; numbers: {out / SUMMARY}", highlight=False)
