"""Fit churn: boosted trees on point-in-time snapshots, judged out of time against recency alone."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.config.jobs import ChurnJob
from cvo_ml.config.readiness import ChurnMinima
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import midnight
from cvo_ml.features import FEATURES, SEASON, labelled_snapshots, snapshot
from cvo_ml.features.leak_gate import Evidence, Sample
from cvo_ml.models.churn import BoostedChurn, RecencyChurn
from cvo_ml.monitoring.drift import reference_of
from cvo_ml.registry.models import bundle_of
from cvo_ml.stats.calibration import expected_calibration_error, log_loss, logistic_recalibration
from cvo_ml.stats.grading import grade_losses
from cvo_ml.stats.ranking import auc, lift
from training import plots
from training.dates import first_day, training_dates
from training.leaks import gate_metrics, pass_gate
from training.result import Trained
from training.slices import slices
from training.trials import churn_trial

Labels = NDArray[np.bool_]
MINIMA: Final = ChurnMinima()
WHOLE_YEAR: Final = timedelta(days=365)


def train_churn(tables: Tables, as_of: date, job: ChurnJob, minima: ChurnMinima = MINIMA) -> Trained:
    """Fit on all windows closed at ``as_of``; grade on the last of them with a model that did not see it.

    Raises
    ------
    ModelRefused
        If there are too few closed windows, or too few customers of either outcome.
    """
    last = as_of - job.horizon.delta
    dates = training_dates(tables, last, job.snapshots_every, job.most_snapshots, job.shortest_history)
    earlier = [day for day in dates if day <= last - job.horizon.delta]
    longest = last - (minima.closed_windows - 1) * job.horizon.delta
    if not earlier or first_day(tables) + job.shortest_history.delta > longest:
        raise ModelRefused(
            f"churn: a horizon of {job.horizon} needs {minima.closed_windows} closed windows before {as_of} and "
            f"{job.shortest_history} of history before them: use a longer history or a shorter horizon",
            reason_code="too_short_history",
        )
    if job.season:
        refuse_part_of_a_year(earlier)
    rows = labelled_dates(tables, dates, as_of, job)
    test, y = rows[last]
    past = [rows[day] for day in earlier]
    evidence = leak_evidence(past, rows[last], tables, last, job)
    model, baseline = fit(past, job, minima), fit_baseline(past)
    predicted = {"model": model.predict_proba(test)[:, 1], "recency": baseline.predict_proba(test)[:, 1]}
    slope = logistic_recalibration(y, predicted["model"]).slope_interval()
    verdict = grade_losses(log_loss(y, predicted["model"]), log_loss(y, predicted["recency"]), slope, slices(test))
    everything = [rows[day] for day in dates]
    champion = fit_baseline(everything) if verdict.grade == "D" else fit(everything, job, minima)
    facts = {"verdict": verdict.as_dict(), "baseline": "recency", "leaks": evidence.as_dict()}
    # the latest population: earlier ones are of a younger shop
    facts |= {"reference": reference_of(test, champion.columns, champion.predict_proba(test)[:, 1])}
    settings = {"horizon_days": job.horizon.days, "definition": job.definition, "bands": dict(job.bands)}
    notes = ("not better than recency alone out of time: recency is champion",) if verdict.grade == "D" else ()
    return Trained(
        bundle_of("churn", champion, settings, facts),
        churn_trial(baseline if verdict.grade == "D" else model, test, y, tables, as_of, job),
        {"training_dates": len(dates), "training_rows": sum(len(X) for X, _ in everything), "test_rows": len(test)},
        metrics(y, predicted, slope.estimate) | gate_metrics(evidence),
        {
            "reliability": partial(plots.reliability_diagram, y, predicted),
            "gains": partial(plots.gains, y.astype(float), predicted),
            "importance": partial(plots.importance, model.trees.importance()),
        },
        notes,
    )


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


def labelled(tables: Tables, day: date, job: ChurnJob) -> tuple[pd.DataFrame, Labels]:
    """The eligible customers at ``day`` (n, features) and whether each churned (n,)."""
    return labelled_dates(tables, [day], day + job.horizon.delta, job)[day]


def labelled_dates(
    tables: Tables, dates: list[date], as_of: date, job: ChurnJob
) -> dict[date, tuple[pd.DataFrame, Labels]]:
    """Per date the eligible customers (n, features) and whether each churned (n,), from one pass over the tables."""
    found = labelled_snapshots(tables, dates, job.horizon, until=as_of)
    days = found.features.index.get_level_values("as_of")
    eligible, churned = ~found.gone.to_numpy(dtype=bool), (found.outcomes["orders"] == 0).to_numpy(dtype=bool)
    rows = {day: eligible & (days == midnight(day)) for day in dates}
    return {day: (found.features[own].droplevel("as_of"), churned[own]) for day, own in rows.items()}


def columns_of(X: pd.DataFrame, job: ChurnJob) -> tuple[str, ...]:
    """What the trees read: numbers, then categories."""
    has_country = "country" in X and X["country"].nunique() > 1
    return (*FEATURES, *(SEASON if job.season else ()), *(("country",) if has_country else ()))


def trees_of(X: pd.DataFrame, job: ChurnJob, minima: ChurnMinima = MINIMA) -> BoostedChurn:
    """The model before it is fitted."""
    names = columns_of(X, job)
    numbers, categories = [name for name in names if name != "country"], [name for name in names if name == "country"]
    return BoostedChurn(numbers, categories, job.trees.rounds, job.trees.parameters, minima.of_each_outcome)


def fit(rows: list[tuple[pd.DataFrame, Labels]], job: ChurnJob, minima: ChurnMinima = MINIMA) -> BoostedChurn:
    """Trees on all but the last date, calibrated on the last; on all, uncalibrated, where there is one only."""
    X, y = _stack(rows[:-1] or rows)
    model = trees_of(X, job, minima).fit(X, y)
    return model.calibrate(*rows[-1]) if len(rows) > 1 else model


def leak_evidence(
    past: list[tuple[pd.DataFrame, Labels]],
    test: tuple[pd.DataFrame, Labels],
    tables: Tables,
    last: date,
    job: ChurnJob,
) -> Evidence:
    """The leak gate on the rows that the model is judged with."""
    X, y = _stack(past)
    # rows of (date, customer) stand once: their place tells them apart
    later = test[0].set_axis(range(len(X), len(X) + len(test[0])), axis=0)
    return pass_gate(
        Sample(X, y, later, test[1]),
        columns_of(X, job),
        job.leaks,
        lambda X, y, later: trees_of(X, job).trees.fit(X, y).predict_positive(later),
        lambda shop: snapshot(shop, last),
        tables,
        last,
    )


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
