"""What a training came to, on the terminal."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table

from cvo_ml.cli.views.blocks import notes
from cvo_ml.report.text import evidence
from cvo_ml.workflows.train import RefusedModel, StaticModel, TrainedModel, TrainResult

GRADE_STYLE: Final = {"A": "bold green", "B": "green", "C": "yellow", "D": "red"}


def models(console: Console, trained: TrainResult) -> None:
    """What became of each model."""
    table = Table(title="Models (grade: out of time, against a baseline)", title_justify="left", show_edge=False)
    for name in ("model", "kind", "grade", "evidence"):
        table.add_column(name)
    for model in trained.models:
        if isinstance(model, RefusedModel):
            table.add_row(model.name, "[yellow]refused[/]", "–", model.text)
        elif isinstance(model, TrainedModel):
            grade = f"[{GRADE_STYLE[model.grade]}]{model.grade}[/]"
            table.add_row(model.name, model.kind, grade, evidence(model.name, model.metrics))
    console.print(table)
    registered = [model for model in trained.models if isinstance(model, TrainedModel)]
    for model in registered:
        for note in model.notes:
            console.print(f"  [dim]{model.name}: {note}[/]", highlight=False)
    for model in registered:
        stays = ", the champion stays" if model.role == "challenger" else ""
        text = f"{model.name}: version {model.registered} is {model.role}{stays}; {model.why}"
        console.print(text, highlight=False, markup=False)


def static_model(console: Console, trained: TrainResult) -> None:
    """What a table without dates gave."""
    for model in trained.models:
        if isinstance(model, StaticModel):
            notes(console, model.notes)
            console.print_json(data=dict(model.metrics))
