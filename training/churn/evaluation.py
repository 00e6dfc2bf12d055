"""The last closed window, predicted by models that did not see it: the model, its baselines, other models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from cvo_ml.config.churn import Hazard, Use
from cvo_ml.config.readiness import ChurnMinima
from cvo_ml.core.arrays import Floats
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.result import Json, Result
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.models.churn import LogisticChurn, RecencyChurn
from cvo_ml.stats.calibration import log_loss, logistic_recalibration
from cvo_ml.stats.grading import Verdict, grade_losses
from cvo_ml.stats.intervals import Interval
from training.churn import metrics
from training.churn.dataset import ChurnWindow, columns_of, is_category, stacked
from training.churn.recipe import calibrate, grow_hazard, recency
from training.churn.sections import ChurnSections, DatasetSpec, TreeSpec
from training.churn.stacking import Fold
from training.evidence.slices import further_slices, slices


@dataclass(frozen=True)
class CutOff(Result):
    """A window predicted by a model of windows that were closed before it.

    Parameters
    ----------
    rate, expected:
        Share that churned, and between which shares it was expected.
    measured:
        What ``metrics.measures`` says of the probabilities.
    """

    cut: date
    customers: int
    rate: float
    expected: tuple[float, float]
    measured: Mapping[str, float]

    def to_json(self) -> dict[str, Json]:
        """One row, with the measures beside the rest."""
        return {
            "cut": str(self.cut),
            "customers": self.customers,
            "rate": self.rate,
            "rate_expected_from": self.expected[0],
            "rate_expected_to": self.expected[1],
            **self.measured,
        }


@dataclass(frozen=True)
class HazardComparison(Result):
    """How the time-to-event variant agrees with the horizon model, its survival curve and its riskiest periods.

    Parameters
    ----------
    event:
        ``end`` of a subscription, or ``order``.
    mean_survival, observed_survival:
        Share of the customers without the event by the end of each period.
    """

    periods: int
    period_days: float
    event: str
    mean_survival: tuple[float, ...]
    observed_survival: tuple[float, ...]
    share_with_riskiest_period: tuple[float, ...]
    correlation_with_horizon_model: float
    mean_absolute_difference: float
    log_loss: float
    log_loss_of_horizon_model: float


@dataclass(frozen=True)
class ChurnModelEvaluation:
    """The last closed window, predicted by models that did not see it.

    Parameters
    ----------
    folds:
        The latest windows, each with the calibrated model that could have been there when it began.
    predicted:
        Probabilities by the name of what predicted them: ``model``, ``recency`` and the other baselines.
    hazard:
        The reason of the refusal where the time-to-event variant could not be grown; None where none was asked for.
    """

    folds: list[Fold]
    recency: RecencyChurn
    predicted: dict[str, Floats]
    verdict: Verdict
    churn_rate: float
    measures: Mapping[str, Mapping[str, float]]
    intervals: Mapping[str, Interval]
    deciles: Sequence[Mapping[str, float]]
    money: metrics.Money | None
    slices: Sequence[metrics.SliceAdvantage]
    cuts: Sequence[CutOff]
    staleness: Sequence[Mapping[str, float]]
    btyd: metrics.Disagreement | None
    hazard: HazardComparison | str | None

    @property
    def window(self) -> ChurnWindow:
        """The window that the grade rests on."""
        return self.folds[-1].window


def evaluate(
    tables: Tables, past: list[ChurnWindow], tried: Sequence[Fold], sections: ChurnSections, minima: ChurnMinima
) -> ChurnModelEvaluation:
    """The last window predicted by the model, by its baselines and by what it is compared with."""
    data = sections.dataset
    folds = [_calibrated(tried, fold, sections) for fold in tried]
    last, y = folds[-1], folds[-1].window.churned
    X = last.window.X
    predicted = {"model": last.probability()}
    baseline = recency(past, sections)
    predicted["recency"] = baseline.predict_proba(X)[:, 1]
    rows, outcome = stacked(past)
    numbers = [name for name in columns_of(rows, data) if not is_category(rows[name])]
    predicted["logistic"] = LogisticChurn(numbers).fit(rows, outcome).predict_proba(X)[:, 1]
    btyd, more = metrics.against_btyd(last.window, past, *with_and_without_stack(folds, sections))
    predicted |= more
    slope = logistic_recalibration(y, predicted["model"]).slope_interval()
    verdict = grade_losses(log_loss(y, predicted["model"]), log_loss(y, predicted["recency"]), slope, slices(X))
    value = metrics.value_while_active(last.window, data.horizon)
    return ChurnModelEvaluation(
        folds,
        baseline,
        predicted,
        verdict,
        churn_rate=float(y.mean()),
        measures={name: metrics.measures(y, p) for name, p in predicted.items()},
        intervals=metrics.intervals(y, predicted["model"]),
        deciles=metrics.deciles(y, predicted["model"]),
        money=metrics.money(y, value, predicted, sections.evaluation.offer),
        slices=metrics.by_slice(y, predicted, slices(X) | further_slices(X, tables)),
        cuts=cuts(folds),
        staleness=metrics.staleness(folds, [aged(fold, last) for fold in folds]),
        btyd=btyd,
        hazard=compare_hazard(past, last.window, predicted["model"], sections, minima),
    )


def closed_folds(tried: Sequence[Fold], fold: Fold, horizon: Horizon) -> list[Fold]:
    """The folds whose outcomes were known when the window of ``fold`` began."""
    return [other for other in tried if other.window.closed_by(fold.window.day, horizon)]


def _calibrated(tried: Sequence[Fold], fold: Fold, sections: ChurnSections) -> Fold:
    """The fold with a model that was calibrated on the folds closed before it."""
    earlier = closed_folds(tried, fold, sections.dataset.horizon)
    calibration = calibrate(earlier, sections.calibration, fold.season, fold.has_purchases)
    return replace(fold, model=calibration.applied(fold.model))


def with_and_without_stack(tried: Sequence[Fold], sections: ChurnSections) -> tuple[Floats, Floats]:
    """The last window by the trees alone and by the stack, each calibrated on the folds closed before it."""
    uses: tuple[Use, Use] = ("never", "always")
    asked = (replace(sections, calibration=replace(sections.calibration, stack=use)) for use in uses)
    alone, stack = (_calibrated(tried, tried[-1], each).probability() for each in asked)
    return alone, stack


def aged(fold: Fold, last: Fold) -> Floats:
    """What the model of an earlier fold says of the last window, (n,)."""
    return last.probability() if fold is last else fold.model.predict_proba(last.window.X)[:, 1]


def cuts(tried: Sequence[Fold]) -> list[CutOff]:
    """The last four windows, each predicted by a model of windows that were closed before it."""
    rows = []
    for fold in tried[-4:]:
        y, p = fold.window.churned, fold.probability()
        low, high = fold.model.interval_.bounds(p).mean(axis=0)
        rate = float(y.mean())
        rows.append(CutOff(fold.window.day, len(y), rate, (float(low), float(high)), metrics.measures(y, p)))
    return rows


def compare_hazard(
    past: list[ChurnWindow], last: ChurnWindow, model: Floats, sections: ChurnSections, minima: ChurnMinima
) -> HazardComparison | str | None:
    """The time-to-event variant on the last window; why it was refused, or None where none was asked for."""
    spec = sections.evaluation.hazard
    if not spec.enabled:
        return None
    try:
        return _hazard(past, last, model, sections.dataset, sections.trees, spec, minima)
    except ModelRefused as refused:
        return refused.reason_code


def _hazard(
    past: list[ChurnWindow],
    last: ChurnWindow,
    model: Floats,
    data: DatasetSpec,
    trees: TreeSpec,
    spec: Hazard,
    minima: ChurnMinima,
) -> HazardComparison:
    grown = grow_hazard(past, data, trees, minima)
    p, y = grown.predict_proba(last.X)[:, 1], last.churned
    riskiest = grown.riskiest_period(last.X)
    return HazardComparison(
        periods=spec.periods,
        period_days=data.horizon.whole_days / spec.periods,
        event="end" if grown.event_is_churn else "order",
        mean_survival=tuple(grown.survival(last.X).mean(axis=0).tolist()),
        observed_survival=observed_survival(last, data.horizon, spec.periods),
        share_with_riskiest_period=tuple(np.bincount(riskiest, minlength=spec.periods + 1)[1:].tolist()),
        correlation_with_horizon_model=float(np.corrcoef(p, model)[0, 1]),
        mean_absolute_difference=float(np.abs(p - model).mean()),
        log_loss=float(log_loss(y, p).mean()),
        log_loss_of_horizon_model=float(log_loss(y, model).mean()),
    )


def observed_survival(window: ChurnWindow, horizon: Horizon, periods: int) -> tuple[float, ...]:
    """Share of the customers without the event by the end of each period."""
    days = np.nan_to_num(window.days_to_event, nan=np.inf)
    ends = [horizon.whole_days * k / periods for k in range(1, periods + 1)]
    return tuple(float((days >= end).mean()) for end in ends)
