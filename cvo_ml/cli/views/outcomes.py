"""What became of the scores, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from cvo_ml.report.outcome_text import churn_sentences, icp_sentences, truth_sentences, value_sentences
from cvo_ml.workflows.monitor import MonitorResult
from cvo_ml.workflows.outcomes import OutcomesResult

#: how the two kinds of findings look
ALARM_STYLE: Final = {"alarm": "bold red", "notice": "yellow"}


def outcomes(console: Console, result: OutcomesResult) -> None:
    """How good the current scores were, and the ledger of all."""
    if result.is_open:
        console.print(f"The current run is not judged: {result.judged['reason']}.", highlight=False)
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


def judged_run(console: Console, judged: Mapping[str, Any], currency: str) -> None:
    """How good the scores of one run were."""
    days = judged["horizon_days"]
    if judged["total_value"] > 0:
        _rankings(console, judged["value"]["rankings"], days)
    else:
        console.print(f"No value came in the {days:.0f} days after {judged['as_of']}: no ranking can be judged.")
    for sentence in (
        *value_sentences(judged["value"], days, currency),
        *churn_sentences(judged["churn"], days),
        *icp_sentences(judged["icp"], days),
    ):
        console.print(sentence, highlight=False, markup=False)
    if "truth" in judged:
        distance(console, judged["truth"])
    console.print(f"[yellow]{judged['actions']}[/]", highlight=False)


def _rankings(console: Console, rankings: Sequence[Mapping[str, Any]], days: float) -> None:
    table = Table(
        title=f"Share of the next {days:.0f} days' value in each ranking's top decile",
        title_justify="left",
        show_edge=False,
    )
    for name in ("ranking", "share", "95 % interval"):
        table.add_column(name, justify="left" if name == "ranking" else "right")
    for row in rankings:
        share = row["top_decile_share"]
        table.add_row(row["name"], f"{share['estimate']:.1%}", f"{share['lower']:.1%} – {share['upper']:.1%}")
    console.print(table)


def distance(console: Console, truth: Mapping[str, Any]) -> None:
    """How far the scores of a simulated shop are from what is true."""
    console.print("Against the known truth:", highlight=False)
    for sentence in truth_sentences(truth):
        console.print(f"  {sentence}", highlight=False)


def ledger_table(console: Console, lines: Sequence[Mapping[str, Any]], by: str) -> None:
    """Predicted and realised, one line per part and group."""
    if not lines:
        return
    table = Table(title="Outcome ledger: what became of the scores", title_justify="left", show_edge=False)
    for name in ("model", by.replace("_", " ")):
        table.add_column(name, no_wrap=True)
    for name in ("customers", "predicted", "came", "95 % of it", "ranking", "in interval"):
        table.add_column(name, justify="right")
    for line in lines:
        table.add_row(line["part"], line[by], f"{line['customers']:,}", *_cells(line))
    console.print(table)
    console.print(
        "[dim]95 %: churn that came; CLV's error in total. Ranking: AUC of churn; share of value in CLV's top decile. "
        "In interval: customers within their 90 % interval.[/]",
        highlight=False,
    )


def _cells(line: Mapping[str, Any]) -> tuple[str, ...]:
    if line["part"] == "churn":
        came = line["came"]
        ranking = f"{line['auc']:.3f}" if "auc" in line else "–"
        return (
            f"{line['predicted']:.1%}",
            f"{came['estimate']:.1%}",
            f"{came['lower']:.1%} – {came['upper']:.1%}",
            ranking,
            "–",
        )
    bias = line.get("bias")
    between = f"{bias['lower']:+.0%} – {bias['upper']:+.0%}" if bias else "–"
    held = line.get("interval_coverage")
    return (
        f"{line['predicted']:,.0f}",
        f"{line['came']:,.0f}",
        between,
        f"{line['top_decile_share']:.1%}" if "top_decile_share" in line else "–",
        f"{held['estimate']:.1%}" if held else "–",
    )
