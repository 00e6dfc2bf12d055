"""A walk through the past, on the terminal."""

from __future__ import annotations

from pathlib import Path

from cvo_ml.report.screen import Screen
from cvo_ml.report.text.backtest import Backtest, backtest_blocks
from cvo_ml.workflows.backtest import PAGE, SUMMARY


def show(screen: Screen, backtest: Backtest, out: Path) -> None:
    """The cuts, the ledger and the earnings as tables."""
    screen.blocks(backtest_blocks(backtest))
    screen.line()
    screen.say("Plots: ", (str(out / PAGE), "bold"), f"; numbers: {out / SUMMARY}")
