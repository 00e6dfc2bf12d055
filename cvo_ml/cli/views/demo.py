"""The parts of a demo as they come, and what to try next, on the terminal."""

from __future__ import annotations

from rich.console import Console

from cvo_ml.cli.views.check import rows_read
from cvo_ml.cli.views.outcomes import current_run
from cvo_ml.cli.views.scores import scored
from cvo_ml.cli.views.training import models
from cvo_ml.core.workspace import Workspace
from cvo_ml.workflows.check import RowsRead
from cvo_ml.workflows.demo import DemoCut, DemoResult, Part
from cvo_ml.workflows.score import ScoreResult
from cvo_ml.workflows.train import TrainResult


def part(console: Console, found: Part) -> None:
    """One part, as its own command shows it."""
    if isinstance(found, RowsRead):
        rows_read(console, found)
    elif isinstance(found, DemoCut):
        _cut(console, found)
    elif isinstance(found, TrainResult):
        models(console, found)
    elif isinstance(found, ScoreResult):
        scored(console, found)
    else:
        current_run(console, found)


def _cut(console: Console, cut: DemoCut) -> None:
    console.print(
        f"Cut: [bold]{cut.as_of}[/]. Models learn from before it; the {cut.horizon} after it judge them.",
        highlight=False,
    )


def next_steps(console: Console, result: DemoResult, workspace: Workspace) -> None:
    """Where the results are, and three commands to try."""
    out, mlruns, shop = workspace.results, workspace.tracking, workspace.shop_file
    later = result.cut.as_of + result.cut.horizon.delta
    console.print(
        f"\nResults: [bold]{workspace.report}[/] (open it), {workspace.priorities}, {workspace.scores}/",
        highlight=False,
    )
    console.print("Try next:", highlight=False)
    for command, meaning in (
        (f"uv run mlflow ui --backend-store-uri sqlite:///{mlruns / 'mlflow.db'}", "runs, plots, registered models"),
        (f"uv run cvo score --shop {shop} --as-of {later} --out {out} --mlruns {mlruns}", "the champions later"),
        ("uv run cvo demo --data orders.csv --columns customer_id=Client,ordered_at=Date,net=Total", "your own orders"),
    ):
        console.print(f"  [bold]{command}[/]  [dim]# {meaning}[/]", highlight=False, soft_wrap=True)
