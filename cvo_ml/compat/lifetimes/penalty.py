"""lifetimes' penalty: the mean log-likelihood less a multiple of the sum of squared parameters."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from cvo_ml.core.arrays import Floats
from cvo_ml.core.errors import ModelRefused
from cvo_ml.models.clv.base import ParametricModel
from cvo_ml.models.clv.fit import CONVERGED, Evaluation, FitStatus, FittedParameters, Likelihood, maximise

M = TypeVar("M", bound=ParametricModel)
_BOX = 25.0


def penalized(
    model: M, likelihood: Likelihood, n_customers: float, scale: Floats, start: Floats, penalizer: float
) -> M:
    """Fit by ``log-likelihood / n - penalizer * sum((scale * parameters)**2)``.

    Parameters
    ----------
    scale:
        What each parameter is multiplied by first (k,): lifetimes measures time in units of the largest T.

    Raises
    ------
    ModelRefused
        If there is no maximum.
    """

    def objective(point: Floats) -> Evaluation:
        value, gradient, hessian = likelihood(point)
        squared = (scale * np.exp(point)) ** 2
        strength = penalizer * n_customers
        return (
            value - strength * float(squared.sum()),
            gradient - 2.0 * strength * squared,
            hessian - np.diag(4.0 * strength * squared),
        )

    found = maximise(objective, np.log(start), lower=np.log(start) - _BOX, upper=np.log(start) + _BOX)
    if not found.converged or found.on_bound.any():
        raise ModelRefused("the data determine no parameters, penalty or not", reason_code="not_determined")
    values = np.exp(found.point)
    covariance = np.linalg.inv(-found.hessian) * np.outer(values, values)
    model._keep(
        FittedParameters(values, likelihood(found.point)[0], covariance, FitStatus(CONVERGED), 0.0), n_customers
    )
    return model
