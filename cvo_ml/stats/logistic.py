"""Logistic regression by Newton's method, for the few columns that a calibration has: one fit for all that need one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit

from cvo_ml.core.arrays import Floats, Outcomes

STEPS: Final = 50
#: A Newton step in log-odds beyond this is a jump out of the region where the model is informative.
LONGEST_STEP: Final = 5.0
CLOSE: Final = 1e-10
#: A step that raises the loss by more is halved: far from the minimum two steps can lead back to where they began.
ROUNDING: Final = 1e-10


@dataclass(frozen=True)
class Logistic:
    """Coefficients (k,) and their covariance (k, k): the inverse of the penalised information."""

    coefficients: Floats
    covariance: Floats


def fit_logistic(
    design: Floats,
    outcome: Outcomes,
    *,
    ridge: Floats | float,
    centre: Floats | float = 0.0,
    offset: Floats | float = 0.0,
    weight: Floats | None = None,
) -> Logistic:
    """``logit P(outcome) = offset + design @ coefficients`` by penalised maximum likelihood.

    Parameters
    ----------
    design, outcome:
        (n, k) columns, one of ones where there is an intercept, and (n,) of 0 and 1.
    ridge, centre:
        Of each coefficient or of all: ``ridge / 2 (coefficient - centre)²`` is added to the loss. Above 0, so that
        separable data stay finite.
    offset:
        (n,) log-odds that are there already.
    weight:
        (n,): how many rows each stands for. The covariance takes them for counts.

    Examples
    --------
    >>> fit = fit_logistic(np.ones((4, 1)), np.array([0, 1, 1, 1]), ridge=1e-9)
    >>> round(float(fit.coefficients[0]), 6), round(float(np.log(3)), 6)
    (1.098612, 1.098612)
    """
    y, size = np.asarray(outcome).astype(np.float64), design.shape[1]
    w = np.ones(len(y)) if weight is None else weight
    pull, middle = np.broadcast_to(ridge, size), np.broadcast_to(centre, size)
    beta, information = np.array(middle, dtype=np.float64), np.eye(size)

    def loss(at: Floats) -> float:
        z = offset + design @ at
        return float((w * (np.logaddexp(0.0, z) - y * z)).sum() + (pull * (at - middle) ** 2).sum() / 2)

    before = loss(beta)
    for _ in range(STEPS):
        fitted = expit(offset + design @ beta)
        information = (design * (w * fitted * (1 - fitted))[:, None]).T @ design + np.diag(pull)
        step = np.linalg.solve(information, design.T @ (w * (y - fitted)) - pull * (beta - middle))
        longest = float(np.abs(step).max())
        step = step * min(1.0, LONGEST_STEP / max(longest, 1e-12))
        while (now := loss(beta + step)) > before * (1 + ROUNDING):
            step = step / 2
        beta, before = beta + step, now
        if longest < CLOSE:
            break
    return Logistic(beta, np.asarray(np.linalg.inv(information), dtype=np.float64))
