"""The last closed window, predicted by models that did not see it: the model, its baselines, and what stands beside."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvo_ml.config.jobs import ChurnJob
from cvo_ml.config.readiness import ChurnMinima
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.models.churn import LogisticChurn, RecencyChurn
from cvo_ml.stats.calibration import log_loss, logistic_recalibration
from cvo_ml.stats.grading import Verdict, grade_losses
from training.churn import metrics as judging
from training.churn.dataset import COUNTRY, Window, columns_of, stacked
from training.churn.recipe import calibrated, grow_hazard, recency
from training.churn.stacking import Fold
from training.evidence.slices import further_slices, slices

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """The last closed window, predicted by models that did not see it.

    Parameters
    ----------
    predicted:
        Probabilities by the name of what predicted them: ``model``, ``recency`` and the other baselines.
    """

    tried: list[Fold]
    recency: RecencyChurn
    predicted: dict[str, Floats]
    verdict: Verdict
    document: dict[str, Any]

    @property
    def window(self) -> Window:
        """The window that the grade rests on."""
        return self.tried[-1].window


def judge(tables: Tables, past: list[Window], tried: list[Fold], job: ChurnJob, minima: ChurnMinima) -> Judged:
    """The last window predicted by the model, by its baselines and by what stands beside it."""
    for fold in tried:
        calibrated(fold.model, closed_folds(tried, fold, job), job, fold.season, fold.has_purchases)
    last, y = tried[-1], tried[-1].window.churned
    X = last.window.X
    predicted = {"model": last.probability()}
    baseline = recency(past, job)
    predicted["recency"] = baseline.predict_proba(X)[:, 1]
    numbers = [name for name in columns_of(stacked(past)[0], job) if name != COUNTRY]
    predicted["logistic"] = LogisticChurn(numbers).fit(*stacked(past)).predict_proba(X)[:, 1]
    beside, more = judging.against_btyd(last.window, past, *with_and_without_stack(tried, job))
    predicted |= more
    slope = logistic_recalibration(y, predicted["model"]).slope_interval()
    verdict = grade_losses(log_loss(y, predicted["model"]), log_loss(y, predicted["recency"]), slope, slices(X))
    value = judging.value_while_active(last.window, job.horizon)
    document = {
        "cut": str(last.window.day),
        "customers": len(y),
        "churn_rate": float(y.mean()),
        "measures": {name: judging.measures(y, p) for name, p in predicted.items()},
        "intervals": {name: found.as_dict() for name, found in judging.intervals(y, predicted["model"]).items()},
        "deciles": judging.deciles(y, predicted["model"]),
        "money": judging.money(y, value, predicted, job.offer),
        "slices": judging.by_slice(y, predicted, slices(X) | further_slices(X, tables)),
        "cuts": cuts(tried, job),
        "staleness": judging.staleness(tried, [aged(fold, last) for fold in tried]),
        "btyd": beside,
        "hazard": hazard_beside(past, last.window, predicted["model"], job, minima),
    }
    return Judged(tried, baseline, predicted, verdict, document)


def closed_folds(tried: Sequence[Fold], fold: Fold, job: ChurnJob) -> list[Fold]:
    """The folds whose outcomes were known when the window of ``fold`` began."""
    return [other for other in tried if other.window.closed_by(fold.window.day, job)]


def with_and_without_stack(tried: Sequence[Fold], job: ChurnJob) -> tuple[Floats, Floats]:
    """The last window by the trees alone and by the stack, each calibrated on the folds closed before it."""
    last, found = tried[-1], []
    for use in ("never", "always"):
        model = copy(last.model)
        asked = job.model_copy(update={"stack": use})
        calibrated(model, closed_folds(tried, last, job), asked, last.season, last.has_purchases)
        found.append(model.calibration_.apply(model.stack_.apply(last.trees, last.window.X)))
    return found[0], found[1]


def aged(fold: Fold, last: Fold) -> Floats:
    """What the model of an earlier fold says of the last window, (n,)."""
    return last.probability() if fold is last else fold.model.predict_proba(last.window.X)[:, 1]


def cuts(tried: Sequence[Fold], job: ChurnJob) -> list[dict[str, Any]]:
    """The last four windows, each predicted by a model of windows that were closed before it."""
    rows = []
    for fold in tried[-4:]:
        y, p = fold.window.churned, fold.probability()
        inside = fold.model.interval_.bounds(p).mean(axis=0)
        rows.append(
            {
                "cut": str(fold.window.day),
                "customers": len(y),
                "rate": float(y.mean()),
                "rate_expected_from": float(inside[0]),
                "rate_expected_to": float(inside[1]),
                **judging.measures(y, p),
            }
        )
    return rows


def hazard_beside(
    past: list[Window], last: Window, model: Floats, job: ChurnJob, minima: ChurnMinima
) -> dict[str, Any]:
    """How the time-to-event variant agrees with the horizon model, its survival curve and its riskiest periods."""
    if not job.hazard.enabled:
        return {}
    try:
        beside = grow_hazard(past, job, minima)
    except ModelRefused as refused:
        return {"refused": refused.reason_code}
    p, y = beside.predict_proba(last.X)[:, 1], last.churned
    riskiest = beside.riskiest_period(last.X)
    return {
        "periods": job.hazard.periods,
        "period_days": job.horizon.whole_days / job.hazard.periods,
        "event": "end" if beside.event_is_churn else "order",
        "mean_survival": beside.survival(last.X).mean(axis=0).tolist(),
        "observed_survival": observed_survival(last, job),
        "share_with_riskiest_period": np.bincount(riskiest, minlength=job.hazard.periods + 1)[1:].tolist(),
        "correlation_with_horizon_model": float(np.corrcoef(p, model)[0, 1]),
        "mean_absolute_difference": float(np.abs(p - model).mean()),
        "log_loss": float(log_loss(y, p).mean()),
        "log_loss_of_horizon_model": float(log_loss(y, model).mean()),
    }


def observed_survival(window: Window, job: ChurnJob) -> list[float]:
    """Share of the customers without the event by the end of each period."""
    days = np.nan_to_num(window.days_to_event, nan=np.inf)
    ends = [job.horizon.whole_days * k / job.hazard.periods for k in range(1, job.hazard.periods + 1)]
    return [float((days >= end).mean()) for end in ends]
