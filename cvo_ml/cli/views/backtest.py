"""A walk through the past, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cvo_ml.cli.views.outcomes import ledger_table
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.core.models import MODEL_NAMES
from cvo_ml.workflows.backtest import PAGE, SUMMARY, BacktestResult


def show(console: Console, result: BacktestResult, out: Path) -> None:
    """The cuts, the ledger and the earnings as tables."""
    table = Table(
        title="At each cut: trained before it, judged on the window after it", title_justify="left", show_edge=False
    )
    for name in ("cut", "grades", "top decile", "next best", "total", "churn AUC", "recency"):
        table.add_column(name, justify="left" if name in ("cut", "grades") else "right")
    for record in result.cuts:
        table.add_row(
            record["cut"],
            _grades(record["models"]),
            *_value_cells(record["judged"]["value"]),
            *_churn_cells(record["judged"]["churn"]),
        )
    console.print(table)
    console.print(
        f"[dim]Grades of {', '.join(MODEL_NAMES)}. Top decile: share of the window's value held by predicted_clv's "
        "best tenth; next best: by the best ranking without a model.[/]",
        highlight=False,
    )
    ledger_table(console, result.ledger, "as_of")
    if result.earnings:
        _earnings(console, result)
    console.print(f"\nPlots: [bold]{out / PAGE}[/]; numbers: {out / SUMMARY}", highlight=False)


def _earnings(console: Console, result: BacktestResult) -> None:
    table = Table(
        title="What a tenth of the customers, contacted at each cut, would have earned",
        title_justify="left",
        show_edge=False,
    )
    for name in ("list", "earned", "95 % interval", "ours leads by"):
        table.add_column(name, justify="left" if name == "list" else "right")
    for line in result.earnings:
        earned, lead = line["earned"], line.get("lead")
        ahead = f"{lead['estimate']:+,.0f} [{lead['lower']:+,.0f}, {lead['upper']:+,.0f}]" if lead else ""
        table.add_row(
            line["list"], f"{earned['estimate']:,.0f}", f"{earned['lower']:,.0f} – {earned['upper']:,.0f}", ahead
        )
    console.print(table)
    action = PriorityPolicy.model_validate(result.plan["policies"]["priorities"]).contact
    console.print(
        f"[dim]Declared assumption: a contact keeps {action.effect.estimate:.1%} of those who leave and costs "
        f"{action.cost:g}; value = what the customer used to bring in such a window.[/]",
        highlight=False,
    )


def _grades(models: Mapping[str, Mapping[str, str]]) -> str:
    return " ".join(models[name].get("grade") or "–" for name in MODEL_NAMES)


def _value_cells(value: Mapping[str, Any]) -> tuple[str, str, str]:
    shares = {row["name"]: row["top_decile_share"]["estimate"] for row in value["rankings"]}
    ours = shares.pop("predicted_clv", None)
    best = max((share for share in shares.values() if share is not None), default=None)
    came = value.get("actual_total")
    return (
        "–" if ours is None else f"{ours:.1%}",
        "–" if best is None else f"{best:.1%}",
        f"{value['predicted_total'] / came - 1:+.0%}" if came and "predicted_total" in value else "–",
    )


def _churn_cells(churn: Mapping[str, Any]) -> tuple[str, str]:
    return (f"{churn['auc']['estimate']:.3f}", f"{churn['auc_recency']:.3f}") if "auc" in churn else ("–", "–")
