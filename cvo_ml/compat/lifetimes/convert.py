"""Fitted models to lifetimes and back: parameters move, nothing is fitted again."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.compat.lifetimes import fitters
from cvo_ml.compat.lifetimes.base import BaseFitter
from cvo_ml.core.errors import UsageError
from cvo_ml.models.clv.base import ParametricModel
from cvo_ml.models.clv.fit import FitStatus

#: Name of the fitter in lifetimes by our model.
FITTERS: Final = {
    "BetaGeoModel": "BetaGeoFitter",
    "ModifiedBetaGeoModel": "ModifiedBetaGeoFitter",
    "ParetoNBDModel": "ParetoNBDFitter",
    "BetaGeoBinomialModel": "BetaGeoBetaBinomFitter",
    "GammaGammaModel": "GammaGammaFitter",
}
TAKEN: Final = "taken from lifetimes"


def to_lifetimes(model: ParametricModel | BaseFitter) -> Any:
    """A fitter of the installed lifetimes with the same parameters.

    It predicts; its ``data``, standard errors and likelihood stay here.

    Raises
    ------
    UsageError
        If it is no model of lifetimes, has covariates, or lifetimes is not installed.
    """
    fitted = model._fitted() if isinstance(model, BaseFitter) else model
    name = FITTERS.get(type(fitted).__name__)
    if name is None or not isinstance(fitted, ParametricModel):
        raise UsageError(f"{type(model).__name__} is no model of lifetimes: give one of {', '.join(FITTERS)}")
    names = list(type(fitted).prior.names)
    if list(fitted.params_) != names:
        raise UsageError(f"the {type(fitted).__name__} has covariates, which lifetimes does not know")
    theirs = getattr(_lifetimes(), name)()
    theirs.params_ = pd.Series(fitted.params_, dtype="float64")
    if hasattr(theirs, "conditional_expected_number_of_purchases_up_to_time"):
        theirs.predict = theirs.conditional_expected_number_of_purchases_up_to_time
    return theirs


def from_lifetimes(fitter: Any) -> BaseFitter:
    """A fitter of this module with the parameters of a fitted one of lifetimes, and its data where it has them.

    What lifetimes does not know of its fit is not known here either: the covariance is NaN.

    Raises
    ------
    UsageError
        If it is no fitted fitter of lifetimes.
    """
    name, params = type(fitter).__name__, getattr(fitter, "params_", None)
    if name not in FITTERS.values() or params is None:
        raise UsageError(f"{name} is no fitted fitter of lifetimes: give one of {', '.join(FITTERS.values())}")
    ours: BaseFitter = getattr(fitters, name)(float(getattr(fitter, "penalizer_coef", 0.0)))
    names = list(ours._model.prior.names)
    model = ours._model()
    model.params_ = {key: float(params[key]) for key in names}
    model.covariance_ = pd.DataFrame(np.nan, index=names, columns=names)
    data = getattr(fitter, "data", None)
    ours.data = pd.DataFrame() if data is None else data.copy()
    model.n_customers_ = float(ours.data["weights"].sum()) if "weights" in ours.data else float("nan")
    model.log_likelihood_ = -float(getattr(fitter, "_negative_log_likelihood_", np.nan)) * model.n_customers_
    model.status_, model.penalty_ = FitStatus(TAKEN), "lifetimes' own"
    if name == "GammaGammaFitter":
        p, q, v = (model.params_[key] for key in names)
        model.population_mean_ = p * v / (q - 1.0) if q > 1 else float("inf")
    ours.model_ = model
    return ours


def _lifetimes() -> ModuleType:
    try:
        return importlib.import_module("lifetimes")
    except ImportError:
        raise UsageError("lifetimes is not installed: install lifetimes, or use cvo_ml.compat.lifetimes") from None
