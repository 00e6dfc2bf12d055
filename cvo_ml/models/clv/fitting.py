"""From a log-likelihood to parameters that can be trusted: maximum likelihood, else a weakly informative prior.

The first rungs of the ladder. A maximum counts as degenerate, and is not used, if a parameter lies on its bound, the
Hessian is not negative definite, or some direction of the log-parameters has a standard error above 3 (not known to
within a factor of 20). Then the fit is repeated with the prior, and the status says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cvo_ml.core.errors import ModelRefused
from cvo_ml.models.clv.newton import Evaluation, Maximum, maximise

Array = NDArray[np.float64]
Likelihood = Callable[[Array], Evaluation]

CONVERGED: Final = "converged"
WEAK_PRIOR: Final = "weakly informative prior"
WEAK_PRIOR_STRENGTH: Final = 1.0
_FLATTEST: Final = 1.0 / 3.0**2  # information of a direction whose standard error is 3
_BOX: Final = 25.0  # half-width of the search in log-parameters: a factor of 7e10 either way


@dataclass(frozen=True)
class FitStatus:
    """Which rung of the ladder the parameters stand on, and why.

    Examples
    --------
    >>> str(FitStatus("converged")), FitStatus("converged").converged
    ('converged', True)
    >>> str(FitStatus("weakly informative prior", "flat direction in a and b"))
    'weakly informative prior: flat direction in a and b'
    """

    rung: str
    reason: str = ""

    @property
    def converged(self) -> bool:
        """True for an ordinary fit that needed no fallback."""
        return self.rung == CONVERGED

    def __str__(self) -> str:
        return f"{self.rung}: {self.reason}" if self.reason else self.rung


@dataclass(frozen=True)
class LogNormalPrior:
    """Independent Gaussian priors on some log-parameters, in units of pseudo-observations.

    ``strength`` pseudo-observations are that many earlier shops, each of which showed the ``centre`` with a
    standard deviation of 1 in the log (a factor of 2.7): one of them is a prior with 95 % between a seventh and
    seven times the centre. Parameters with a unit (time, money) have no centre (NaN): a change of unit changes nothing.
    The ``ratio`` of two parameters with the same unit may be held around 1 with a standard deviation of 1 in the log.
    ``spread`` replaces the standard deviation of 1, parameter by parameter. The last ``n_coefficients`` are
    coefficients of covariates and stand for themselves, not for their logarithm.
    """

    names: tuple[str, ...]
    centre: tuple[float, ...]
    spread: tuple[float, ...] = ()
    n_coefficients: int = 0
    ratio: tuple[str, str] | None = None

    def with_coefficients(self, names: Sequence[str]) -> LogNormalPrior:
        """The same with coefficients of covariates, which are not positive: centre 0, standard deviation 1."""
        centre = (*self.centre, *[1.0] * len(names))
        return replace(self, names=(*self.names, *names), centre=centre, n_coefficients=len(names))

    def to_point(self, values: Array) -> Array:
        """From natural parameters to those of the search: logarithms, except coefficients."""
        n = len(values) - self.n_coefficients
        return np.concatenate([np.log(values[:n]), values[n:]])

    def to_values(self, point: Array) -> Array:
        """The inverse of ``to_point``."""
        n = len(point) - self.n_coefficients
        return np.concatenate([np.exp(point[:n]), point[n:]])

    def slopes(self, values: Array) -> Array:
        """Derivative of the natural parameters in those of the search (k,)."""
        n = len(values) - self.n_coefficients
        return np.concatenate([values[:n], np.ones(self.n_coefficients)])

    def sentence(self, strength: float) -> str:
        """What the prior claims, for people."""
        if strength == 0:
            return "none"
        held = [f"{n} ~ {c:g}" for n, c in zip(self.names, self.centre, strict=True) if np.isfinite(c)]
        held += [f"{self.ratio[0]}/{self.ratio[1]} ~ 1"] if self.ratio else []
        deviation = "1" if not self.spread else "/".join(f"{d:.3g}" for d in self.spread)
        return f"{strength:g} pseudo-observation(s) with standard deviation {deviation} in the log of {', '.join(held)}"

    def added_to(self, likelihood: Likelihood, strength: float) -> Likelihood:
        """The log-likelihood plus the log of the prior (without its constant)."""
        held = np.isfinite(self.centre)
        centre = np.log(np.where(held, self.centre, 1.0))
        spread = np.ones(len(held)) if not self.spread else np.append(self.spread, np.ones(self.n_coefficients))
        precision = np.diag(strength * held / spread**2)
        if self.ratio is not None:
            between = np.array([(name == self.ratio[0]) - float(name == self.ratio[1]) for name in self.names])
            precision += strength * np.outer(between, between)

        def penalised(point: Array) -> Evaluation:
            value, gradient, hessian = likelihood(point)
            away = point - centre
            pull = precision @ away
            return value - 0.5 * float(away @ pull), gradient - pull, hessian - precision

        return penalised


@dataclass(frozen=True)
class FittedParameters:
    """Result of ``fit_parameters``.

    Attributes
    ----------
    values:
        Natural parameters (k,).
    log_likelihood:
        Total log-likelihood without the prior.
    covariance:
        Of the natural parameters (k, k): inverse of the (penalised) information in the log, by the delta method.
    strength:
        Pseudo-observations of the prior that was used.
    """

    values: Array
    log_likelihood: float
    covariance: Array
    status: FitStatus
    strength: float


def fit_parameters(likelihood: Likelihood, start: Array, prior: LogNormalPrior, penalty: float) -> FittedParameters:
    """Maximise; if the maximum is degenerate, once more with the weakly informative prior.

    Parameters
    ----------
    likelihood:
        Function of log-parameters.
    start:
        Natural parameters (k,) to start from, in the units of the data.
    penalty:
        Strength of the prior that the caller wants, >= 0; 0 is maximum likelihood.

    Raises
    ------
    ModelRefused
        If the fit fails with the prior as well.
    """
    found = search(likelihood, start, prior, penalty)
    fault = weakness(found, prior.names)
    if not fault:
        return _fitted(likelihood, found, prior, FitStatus(CONVERGED), penalty)
    strength = max(penalty, WEAK_PRIOR_STRENGTH)
    found = search(likelihood, start, prior, strength)
    second_fault = weakness(found, prior.names)
    if second_fault:
        raise ModelRefused(
            f"the parameters {', '.join(prior.names)} cannot be estimated even with a weakly informative prior "
            f"({second_fault}): check the table for outliers, or give more customers or a longer history",
            reason_code="not_identified",
        )
    return _fitted(likelihood, found, prior, FitStatus(WEAK_PRIOR, fault), strength)


def search(likelihood: Likelihood, start: Array, prior: LogNormalPrior, strength: float) -> Maximum:
    """The maximum of likelihood and prior, sought around ``start`` (natural parameters)."""
    objective = prior.added_to(likelihood, strength) if strength > 0 else likelihood
    middle = prior.to_point(start)
    return maximise(objective, middle, lower=middle - _BOX, upper=middle + _BOX)


def weakness(found: Maximum, names: Sequence[str]) -> str:
    """Why a maximum must not be used; empty if it may."""
    if found.on_bound.any():
        return f"{' and '.join(np.array(names)[found.on_bound])} on the bound of the search"
    if not np.isfinite(found.value) or not np.all(np.isfinite(found.hessian)):
        return "the log-likelihood is not finite"
    information, axes = np.linalg.eigh(-found.hessian)
    if information[0] < _FLATTEST:
        involved = np.array(names)[np.abs(axes[:, 0]) > 0.3]
        return f"the data do not determine {' and '.join(involved)} (flat direction of the likelihood)"
    return "" if found.converged else "the search did not converge"


def _fitted(
    likelihood: Likelihood, found: Maximum, prior: LogNormalPrior, status: FitStatus, strength: float
) -> FittedParameters:
    values = prior.to_values(found.point)
    slopes = prior.slopes(values)
    covariance = np.outer(slopes, slopes) * np.linalg.inv(-found.hessian)
    value = found.value if strength == 0 else likelihood(found.point)[0]
    return FittedParameters(values, value, (covariance + covariance.T) / 2, status, strength)
