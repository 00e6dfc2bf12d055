"""The first of the list, what limits it, and what to do next, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import pandas as pd
from rich.console import Console
from rich.table import Table

from cvo_ml.core.models import CHURN, CLV
from cvo_ml.core.store import StoredRun
from cvo_ml.core.units import Horizon
from cvo_ml.priorities.text import sentences

#: the models without which no action has a value
PLANNED_WITH: Final = (CLV, CHURN)


def scored(console: Console, scores: pd.DataFrame, run: StoredRun) -> None:
    """The first customers of the list, what limits it, and where it is."""
    plan = run.manifest["plan"]
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
    console.print(table if len(first) else f"Nobody is worth contacting: {_why_nobody(scores, plan)}.", highlight=False)
    console.print(
        f"{plan['contacts']:,} contacts for {plan['spent']:,.2f} should earn {plan['expected_profit']:,.2f} after "
        f"their cost; {plan['held_out']:,} more are held out and keep their rank",
        highlight=False,
    )
    for sentence in sentences(plan, run.manifest["currency"]):
        console.print(f"  {sentence}", style="dim", highlight=False, markup=False)
    console.print(f"[dim]Assumption: {_assumption(plan)}[/]", highlight=False)
    console.print(
        f"{len(scores):,} customers scored: {run.folder} (hash {run.manifest['scores_hash'][:12]})", highlight=False
    )


def _share(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value:.0%}"


def _assumption(plan: Mapping[str, Any]) -> str:
    known = sorted({source.split(":")[0] for action in plan["actions"] for source in action["sources"]})
    end = "low end" if plan["rank_on"] == "lower" else "middle"
    return f"the {end} of each action's effect counts; effects are {' and '.join(known) or 'declared'} (priorities.csv)"


def _why_nobody(scores: pd.DataFrame, plan: Mapping[str, Any]) -> str:
    if scores["predicted_clv"].isna().all() or scores["churn_probability"].isna().all():
        missing = [model for model in PLANNED_WITH if scores[model.score].isna().all()]
        reasons = [
            f"no {model.name} ({scores[model.reason].dropna().mode().iloc[0]})" for model in missing if len(scores)
        ]
        return "there is " + " and ".join(reasons or ["no customer"])
    if scores["expected_profit_of_action"].isna().all():
        return f"no action is open to anybody ({', '.join(plan['reasons'])})"
    if not (scores["expected_profit_of_action"] > 0).any():
        return "no contact is expected to earn its cost under the assumption below"
    return "the limits of the policy leave no room"


def next_steps(console: Console, shop: Path, cut: date, span: Horizon, out: Path, mlruns: Path) -> None:
    """Where the results are, and three commands to try."""
    console.print(
        f"\nResults: [bold]{out / 'report.html'}[/] (open it), {out / 'priorities.csv'}, {out / 'scores'}/",
        highlight=False,
    )
    later = cut + span.delta
    console.print("Try next:", highlight=False)
    for command, meaning in (
        (f"uv run mlflow ui --backend-store-uri sqlite:///{mlruns / 'mlflow.db'}", "runs, plots, registered models"),
        (f"uv run cvo score --shop {shop} --as-of {later} --out {out} --mlruns {mlruns}", "the champions later"),
        ("uv run cvo demo --data orders.csv --columns customer_id=Client,ordered_at=Date,net=Total", "your own orders"),
    ):
        console.print(f"  [bold]{command}[/]  [dim]# {meaning}[/]", highlight=False, soft_wrap=True)
