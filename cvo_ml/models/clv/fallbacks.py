"""From a customer table to a model that can be trusted, however poor the data: the step that held is named.

BG/NBD (or the model that is asked for) by maximum likelihood → with a weakly informative prior → MBG/NBD → BG/NBD with
the prior of similar shops (empirical Bayes) → the formula. A step down carries the reason of each step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.base import clone

from cvo_ml.config.readiness import REPEAT_CUSTOMERS
from cvo_ml.core.errors import ModelRefused, UsageError
from cvo_ml.models.clv.bg_nbd import BetaGeoModel, ModifiedBetaGeoModel
from cvo_ml.models.clv.fit import FitStatus, LogNormalPrior
from cvo_ml.models.clv.gamma_gamma import GammaGammaModel
from cvo_ml.models.clv.histories import PurchaseHistories, check_unit, group_histories, purchase_history, weights
from cvo_ml.models.clv.lifetime_value import CustomerLifetimeValue
from cvo_ml.models.clv.purchase_model import PurchaseModel
from cvo_ml.models.estimator import unfitted

PLAIN: Final = "without covariates"
MODIFIED: Final = "MBG/NBD"
POOLED: Final = "pooled prior of similar shops"
FORMULA: Final = "formula"
_MOST_OFF: Final = 1.5  # a model that misses its own data's total by this factor is not used
_NARROWEST: Final = 0.1  # smallest standard deviation of a pooled log-parameter
_FEWEST_SHOPS: Final = 2


@dataclass(frozen=True)
class LadderFit:
    """On which step the fit ended.

    Attributes
    ----------
    model:
        The fitted model; None on the rung ``formula``.
    status:
        The rung and the reasons of the steps that led to it.
    """

    model: Any
    status: FitStatus


def fit_purchases(
    X: pd.DataFrame,
    *,
    first: PurchaseModel | None = None,
    pool: Sequence[PurchaseModel] = (),
    sample_weight: Any = None,
    covariates: Sequence[str] = (),
) -> LadderFit:
    """Fit purchases on the highest rung that holds.

    Parameters
    ----------
    X, sample_weight:
        As in ``BetaGeoModel``.
    first:
        The model of the first rung, not fitted: a ``BetaGeoModel`` if None, a ``ModifiedBetaGeoModel`` or a
        ``ParetoNBDModel``. The rungs below it have its unit, penalty and minimum.
    covariates:
        Columns of numbers that act on purchases and departure of the first rung; a rung below it does without.
    pool:
        BG/NBD models fitted to at least two similar shops, for the rung that needs them.

    Raises
    ------
    ContractError
        If X breaks its contract.
    UsageError
        If ``first`` is no estimator, or X is known to be in another unit.

    Examples
    --------
    >>> few = pd.DataFrame({"frequency": [0, 2], "recency": [0.0, 20.0], "T": [50.0, 60.0]})
    >>> str(fit_purchases(few).status)[:55]
    'formula: only 1 of 2 customers bought again and at leas'
    """
    first = unfitted(first, PurchaseModel, "first", BetaGeoModel)
    check_unit(X, first.time_unit)
    histories = group_histories(*purchase_history(X), weights(sample_weight, len(X)))
    if not len(histories):
        return LadderFit(None, FitStatus(FORMULA, "the table has no customers"))
    rungs = _rungs(histories, first, pool)
    if covariates:
        acting = {"purchase_covariates": tuple(covariates), "dropout_covariates": tuple(covariates)}
        with_covariates = clone(first).set_params(**acting)
        rungs = {"": lambda: with_covariates.fit(X, sample_weight=sample_weight), PLAIN: rungs.pop(""), **rungs}
    reasons: list[str] = []
    for rung, fit in rungs.items():
        model, reason = _attempt(fit, histories, X if covariates and not rung else None)
        if model is not None:
            if rung:
                model.status_ = FitStatus(rung, "; ".join(reasons))
            return LadderFit(model, model.status_)
        if reason not in reasons:
            reasons.append(reason)
    return LadderFit(None, FitStatus(FORMULA, "; ".join(reasons)))


def _attempt(
    fit: Callable[[], PurchaseModel], histories: PurchaseHistories, with_covariates: pd.DataFrame | None
) -> tuple[PurchaseModel | None, str]:
    """The model of a rung that holds, else why it does not."""
    try:
        model = fit()
        reason = implausible(model, histories, with_covariates)
    except ModelRefused as refused:
        return None, str(refused)
    return (None, reason) if reason else (model, "")


def _rungs(
    histories: PurchaseHistories,
    first: PurchaseModel,
    pool: Sequence[PurchaseModel],
) -> dict[str, Callable[[], PurchaseModel]]:
    """Name of each rung, empty for the first, and what fits it."""
    rungs: dict[str, Callable[[], PurchaseModel]] = {"": lambda: clone(first).fit_histories(histories)}
    if type(first) is not ModifiedBetaGeoModel:
        modified = ModifiedBetaGeoModel(first.time_unit, first.penalty, first.minimum_repeat_customers)
        rungs[MODIFIED] = lambda: modified.fit_histories(histories)
    rungs[POOLED] = lambda: _pooled(histories, pool, first.time_unit)
    return rungs


def fit_lifetime_value(
    X: pd.DataFrame, *, first: PurchaseModel | None = None, sample_weight: Any = None, **options: Any
) -> LadderFit:
    """``CustomerLifetimeValue`` on the highest rung that holds; the formula where the values cannot be modelled.

    ``options`` are those of ``fit_purchases``.
    """
    purchases = fit_purchases(X, first=first, sample_weight=sample_weight, **options)
    if purchases.model is None:
        return purchases
    try:
        minimum = REPEAT_CUSTOMERS if first is None else first.minimum_repeat_customers
        value = GammaGammaModel(minimum_repeat_customers=minimum).fit(X, sample_weight=sample_weight)
    except ModelRefused as refused:
        return LadderFit(None, FitStatus(FORMULA, str(refused)))
    return LadderFit(CustomerLifetimeValue.of(purchases.model, value), purchases.status)


def implausible(model: PurchaseModel, histories: PurchaseHistories, X: pd.DataFrame | None = None) -> str:
    """Why a fitted model must not be used although the search ended well; empty if it may.

    With covariates the customers themselves, X, tell what was expected of each.

    It is used only if it reproduces the total number of repeat purchases that it was fitted to within a factor 1.5.
    """
    actual = histories.count @ histories.frequency
    if X is None:
        spans, position = np.unique(histories.T, return_inverse=True)
        total = histories.count @ model.expected_curve_new(np.maximum(spans, 1e-12))[position]
    else:
        share = actual / max(float(X["frequency"].sum()), 1e-300)  # of weights, taken to be even
        total = share * float(model.expected_repeats(X).sum())
    if actual / _MOST_OFF < total < actual * _MOST_OFF:
        return ""
    return f"{type(model).__name__} expects {total:.4g} repeat purchases where the data hold {actual:.4g}"


def pooled_prior(models: Sequence[PurchaseModel]) -> LogNormalPrior:
    """Prior of a further shop from fitted ones of the same kind and time unit: their mean and spread in the log.

    The spread between shops is what their sampling errors do not explain (method of moments), at least 0.1.

    Raises
    ------
    UsageError
        If there are fewer than two models, or they differ in kind or time unit.
    """
    if any(isinstance(model, type) for model in models):
        raise UsageError("a pool holds fitted models and no classes: give such as BetaGeoModel().fit(summary)")
    if len(models) < _FEWEST_SHOPS or len({(type(m), m.time_unit) for m in models}) > 1:
        raise UsageError("a pool needs at least two fitted models of one kind and one time unit")
    logs = np.log([list(model.params_.values()) for model in models])
    errors = np.array([list(m.standard_errors_.values()) for m in models]) / np.exp(logs)
    between = logs.var(axis=0, ddof=1) - (errors**2).mean(axis=0)
    spread = np.maximum(np.sqrt(np.maximum(between, 0.0)), _NARROWEST)
    return LogNormalPrior(models[0].prior.names, tuple(np.exp(logs.mean(axis=0)).tolist()), tuple(spread.tolist()))


def _pooled(histories: PurchaseHistories, pool: Sequence[PurchaseModel], time_unit: str) -> PurchaseModel:
    if not pool:
        raise ModelRefused("no similar shops were given to pool with", reason_code="no_pool")
    model = BetaGeoModel(time_unit=time_unit, penalty=1.0, minimum_repeat_customers=0)
    if any(type(other) is not type(model) or other.time_unit != time_unit for other in pool):
        raise UsageError(f"the pool must hold BetaGeoModel in {time_unit}")
    if not (histories.T > 0).any():
        raise ModelRefused("all customers bought first on the last day of observation", reason_code="one_date")
    return model.fit_histories(histories, prior=pooled_prior(pool))
