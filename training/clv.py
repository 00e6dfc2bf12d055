"""Fit CLV: a model of purchases x Gamma-Gamma, judged out of time against the formula and the last period."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.config.jobs import ClvJob
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.features import snapshot, window_outcome
from cvo_ml.models.clv import (
    BetaGeoModel,
    FitStatus,
    ModifiedBetaGeoModel,
    ParetoNBDModel,
    fit_lifetime_value,
    last_period_repeated,
)
from cvo_ml.models.clv.purchase_model import PurchaseModel
from cvo_ml.models.clv.scorers import BuyTillYouDie, Formula, scorer_of
from cvo_ml.registry.models import bundle_of
from cvo_ml.stats.calibration import decile_slope
from cvo_ml.stats.grading import Verdict, grade_losses
from cvo_ml.stats.ranking import capture, gini
from training import judging, oracle, plots
from training.result import Trained
from training.slices import slices

Floats = NDArray[np.float64]
#: A percentile of fewer customers says little.
FEWEST_REFERENCE: Final = 100
MODELS: Final[Mapping[str, type[PurchaseModel]]] = {
    "bg_nbd": BetaGeoModel,
    "mbg_nbd": ModifiedBetaGeoModel,
    "pareto_nbd": ParetoNBDModel,
}
#: Below this the value of a purchase is said to depend on their number.
DEPENDENT: Final = 0.01


@dataclass(frozen=True)
class Fitted:
    """Where the ladder ended: the scorer, None at the formula, and the rung with its reasons."""

    scorer: BuyTillYouDie | None
    status: FitStatus

    def predict(self, features: pd.DataFrame, job: ClvJob) -> pd.DataFrame:
        """The scorer's table, or the formula's, over the window of validation."""
        return (self.scorer or Formula()).predict(features, horizon=job.validation_horizon)


@dataclass(frozen=True)
class Validation:
    """Predictions made at an earlier date, beside what happened in the window after it."""

    cut: date
    features: pd.DataFrame
    outcome: pd.DataFrame
    fitted: Fitted
    table: pd.DataFrame
    predicted: Mapping[str, Floats]
    verdict: Verdict
    baseline: str

    @property
    def actual(self) -> Floats:
        """Value that came, (n,)."""
        return self.outcome["value"].to_numpy(dtype=np.float64)


def train_clv(tables: Tables, as_of: date, job: ClvJob) -> Trained:
    """Fit at ``as_of`` and grade on the window that ends there.

    Raises
    ------
    ModelRefused
        If there is no customer to learn from.
    """
    features = snapshot(tables, as_of)
    fitted = fit(features, job, reference_p90(tables, as_of, job))
    validation = validate(tables, as_of, job)
    verdict = validation.verdict
    notes: list[str] = []
    if fitted.scorer is None:
        verdict = replace(verdict, grade="D")
        notes.append(f"the formula is champion: {fitted.status.reason}")
    elif verdict.grade == "D":
        notes.append(f"not better than {validation.baseline} out of time: the formula is champion")
        if validation.fitted.scorer is None:
            notes.append(f"before {validation.cut} the data carried no model: {validation.fitted.status.reason}")
    champion = fitted.scorer if fitted.scorer is not None and verdict.grade != "D" else Formula()
    parameters, described = describe(fitted, job)
    judgement = judging.judge(tables, as_of, validation, job.validation_horizon)
    agreement = {} if fitted.scorer is None else oracle.agreement(fitted.scorer.model, features, job.oracle_customers)
    settings = {"horizon_days": job.horizon.days, "discount_rate": job.discount_rate}
    return Trained(
        bundle_of("clv", champion, settings, {"verdict": verdict.as_dict(), "baseline": validation.baseline}),
        parameters,
        {**metrics(validation), **judgement.metrics(), **agreement},
        figures(fitted, features, validation, judgement, job),
        (*described, *notes),
        {"judging": judgement.as_dict()},
        {"judging": judgement.markdown()},
    )


def fit(features: pd.DataFrame, job: ClvJob, p90: float | None = None) -> Fitted:
    """The ladder on a snapshot's RFM summary, with the shop's orders per purchase day.

    Raises
    ------
    ModelRefused
        If there are no customers.
    """
    if features.empty:
        raise ModelRefused("clv: there is no customer before the cut: use a later date", reason_code="no_customers")
    found = fit_lifetime_value(features, penalty=job.penalty, first=MODELS[job.model])
    if found.model is None:
        return Fitted(None, found.status)
    purchase_days = (features["frequency"] + 1).sum()
    ratio = max(1.0, float(features["number_of_orders"].sum() / purchase_days))
    return Fitted(scorer_of(found.model, ratio, p90), found.status)


def reference_p90(tables: Tables, as_of: date, job: ClvJob) -> float | None:
    """The 90th percentile of what customers brought in the last closed horizon; None where too few were known."""
    start = as_of - job.horizon.delta
    customers = snapshot(tables, start).index
    if len(customers) < FEWEST_REFERENCE:
        return None
    return float(window_outcome(tables, start, job.horizon, customers)["value"].quantile(0.9))


def validate(tables: Tables, as_of: date, job: ClvJob) -> Validation:
    """Fit a horizon earlier and compare with what came until ``as_of``, on squared error per customer."""
    horizon = job.validation_horizon
    cut = as_of - horizon.delta
    features = snapshot(tables, cut)
    try:
        fitted = fit(features, job)
    except ModelRefused as refused:
        raise ModelRefused(
            f"{refused} (with the data before {cut}, {horizon} before the cut, on which the grade would rest)",
            reason_code=refused.reason_code,
        ) from None
    outcome = window_outcome(tables, cut, horizon, features.index)
    actual = outcome["value"].to_numpy(dtype=np.float64)
    before = window_outcome(tables, cut - horizon.delta, horizon, features.index)
    table = fitted.predict(features, job)
    predicted = {
        "model": table["predicted_clv"].to_numpy(),
        "formula": Formula().predict(features, horizon=horizon)["predicted_clv"].to_numpy(),
        "last period repeated": last_period_repeated(before["value"].clip(lower=0).to_numpy(), horizon, horizon),
        "zero": np.zeros(len(actual)),
    }
    losses = {name: (actual - values) ** 2 for name, values in predicted.items()}
    baseline = min(("formula", "last period repeated"), key=lambda name: losses[name].mean())
    slope = decile_slope(actual, predicted["model"]) if np.ptp(predicted["model"]) > 0 else None
    verdict = grade_losses(losses["model"], losses[baseline], slope, slices(features))
    outcome = outcome.assign(last_purchase_days=before["purchase_days"])
    return Validation(cut, features, outcome, fitted, table, predicted, verdict, baseline)


def metrics(validation: Validation) -> dict[str, float]:
    """RMSE, total bias, share of value in the top decile and Gini, for the model and the baselines."""
    found: dict[str, float] = (
        {"calibration_slope": validation.verdict.slope.estimate} if validation.verdict.slope else {}
    )
    total = validation.actual.sum()
    for name, values in validation.predicted.items():
        prefix = name.replace(" ", "_")
        found[f"{prefix}_rmse"] = float(np.sqrt(np.mean((validation.actual - values) ** 2)))
        found[f"{prefix}_total_bias"] = float(values.sum() / total - 1) if total > 0 else float("nan")
        if name != "zero":
            found[f"{prefix}_top_decile_share"] = capture(validation.actual, values)
            found[f"{prefix}_gini"] = gini(validation.actual, values)
    return found


def figures(
    fitted: Fitted, features: pd.DataFrame, validation: Validation, judgement: judging.Judgement, job: ClvJob
) -> dict[str, Callable[[], Any]]:
    """Name to a function that draws; those of the model of purchases only where there is one."""
    ranked = {name: values for name, values in validation.predicted.items() if name != "zero"}
    drawn: dict[str, Callable[[], Any]] = {
        "holdout_by_decile": partial(plots.deciles, validation.actual, validation.predicted["model"], "Value"),
        "ranking": partial(plots.gains, validation.actual, ranked),
    }
    if judgement.by_frequency:
        drawn["holdout_by_frequency"] = partial(plots.by_frequency, judgement.by_frequency, job.validation_horizon)
    if judgement.tracking is not None:
        drawn["tracking"] = partial(plots.tracking, judgement.tracking)
    if fitted.scorer is not None:
        purchases = fitted.scorer.model.transactions_
        drawn["frequency_recency"] = partial(plots.frequency_recency, purchases, features, job.horizon)
        drawn["probability_alive"] = partial(plots.probability_alive, purchases, features)
    return drawn


def describe(fitted: Fitted, job: ClvJob) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Rung, fitted parameters with standard errors, independence; a note for each fallback and broken assumption."""
    parameters: dict[str, Any] = {"purchase_model": job.model, "rung": fitted.status.rung}
    if fitted.status.reason:
        parameters["rung_reason"] = fitted.status.reason
    if fitted.scorer is None:
        return parameters, ()
    btyd, notes = fitted.scorer.model, []
    parameters["orders_per_purchase_day"] = fitted.scorer.orders_per_purchase_day
    names = {kind: name for name, kind in MODELS.items()}
    for name, part in ((names[type(btyd.transactions_)], btyd.transactions_), ("gamma_gamma", btyd.value_)):
        parameters[name] = {
            **part.params_,
            "standard_error": part.standard_errors_,
            "log_likelihood": part.log_likelihood_,
            "status": str(part.status_),
            "penalty": part.penalty_,
        }
        if not part.status_.converged:
            notes.append(f"{name}: {part.status_}")
    independence = btyd.value_.independence_
    parameters["gamma_gamma"]["independence"] = asdict(independence)
    if independence.p_value is not None and independence.p_value < DEPENDENT:
        notes.append(f"gamma_gamma assumes that value does not depend on frequency, but {independence}")
    return parameters, tuple(notes)
