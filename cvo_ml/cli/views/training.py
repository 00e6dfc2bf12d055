"""What a training came to, on the terminal."""

from __future__ import annotations

from typing import Final

from rich.console import Console

from cvo_ml.cli.views.blocks import notes, table
from cvo_ml.report.text import evidence
from cvo_ml.workflows.train import RefusedModel, StaticModel, TrainedModel, TrainResult

GRADE_STYLE: Final = {"A": "bold green", "B": "green", "C": "yellow", "D": "red"}


def models(console: Console, trained: TrainResult) -> None:
    """What became of each model."""
    graded = table("Models (grade: out of time, against a baseline)", "model", "kind", "grade", "evidence")
    for model in trained.models:
        if isinstance(model, RefusedModel):
            graded.add_row(model.name, "[yellow]refused[/]", "–", model.text)
        elif isinstance(model, TrainedModel):
            grade = f"[{GRADE_STYLE[model.grade]}]{model.grade}[/]"
            graded.add_row(model.name, model.kind, grade, evidence(model.name, model.metrics))
    console.print(graded)
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
