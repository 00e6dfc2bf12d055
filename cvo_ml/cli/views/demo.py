"""The parts of a demo as they come, and what to try next, on the terminal."""

from __future__ import annotations

from cvo_ml.cli.views.check import rows_read
from cvo_ml.cli.views.outcomes import current_run
from cvo_ml.cli.views.scores import scored
from cvo_ml.cli.views.training import models
from cvo_ml.core.workspace import Workspace
from cvo_ml.report.screen import Screen
from cvo_ml.workflows.check import RowsRead
from cvo_ml.workflows.demo import DemoCut, DemoResult, Part
from cvo_ml.workflows.score import ScoreResult
from cvo_ml.workflows.train import TrainResult


def part(screen: Screen, found: Part) -> None:
    """One part, as its own command shows it."""
    if isinstance(found, RowsRead):
        rows_read(screen, found)
    elif isinstance(found, DemoCut):
        _cut(screen, found)
    elif isinstance(found, TrainResult):
        models(screen, found)
    elif isinstance(found, ScoreResult):
        scored(screen, found)
    else:
        current_run(screen, found)


def _cut(screen: Screen, cut: DemoCut) -> None:
    screen.say(
        "Cut: ", (str(cut.as_of), "bold"), f". Models learn from before it; the {cut.horizon} after it judge them."
    )


def next_steps(screen: Screen, result: DemoResult, workspace: Workspace) -> None:
    """Where the results are, and three commands to try."""
    out, mlruns, shop = workspace.results, workspace.tracking, workspace.shop_file
    later = result.cut.as_of + result.cut.horizon.delta
    screen.line()
    rest = f" (open it), {workspace.priorities}, {workspace.scores}/"
    screen.say("Results: ", (str(workspace.report), "bold"), rest)
    screen.say("Try next:")
    for command, meaning in (
        (f"uv run mlflow ui --backend-store-uri sqlite:///{mlruns / 'mlflow.db'}", "runs, plots, registered models"),
        (f"uv run cvo score --shop {shop} --as-of {later} --out {out} --mlruns {mlruns}", "the champions later"),
        ("uv run cvo init orders.csv", "your own orders: looks at the file and writes shop.yaml"),
    ):
        screen.say("  ", (command, "bold"), "  ", (f"# {meaning}", "dim"), soft_wrap=True)
