"""What the terminal says of a walk through the past."""

from pathlib import Path

from rich.console import Console

from cvo_ml.cli.views import backtest
from cvo_ml.workflows.backtest import BacktestResult


def test_the_grades_stand_in_the_order_that_the_note_below_them_names() -> None:
    """JSON keeps the models by the alphabet, and people read them as clv, churn, icp."""
    models = {"churn": {"grade": "A"}, "clv": {"grade": "D"}, "icp": {"reason": "too_few"}}
    share = {"name": "recency", "top_decile_share": {"estimate": 0.3}}
    judged = {"value": {"rankings": [share]}, "churn": {"reason": "too_few"}}
    result = BacktestResult({}, [{"cut": "2023-01-01", "models": models, "judged": judged}], [], [])
    console = Console(record=True, width=160)
    backtest.show(console, result, Path("out"))
    said = console.export_text()
    assert "2023-01-01 │ D A –" in said
    assert "Grades of clv, churn, icp" in said
