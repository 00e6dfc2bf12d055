"""Fit churn: trees on point-in-time snapshots, calibrated and graded on windows later than what they learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from cvo_ml.config.boosted import LeakPolicy
from cvo_ml.config.churn import ChurnJob
from cvo_ml.config.readiness import ChurnMinima
from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.core.models import CHURN
from cvo_ml.core.result import Json
from cvo_ml.core.tables import Tables
from cvo_ml.features import SEASON, snapshot
from cvo_ml.features.leak_gate import Evidence, GateSample
from cvo_ml.features.own import OwnFeatures
from cvo_ml.models.churn import RecencyChurn, check_outcomes
from cvo_ml.monitoring.drift import reference_of
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.kinds import bundle_of
from cvo_ml.registry.bundles.purchase_columns import BTYD, EMBEDDED, embed_purchase_model
from training.churn import report as reporting
from training.churn.dataset import (
    ChurnWindow,
    Model,
    closed,
    closed_dates,
    columns_of,
    refuse_part_of_a_year,
    stacked,
    windows_of,
)
from training.churn.evaluation import evaluate
from training.churn.recipe import MINIMA, calibrate, folds, grow_trees, grown, recency
from training.churn.report import ChurnReport
from training.churn.sections import CalibrationSpec, ChurnSections, DatasetSpec, sections_of
from training.churn.stacking import season_of
from training.churn.window import churn_window
from training.clv.sections import PurchaseSpec
from training.clv.validation import fit as fit_clv
from training.evidence.leak_gate import gate_metrics, pass_gate
from training.evidence.result import Trained


def train_churn(
    tables: Tables,
    as_of: date,
    job: ChurnJob,
    minima: ChurnMinima = MINIMA,
    purchases: PurchaseSpec | None = None,
    own: OwnFeatures | None = None,
) -> Trained:
    """Fit on all windows closed at ``as_of``; grade on the last of them with a model that did not see it.

    Parameters
    ----------
    purchases:
        How the model of purchases inside is fitted: the CLV job's section; None = its defaults.
    own:
        Features of the user's own, whose trust says which code of earlier models may run too.

    Raises
    ------
    ModelRefused
        If there are too few closed windows, or too few customers of either outcome.
    ConfigError, UsageError
        If a feature of the user's own cannot be one.
    """
    sections = sections_of(job, purchases, own)
    data, trees, calibration = sections.dataset, sections.trees, sections.calibration
    dates = closed_dates(tables, as_of, data, minima)
    if data.own:
        data.own.prepare(tables, dates[-1])
    known = windows_of(tables, dates, data, dates[-calibration.windows :])
    past, windows = closed(known, dates[-1], data), known[-data.most :]
    if data.season:
        refuse_part_of_a_year([window.day for window in past])
    check_outcomes(stacked(past)[1], minima.of_each_outcome)
    read = data.own.found(known[-1].X) if data.own else data.own
    leaks = leak_evidence(past, known[-1], tables, sections, job.leaks)
    tried = folds(known, sections, minima)
    evaluation = evaluate(tables, past, tried, sections, minima)
    grown_model = grown(windows, data, trees, minima)
    embedded = purchases_at(tables, as_of, data, calibration)
    season = season_of(grown_model, windows, data, calibration.season_level)
    calibrated = calibrate(evaluation.folds, calibration, season, embedded is not None)
    model = calibrated.applied(grown_model)
    report = reporting.reported(evaluation, model, calibrated)
    champion = model if evaluation.verdict.grade != "D" else recency(windows, sections)
    evaluated = evaluation.folds[-1].model if champion is model else evaluation.recency
    return Trained(
        champion_bundle(champion, job, report, leaks, embedded, read),
        churn_window(evaluated, evaluation.window, tables, as_of, job.outcome, job.definition_name, read),
        {
            "training_dates": len(windows),
            "training_rows": sum(map(len, windows)),
            "test_rows": len(evaluation.window),
            "calibration": calibrated.choice.method,
            "joined": [name for name, tried in calibrated.joined.items() if tried.used],
        },
        reporting.metrics(report) | gate_metrics(leaks),
        reporting.figures(evaluation, model),
        (*reporting.notes(report), *own_notes(data.own, leaks)),
        {"judging": report.to_json()},
        {"judging": reporting.markdown(evaluation, job.definition_name, job.horizon)},
    )


def own_notes(own: OwnFeatures, leaks: Evidence) -> list[str]:
    """What the user's own features tell alone, and which of them nobody has a value of."""
    alone = [f"{name} (alone AUC {leaks.alone[name]:.3f})" for name in own.columns if name in leaks.alone]
    silent = [name for name in own.columns if name not in leaks.provenance]
    notes = [f"own features: {', '.join(alone)}"] if alone else []
    return [*notes, f"not read, as they are the same for everyone: {', '.join(silent)}"] if silent else notes


def purchases_at(
    tables: Tables, as_of: date, data: DatasetSpec, calibration: CalibrationSpec
) -> Mapping[str, Json] | None:
    """The model of purchases of the day of training, as a bundle carries it; None where none is asked for, or holds."""
    if calibration.stack == "never" and not data.btyd_features:
        return None
    scorer = fit_clv(snapshot(tables, as_of), data.purchases).scorer
    return None if scorer is None else embed_purchase_model(scorer)


def champion_bundle(
    champion: Model | RecencyChurn,
    job: ChurnJob,
    report: ChurnReport,
    leaks: Evidence,
    embedded: Mapping[str, Json] | None,
    read: OwnFeatures,
) -> Bundle:
    """The champion, the model or recency where the model was not better, with the evidence for it."""
    X, verdict = report.evaluation.window.X, report.evaluation.verdict
    settings: dict[str, Any] = {
        "horizon_days": job.horizon.days,
        "definition": job.definition_name,
        "definition_kind": job.definition,
        "bands": dict(job.bands),
    }
    if job.definition == "no_order_within_own_gaps":
        settings["own_gaps"] = {"multiple": job.own_gaps.multiple, "shortest_days": job.own_gaps.shortest.days}
    # the latest population: earlier ones are of a younger shop; the date itself drifts by nature
    own = [name for name in champion.columns if name not in (*BTYD, *SEASON)]
    facts: dict[str, Any] = {
        "verdict": verdict.to_json(),
        "baseline": "recency",
        "leaks": leaks.to_json(),
        "reference": reference_of(X, own, champion.predict_proba(X)[:, 1]).to_json(),
        "calibration": report.calibration.to_json(),
    }
    if embedded is not None and set(BTYD) & set(champion.columns):
        settings[EMBEDDED] = embedded
        facts["clv_hash"] = embedded["hash"]
    return bundle_of(CHURN.name, champion, settings, facts, read)


def leak_evidence(
    past: list[ChurnWindow], test: ChurnWindow, tables: Tables, sections: ChurnSections, policy: LeakPolicy
) -> Evidence:
    """The leak gate on the rows that the model is judged with."""
    X, y = stacked(past)
    # rows of (date, customer) stand once: their place tells them apart
    later = test.X.set_axis(range(len(X), len(X) + len(test)), axis=0)
    columns = columns_of(X, sections.dataset)

    def fit_and_score(X: pd.DataFrame, y: Flags, later: pd.DataFrame) -> Floats:
        shuffled = ChurnWindow(test.day, X, y, np.full(len(X), np.nan))
        return grow_trees([shuffled], sections.dataset, sections.trees).trees.predict_positive(later)

    own = tuple(name for name in columns if name not in BTYD)
    return pass_gate(
        GateSample(X, y, later, test.churned), own, policy, fit_and_score,
        lambda shop: snapshot(shop, test.day, [sections.dataset.own]), tables, test.day,
        own=sections.dataset.own.provenance(tables),
    )  # fmt: skip
