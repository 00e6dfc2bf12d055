"""A walk through the past, on the terminal."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table

from cvo_ml.cli.views.outcomes import ledger_table
from cvo_ml.core.models import MODEL_NAMES
from cvo_ml.report.text.backtest import Backtest, cut_cells, earnings_cells
from cvo_ml.workflows.backtest import PAGE, SUMMARY


def show(console: Console, backtest: Backtest, out: Path) -> None:
    """The cuts, the ledger and the earnings as tables."""
    table = Table(
        title="At each cut: trained before it, judged on the window after it", title_justify="left", show_edge=False
    )
    for name in ("cut", "grades", "top decile", "next best", "total", "churn AUC", "recency"):
        table.add_column(name, justify="left" if name in ("cut", "grades") else "right")
    for record in backtest.cuts:
        table.add_row(*cut_cells(record))
    console.print(table)
    console.print(
        f"[dim]Grades of {', '.join(MODEL_NAMES)}. Top decile: share of the window's value held by predicted_clv's "
        "best tenth; next best: by the best ranking without a model.[/]",
        highlight=False,
    )
    ledger_table(console, backtest.ledger, "as_of")
    if backtest.earnings:
        _earnings(console, backtest)
    console.print(f"\nPlots: [bold]{out / PAGE}[/]; numbers: {out / SUMMARY}", highlight=False)


def _earnings(console: Console, backtest: Backtest) -> None:
    table = Table(
        title="What a tenth of the customers, contacted at each cut, would have earned",
        title_justify="left",
        show_edge=False,
    )
    for name in ("list", "earned", "95 % interval", "ours leads by"):
        table.add_column(name, justify="left" if name == "list" else "right")
    for line in backtest.earnings:
        table.add_row(*earnings_cells(line))
    console.print(table)
    action = backtest.plan.contact
    console.print(
        f"[dim]Declared assumption: a contact keeps {action.effect.estimate:.1%} of those who leave and costs "
        f"{action.cost:g}; value = what the customer used to bring in such a window.[/]",
        highlight=False,
    )
