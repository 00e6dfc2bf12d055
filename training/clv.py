"""Fit CLV: a model of purchases x Gamma-Gamma, judged out of time; trees on top where they are surely better."""

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
from cvo_ml.config.readiness import ClvMinima
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import snapshot, window_outcome
from cvo_ml.models.clv import (
    BetaGeoModel,
    FitStatus,
    ModifiedBetaGeoModel,
    ParetoNBDModel,
    fit_lifetime_value,
    last_period_repeated,
)
from cvo_ml.models.clv.hybrid import HybridLifetimeValue
from cvo_ml.models.clv.purchase_model import PurchaseModel
from cvo_ml.models.clv.scorers import BuyTillYouDie, Formula, scorer_of
from cvo_ml.registry.models import bundle_of, model_of
from cvo_ml.stats.calibration import decile_slope
from cvo_ml.stats.grading import Verdict, grade_losses
from cvo_ml.stats.ranking import capture, gini
from training import judging, oracle, plots
from training.clv_hybrid import fit_hybrid, surely_better
from training.dates import training_dates
from training.result import Trained
from training.slices import slices
from training.trial import Trial

Floats = NDArray[np.float64]
MINIMA: Final = ClvMinima()
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
    """Predictions made at an earlier date, beside what happened in the window after it.

    ``model`` in ``predicted`` is the better of ``btyd`` and ``hybrid``; ``choice`` says which and why;
    ``hybrid`` is None where it is not the better one.
    """

    cut: date
    features: pd.DataFrame
    outcome: pd.DataFrame
    fitted: Fitted
    table: pd.DataFrame
    predicted: Mapping[str, Floats]
    verdict: Verdict
    baseline: str
    hybrid: HybridLifetimeValue | None
    choice: str

    @property
    def actual(self) -> Floats:
        """Value that came, (n,)."""
        return self.outcome["value"].to_numpy(dtype=np.float64)


def train_clv(tables: Tables, as_of: date, job: ClvJob, minima: ClvMinima = MINIMA) -> Trained:
    """Fit at ``as_of`` and grade on the window that ends there.

    Raises
    ------
    ModelRefused
        If there is no customer to learn from.
    """
    features = snapshot(tables, as_of)
    fitted = fit(features, job, reference_p90(tables, as_of, job), minima)
    validation = validate(tables, as_of, job, minima)
    verdict = validation.verdict
    notes: list[str] = []
    if fitted.scorer is None:
        verdict = replace(verdict, grade="D")
        notes.append(f"the formula is champion: {fitted.status.reason}")
    elif verdict.grade == "D":
        notes.append(f"not better than {validation.baseline} out of time: the formula is champion")
        if validation.fitted.scorer is None:
            notes.append(f"before {validation.cut} the data carried no model: {validation.fitted.status.reason}")
    champion: BuyTillYouDie | HybridLifetimeValue | Formula = Formula()
    if fitted.scorer is not None and verdict.grade != "D":
        champion = fitted.scorer
        notes.append(validation.choice)
        if validation.hybrid is not None:
            try:
                champion = hybrid(tables, as_of, job.horizon, job, fitted.scorer, minima)
            except ModelRefused as refused:
                verdict = graded(
                    validation.actual, validation.predicted, "btyd", validation.baseline, validation.features
                )
                champion = fitted.scorer if verdict.grade != "D" else Formula()
                notes.append(f"the hybrid could not be trained at {as_of}, so it is not champion: {refused}")
    parameters, described = describe(fitted, job)
    parameters["choice"] = validation.choice
    judgement = judging.judge(tables, as_of, validation, job.validation_horizon)
    agreement = {} if fitted.scorer is None else oracle.agreement(fitted.scorer.model, features, job.oracle_customers)
    settings = {"horizon_days": job.horizon.days, "discount_rate": job.discount_rate}
    return Trained(
        bundle_of("clv", champion, settings, {"verdict": verdict.as_dict(), "baseline": validation.baseline}),
        trial(champion, validation, features, job),
        parameters,
        {**metrics(validation), **judgement.metrics(), **agreement},
        figures(fitted, features, validation, judgement, job),
        (*described, *notes),
        {"judging": judgement.as_dict()},
        {"judging": judgement.markdown()},
    )


def trial(champion: object, validation: Validation, customers: pd.DataFrame, job: ClvJob) -> Trial:
    """The window of validation: the model of the champion's kind that did not see it, and what came.

    Parameters
    ----------
    customers:
        The snapshot of the day of training: who is to be scored.
    """
    judged: BuyTillYouDie | HybridLifetimeValue | Formula = validation.fitted.scorer or Formula()
    if isinstance(champion, Formula):
        judged = Formula()
    elif isinstance(champion, HybridLifetimeValue) and validation.hybrid is not None:
        judged = validation.hybrid
    horizon, actual = job.validation_horizon, validation.actual
    return Trial(
        bundle_of("clv", judged, {"horizon_days": horizon.days, "discount_rate": 0.0}),
        validation.cut,
        validation.features,
        predict=lambda bundle, X: model_of(bundle).predict(X, horizon=horizon)["predicted_clv"].to_numpy(),
        measure="mean_squared_error",
        skill=lambda predicted, rows: -float(np.mean((actual[rows] - predicted[rows]) ** 2)),
        stake=lambda predicted: predicted,
        came=actual,
        eligible=customers,
        slope=lambda predicted: decile_slope(actual, predicted),
        slices=slices(validation.features),
    )


def fit(features: pd.DataFrame, job: ClvJob, p90: float | None = None, minima: ClvMinima = MINIMA) -> Fitted:
    """The ladder on a snapshot's RFM summary, with the shop's orders per purchase day.

    Raises
    ------
    ModelRefused
        If there are no customers.
    """
    if features.empty:
        raise ModelRefused("clv: there is no customer before the cut: use a later date", reason_code="no_customers")
    found = fit_lifetime_value(
        features,
        penalty=job.penalty,
        first=MODELS[job.model],
        minimum_repeat_customers=minima.repeat_customers,
    )
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


def validate(tables: Tables, as_of: date, job: ClvJob, minima: ClvMinima = MINIMA) -> Validation:
    """Fit a horizon earlier and compare with what came until ``as_of``, on squared error per customer."""
    horizon = job.validation_horizon
    cut = as_of - horizon.delta
    features = snapshot(tables, cut)
    try:
        fitted = fit(features, job, minima=minima)
    except ModelRefused as refused:
        raise ModelRefused(
            f"{refused} (with the data before {cut}, {horizon} before the cut, on which the grade would rest)",
            reason_code=refused.reason_code,
        ) from None
    outcome = window_outcome(tables, cut, horizon, features.index)
    actual = outcome["value"].to_numpy(dtype=np.float64)
    before = window_outcome(tables, cut - horizon.delta, horizon, features.index)
    table, choice = fitted.predict(features, job), f"only the formula: {fitted.status.reason}"
    chosen: HybridLifetimeValue | None = None
    candidates: dict[str, Floats] = {}
    if fitted.scorer is not None:
        alone = table["predicted_clv"].to_numpy()
        table, trees, chosen, choice = choose(tables, cut, job, fitted.scorer, features, table, actual, minima)
        candidates = {} if trees is None else {"btyd": alone, "hybrid": trees}
    predicted = {
        "model": table["predicted_clv"].to_numpy(),
        **candidates,
        "formula": Formula().predict(features, horizon=horizon)["predicted_clv"].to_numpy(),
        "last period repeated": last_period_repeated(before["value"].clip(lower=0).to_numpy(), horizon, horizon),
        "zero": np.zeros(len(actual)),
    }
    losses = {name: (actual - values) ** 2 for name, values in predicted.items()}
    baseline = min(("formula", "last period repeated"), key=lambda name: losses[name].mean())
    verdict = graded(actual, predicted, "model", baseline, features)
    outcome = outcome.assign(last_purchase_days=before["purchase_days"])
    return Validation(cut, features, outcome, fitted, table, predicted, verdict, baseline, chosen, choice)


def graded(
    actual: Floats, predicted: Mapping[str, Floats], name: str, baseline: str, features: pd.DataFrame
) -> Verdict:
    """The grade of one prediction against the baseline."""
    slope = decile_slope(actual, predicted[name]) if np.ptp(predicted[name]) > 0 else None
    ours, theirs = ((actual - predicted[which]) ** 2 for which in (name, baseline))
    return grade_losses(ours, theirs, slope, slices(features))


def hybrid(
    tables: Tables, as_of: date, horizon: Horizon, job: ClvJob, scorer: BuyTillYouDie, minima: ClvMinima
) -> HybridLifetimeValue:
    """Trees on top of a scorer, on the windows that were closed at ``as_of``."""

    def base(features: pd.DataFrame) -> BuyTillYouDie | None:
        return fit(features, job, minima=minima).scorer

    found = fit_hybrid(tables, as_of, horizon, job, scorer, base)
    found.reference_p90 = scorer.reference_p90
    return found


def choose(
    tables: Tables,
    cut: date,
    job: ClvJob,
    scorer: BuyTillYouDie,
    features: pd.DataFrame,
    table: pd.DataFrame,
    actual: Floats,
    minima: ClvMinima,
) -> tuple[pd.DataFrame, Floats | None, HybridLifetimeValue | None, str]:
    """The table of the better one, the hybrid's values, the hybrid if it is the better one, and why.

    The hybrid is chosen only if its squared error in the window after ``cut`` is lower with a 95 % lower bound above 0:
    the simpler model keeps the place where the difference may be chance.
    """
    if not job.hybrid.enabled:
        return table, None, None, "the hybrid is switched off"
    if trees_cannot_serve(tables, cut + job.validation_horizon.delta, job):
        return table, None, None, f"no hybrid: no closed window of {job.horizon} to train the champion on"
    try:
        trees = hybrid(tables, cut, job.validation_horizon, job, scorer, minima)
    except ModelRefused as refused:
        return table, None, None, f"no hybrid: {refused}"
    theirs = trees.predict(features, horizon=job.validation_horizon)
    values = theirs["predicted_clv"].to_numpy()
    before = table["predicted_clv"].to_numpy()
    gain = surely_better(actual, values, before)
    rmse = [float(np.sqrt(np.mean((actual - predicted) ** 2))) for predicted in (values, before)]
    better = gain.lower > 0
    verdict = "surely lower" if better else "surely higher" if gain.upper < 0 else "not surely different"
    name = "the hybrid" if better else "the model of purchases alone"
    choice = f"{name} is chosen: RMSE of the hybrid {rmse[0]:,.4g} against {rmse[1]:,.4g}, {verdict} (paired, 95 %)"
    return (theirs if better else table), values, (trees if better else None), choice


def trees_cannot_serve(tables: Tables, as_of: date, job: ClvJob) -> bool:
    """Whether no window of the job's own horizon is closed at ``as_of`` with enough history before it."""
    last, options = as_of - job.horizon.delta, job.hybrid
    return not training_dates(tables, last, options.snapshots_every, options.most_snapshots, options.shortest_history)


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
