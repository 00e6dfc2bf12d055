"""What became of the scores, on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from cvo_ml.report.text.outcomes import (
    churn_sentences,
    icp_sentences,
    outcome_cells,
    truth_sentences,
    value_sentences,
)
from cvo_ml.workflows.monitor import MonitorResult
from cvo_ml.workflows.outcomes import OpenWindow, OutcomeLine, OutcomesResult, Ranked, RunEvaluation, TruthDistance

#: how the two kinds of findings look
ALARM_STYLE: Final = {"alarm": "bold red", "notice": "yellow"}


def outcomes(console: Console, result: OutcomesResult) -> None:
    """How good the current scores were, and the ledger of all."""
    if isinstance(result.judged, OpenWindow):
        console.print(f"The current run is not judged: {result.judged.reason}.", highlight=False)
    else:
        judged_run(console, result.judged, result.currency)
    ledger_table(console, result.ledger, result.by)


def alarms(console: Console, result: MonitorResult) -> None:
    """What looks wrong with a run."""
    for alarm in result.alarms:
        console.print(f"[{ALARM_STYLE[alarm.level]}]{alarm.level}[/] ", end="")
        console.print(f"{alarm.code}: {alarm.text}", highlight=False, markup=False)
    if not result.alarms:
        console.print(f"[green]✓[/] {result.shop}, {result.as_of}: nothing to report", highlight=False)


def judged_run(console: Console, judged: RunEvaluation, currency: str) -> None:
    """How good the scores of one run were."""
    days = judged.horizon_days
    if judged.total_value > 0:
        _rankings(console, judged.value.rankings, days)
    else:
        console.print(f"No value came in the {days:.0f} days after {judged.as_of}: no ranking can be judged.")
    for sentence in (
        *value_sentences(judged.value, days, currency),
        *churn_sentences(judged.churn, days),
        *icp_sentences(judged.icp, days),
    ):
        console.print(sentence, highlight=False, markup=False)
    if judged.truth is not None:
        distance(console, judged.truth)
    console.print(f"[yellow]{judged.actions}[/]", highlight=False)


def _rankings(console: Console, rankings: Sequence[Ranked], days: float) -> None:
    table = Table(
        title=f"Share of the next {days:.0f} days' value in each ranking's top decile",
        title_justify="left",
        show_edge=False,
    )
    for name in ("ranking", "share", "95 % interval"):
        table.add_column(name, justify="left" if name == "ranking" else "right")
    for ranked in rankings:
        share = ranked.top_decile_share
        table.add_row(ranked.name, f"{share.estimate:.1%}", f"{share.lower:.1%} – {share.upper:.1%}")
    console.print(table)


def distance(console: Console, truth: TruthDistance) -> None:
    """How far the scores of a simulated shop are from what is true."""
    console.print("Against the known truth:", highlight=False)
    for sentence in truth_sentences(truth):
        console.print(f"  {sentence}", highlight=False)


def ledger_table(console: Console, lines: Sequence[OutcomeLine], by: str) -> None:
    """Predicted and realised, one line per part and group."""
    if not lines:
        return
    table = Table(title="Outcome ledger: what became of the scores", title_justify="left", show_edge=False)
    for name in ("model", by.replace("_", " ")):
        table.add_column(name, no_wrap=True)
    for name in ("customers", "predicted", "came", "95 % of it", "ranking", "in interval"):
        table.add_column(name, justify="right")
    for line in lines:
        table.add_row(line.part, line.group, f"{line.customers:,}", *outcome_cells(line))
    console.print(table)
    console.print(
        "[dim]95 %: churn that came; CLV's error in total. Ranking: AUC of churn; share of value in CLV's top decile. "
        "In interval: customers within their 90 % interval.[/]",
        highlight=False,
    )
