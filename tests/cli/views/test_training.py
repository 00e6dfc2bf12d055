"""What the terminal says of a training."""

from rich.console import Console

from cvo_ml.cli.views import training

METRICS = {"model_lift_top_decile": 1.4, "source_rate_lift_top_decile": 1.0}
TRAINED = {"event": "trained", "name": "icp", "kind": "icp.first_order_value", "grade": "D", "metrics": METRICS}


def test_everybody_is_told_where_a_new_version_stands() -> None:
    console = Console(record=True, width=160)
    already = {**TRAINED, "registered": 3, "role": "champion", "why": "it is the champion already, to the bit"}
    behind = {**TRAINED, "registered": 4, "role": "challenger", "why": "gate 'profit': worse"}
    training.models(console, [already, behind])
    said = console.export_text()
    assert "icp: version 3 is champion; it is the champion already, to the bit" in said
    assert "icp: version 4 is challenger, the champion stays; gate 'profit': worse" in said
