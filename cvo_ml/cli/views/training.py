"""What a training came to, on the terminal."""

from __future__ import annotations

import json
from typing import Final

from cvo_ml.report.screen import Screen, table
from cvo_ml.report.text import evidence
from cvo_ml.workflows.train import RefusedModel, StaticModel, TrainedModel, TrainResult

GRADE_STYLE: Final = {"A": "bold green", "B": "green", "C": "yellow", "D": "red"}


def models(screen: Screen, trained: TrainResult) -> None:
    """What became of each model."""
    graded = table("Models (grade: out of time, against a baseline)", "model", "kind", "grade", "evidence")
    for model in trained.models:
        if isinstance(model, RefusedModel):
            graded.add_row(model.name, ("refused", "yellow"), "–", model.text)
        elif isinstance(model, TrainedModel):
            grade = (model.grade, GRADE_STYLE[model.grade])
            graded.add_row(model.name, model.kind, grade, evidence(model.name, model.metrics))
    screen.print(graded)
    registered = [model for model in trained.models if isinstance(model, TrainedModel)]
    for model in registered:
        for note in model.notes:
            screen.say(f"  {model.name}: {note}", style="dim")
    for model in registered:
        stays = ", the champion stays" if model.role == "challenger" else ""
        screen.say(f"{model.name}: version {model.registered} is {model.role}{stays}; {model.why}")


def static_model(screen: Screen, trained: TrainResult) -> None:
    """What a table without dates gave."""
    for model in trained.models:
        if isinstance(model, StaticModel):
            screen.notes(model.notes)
            screen.print(json.dumps(dict(model.metrics), indent=2))
