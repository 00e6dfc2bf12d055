"""Fit churn: boosted trees on point-in-time snapshots, judged out of time against recency alone."""

from __future__ import annotations

from datetime import date
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.config.jobs import ChurnJob
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.features import FEATURES, snapshot, window_outcome
from cvo_ml.features.snapshot import is_gone
from cvo_ml.models.churn import BoostedChurn, RecencyChurn
from cvo_ml.registry.models import bundle_of
from cvo_ml.stats.calibration import expected_calibration_error, log_loss, logistic_recalibration
from cvo_ml.stats.grading import grade_losses
from cvo_ml.stats.ranking import auc, lift
from training import plots
from training.dates import training_dates
from training.result import Trained
from training.slices import slices

Labels = NDArray[np.bool_]


def train_churn(tables: Tables, as_of: date, job: ChurnJob) -> Trained:
    """Fit on all windows closed at ``as_of``; grade on the last of them with a model that did not see it.

    Raises
    ------
    ModelRefused
        If there are too few closed windows, or too few customers of either outcome.
    """
    last = as_of - job.horizon.delta
    dates = training_dates(tables, last, job.snapshots_every, job.most_snapshots, job.shortest_history)
    earlier = [day for day in dates if day <= last - job.horizon.delta]
    if not earlier:
        raise ModelRefused(
            f"churn: a horizon of {job.horizon} needs two closed windows before {as_of} and "
            f"{job.shortest_history} of history before them: use a longer history or a shorter horizon",
            reason_code="too_short_history",
        )
    rows = {day: labelled(tables, day, job) for day in dates}
    test, y = rows[last]
    past = [rows[day] for day in earlier]
    model, baseline = fit(past, job), fit_baseline(past)
    predicted = {"model": model.predict_proba(test)[:, 1], "recency": baseline.predict_proba(test)[:, 1]}
    slope = logistic_recalibration(y, predicted["model"]).slope_interval()
    verdict = grade_losses(log_loss(y, predicted["model"]), log_loss(y, predicted["recency"]), slope, slices(test))
    everything = [rows[day] for day in dates]
    champion = fit_baseline(everything) if verdict.grade == "D" else fit(everything, job)
    settings = {"horizon_days": job.horizon.days, "definition": job.definition, "bands": dict(job.bands)}
    notes = ("not better than recency alone out of time: recency is champion",) if verdict.grade == "D" else ()
    return Trained(
        bundle_of("churn", champion, settings, {"verdict": verdict.as_dict(), "baseline": "recency"}),
        {"training_dates": len(dates), "training_rows": sum(len(X) for X, _ in everything), "test_rows": len(test)},
        metrics(y, predicted, slope.estimate),
        {
            "reliability": partial(plots.reliability_diagram, y, predicted),
            "gains": partial(plots.gains, y.astype(float), predicted),
            "importance": partial(plots.importance, model.trees.importance()),
        },
        notes,
    )


def labelled(tables: Tables, day: date, job: ChurnJob) -> tuple[pd.DataFrame, Labels]:
    """The eligible customers at ``day`` (n, features) and whether each churned (n,)."""
    features = snapshot(tables, day)
    features = features[~is_gone(features, job.horizon)]
    orders = window_outcome(tables, day, job.horizon, features.index)["orders"]
    return features, (orders == 0).to_numpy()


def fit(rows: list[tuple[pd.DataFrame, Labels]], job: ChurnJob) -> BoostedChurn:
    """Trees on all but the last date, calibrated on the last; on all, uncalibrated, where there is one only."""
    X, y = _stack(rows[:-1] or rows)
    categories = ("country",) if "country" in X and X["country"].nunique() > 1 else ()
    model = BoostedChurn(FEATURES, categories, job.trees.rounds, job.trees.parameters).fit(X, y)
    return model.calibrate(*rows[-1]) if len(rows) > 1 else model


def fit_baseline(rows: list[tuple[pd.DataFrame, Labels]]) -> RecencyChurn:
    """The logistic on recency, on all rows."""
    return RecencyChurn().fit(*_stack(rows))


def metrics(y: Labels, predicted: dict[str, NDArray[np.float64]], slope: float) -> dict[str, float]:
    """AUC, log loss, calibration error and lift, for the model and the baseline."""
    found = {"calibration_slope": slope, "churn_rate": float(y.mean())}
    for name, probability in predicted.items():
        found[f"{name}_auc"] = auc(y, probability)
        found[f"{name}_log_loss"] = float(log_loss(y, probability).mean())
        found[f"{name}_calibration_error"] = expected_calibration_error(y, probability)
        found[f"{name}_lift_top_decile"] = lift(y, probability)
    return found


def _stack(rows: list[tuple[pd.DataFrame, Labels]]) -> tuple[pd.DataFrame, Labels]:
    return pd.concat([X for X, _ in rows], ignore_index=True), np.concatenate([y for _, y in rows])
