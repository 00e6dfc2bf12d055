"""Fit churn: trees on point-in-time snapshots, calibrated and judged on windows later than what they learnt from."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.config.jobs import ChurnJob, ClvJob
from cvo_ml.config.readiness import ChurnMinima
from cvo_ml.core.tables import Tables
from cvo_ml.features import SEASON, snapshot
from cvo_ml.features.leak_gate import Evidence, Sample
from cvo_ml.models.churn import RecencyChurn, check_outcomes
from cvo_ml.monitoring.drift import reference_of
from cvo_ml.registry.bundles.kinds import bundle_of
from cvo_ml.registry.bundles.purchase_columns import BTYD, embed_purchase_model
from training.churn import metrics as judging
from training.churn import report as told
from training.churn.dataset import (
    Model,
    Window,
    closed,
    closed_dates,
    columns_of,
    refuse_part_of_a_year,
    stacked,
    windows_of,
)
from training.churn.evaluation import Judged, judge
from training.churn.recipe import MINIMA, Calibrated, calibrated, folds, grow_trees, grown, recency
from training.churn.stacking import season_of
from training.clv.validation import fit as fit_clv
from training.evidence.leak_gate import gate_metrics, pass_gate
from training.evidence.result import Trained
from training.evidence.windows import churn_trial

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]


def train_churn(tables: Tables, as_of: date, job: ChurnJob, minima: ChurnMinima = MINIMA) -> Trained:
    """Fit on all windows closed at ``as_of``; grade on the last of them with a model that did not see it.

    Raises
    ------
    ModelRefused
        If there are too few closed windows, or too few customers of either outcome.
    """
    dates = closed_dates(tables, as_of, job, minima)
    everything = windows_of(tables, dates, job, dates[-job.calibration.windows :])
    past, windows = closed(everything, dates[-1], job), everything[-job.most_snapshots :]
    if job.season:
        refuse_part_of_a_year([window.day for window in past])
    check_outcomes(stacked(past)[1], minima.of_each_outcome)
    evidence = leak_evidence(past, everything[-1], tables, job)
    tried = folds(everything, job, minima)
    judged = judge(tables, past, tried, job, minima)
    model = grown(windows, job, minima)
    purchases = purchases_at(tables, as_of, job)
    made = calibrated(model, tried, job, season_of(model, windows, job), purchases is not None)
    return trained(tables, as_of, job, judged, model, windows, evidence, made, purchases)


def purchases_at(tables: Tables, as_of: date, job: ChurnJob) -> dict[str, Any] | None:
    """The model of purchases of the day of training, as a bundle carries it; None where none is asked for, or holds."""
    if job.stack == "never" and not job.btyd_features:
        return None
    scorer = fit_clv(snapshot(tables, as_of), ClvJob()).scorer
    return None if scorer is None else embed_purchase_model(scorer)


def trained(
    tables: Tables,
    as_of: date,
    job: ChurnJob,
    judged: Judged,
    model: Model,
    windows: list[Window],
    evidence: Evidence,
    made: Calibrated,
    purchases: dict[str, Any] | None,
) -> Trained:
    """The champion with its evidence: the model, or recency where the model was not better."""
    X, verdict = judged.window.X, judged.verdict
    is_model = verdict.grade != "D"
    champion: Model | RecencyChurn = model if is_model else recency(windows, job)
    settings: dict[str, Any] = {
        "horizon_days": job.horizon.days,
        "definition": job.definition_name,
        "definition_kind": job.definition,
        "bands": dict(job.bands),
    }
    if job.definition == "no_order_within_own_gaps":
        settings["own_gaps"] = {"multiple": job.own_gaps.multiple, "shortest_days": job.own_gaps.shortest.days}
    if purchases is not None and set(BTYD) & set(champion.columns):
        settings["btyd"] = purchases
    facts = {"verdict": verdict.as_dict(), "baseline": "recency", "leaks": evidence.to_json()}
    # the latest population: earlier ones are of a younger shop; the date itself drifts by nature
    own = [name for name in champion.columns if name not in (*BTYD, *SEASON)]
    facts |= {"reference": reference_of(X, own, champion.predict_proba(X)[:, 1]).to_json()}
    facts |= {"calibration": told.described(model, made)}
    facts |= {"clv_hash": settings["btyd"]["hash"]} if "btyd" in settings else {}
    parameters = {
        "training_dates": len(windows),
        "training_rows": sum(map(len, windows)),
        "test_rows": len(X),
        "calibration": made.choice.method,
        "joined": [name for name, found in made.joined.items() if found["used"]],
    }
    document = {**judged.document, "calibration": told.described(model, made), "reasons": told.stability(judged, model)}
    return Trained(
        bundle_of("churn", champion, settings, facts),
        churn_trial(judged.tried[-1].model if is_model else judged.recency, judged.window, tables, as_of, job),
        parameters,
        told.metrics(judged, document) | gate_metrics(evidence),
        told.figures(judged, model, document),
        tuple(told.notes(judged, model, made)),
        {"judging": document},
        {"judging": judging.markdown(document, job)},
    )


def leak_evidence(past: list[Window], test: Window, tables: Tables, job: ChurnJob) -> Evidence:
    """The leak gate on the rows that the model is judged with."""
    X, y = stacked(past)
    # rows of (date, customer) stand once: their place tells them apart
    later = test.X.set_axis(range(len(X), len(X) + len(test)), axis=0)
    columns = columns_of(X, job)

    def fit_and_score(X: pd.DataFrame, y: Labels, later: pd.DataFrame) -> Floats:
        shuffled = Window(test.day, X, y, np.full(len(X), np.nan))
        return grow_trees([shuffled], job).trees.predict_positive(later)

    own = tuple(name for name in columns if name not in BTYD)
    return pass_gate(
        Sample(X, y, later, test.churned), own, job.leaks, fit_and_score, lambda shop: snapshot(shop, test.day), tables,
        test.day,
    )  # fmt: skip
