"""What the terminal says of a walk through the past."""

from datetime import date
from pathlib import Path

from cvo_ml.cli.views import backtest
from cvo_ml.core.workspace import Workspace
from cvo_ml.monitoring.backtest import Backtest, BacktestPlan, CutModel, CutRecord
from cvo_ml.monitoring.outcomes import NotEvaluated, Ranked, RunEvaluation, ValueEvaluation
from cvo_ml.report.screen import Screen
from cvo_ml.stats.intervals import Interval


def test_the_grades_stand_in_the_order_that_the_note_below_them_names() -> None:
    """JSON keeps the models by the alphabet, and people read them as clv, churn, icp."""
    models = {"churn": CutModel(grade="A"), "clv": CutModel(grade="D"), "icp": CutModel(reason="too_few")}
    missing = NotEvaluated("too_few")
    value = ValueEvaluation((Ranked("recency", Interval(0.3, 0.2, 0.4)),), missing)
    evaluation = RunEvaluation(date(2023, 1, 1), 60.0, 9, 3, 100.0, value, missing, missing)
    cut = CutRecord(date(2023, 1, 1), "run", models, evaluation, 1.0)
    walked = Backtest(BacktestPlan("shop", "EUR", "hash", 60.0, {}, {}), (cut,), ())
    console = Screen(record=True, width=160)
    backtest.show(console, walked, Workspace(Path("out"), Path("mlruns")))
    said = console.export_text()
    assert "2023-01-01 │ D A –" in said
    assert "Grades of clv, churn, icp" in said
