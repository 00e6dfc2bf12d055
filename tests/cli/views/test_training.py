"""What the terminal says of a training."""

from dataclasses import replace

from cvo_ml.cli.views import training
from cvo_ml.report.screen import Screen
from cvo_ml.workflows.train import TrainedModel, TrainResult

METRICS = {"model_lift_top_decile": 1.4, "source_rate_lift_top_decile": 1.0}
TRAINED = TrainedModel(
    name="icp", kind="icp.first_order_value", grade="D", version="0" * 12, registered=3, role="champion", why="",
    metrics=METRICS, parameters={}, notes=(),
)  # fmt: skip


def test_everybody_is_told_where_a_new_version_stands() -> None:
    console = Screen(record=True, width=160)
    already = replace(TRAINED, why="it is the champion already, to the bit")
    behind = replace(TRAINED, registered=4, role="challenger", why="gate 'profit': worse")
    training.models(console, TrainResult((already, behind)))
    said = console.export_text()
    assert "icp: version 3 is champion; it is the champion already, to the bit" in said
    assert "icp: version 4 is challenger, the champion stays; gate 'profit': worse" in said
