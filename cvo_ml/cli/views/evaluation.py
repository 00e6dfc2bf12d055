"""Whether the contacts of a plan paid, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from cvo_ml.report.evaluation_text import sentences
from cvo_ml.workflows.evaluate import EvaluateResult


def evaluation(console: Console, result: EvaluateResult) -> None:
    """Treated beside held out, action by action."""
    found = result.found
    table = Table(title=f"What the contacts of {found['as_of']} did", title_justify="left", show_edge=False)
    for name in ("action", "treated", "held out", "extra value each", "profit each, 95 % interval", "verdict"):
        table.add_column(name, justify="left" if name in ("action", "verdict") else "right")
    for name, action in {"all together": found["all"], **found["actions"]}.items():
        table.add_row(name, f"{action['treated']:,}", f"{action['held_out']:,}", *_numbers(action))
    console.print(table)
    for sentence in sentences(found):
        console.print(sentence, highlight=False, markup=False)
    console.print(f"Written: {result.file}, {result.measured_effects}", highlight=False)


def _numbers(result: Mapping[str, Any]) -> tuple[str, str, str]:
    if "profit_per_contact" not in result:
        return "–", "–", str(result["reason"])
    profit = result["profit_per_contact"]
    return (
        f"{result['extra_value']['estimate']:,.2f}",
        f"{profit['estimate']:,.2f} [{profit['lower']:,.2f}, {profit['upper']:,.2f}]",
        str(result.get("verdict", "")),
    )
