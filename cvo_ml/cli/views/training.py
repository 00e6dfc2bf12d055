"""What a training came to, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from cvo_ml.report.text import evidence

GRADE_STYLE: Final = {"A": "bold green", "B": "green", "C": "yellow", "D": "red"}


def models(console: Console, said: Sequence[Mapping[str, Any]]) -> None:
    """What training said of each model."""
    table = Table(title="Models (grade: out of time, against a baseline)", title_justify="left", show_edge=False)
    for name in ("model", "kind", "grade", "evidence"):
        table.add_column(name)
    for event in said:
        if event["event"] == "refused":
            table.add_row(event["name"], "[yellow]refused[/]", "–", event["text"])
            continue
        grade = f"[{GRADE_STYLE[event['grade']]}]{event['grade']}[/]"
        table.add_row(event["name"], event["kind"], grade, evidence(event["name"], event["metrics"]))
    console.print(table)
    for event in said:
        for note in event.get("notes", []):
            console.print(f"  [dim]{event['name']}: {note}[/]", highlight=False)
    for event in said:
        if "role" in event:
            stays = ", the champion stays" if event["role"] == "challenger" else ""
            text = f"{event['name']}: version {event['registered']} is {event['role']}{stays}; {event['why']}"
            console.print(text, highlight=False, markup=False)
