"""Fit CLV: BG/NBD x Gamma-Gamma, judged out of time against the formula and the last period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.config.jobs import ClvJob
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.features import snapshot, window_outcome
from cvo_ml.models.clv import BetaGeoModel, CustomerLifetimeValue, GammaGammaModel, last_period_repeated
from cvo_ml.models.clv.scorers import BuyTillYouDie, Formula
from cvo_ml.registry.models import bundle_of
from cvo_ml.stats.calibration import decile_slope
from cvo_ml.stats.grading import Verdict, grade_losses
from cvo_ml.stats.ranking import capture, gini
from training import oracle, plots
from training.result import Trained
from training.slices import slices

Floats = NDArray[np.float64]
#: A percentile of fewer customers says little.
FEWEST_REFERENCE = 100


@dataclass(frozen=True)
class Validation:
    """Predictions made at an earlier date, beside what happened in the window after it."""

    actual: Floats
    predicted: Mapping[str, Floats]
    verdict: Verdict
    baseline: str


def train_clv(tables: Tables, as_of: date, job: ClvJob) -> Trained:
    """Fit at ``as_of`` and grade on the window that ends there.

    Raises
    ------
    ModelRefused
        If the data cannot carry the model.
    """
    features = snapshot(tables, as_of)
    model = fit(features, job, reference_p90(tables, as_of, job))
    validation = validate(tables, as_of, job)
    use_model = validation.verdict.grade != "D"
    champion = model if use_model else Formula()
    settings = {"horizon_days": job.horizon.days, "discount_rate": job.discount_rate}
    parameters, notes = describe(model)
    if not use_model:
        notes = (*notes, f"not better than {validation.baseline} out of time: the formula is champion")
    agreement = oracle.agreement(model.model, features, job.oracle_customers)
    return Trained(
        bundle_of(
            "clv", champion, settings, {"verdict": validation.verdict.as_dict(), "baseline": validation.baseline}
        ),
        parameters,
        {**metrics(validation), **agreement},
        {
            "holdout_by_decile": lambda: plots.deciles(validation.actual, validation.predicted["model"], "Value"),
            "frequency_recency": lambda: plots.frequency_recency(model.model.transactions_, features, job.horizon),
            "ranking": lambda: plots.gains(validation.actual, validation.predicted),
        },
        notes,
    )


def fit(features: pd.DataFrame, job: ClvJob, p90: float | None = None) -> BuyTillYouDie:
    """Both models on a snapshot's RFM summary, with the shop's orders per purchase day."""
    btyd = CustomerLifetimeValue(BetaGeoModel(penalty=job.penalty), GammaGammaModel()).fit(features)
    purchase_days = (features["frequency"] + 1).sum()
    return BuyTillYouDie(btyd, max(1.0, float(features["number_of_orders"].sum() / purchase_days)), p90)


def reference_p90(tables: Tables, as_of: date, job: ClvJob) -> float | None:
    """The 90th percentile of what customers brought in the last closed horizon; None with too few known before it."""
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
        model = fit(features, job)
    except ModelRefused as refused:
        raise ModelRefused(
            f"{refused} (with the data before {cut}, {horizon} before the cut, on which the grade would rest)",
            reason_code=refused.reason_code,
        ) from None
    actual = window_outcome(tables, cut, horizon, features.index)["value"].to_numpy()
    predicted = {
        "model": model.predict(features, horizon=horizon)["predicted_clv"].to_numpy(),
        "formula": Formula().predict(features, horizon=horizon)["predicted_clv"].to_numpy(),
        "last period repeated": last_period_repeated(features["net_90d"].to_numpy(), horizon, horizon),
    }
    losses = {name: (actual - values) ** 2 for name, values in predicted.items()}
    baseline = min(("formula", "last period repeated"), key=lambda name: losses[name].mean())
    slope = decile_slope(actual, predicted["model"])
    return Validation(
        actual, predicted, grade_losses(losses["model"], losses[baseline], slope, slices(features)), baseline
    )


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
        found[f"{prefix}_top_decile_share"] = capture(validation.actual, values)
        found[f"{prefix}_gini"] = gini(validation.actual, values)
    return found


def describe(model: BuyTillYouDie) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Fitted parameters, and a note for each model that did not converge by plain maximum likelihood."""
    btyd = model.model
    parameters: dict[str, Any] = {"orders_per_purchase_day": model.orders_per_purchase_day}
    notes = []
    for name, part in (("bg_nbd", btyd.transactions_), ("gamma_gamma", btyd.value_)):
        parameters[name] = {**part.params_, "log_likelihood": part.log_likelihood_, "status": str(part.status_)}
        if str(part.status_) != "converged":
            notes.append(f"{name}: {part.status_}")
    return parameters, tuple(notes)
