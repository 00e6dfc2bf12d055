"""Log-gamma differences that keep their digits when an argument is huge.

``gammaln(z + x) - gammaln(z)`` loses everything for z = 1e14; a fit that wanders there would see noise
instead of a slope. From z = 1e4 on, Stirling's series of the *difference* is used.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, polygamma, psi

Array = NDArray[np.float64]
_LARGE: Final = 1e4


def trigamma(z: Any) -> Array:
    """Second derivative of log-gamma."""
    return np.asarray(polygamma(1, z), dtype=np.float64)


def log_rising(z: float, x: Array) -> tuple[Array, Array, Array]:
    """Log of the rising factorial, log Γ(z + x) − log Γ(z), with its first two derivatives in z.

    Parameters
    ----------
    z:
        Positive number.
    x:
        Numbers >= 0, any shape.

    Returns
    -------
    tuple of arrays shaped like ``x``
        Value, first derivative (digamma difference), second derivative (trigamma difference).

    Examples
    --------
    >>> value, slope, _ = log_rising(2.0, np.array([3.0]))  # 2 * 3 * 4 = 24
    >>> float(np.exp(value[0]).round(9)), float(slope[0].round(9))
    (24.0, 1.083333333)
    >>> round(float(log_rising(1e14, np.array([2.0]))[0][0] / np.log(1e14)), 12)
    2.0
    """
    return _differences(z, x) if z < _LARGE else _stirling(z, x)


def log_rising_at(z: Array, x: Array) -> tuple[Array, Array, Array]:
    """``log_rising`` with a ``z`` for each x, arrays (n,)."""
    small = z < _LARGE
    if small.all():
        return _differences(z, x)
    exact, series = _differences(z, x), _stirling(z, x)
    value, slope, curvature = (np.where(small, one, other) for one, other in zip(exact, series, strict=True))
    return value, slope, curvature


def _differences(z: Any, x: Array) -> tuple[Array, Array, Array]:
    return (
        np.asarray(gammaln(z + x) - gammaln(z)),
        np.asarray(psi(z + x) - psi(z)),
        np.asarray(trigamma(z + x) - trigamma(z)),
    )


def _stirling(z: Any, x: Array) -> tuple[Array, Array, Array]:
    """Stirling's series of the difference itself."""
    top = z + x
    inverse, inverse_top = 1.0 / z, 1.0 / top
    shrink = -x * inverse * inverse_top  # 1/top − 1/z
    both = inverse + inverse_top
    squares = shrink * both  # 1/top² − 1/z²
    cubes = shrink * (inverse**2 + inverse * inverse_top + inverse_top**2)
    log_ratio = np.log1p(x * inverse)
    value = x * np.log(top) + ((z - 0.5) * log_ratio - x) + shrink / 12.0
    slope = log_ratio - shrink / 2.0 - squares / 12.0
    curvature = shrink + squares / 2.0 + cubes / 6.0
    return value, slope, curvature
