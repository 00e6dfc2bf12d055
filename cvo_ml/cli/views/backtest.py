"""A walk through the past, on the terminal."""

from __future__ import annotations

from cvo_ml.core.workspace import Workspace
from cvo_ml.report.screen import Screen
from cvo_ml.report.text.backtest import Backtest, backtest_blocks


def show(screen: Screen, backtest: Backtest, workspace: Workspace) -> None:
    """The cuts, the ledger and the earnings as tables."""
    screen.blocks(backtest_blocks(backtest))
    screen.line()
    screen.say("Plots: ", (str(workspace.backtest_page), "bold"), f"; numbers: {workspace.backtest_file}")
