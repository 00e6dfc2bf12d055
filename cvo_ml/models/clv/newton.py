"""Maximisation of a smooth function of a few parameters by Newton steps in a trust region."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Evaluation = tuple[float, Array, Array]
"""Value, gradient (k,), Hessian (k, k) of the function at a point."""

_DECREMENT: Final = 1e-9  # expected gain of a further step, in log-likelihood units
_NOISE: Final = 1e-14  # relative rounding of a log-likelihood summed in blocks


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

    point: Array
    value: float
    hessian: Array
    converged: bool
    iterations: int
    on_bound: NDArray[np.bool_]


def maximise(
    evaluate: Callable[[Array], Evaluation],
    start: Array,
    *,
    lower: Array,
    upper: Array,
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
    >>> found = maximise(bowl, np.zeros(2), lower=np.full(2, -9.0), upper=np.full(2, 9.0))
    >>> found.point.tolist(), found.converged
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


def _blocked(point: Array, gradient: Array, lower: Array, upper: Array) -> NDArray[np.bool_]:
    """Coordinates on the box whose slope points outwards."""
    blocked: NDArray[np.bool_] = ((point <= lower) & (gradient < 0)) | ((point >= upper) & (gradient > 0))
    return blocked


def _newton_step(gradient: Array, hessian: Array, free: NDArray[np.bool_], radius: float) -> tuple[Array, float]:
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
