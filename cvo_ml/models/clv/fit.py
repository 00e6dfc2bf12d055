"""From a log-likelihood to parameters that can be trusted: maximum likelihood, else a weakly informative prior.

``maximise`` climbs a smooth function of a few parameters by Newton steps in a trust region. A maximum counts as
degenerate, and is not used, if a parameter lies on its bound, the Hessian is not negative definite, or some direction
of the log-parameters has a standard error above 3 (not known to within a factor of 20). Then ``fit_parameters`` repeats
the fit with the prior, and the status says so: the first steps of ``fallbacks``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.result import Result

Evaluation = tuple[float, Floats, Floats]
"""Value, gradient (k,), Hessian (k, k) of the function at a point."""
_DECREMENT: Final = 1e-9  # expected gain of a further step, in log-likelihood units
_NOISE: Final = 1e-14  # relative rounding of a log-likelihood summed in blocks
Likelihood = Callable[[Floats], Evaluation]
CONVERGED: Final = "converged"
WEAK_PRIOR: Final = "weakly informative prior"
WEAK_PRIOR_STRENGTH: Final = 1.0
_FLATTEST: Final = 1.0 / 3.0**2  # information of a direction whose standard error is 3
_BOX: Final = 25.0  # half-width of the search in log-parameters: a factor of 7e10 either way


@dataclass(frozen=True)
class Maximum:
    """Where the search ended.

    Attributes
    ----------
    point, value, hessian:
        The last accepted point (k,), the function there and its second derivatives (k, k).
    converged:
        True if a further Newton step would gain less than the tolerance.
    iterations:
        Number of evaluations of the function.
    on_bound:
        Which coordinates lie on the box (k,).
    """

    point: Floats
    value: float
    hessian: Floats
    converged: bool
    iterations: int
    on_bound: Flags


def maximise(
    evaluate: Callable[[Floats], Evaluation],
    start: Floats,
    *,
    lower: Floats,
    upper: Floats,
    max_iterations: int = 200,
) -> Maximum:
    """Climb from ``start`` within the box ``lower <= point <= upper``.

    Each step solves the local quadratic model with its eigenvalues made negative, shortened to the trust
    radius; it is kept if the function rises. The search stops on the Newton decrement (a gradient quantity), not on
    differences of function values, which stall in rounding noise for millions of rows.

    Examples
    --------
    >>> def bowl(x):
    ...     return -float(((x - 3) ** 2).sum()), -2 * (x - 3), -2 * np.eye(2)
    >>> maximum = maximise(bowl, np.zeros(2), lower=np.full(2, -9.0), upper=np.full(2, 9.0))
    >>> maximum.point.tolist(), maximum.converged
    ([3.0, 3.0], True)
    """
    point, radius = np.clip(start, lower, upper), 2.0
    value, gradient, hessian = evaluate(point)
    converged, iterations = False, 1
    while iterations < max_iterations:
        free = ~_blocked(point, gradient, lower, upper)
        step, gain = _newton_step(gradient, hessian, free, radius)
        if gain <= _DECREMENT + _NOISE * abs(value):
            converged = True
            break
        trial = np.clip(point + step, lower, upper)
        new = evaluate(trial)
        iterations += 1
        length = float(np.abs(step).max())
        rise = new[0] - value if np.isfinite(new[0]) else -np.inf
        if rise > 0.75 * gain:
            radius = max(radius, min(2.0 * length, 8.0))
        elif rise < 0.25 * gain:
            radius = 0.35 * length
        if rise > -_NOISE * abs(value):
            point, (value, gradient, hessian) = trial, new
        elif radius < 1e-12:
            break
    on_bound = (point <= lower) | (point >= upper)
    return Maximum(point, value, hessian, converged, iterations, on_bound)


def sum_of_evaluations(parts: Sequence[Evaluation]) -> Evaluation:
    """Sum of evaluations; numpy adds a contiguous axis pairwise, so rounding grows with log n."""
    value = float(np.sum([part[0] for part in parts]))
    gradient = np.ascontiguousarray(np.stack([part[1] for part in parts], axis=-1)).sum(axis=-1)
    hessian = np.ascontiguousarray(np.stack([part[2] for part in parts], axis=-1)).sum(axis=-1)
    return value, gradient, hessian


def _blocked(point: Floats, gradient: Floats, lower: Floats, upper: Floats) -> Flags:
    """Coordinates on the box whose slope points outwards."""
    blocked: Flags = ((point <= lower) & (gradient < 0)) | ((point >= upper) & (gradient > 0))
    return blocked


def _newton_step(gradient: Floats, hessian: Floats, free: Flags, radius: float) -> tuple[Floats, float]:
    """Ascent step no longer than ``radius`` in any coordinate, and the gain that the quadratic model promises."""
    step = np.zeros_like(gradient)
    if not free.any():
        return step, 0.0
    slope = gradient[free]
    curvature, axes = np.linalg.eigh(hessian[np.ix_(free, free)])
    along = axes.T @ slope
    stiffness = np.maximum(np.abs(curvature), 1e-10 * max(1.0, float(np.abs(curvature).max())))
    move = axes @ (along / stiffness)
    move *= min(1.0, radius / max(float(np.abs(move).max()), 1e-300))
    step[free] = move
    return step, float(slope @ move - 0.5 * np.sum(stiffness * (axes.T @ move) ** 2))


@dataclass(frozen=True)
class FitStatus(Result):
    """Which step of the fallbacks the parameters stand on, and why.

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

    def to_point(self, values: Floats) -> Floats:
        """From natural parameters to those of the search: logarithms, except coefficients."""
        n = len(values) - self.n_coefficients
        return np.concatenate([np.log(values[:n]), values[n:]])

    def to_values(self, point: Floats) -> Floats:
        """The inverse of ``to_point``."""
        n = len(point) - self.n_coefficients
        return np.concatenate([np.exp(point[:n]), point[n:]])

    def slopes(self, values: Floats) -> Floats:
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

        def penalised(point: Floats) -> Evaluation:
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

    values: Floats
    log_likelihood: float
    covariance: Floats
    status: FitStatus
    strength: float


def fit_parameters(likelihood: Likelihood, start: Floats, prior: LogNormalPrior, penalty: float) -> FittedParameters:
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
    maximum = search(likelihood, start, prior, penalty)
    fault = weakness(maximum, prior.names)
    if not fault:
        return _fitted(likelihood, maximum, prior, FitStatus(CONVERGED), penalty)
    strength = max(penalty, WEAK_PRIOR_STRENGTH)
    maximum = search(likelihood, start, prior, strength)
    second_fault = weakness(maximum, prior.names)
    if second_fault:
        raise ModelRefused(
            f"the parameters {', '.join(prior.names)} cannot be estimated even with a weakly informative prior "
            f"({second_fault}): check the table for outliers, or give more customers or a longer history",
            reason_code="not_identified",
        )
    return _fitted(likelihood, maximum, prior, FitStatus(WEAK_PRIOR, fault), strength)


def search(likelihood: Likelihood, start: Floats, prior: LogNormalPrior, strength: float) -> Maximum:
    """The maximum of likelihood and prior, sought around ``start`` (natural parameters)."""
    objective = prior.added_to(likelihood, strength) if strength > 0 else likelihood
    middle = prior.to_point(start)
    return maximise(objective, middle, lower=middle - _BOX, upper=middle + _BOX)


def weakness(maximum: Maximum, names: Sequence[str]) -> str:
    """Why a maximum must not be used; empty if it may."""
    if maximum.on_bound.any():
        return f"{' and '.join(np.array(names)[maximum.on_bound])} on the bound of the search"
    if not np.isfinite(maximum.value) or not np.all(np.isfinite(maximum.hessian)):
        return "the log-likelihood is not finite"
    information, axes = np.linalg.eigh(-maximum.hessian)
    if information[0] < _FLATTEST:
        involved = np.array(names)[np.abs(axes[:, 0]) > 0.3]
        return f"the data do not determine {' and '.join(involved)} (flat direction of the likelihood)"
    return "" if maximum.converged else "the search did not converge"


def _fitted(
    likelihood: Likelihood, maximum: Maximum, prior: LogNormalPrior, status: FitStatus, strength: float
) -> FittedParameters:
    values = prior.to_values(maximum.point)
    slopes = prior.slopes(values)
    covariance = np.outer(slopes, slopes) * np.linalg.inv(-maximum.hessian)
    value = maximum.value if strength == 0 else likelihood(maximum.point)[0]
    return FittedParameters(values, value, (covariance + covariance.T) / 2, status, strength)
