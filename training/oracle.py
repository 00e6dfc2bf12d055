"""lifetimes as the oracle: the same model by another engine."""

from __future__ import annotations

import contextlib
import io
import warnings
from typing import Any

import numpy as np
import pandas as pd

from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import BetaGeoModel, CustomerLifetimeValue


def lifetimes_beta_geo(model: BetaGeoModel, frequency: Any, recency: Any, T: Any) -> Any:
    """A lifetimes ``BetaGeoFitter`` that holds our parameters, for its methods and plots."""
    from lifetimes import BetaGeoFitter

    fitter = BetaGeoFitter()
    fitter.params_ = pd.Series({name: model.params_[name] for name in ("r", "alpha", "a", "b")})
    fitter.data = pd.DataFrame({"frequency": frequency, "recency": recency, "T": T, "weights": 1})
    fitter.predict = fitter.conditional_expected_number_of_purchases_up_to_time
    return fitter


def agreement(model: CustomerLifetimeValue, features: pd.DataFrame, most_customers: int) -> dict[str, float]:
    """How lifetimes agrees on at most ``most_customers``: at our parameters, and by its own fit.

    Returns
    -------
    dict
        ``oracle_log_likelihood_gap``: relative, at our parameters; ``oracle_prediction_gap``: largest
        relative difference of the expected purchases; ``oracle_fit_gain``: how much higher the
        log-likelihood of lifetimes' own fit is, per customer (NaN where it does not converge).
    """
    rows = features.iloc[:most_customers]
    if rows.empty:
        return {}
    x, t_x, T = (rows[name].to_numpy(dtype=np.float64) for name in ("frequency", "recency", "T"))
    ours = model.transactions_
    horizon = Horizon("90D")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        fitter = lifetimes_beta_geo(ours, x, t_x, T)
        theirs = _log_likelihood(fitter, x, t_x, T)
        expected = np.asarray(fitter.predict(horizon.days, x, t_x, T), dtype=np.float64)
        fitted = _own_fit(x, t_x, T)
    own = ours.expected_purchases(rows, horizon)
    log_likelihood = ours.log_likelihood(rows) if hasattr(ours, "log_likelihood") else ours.log_likelihood_
    return {
        "oracle_log_likelihood_gap": abs(float(log_likelihood / theirs) - 1),
        "oracle_prediction_gap": float(np.max(np.abs(own / expected - 1))),
        "oracle_fit_gain": (fitted - float(log_likelihood)) / len(x),
    }


def _own_fit(x: Any, t_x: Any, T: Any) -> float:
    from lifetimes import BetaGeoFitter
    from lifetimes.utils import ConvergenceError

    try:
        # lifetimes prints the optimizer's state where it does not converge
        with contextlib.redirect_stdout(io.StringIO()):
            return _log_likelihood(BetaGeoFitter().fit(x, t_x, T), x, t_x, T)
    except (ConvergenceError, ValueError, FloatingPointError):
        return float("nan")


def _log_likelihood(fitter: Any, x: Any, t_x: Any, T: Any) -> float:
    """The total log-likelihood by lifetimes' own code; it keeps minus the mean."""
    params = np.log(fitter.params_.to_numpy(dtype=np.float64))
    return float(-fitter._negative_log_likelihood(params, x, t_x, T, np.ones(len(x)), 0.0) * len(x))
