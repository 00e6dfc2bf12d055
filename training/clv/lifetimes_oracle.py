"""lifetimes as the oracle: the same models by another engine.

``lifetimes_object(model, X)`` turns any fitted model that lifetimes has as well into the fitted lifetimes object, for
its methods and plots.
"""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.core.errors import UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import (
    BetaGeoBinomialModel,
    BetaGeoModel,
    CustomerLifetimeValue,
    GammaGammaModel,
    ModifiedBetaGeoModel,
    ParetoNBDModel,
)
from cvo_ml.models.clv.base import ParametricModel
from cvo_ml.models.clv.covariates import has_covariates
from cvo_ml.models.clv.histories import group_histories, purchase_history
from cvo_ml.models.clv.purchase_model import PurchaseModel


def lifetimes_beta_geo(model: BetaGeoModel, frequency: Any, recency: Any, T: Any) -> Any:
    """A lifetimes ``BetaGeoFitter`` that holds our parameters."""
    from lifetimes import BetaGeoFitter

    return _purchases(BetaGeoFitter(), model, frequency, recency, T)


def lifetimes_modified_beta_geo(model: ModifiedBetaGeoModel, frequency: Any, recency: Any, T: Any) -> Any:
    """A lifetimes ``ModifiedBetaGeoFitter`` that holds our parameters."""
    from lifetimes import ModifiedBetaGeoFitter

    return _purchases(ModifiedBetaGeoFitter(), model, frequency, recency, T)


def lifetimes_pareto_nbd(model: ParetoNBDModel, frequency: Any, recency: Any, T: Any) -> Any:
    """A lifetimes ``ParetoNBDFitter`` that holds our parameters."""
    from lifetimes import ParetoNBDFitter

    return _purchases(ParetoNBDFitter(), model, frequency, recency, T)


def lifetimes_beta_geo_beta_binom(model: BetaGeoBinomialModel, frequency: Any, recency: Any, n_periods: Any) -> Any:
    """A lifetimes ``BetaGeoBetaBinomFitter`` that holds our parameters."""
    from lifetimes import BetaGeoBetaBinomFitter

    fitter = _with_parameters(BetaGeoBetaBinomFitter(), model)
    fitter.data = pd.DataFrame({"frequency": frequency, "recency": recency, "n_periods": n_periods, "weights": 1})
    return fitter


def lifetimes_gamma_gamma(model: GammaGammaModel, frequency: Any, monetary_value: Any) -> Any:
    """A lifetimes ``GammaGammaFitter`` that holds our parameters."""
    from lifetimes import GammaGammaFitter

    fitter = _with_parameters(GammaGammaFitter(), model)
    fitter.data = pd.DataFrame({"frequency": frequency, "monetary_value": monetary_value, "weights": 1})
    return fitter


_HISTORY: Final = ("frequency", "recency", "T")
#: Class to the function that converts it and the columns that it takes.
ORACLES: Final[Mapping[type[ParametricModel], tuple[Callable[..., Any], tuple[str, ...]]]] = {
    BetaGeoModel: (lifetimes_beta_geo, _HISTORY),
    ModifiedBetaGeoModel: (lifetimes_modified_beta_geo, _HISTORY),
    ParetoNBDModel: (lifetimes_pareto_nbd, _HISTORY),
    BetaGeoBinomialModel: (lifetimes_beta_geo_beta_binom, _HISTORY),
    GammaGammaModel: (lifetimes_gamma_gamma, ("frequency", "monetary_value")),
}


def lifetimes_object(model: ParametricModel, X: pd.DataFrame) -> Any:
    """The fitted lifetimes object that answers as ``model`` does, with the customers X (n, ...) as its data.

    Raises
    ------
    UsageError
        If lifetimes has no such model: another class, or one with covariates.
    """
    if type(model) not in ORACLES or len(model.params_) != len(type(model).prior.names):
        raise UsageError(f"lifetimes has no {type(model).__name__} like this one")
    convert, columns = ORACLES[type(model)]
    return convert(model, *(X[name] for name in columns))


def agreement(model: CustomerLifetimeValue, features: pd.DataFrame, most_customers: int) -> dict[str, float]:
    """How lifetimes agrees on at most ``most_customers``: at our parameters, and by its own fit.

    Returns
    -------
    dict
        ``oracle_log_likelihood_gap``: relative, at our parameters; ``oracle_prediction_gap``: largest
        relative difference of the expected purchases, where lifetimes gives a number; ``oracle_fit_gain``: how much
        higher the log-likelihood of lifetimes' own fit is, per customer (NaN where it does not converge).
    """
    rows = features.iloc[:most_customers]
    ours = model.transactions_
    if rows.empty or has_covariates(ours):  # lifetimes has no covariates
        return {}
    history = purchase_history(rows)
    horizon = Horizon("90D")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        fitter = lifetimes_object(ours, rows)
        theirs = _log_likelihood(fitter, *history)
        expected = np.asarray(
            fitter.conditional_expected_number_of_purchases_up_to_time(horizon.to(ours.time_unit), *history),
            dtype=np.float64,
        )
        fitted = _own_fit(type(fitter), *history)
    own = ours.expected_purchases(rows, horizon)
    log_likelihood = log_likelihood_of(ours, rows)
    gaps = np.abs(own / expected - 1)
    return {
        "oracle_log_likelihood_gap": abs(log_likelihood / theirs - 1),
        "oracle_prediction_gap": float(np.max(gaps, where=np.isfinite(gaps), initial=0.0)),
        "oracle_fit_gain": (fitted - log_likelihood) / len(rows),
    }


def log_likelihood_of(model: PurchaseModel, X: pd.DataFrame) -> float:
    """The log-likelihood of the customers X at the fitted parameters, by our own code."""
    likelihood = model._likelihood(group_histories(*purchase_history(X)))
    return float(likelihood(np.log(list(model.params_.values())))[0])


def _purchases(fitter: Any, model: PurchaseModel, frequency: Any, recency: Any, T: Any) -> Any:
    fitter = _with_parameters(fitter, model)
    fitter.data = pd.DataFrame({"frequency": frequency, "recency": recency, "T": T, "weights": 1})
    fitter.predict = fitter.conditional_expected_number_of_purchases_up_to_time
    return fitter


def _with_parameters(fitter: Any, model: ParametricModel) -> Any:
    """The fitter with our parameters and their covariance, as its ``fit`` would have set them."""
    fitter.params_ = pd.Series(model.params_)
    fitter.variance_matrix_ = model.covariance_.copy()
    fitter.standard_errors_ = pd.Series(model.standard_errors_)
    half = 1.959963984540054 * fitter.standard_errors_
    bounds = {"lower 95% bound": fitter.params_ - half, "upper 95% bound": fitter.params_ + half}
    fitter.confidence_intervals_ = pd.DataFrame(bounds)
    return fitter


def _own_fit(kind: type[Any], x: Any, t_x: Any, T: Any) -> float:
    from lifetimes.utils import ConvergenceError

    try:
        # lifetimes prints the optimizer's state where it does not converge
        with contextlib.redirect_stdout(io.StringIO()):
            return _log_likelihood(kind().fit(x, t_x, T), x, t_x, T)
    except (ConvergenceError, ValueError, FloatingPointError):
        return math.nan


def _log_likelihood(fitter: Any, x: Any, t_x: Any, T: Any) -> float:
    """The total log-likelihood by lifetimes' own code."""
    params, ones = fitter.params_.to_numpy(dtype=np.float64), np.ones(len(x))
    if type(fitter).__name__ == "ParetoNBDFitter":  # takes natural parameters and keeps minus the sum
        return float(-fitter._negative_log_likelihood(params, x, t_x, T, ones, 0.0))
    return float(-fitter._negative_log_likelihood(np.log(params), x, t_x, T, ones, 0.0) * len(x))
