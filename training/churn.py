"""Fit churn: trees on point-in-time snapshots, calibrated and judged on windows later than what they learnt from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.config.jobs import ChurnJob, ClvJob
from cvo_ml.config.readiness import ChurnMinima
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.features import snapshot
from cvo_ml.features.leak_gate import Evidence, Sample
from cvo_ml.models.churn import HazardChurn, LogisticChurn, RecencyChurn, agreement, check_outcomes
from cvo_ml.monitoring.drift import reference_of
from cvo_ml.registry.inputs import BTYD, carried
from cvo_ml.registry.models import bundle_of
from cvo_ml.stats.calibration import log_loss, logistic_recalibration
from cvo_ml.stats.calibrators import Choice
from cvo_ml.stats.grading import Verdict, grade_losses
from training import churn_judging as judging
from training import plots
from training.churn_recipe import MINIMA, Fold, Model, calibrated, folds, grow_hazard, grow_trees, grown, recency
from training.churn_windows import Window, columns_of, stacked, windows_of
from training.clv_validation import fit as fit_clv
from training.dates import first_day, training_dates
from training.leaks import gate_metrics, pass_gate
from training.result import Trained
from training.slices import further_slices, slices
from training.trials import churn_trial

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]
WHOLE_YEAR: Final = timedelta(days=365)
#: Windows for which a model of purchases is fitted beside the trees.
COMPARED: Final = 4
#: Customers whose reasons are compared between two trainings.
EXPLAINED: Final = 2000


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


def train_churn(tables: Tables, as_of: date, job: ChurnJob, minima: ChurnMinima = MINIMA) -> Trained:
    """Fit on all windows closed at ``as_of``; grade on the last of them with a model that did not see it.

    Raises
    ------
    ModelRefused
        If there are too few closed windows, or too few customers of either outcome.
    """
    dates = closed_dates(tables, as_of, job, minima)
    windows = windows_of(tables, dates, job, dates[-COMPARED:])
    past = [window for window in windows if window.closed_by(dates[-1], job)]
    if job.season:
        refuse_part_of_a_year([window.day for window in past])
    check_outcomes(stacked(past)[1], minima.of_each_outcome)
    evidence = leak_evidence(past, windows[-1], tables, job)
    tried = folds(windows, job, minima)
    judged = judge(tables, past, tried, job, minima)
    model = grown(windows, job, minima)
    choice = calibrated(model, tried, job)
    return trained(tables, as_of, job, judged, model, windows, evidence, choice)


def closed_dates(tables: Tables, as_of: date, job: ChurnJob, minima: ChurnMinima) -> list[date]:
    """The dates to learn from, oldest first: every horizon is closed at ``as_of``.

    Raises
    ------
    ModelRefused
        If none lies a horizon before the last.
    """
    last = as_of - job.horizon.delta
    dates = training_dates(tables, last, job.snapshots_every, job.most_snapshots, job.shortest_history)
    longest = last - (minima.closed_windows - 1) * job.horizon.delta
    if not dates or dates[0] > last - job.horizon.delta or first_day(tables) + job.shortest_history.delta > longest:
        raise ModelRefused(
            f"churn: a horizon of {job.horizon} needs {minima.closed_windows} closed windows before {as_of} and "
            f"{job.shortest_history} of history before them: use a longer history or a shorter horizon",
            reason_code="too_short_history",
        )
    return dates


def refuse_part_of_a_year(dates: list[date]) -> None:
    """Trees that see each season once read it as the name of a snapshot: a model may have it after a whole year.

    Raises
    ------
    ModelRefused
        If the dates to learn from span less than a year.
    """
    span = dates[-1] - dates[0]
    if span < WHOLE_YEAR:
        raise ModelRefused(
            f"churn: season: true needs training dates over {WHOLE_YEAR.days} days and has them over {span.days} "
            f"({dates[0]} to {dates[-1]}): raise most_snapshots, use a longer history, or set season: false",
            reason_code="too_short_history",
        )


def judge(tables: Tables, past: list[Window], tried: list[Fold], job: ChurnJob, minima: ChurnMinima) -> Judged:
    """The last window predicted by the model, by its baselines and by what stands beside it."""
    for fold in tried:
        calibrated(fold.model, [other for other in tried if other.window.closed_by(fold.window.day, job)], job)
    last, y = tried[-1], tried[-1].window.churned
    X = last.window.X
    earlier = [
        (fold.window, fold.model.calibration_.apply(fold.raw))
        for fold in tried[:-1]
        if fold.window.closed_by(last.window.day, job)
    ]
    predicted = {"model": last.model.calibration_.apply(last.raw)}
    baseline = recency(past)
    predicted["recency"] = baseline.predict_proba(X)[:, 1]
    numbers = [name for name in columns_of(stacked(past)[0], job) if name != "country"]
    predicted["logistic"] = LogisticChurn(numbers).fit(*stacked(past)).predict_proba(X)[:, 1]
    beside, more = judging.against_btyd(last.window, predicted["model"], past, earlier)
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
        "staleness": judging.staleness(tried, [fold.model.predict_proba(X)[:, 1] for fold in tried]),
        "btyd": beside,
        "hazard": hazard_beside(past, last.window, predicted["model"], job, minima),
    }
    return Judged(tried, baseline, predicted, verdict, document)


def cuts(tried: Sequence[Fold], job: ChurnJob) -> list[dict[str, Any]]:
    """The last four windows, each predicted by a model of windows that were closed before it."""
    rows = []
    for fold in tried[-4:]:
        y, p = fold.window.churned, fold.model.calibration_.apply(fold.raw)
        inside = fold.model.predict_interval(fold.window.X).mean(axis=0)
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


def trained(
    tables: Tables,
    as_of: date,
    job: ChurnJob,
    judged: Judged,
    model: Model,
    windows: list[Window],
    evidence: Evidence,
    choice: Choice,
) -> Trained:
    """The champion with its evidence: the model, or recency where the model was not better."""
    X, verdict = judged.window.X, judged.verdict
    is_model = verdict.grade != "D"
    champion: Model | RecencyChurn = model if is_model else recency(windows)
    settings: dict[str, Any] = {
        "horizon_days": job.horizon.days,
        "definition": job.definition_name,
        "definition_kind": job.definition,
        "bands": dict(job.bands),
    }
    if job.definition == "no_order_within_own_gaps":
        settings["own_gaps"] = {"multiple": job.own_gaps.multiple, "shortest_days": job.own_gaps.shortest.days}
    if is_model and set(BTYD) & set(model.columns):
        settings["btyd"] = carried(fit_clv(snapshot(tables, as_of), ClvJob()).scorer)
    facts = {"verdict": verdict.as_dict(), "baseline": "recency", "leaks": evidence.as_dict()}
    # the latest population: earlier ones are of a younger shop
    facts |= {"reference": reference_of(X, champion.columns, champion.predict_proba(X)[:, 1])}
    facts |= {"calibration": described(model, choice)}
    facts |= {"clv_hash": settings["btyd"]["hash"]} if "btyd" in settings else {}
    parameters = {
        "training_dates": len(windows),
        "training_rows": sum(map(len, windows)),
        "test_rows": len(X),
        "calibration": choice.method,
    }
    document = {**judged.document, "calibration": described(model, choice), "reasons": stability(judged, model)}
    return Trained(
        bundle_of("churn", champion, settings, facts),
        churn_trial(judged.tried[-1].model if is_model else judged.recency, judged.window, tables, as_of, job),
        parameters,
        metrics(judged, document) | gate_metrics(evidence),
        figures(judged, model, document),
        tuple(notes(judged, model, job)),
        {"judging": document},
        {"judging": judging.markdown(document, job)},
    )


def described(model: Model, choice: Choice) -> dict[str, Any]:
    """The calibration: method, what each lost out of time, and how far the level may wander."""
    losses = dict(choice.losses)
    return {"method": choice.method, "out_of_time_log_loss": losses, "level_sd_log_odds": model.doubt_.level_sd}


def stability(judged: Judged, model: Model) -> dict[str, float]:
    """Whether the champion gives the same customers the reasons that the model of earlier windows gave."""
    if isinstance(model, HazardChurn):
        return {}
    rows = judged.window.X.iloc[:EXPLAINED]
    earlier = judged.tried[-1].model
    shared = [name for name in model.columns if name in earlier.columns]
    gains = [pd.Series(fitted.trees.importance())[shared] for fitted in (model, earlier)]
    return {
        "same_strongest_lever": agreement(model.explain(rows), earlier.explain(rows)),
        "rank_correlation_of_importance": float(gains[0].corr(gains[1], method="spearman")),
    }


def notes(judged: Judged, model: Model, job: ChurnJob) -> list[str]:
    """What people should know beside the grade."""
    found = []
    if judged.verdict.grade == "D":
        found.append("not better than recency alone out of time: recency is champion")
    measured, spread = judged.document["measures"]["model"], model.doubt_.level_sd
    rate = judged.document["churn_rate"]
    bounds = model.doubt_.interval(np.array([rate]))[0]
    if bounds[1] - bounds[0] > 0.1:
        found.append(
            f"the level of churn wanders: in the last windows the log-odds were missed by {spread:.2f} (root mean "
            f"square), so where {rate:.0%} are expected, {bounds[0]:.0%} to {bounds[1]:.0%} may come"
        )
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


def labelled(tables: Tables, day: date, job: ChurnJob) -> tuple[pd.DataFrame, Labels]:
    """The eligible customers at ``day`` (n, features) and whether each churned (n,)."""
    window = windows_of(tables, [day], job)[0]
    return window.X, window.churned


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
