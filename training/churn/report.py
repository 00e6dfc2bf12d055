"""What a churn training reports beside its model: the document of its evaluation, notes, metrics, figures, tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.core.markdown import markdown_records
from cvo_ml.core.result import Json, Result, to_json
from cvo_ml.models.churn import HazardChurn, agreement
from cvo_ml.stats.intervals import Interval
from training.churn.dataset import Model
from training.churn.evaluation import ChurnModelEvaluation, HazardComparison
from training.churn.recipe import Calibration
from training.evidence import plots

#: Customers whose reasons are compared between two trainings.
EXPLAINED: Final = 2000
#: What may join the trees, in words.
JOINING: Final[Mapping[str, str]] = {
    "season": "a yearly wave in the level",
    "stack": "a quarter of a model of purchases",
}


@dataclass(frozen=True)
class ChurnReport(Result):
    """The evaluation of a churn model, and how the champion gets its probabilities and reasons.

    Parameters
    ----------
    reasons:
        Whether the champion gives the same customers the reasons that the model of earlier windows gave.
    """

    evaluation: ChurnModelEvaluation
    calibration: Calibration
    reasons: Mapping[str, float]

    def to_json(self) -> dict[str, Json]:
        """The document that the tracked run keeps."""
        found = self.evaluation
        hazard = {"refused": found.hazard} if isinstance(found.hazard, str) else found.hazard
        return {
            "cut": str(found.window.day),
            "customers": len(found.window),
            "churn_rate": found.churn_rate,
            "measures": to_json(found.measures),
            "intervals": {name: interval.to_json() for name, interval in found.intervals.items()},
            "deciles": to_json(found.deciles),
            "money": to_json(found.money or {}),
            "slices": to_json(found.slices),
            "cuts": to_json(found.cuts),
            "staleness": to_json(found.staleness),
            "btyd": to_json(found.btyd or {}),
            "hazard": to_json(hazard or {}),
            "calibration": self.calibration.to_json(),
            "reasons": to_json(self.reasons),
        }


def reported(evaluation: ChurnModelEvaluation, model: Model, calibration: Calibration) -> ChurnReport:
    """The report on a model, which is calibrated."""
    return ChurnReport(evaluation, calibration, stability(evaluation, model))


def stability(evaluation: ChurnModelEvaluation, model: Model) -> dict[str, float]:
    """Whether the champion gives the same customers the reasons that the model of earlier windows gave."""
    if isinstance(model, HazardChurn):
        return {}
    rows = evaluation.window.X.iloc[:EXPLAINED]
    earlier = evaluation.folds[-1].model
    shared = [name for name in model.tree_columns if name in earlier.tree_columns]
    gains = [pd.Series(fitted.trees.importance())[shared] for fitted in (model, earlier)]
    return {
        "same_strongest_lever": agreement(model.explain(rows), earlier.explain(rows)),
        "rank_correlation_of_importance": float(gains[0].corr(gains[1], method="spearman")),
    }


def notes(report: ChurnReport) -> list[str]:
    """What people should know beside the grade."""
    evaluation, calibration = report.evaluation, report.calibration
    remarks = []
    if evaluation.verdict.grade == "D":
        remarks.append("not better than recency alone out of time: recency is champion")
    rate, interval = evaluation.churn_rate, calibration.interval
    low, high = interval.bounds(np.array([rate]))[0]
    if high - low > 0.1:
        remarks.append(
            f"the level of churn wanders: in the last windows the log-odds were missed by {interval.level_sd:.2f} "
            f"(root mean square), so where {rate:.0%} are expected, {low:.0%} to {high:.0%} may come"
        )
    joined = [words for name, words in JOINING.items() if calibration.joined[name].used]
    if joined and evaluation.verdict.grade != "D":
        remarks.append(f"beside the trees: {' and '.join(joined)}")
    losses = {name: measured["log_loss"] for name, measured in evaluation.measures.items()}
    best = min(losses, key=lambda name: losses[name])
    if best != "model":
        remarks.append(
            f"{best} had less log loss in the window that judges ({losses[best]:.4f} against {losses['model']:.4f})"
        )
    return remarks


def metrics(report: ChurnReport) -> dict[str, float]:
    """What the tracked run shows of each prediction."""
    evaluation = report.evaluation
    found = {"churn_rate": evaluation.churn_rate}
    for name, measured in evaluation.measures.items():
        found |= {f"{name}_{measure}": value for measure, value in measured.items()}
    found["calibration_slope"] = evaluation.measures["model"]["calibration_slope"]
    found["level_sd"] = report.calibration.interval.level_sd
    for name, profit in evaluation.money.by_prediction.items() if evaluation.money else ():
        found |= {f"{name}_empc": profit.empc, f"{name}_profit_top_decile": profit.profit_top_decile.estimate}
    return found | {f"reasons_{name}": value for name, value in report.reasons.items()}


def figures(evaluation: ChurnModelEvaluation, model: Model) -> dict[str, Callable[[], Any]]:
    """Name to a function that draws."""
    y = evaluation.window.churned
    shown = {name: p for name, p in evaluation.predicted.items() if name in ("model", "recency", "btyd")}
    drawn: dict[str, Callable[[], Any]] = {
        "reliability": partial(plots.reliability_diagram, y, shown),
        "gains": partial(plots.gains, y.astype(float), shown),
        "importance": partial(plots.importance, model.trees.importance()),
    }
    if len(evaluation.staleness) > 1:
        drawn["staleness"] = partial(plots.staleness, evaluation.staleness)
    if isinstance(evaluation.hazard, HazardComparison):
        hazard = evaluation.hazard
        drawn["survival"] = partial(
            plots.survival, hazard.event, hazard.period_days, hazard.mean_survival, hazard.observed_survival
        )
    return drawn


def markdown(evaluation: ChurnModelEvaluation, definition: str, horizon: object) -> str:
    """The tables for people."""
    parts = [f"# Churn: {definition} in {horizon}, in the window from {evaluation.window.day}"]
    predictions = [{"prediction": name, **row} for name, row in evaluation.measures.items()]
    parts += ["## Predictions", markdown_records(predictions)]
    parts += ["## Four cut-offs", markdown_records([cut.to_json() for cut in evaluation.cuts])]
    parts += ["## Top of the list", markdown_records(evaluation.deciles)]
    rows = [{**each.to_json(), "advantage": _words(each.advantage)} for each in evaluation.slices]
    parts += ["## Slices", markdown_records(rows)]
    parts += ["## A model that grows older", markdown_records(evaluation.staleness)]
    if evaluation.money:
        lists = [
            {"prediction": name, "empc": profit.empc, "profit, top decile": _words(profit.profit_top_decile)}
            for name, profit in evaluation.money.by_prediction.items()
        ]
        parts += ["## Money a customer (the offer's effect is an assumption)", markdown_records(lists)]
    return "\n\n".join(parts) + "\n"


def _words(interval: Interval) -> str:
    return f"{interval.estimate:.4g} [{interval.lower:.4g}, {interval.upper:.4g}]"
