"""The window before the cut of the CLV job: every candidate fitted a horizon earlier, and what came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.config.readiness import ClvMinima
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features import snapshot, window_outcome
from cvo_ml.models.clv import BetaGeoModel, FitStatus, ModifiedBetaGeoModel, ParetoNBDModel, fit_lifetime_value
from cvo_ml.models.clv.baselines import Formula, LastPeriod
from cvo_ml.models.clv.covariates import CovariateCoding, has_covariates
from cvo_ml.models.clv.hybrid import HybridLifetimeValue
from cvo_ml.models.clv.purchase_model import PurchaseModel
from cvo_ml.models.clv.scorers import BuyTillYouDie, scorer_of
from cvo_ml.models.clv.uncertainty import RateDrift
from cvo_ml.stats.calibration import decile_slope
from cvo_ml.stats.grading import Verdict, grade_losses
from training.clv.hybrid import fit_hybrid, surely_better
from training.clv.sections import HybridSpec, PurchaseSpec, ValidationSpec
from training.evidence.dates import training_dates
from training.evidence.slices import slices

Floats = NDArray[np.float64]
Baseline = Formula | LastPeriod
MINIMA: Final = ClvMinima()
MODELS: Final[Mapping[str, type[PurchaseModel]]] = {
    "bg_nbd": BetaGeoModel,
    "mbg_nbd": ModifiedBetaGeoModel,
    "pareto_nbd": ParetoNBDModel,
}


@dataclass(frozen=True)
class Fitted:
    """Where the ladder ended: the scorer, None at the formula, and the rung with its reasons."""

    scorer: BuyTillYouDie | None
    status: FitStatus

    def predict(self, features: pd.DataFrame, horizon: Horizon) -> pd.DataFrame:
        """The scorer's table, or the formula's, over a horizon."""
        return (self.scorer or Formula()).predict(features, horizon=horizon)


@dataclass(frozen=True)
class Validation:
    """Predictions made at an earlier date, beside what happened in the window after it.

    ``model`` in ``predicted`` is the better of ``btyd`` and ``hybrid``; ``choice`` says which and why,
    ``hybrid`` is None where it is not. ``drift`` is what the window taught of the width of intervals; those in
    ``table`` do not know it.
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
    drift: RateDrift | None

    @property
    def hybrid_chosen(self) -> bool:
        """Whether the hybrid is the better one."""
        return self.hybrid is not None

    @property
    def actual(self) -> Floats:
        """Value that came, (n,)."""
        return self.outcome["value"].to_numpy(dtype=np.float64)


def fit(features: pd.DataFrame, spec: PurchaseSpec, p90: float | None = None, minima: ClvMinima = MINIMA) -> Fitted:
    """The ladder on a snapshot's RFM summary, with the shop's orders per purchase day.

    Raises
    ------
    ModelRefused
        If there are no customers.
    """
    if features.empty:
        raise ModelRefused("clv: there is no customer before the cut: use a later date", reason_code="no_customers")
    coding = CovariateCoding.fit(features, spec.covariates) if spec.covariates else None
    table, names = (features, ()) if coding is None else (coding.coded(features), coding.names)
    found = fit_lifetime_value(
        table,
        first=MODELS[spec.model]().set_params(penalty=spec.penalty, minimum_repeat_customers=minima.repeat_customers),
        covariates=names,
    )
    if found.model is None:
        return Fitted(None, found.status)
    purchase_days = (features["frequency"] + 1).sum()
    ratio = max(1.0, float(features["number_of_orders"].sum() / purchase_days))
    scorer = scorer_of(found.model, ratio, p90)
    scorer.coding = coding if has_covariates(found.model.transactions_) else None
    return Fitted(scorer, found.status)


def validate(tables: Tables, as_of: date, spec: ValidationSpec, minima: ClvMinima = MINIMA) -> Validation:
    """Fit a horizon earlier and compare with what came until ``as_of``, on squared error per customer."""
    horizon = spec.horizon
    cut = as_of - horizon.delta
    features = snapshot(tables, cut)
    try:
        fitted = fit(features, spec.hybrid.purchases, minima=minima)
    except ModelRefused as refused:
        raise ModelRefused(
            f"{refused} (with the data before {cut}, {horizon} before the cut, on which the grade would rest)",
            reason_code=refused.reason_code,
        ) from None
    outcome = window_outcome(tables, cut, horizon, features.index)
    actual = outcome["value"].to_numpy(dtype=np.float64)
    table, choice = fitted.predict(features, horizon), f"only the formula: {fitted.status.reason}"
    chosen: HybridLifetimeValue | None = None
    candidates: dict[str, Floats] = {}
    rules = baselines(horizon)
    if fitted.scorer is not None:
        alone = table["predicted_clv"].to_numpy()
        table, trees, chosen, choice = choose(tables, cut, spec, fitted.scorer, features, table, actual, minima)
        candidates = {} if trees is None else {"btyd": alone, "hybrid": trees}
    predicted = {
        "model": table["predicted_clv"].to_numpy(),
        **candidates,
        **{name: rule.predict(features, horizon=horizon)["predicted_clv"].to_numpy() for name, rule in rules.items()},
        "zero": np.zeros(len(actual)),
    }
    baseline = min(rules, key=lambda name: ((actual - predicted[name]) ** 2).mean())
    verdict = graded(actual, predicted, "model", baseline, features)
    drift = None
    if fitted.scorer is not None:
        purchases = fitted.scorer.model.transactions_
        drift = purchases.estimate_drift(fitted.scorer.prepared(features), outcome["purchase_days"], horizon)
    return Validation(cut, features, outcome, fitted, table, predicted, verdict, baseline, chosen, choice, drift)


def baselines(horizon: Horizon) -> dict[str, Baseline]:
    """What every model must beat over a ``horizon``, by name."""
    return {"formula": Formula(), "last period repeated": LastPeriod.like(horizon)}


def graded(
    actual: Floats, predicted: Mapping[str, Floats], name: str, baseline: str, features: pd.DataFrame
) -> Verdict:
    """The grade of one prediction against the baseline."""
    slope = decile_slope(actual, predicted[name]) if np.ptp(predicted[name]) > 0 else None
    ours, theirs = ((actual - predicted[which]) ** 2 for which in (name, baseline))
    return grade_losses(ours, theirs, slope, slices(features))


def hybrid(
    tables: Tables,
    as_of: date,
    horizon: Horizon,
    spec: HybridSpec,
    scorer: BuyTillYouDie,
    minima: ClvMinima = MINIMA,
) -> HybridLifetimeValue:
    """Trees on top of a scorer, on the windows that were closed at ``as_of``."""

    def base(features: pd.DataFrame) -> BuyTillYouDie | None:
        return fit(features, spec.purchases, minima=minima).scorer

    found = fit_hybrid(tables, as_of, horizon, spec.options, scorer, base)
    found.reference_p90 = scorer.reference_p90
    return found


def choose(
    tables: Tables,
    cut: date,
    spec: ValidationSpec,
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
    if not spec.hybrid.options.enabled:
        return table, None, None, "the hybrid is switched off"
    if trees_cannot_serve(tables, cut + spec.horizon.delta, spec):
        return table, None, None, f"no hybrid: no closed window of {spec.champion_horizon} to train the champion on"
    try:
        trees = hybrid(tables, cut, spec.horizon, spec.hybrid, scorer, minima)
    except ModelRefused as refused:
        return table, None, None, f"no hybrid: {refused}"
    theirs = trees.predict(features, horizon=spec.horizon)
    values = theirs["predicted_clv"].to_numpy()
    before = table["predicted_clv"].to_numpy()
    gain = surely_better(actual, values, before)
    rmse = [float(np.sqrt(np.mean((actual - predicted) ** 2))) for predicted in (values, before)]
    better = gain.lower > 0
    verdict = "surely lower" if better else "surely higher" if gain.upper < 0 else "not surely different"
    name = "the hybrid" if better else "the model of purchases alone"
    choice = f"{name} is chosen: RMSE of the hybrid {rmse[0]:,.4g} against {rmse[1]:,.4g}, {verdict} (paired, 95 %)"
    return (theirs if better else table), values, (trees if better else None), choice


def trees_cannot_serve(tables: Tables, as_of: date, spec: ValidationSpec) -> bool:
    """Whether no window of the champion's horizon is closed at ``as_of`` with enough history before it."""
    last, options = as_of - spec.champion_horizon.delta, spec.hybrid.options
    return not training_dates(tables, last, options.snapshots_every, options.most_snapshots, options.shortest_history)
