"""``cvo monitor`` and the ledger's table: whether a night's run looks right, and what became of the scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from cvo_ml import workflows
from cvo_ml.cli.options import CONFIGS
from cvo_ml.cli.terminal import console, print_json
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.monitoring import MonitoringPolicy
from cvo_ml.core.errors import GateClosed
from cvo_ml.monitoring.alarms import send

STYLE: Final = {"alarm": "bold red", "notice": "yellow"}


def monitor(out: Path, policy_file: Path | None, webhook: str | None, as_json: bool) -> None:
    """Say what is worth saying about the current run.

    Raises
    ------
    GateClosed
        If there is an alarm: the exit code stops what a scheduler would run next.
    NotDelivered
        If the webhook cannot be reached.
    """
    policy = load_config(policy_file or default_config("policies/monitoring.yaml", CONFIGS), MonitoringPolicy)
    run, found = workflows.alarms_of(out, policy)
    about = {"shop": run.manifest["shop"], "as_of": run.manifest["as_of"], "run": run.name}
    if as_json:
        print_json({**about, "alarms": [alarm.as_dict() for alarm in found]})
    else:
        for alarm in found:
            console.print(f"[{STYLE[alarm.level]}]{alarm.level}[/] ", end="")
            console.print(f"{alarm.code}: {alarm.text}", highlight=False, markup=False)
        if not found:
            console.print(f"[green]✓[/] {about['shop']}, {about['as_of']}: nothing to report", highlight=False)
    if webhook is not None and found:
        send(found, webhook, about)
    serious = [alarm for alarm in found if alarm.level == "alarm"]
    if serious:
        raise GateClosed(f"{len(serious)} alarm{'s' * (len(serious) > 1)} about the run of {about['as_of']}")


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
