"""What became of the scores, on the terminal."""

from __future__ import annotations

from typing import Final

from cvo_ml.report.screen import Screen
from cvo_ml.report.text.outcomes import evaluation_blocks, ledger_blocks
from cvo_ml.workflows.monitor import MonitorResult
from cvo_ml.workflows.outcomes import OpenWindow, OutcomesResult

#: how the two kinds of findings look
ALARM_STYLE: Final = {"alarm": "bold red", "notice": "yellow"}


def outcomes(screen: Screen, result: OutcomesResult) -> None:
    """How good the current scores were, and the ledger of all."""
    current_run(screen, result)
    screen.blocks(ledger_blocks(result.ledger, result.by))


def current_run(screen: Screen, result: OutcomesResult) -> None:
    """How good the current scores were, or why that is not known yet."""
    if isinstance(result.judged, OpenWindow):
        screen.say(f"The current run is not judged: {result.judged.reason}.")
    else:
        screen.blocks(evaluation_blocks(result.judged, result.currency))


def alarms(screen: Screen, result: MonitorResult) -> None:
    """What looks wrong with a run."""
    for alarm in result.alarms:
        screen.say((alarm.level, ALARM_STYLE[alarm.level]), f" {alarm.code}: {alarm.text}")
    if not result.alarms:
        screen.say(("✓", "green"), f" {result.shop}, {result.as_of}: nothing to report")
    if (sent := result.delivery) is not None and (sent.delivered or sent.why):
        screen.say(f"{'delivered to' if sent.delivered else 'not delivered:'} {sent.why or sent.to}")
