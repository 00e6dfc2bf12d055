"""What became of the scores, on the terminal."""

from __future__ import annotations

from typing import Final

from rich.console import Console

from cvo_ml.cli.views.blocks import blocks
from cvo_ml.report.text.outcomes import evaluation_blocks, ledger_blocks
from cvo_ml.workflows.monitor import MonitorResult
from cvo_ml.workflows.outcomes import OpenWindow, OutcomesResult

#: how the two kinds of findings look
ALARM_STYLE: Final = {"alarm": "bold red", "notice": "yellow"}


def outcomes(console: Console, result: OutcomesResult) -> None:
    """How good the current scores were, and the ledger of all."""
    current_run(console, result)
    blocks(console, ledger_blocks(result.ledger, result.by))


def current_run(console: Console, result: OutcomesResult) -> None:
    """How good the current scores were, or why that is not known yet."""
    if isinstance(result.judged, OpenWindow):
        console.print(f"The current run is not judged: {result.judged.reason}.", highlight=False)
    else:
        blocks(console, evaluation_blocks(result.judged, result.currency))


def alarms(console: Console, result: MonitorResult) -> None:
    """What looks wrong with a run."""
    for alarm in result.alarms:
        console.print(f"[{ALARM_STYLE[alarm.level]}]{alarm.level}[/] ", end="")
        console.print(f"{alarm.code}: {alarm.text}", highlight=False, markup=False)
    if not result.alarms:
        console.print(f"[green]✓[/] {result.shop}, {result.as_of}: nothing to report", highlight=False)
