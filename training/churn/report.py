"""What a churn training tells beside its model: calibration, stability, notes, metrics, figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.models.churn import HazardChurn, agreement
from training.churn.dataset import Model
from training.churn.evaluation import Judged
from training.churn.recipe import Calibrated
from training.evidence import plots

#: Customers whose reasons are compared between two trainings.
EXPLAINED: Final = 2000
#: What may join the trees, in words.
JOINING: Final[Mapping[str, str]] = {
    "season": "a yearly wave in the level",
    "stack": "a quarter of a model of purchases",
}


def described(model: Model, made: Calibrated) -> dict[str, Any]:
    """The calibration: method, what each lost out of time, what joins the trees, how far the level may wander."""
    return {
        "method": made.choice.method,
        "out_of_time_log_loss": dict(made.choice.losses),
        "level_sd_log_odds": model.interval_.level_sd,
        "joined": made.joined,
    }


def stability(judged: Judged, model: Model) -> dict[str, float]:
    """Whether the champion gives the same customers the reasons that the model of earlier windows gave."""
    if isinstance(model, HazardChurn):
        return {}
    rows = judged.window.X.iloc[:EXPLAINED]
    earlier = judged.tried[-1].model
    shared = [name for name in model.tree_columns if name in earlier.tree_columns]
    gains = [pd.Series(fitted.trees.importance())[shared] for fitted in (model, earlier)]
    return {
        "same_strongest_lever": agreement(model.explain(rows), earlier.explain(rows)),
        "rank_correlation_of_importance": float(gains[0].corr(gains[1], method="spearman")),
    }


def notes(judged: Judged, model: Model, made: Calibrated) -> list[str]:
    """What people should know beside the grade."""
    found = []
    if judged.verdict.grade == "D":
        found.append("not better than recency alone out of time: recency is champion")
    measured, spread = judged.document["measures"]["model"], model.interval_.level_sd
    rate = judged.document["churn_rate"]
    bounds = model.interval_.bounds(np.array([rate]))[0]
    if bounds[1] - bounds[0] > 0.1:
        found.append(
            f"the level of churn wanders: in the last windows the log-odds were missed by {spread:.2f} (root mean "
            f"square), so where {rate:.0%} are expected, {bounds[0]:.0%} to {bounds[1]:.0%} may come"
        )
    joined = [name for name, words in JOINING.items() if made.joined[name]["used"]]
    if joined and judged.verdict.grade != "D":
        found.append(f"beside the trees: {' and '.join(JOINING[name] for name in joined)}")
    best = min(judged.document["measures"].items(), key=lambda item: item[1]["log_loss"])
    if best[0] != "model":
        found.append(
            f"{best[0]} had less log loss in the window that judges ({best[1]['log_loss']:.4f} against "
            f"{measured['log_loss']:.4f})"
        )
    return found


def metrics(judged: Judged, document: dict[str, Any]) -> dict[str, float]:
    """What the tracked run shows of each prediction."""
    found = {"churn_rate": document["churn_rate"]}
    for name, measured in document["measures"].items():
        found |= {f"{name}_{measure}": value for measure, value in measured.items()}
    found["calibration_slope"] = document["measures"]["model"]["calibration_slope"]
    found["level_sd"] = document["calibration"]["level_sd_log_odds"]
    for name, row in document["money"].items():
        if isinstance(row, dict) and "empc" in row:
            found |= {f"{name}_empc": row["empc"], f"{name}_profit_top_decile": row["profit_top_decile"]["estimate"]}
    return found | {f"reasons_{name}": value for name, value in document["reasons"].items()}


def figures(judged: Judged, model: Model, document: dict[str, Any]) -> dict[str, Callable[[], Any]]:
    """Name to a function that draws."""
    y = judged.window.churned
    shown = {name: p for name, p in judged.predicted.items() if name in ("model", "recency", "btyd")}
    drawn: dict[str, Callable[[], Any]] = {
        "reliability": partial(plots.reliability_diagram, y, shown),
        "gains": partial(plots.gains, y.astype(float), shown),
        "importance": partial(plots.importance, model.trees.importance()),
    }
    if len(document["staleness"]) > 1:
        drawn["staleness"] = partial(plots.staleness, document["staleness"])
    if document["hazard"].get("mean_survival"):
        drawn["survival"] = partial(plots.survival, document["hazard"])
    return drawn
