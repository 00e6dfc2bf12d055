"""Fit CLV: a model of purchases x Gamma-Gamma, judged out of time; trees on top where they are surely better."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import date
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.config.jobs import ClvJob
from cvo_ml.config.readiness import ClvMinima
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.models import CLV
from cvo_ml.core.result import Json
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import snapshot, window_outcome
from cvo_ml.models.clv.hybrid import HybridLifetimeValue
from cvo_ml.models.clv.scorers import BuyTillYouDie
from cvo_ml.monitoring.drift import ModelReference, reference_of
from cvo_ml.registry.bundles.kinds import bundle_of
from cvo_ml.stats.grading import Verdict
from cvo_ml.stats.ranking import capture, gini
from training.clv import lifetimes_oracle
from training.clv.evaluation import Evaluation, evaluate
from training.clv.sections import ClvSections, ValidationSpec, ValueSpec, sections_of
from training.clv.validation import (
    MINIMA,
    MODELS,
    Baseline,
    Fitted,
    Validation,
    baselines,
    fit,
    graded,
    hybrid,
    validate,
)
from training.clv.window import clv_window
from training.evidence import plots
from training.evidence.result import Trained

#: A percentile of fewer customers says little.
FEWEST_REFERENCE: Final = 100
#: Below this the value of a purchase is said to depend on their number.
DEPENDENT: Final = 0.01


def train_clv(tables: Tables, as_of: date, job: ClvJob, minima: ClvMinima = MINIMA) -> Trained:
    """Fit at ``as_of`` and grade on the window that ends there.

    Raises
    ------
    ModelRefused
        If there is no customer to learn from.
    """
    sections = sections_of(job)
    features = snapshot(tables, as_of)
    fitted = fit(features, sections.purchases, reference_p90(tables, as_of, job.horizon), minima)
    validation = validate(tables, as_of, sections.validation, minima)
    if fitted.scorer is not None and validation.drift is not None:
        fitted.scorer.rate_drift = validation.drift.per_year
    champion, verdict, notes = choose_champion(tables, as_of, sections, fitted, validation, minima)
    evaluation = evaluate(tables, as_of, validation, job.validation_horizon)
    parameters, described = describe(fitted, validation, job.model)
    agreement = (
        {} if fitted.scorer is None else lifetimes_oracle.agreement(fitted.scorer.model, features, job.oracle_customers)
    )
    settings = {"horizon_days": job.horizon.days, "discount_rate": job.discount_rate}
    facts = {
        "verdict": verdict.to_json(),
        "baseline": validation.baseline,
        "reference": reference_at(champion, features, sections.value).to_json(),
    }
    return Trained(
        bundle_of(CLV.name, champion, settings, facts),
        clv_window(champion, validation, features, job.validation_horizon),
        parameters,
        {**metrics(validation), **evaluation.metrics(), **agreement},
        figures(fitted, features, validation, evaluation, sections.validation),
        (*described, *notes, *evaluation.remarks),
        {"judging": evaluation.to_json()},
        {"judging": evaluation.markdown()},
    )


def reference_at(
    champion: BuyTillYouDie | HybridLifetimeValue | Baseline, features: pd.DataFrame, value: ValueSpec
) -> ModelReference:
    """The distribution of what the champion reads and says at the cut, for later runs to be compared with."""
    predicted = champion.predict(features, horizon=value.horizon, discount_rate=value.discount_rate)
    return reference_of(features, champion.columns, predicted["predicted_clv"].to_numpy())


def choose_champion(
    tables: Tables, as_of: date, sections: ClvSections, fitted: Fitted, validation: Validation, minima: ClvMinima
) -> tuple[BuyTillYouDie | HybridLifetimeValue | Baseline, Verdict, list[str]]:
    """The champion, the grade that it carries, and why.

    The better baseline takes the place of a model that is not better than it, or that could not be fitted.
    """
    verdict, name = validation.verdict, validation.baseline
    baseline = baselines(sections.validation.horizon)[name]
    if fitted.scorer is None:
        return baseline, replace(verdict, grade="D"), [f"the {name} is champion: {fitted.status.reason}"]
    if verdict.grade == "D":
        notes = [f"not better than the {name} out of time: the {name} is champion"]
        if validation.fitted.scorer is None:
            notes.append(f"before {validation.cut} the data carried no model: {validation.fitted.status.reason}")
        return baseline, verdict, notes
    if not validation.hybrid_chosen:
        return fitted.scorer, verdict, [validation.choice]
    try:
        return (
            hybrid(tables, as_of, sections.value.horizon, sections.hybrid, fitted.scorer, minima),
            verdict,
            [validation.choice],
        )
    except ModelRefused as refused:
        verdict = graded(validation.actual, validation.predicted, "btyd", name, validation.features)
        why = f"the hybrid could not be trained at {as_of}, so it is not champion: {refused}"
        return fitted.scorer if verdict.grade != "D" else baseline, verdict, [validation.choice, why]


def reference_p90(tables: Tables, as_of: date, horizon: Horizon) -> float | None:
    """The 90th percentile of what customers brought in the last closed horizon; None where too few were known."""
    start = as_of - horizon.delta
    customers = snapshot(tables, start).index
    if len(customers) < FEWEST_REFERENCE:
        return None
    return float(window_outcome(tables, start, horizon, customers)["value"].quantile(0.9))


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
    fitted: Fitted, features: pd.DataFrame, validation: Validation, evaluation: Evaluation, spec: ValidationSpec
) -> dict[str, Callable[[], Any]]:
    """Name to a function that draws; those of the model of purchases only where there is one."""
    ranked = {name: values for name, values in validation.predicted.items() if name != "zero"}
    drawn: dict[str, Callable[[], Any]] = {
        "holdout_by_decile": partial(plots.deciles, validation.actual, validation.predicted["model"], "Value"),
        "ranking": partial(plots.gains, validation.actual, ranked),
    }
    if evaluation.by_frequency:
        drawn["holdout_by_frequency"] = partial(plots.by_frequency, evaluation.by_frequency, spec.horizon)
    if evaluation.tracking is not None:
        drawn["tracking"] = partial(plots.tracking, evaluation.tracking)
    if fitted.scorer is not None and fitted.scorer.coding is None:  # else one history has many answers
        purchases = fitted.scorer.model.transactions_
        drawn["frequency_recency"] = partial(plots.frequency_recency, purchases, features, spec.champion_horizon)
        drawn["probability_alive"] = partial(plots.probability_alive, purchases, features)
    return drawn


def describe(fitted: Fitted, validation: Validation, first: str) -> tuple[Mapping[str, Json], tuple[str, ...]]:
    """Rung, fitted parameters with standard errors, independence; a note for each fallback and broken assumption."""
    parameters: dict[str, Any] = {
        "purchase_model": first,
        "rung": fitted.status.rung,
        "choice": validation.choice,
    }
    if fitted.status.reason:
        parameters["rung_reason"] = fitted.status.reason
    if fitted.scorer is None:
        return parameters, ()
    btyd, notes = fitted.scorer.model, []
    parameters["orders_per_purchase_day"] = fitted.scorer.orders_per_purchase_day
    parameters["rate_drift"] = fitted.scorer.rate_drift
    if validation.drift is not None and validation.drift.per_year > 0:
        notes.append(f"from {validation.cut} on {validation.drift}")
    names = {kind: name for name, kind in MODELS.items()}
    for name, part in ((names[type(btyd.transactions_)], btyd.transactions_), ("gamma_gamma", btyd.value_)):
        parameters[name] = {
            **_named(part.params_),
            "standard_error": _named(part.standard_errors_),
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


def _named(values: Mapping[str, float]) -> dict[str, float]:
    """With names that MLflow takes: a country's may hold any sign."""
    return {re.sub(r"[^\w .:/-]", "_", name): value for name, value in values.items()}
