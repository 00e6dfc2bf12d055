"""The first of the list, what limits it, and what to do next, on the terminal."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from cvo_ml.cli.views.blocks import notes
from cvo_ml.report.text.plan import assumption, sentences, why_nobody
from cvo_ml.workflows.plan import PlanResult
from cvo_ml.workflows.prospects import ProspectsResult
from cvo_ml.workflows.score import ScoreResult


def score(console: Console, result: ScoreResult) -> None:
    """The list, and what is to be said of the scores."""
    scored(console, result)
    notes(console, result.run.manifest["notes"])


def scored(console: Console, result: ScoreResult | PlanResult) -> None:
    """The first customers of the list, what limits it, and where it is."""
    scores, run = result.scores, result.run
    plan = result.plan
    table = Table(title="Whom to contact first", title_justify="left", show_edge=False)
    for name in ("rank", "customer", "group", "action", "churn", "expected value", "expected profit"):
        table.add_column(name, justify="left" if name in ("customer", "group", "action") else "right")
    first = scores[scores["next_action"].notna()].sort_values("priority_rank").head(5)
    for row in first.itertuples():
        table.add_row(
            f"{row.priority_rank:.0f}",
            str(row.customer_id),
            str(row.rfm_group),
            str(row.next_action),
            _share(row.churn_probability),
            f"{row.predicted_clv:,.0f}",
            f"{row.expected_profit_of_action:,.2f}",
        )
    console.print(table if len(first) else f"Nobody is worth contacting: {why_nobody(scores, plan)}.", highlight=False)
    console.print(
        f"{plan.contacts:,} contacts for {plan.spent:,.2f} should earn {plan.expected_profit:,.2f} after "
        f"their cost; {plan.held_out:,} more are held out and keep their rank",
        highlight=False,
    )
    for sentence in sentences(plan, run.manifest["currency"]):
        console.print(f"  {sentence}", style="dim", highlight=False, markup=False)
    console.print(f"[dim]Assumption: {assumption(plan)}[/]", highlight=False)
    console.print(
        f"{len(scores):,} customers scored: {run.folder} (hash {run.manifest['scores_hash'][:12]})", highlight=False
    )


def _share(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value:.0%}"


def prospects(console: Console, result: ProspectsResult) -> None:
    """How many of a list have a score, why the others have none, and where it is."""
    ledger = result.prospect_ledger
    console.print(f"{ledger.scored:,} of {ledger.known:,} prospects scored: {result.file}", highlight=False)
    for reason, count in sorted(ledger.ineligible.items()):
        console.print(f"  {count:,} without a score: {reason}", highlight=False)
    notes(console, result.notes)
