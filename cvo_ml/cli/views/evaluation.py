"""Whether the contacts of a plan paid, on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from cvo_ml.report.text.evaluation import comparison_cells, sentences
from cvo_ml.workflows.evaluate import EvaluateResult


def evaluation(console: Console, result: EvaluateResult) -> None:
    """Treated beside held out, action by action."""
    plan = result.plan
    table = Table(title=f"What the contacts of {plan.as_of} did", title_justify="left", show_edge=False)
    for name in ("action", "treated", "held out", "extra value each", "profit each, 95 % interval", "verdict"):
        table.add_column(name, justify="left" if name in ("action", "verdict") else "right")
    for name, comparison in {"all together": plan.evaluation.together, **plan.evaluation.actions}.items():
        table.add_row(name, f"{comparison.treated:,}", f"{comparison.held_out:,}", *comparison_cells(comparison))
    console.print(table)
    for sentence in sentences(plan):
        console.print(sentence, highlight=False, markup=False)
    console.print(f"Written: {result.file}, {result.measured_effects}", highlight=False)
