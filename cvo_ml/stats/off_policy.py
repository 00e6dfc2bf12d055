"""What another policy would have earned, from the log of this one.

With logged propensities the weight w = pi(a | x) / p turns the log of one policy into a sample of another:
inverse propensity (Horvitz & Thompson 1952), self-normalised (Hajek 1971; Swaminathan & Joachims 2015)
and doubly robust (Dudik, Langford & Li 2011, Doubly Robust Policy Evaluation and Learning).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import norm

from cvo_ml.core.arrays import Floats
from cvo_ml.core.result import Result
from cvo_ml.stats.intervals import Interval

#: below so many effective observations the normal approximation says nothing
FEWEST_EFFECTIVE: Final = 100.0


class NoSupportError(ValueError):
    """The log cannot say anything about the policy."""


@dataclass(frozen=True)
class PolicyValue(Result):
    """Estimates of a policy's mean reward per decision, with standard errors, and how much of the log speaks of it."""

    ips: float
    ips_error: float
    snips: float
    snips_error: float
    doubly_robust: float | None
    doubly_robust_error: float | None
    effective_sample_size: float
    n: int

    def interval(self, name: str = "snips", level: float = 0.95) -> Interval:
        """The normal interval of one of ``ips, snips, doubly_robust``."""
        estimate, error = getattr(self, name), getattr(self, f"{name}_error")
        half = float(norm.ppf(0.5 + level / 2)) * error
        return Interval(estimate, estimate - half, estimate + half, level)


def effective_sample_size(weight: Floats) -> float:
    """(sum w)^2 / sum w^2 (Kish 1965); 0 where all weights are 0."""
    squares = float(np.square(weight).sum())
    return float(weight.sum()) ** 2 / squares if squares > 0 else 0.0


def policy_value(
    reward: Floats,
    target: Floats,
    propensity: Floats,
    *,
    model: tuple[Floats, Floats] | None = None,
    unsupported: float = 0.0,
    fewest: float = FEWEST_EFFECTIVE,
) -> PolicyValue:
    """Estimate a policy's value from another policy's log.

    Parameters
    ----------
    reward:
        (n,) rewards of the logged actions.
    target:
        (n,) probability with which the policy of interest takes the logged action, in [0, 1].
    propensity:
        (n,) probability with which the action was taken, in (0, 1].
    model:
        For the doubly robust estimate: the predicted reward of the logged action (n,), and the predicted
        reward of the policy of interest (n,), from a model that did not see the row.
    unsupported:
        The share of the policy's actions that the log could never show (propensity 0).
    fewest:
        The least effective sample size.

    Raises
    ------
    NoSupportError
        If a propensity is not in (0, 1], the log could not show some of the policy's actions, or the
        effective sample size is too small.

    Examples
    --------
    >>> value = policy_value(np.tile([1.0, 0.0], 500), np.tile([0.9, 0.1], 500), np.full(1000, 0.5))
    >>> round(value.ips, 3), round(value.snips, 3), round(value.effective_sample_size)
    (0.9, 0.9, 610)
    """
    weight = _weights(target, propensity, unsupported, fewest)
    snips = float((weight * reward).sum() / weight.sum())
    robust = None if model is None else model[1] + weight * (reward - model[0])
    return PolicyValue(
        ips=float((weight * reward).mean()),
        ips_error=_error(weight * reward),
        snips=snips,
        snips_error=_error(weight * (reward - snips)) / float(weight.mean()),
        doubly_robust=None if robust is None else float(robust.mean()),
        doubly_robust_error=None if robust is None else _error(robust),
        effective_sample_size=effective_sample_size(weight),
        n=len(reward),
    )


def _weights(target: Floats, propensity: Floats, unsupported: float, fewest: float) -> Floats:
    """w = pi(a | x) / p (n,), if the log shows enough of the policy."""
    if not ((propensity > 0) & (propensity <= 1)).all():
        raise NoSupportError("propensities must lie in (0, 1]: those of the log were not recorded")
    if unsupported > 0:
        raise NoSupportError(f"the log could never show {unsupported:.1%} of what the policy does")
    weight = target / propensity
    size = effective_sample_size(weight)
    if size < fewest:
        raise NoSupportError(
            f"{len(weight):,} rows are worth only {size:.1f} to this policy, and {fewest:.0f} are needed: "
            "the log shows too little of what it does"
        )
    return weight


def _error(values: Floats) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
