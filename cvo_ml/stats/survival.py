"""How long until something happens, when for some it has not happened yet (Kaplan & Meier 1958)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cvo_ml.core.arrays import Floats
from cvo_ml.core.result import Result
from cvo_ml.stats.intervals import Interval, Z


@dataclass(frozen=True)
class SurvivalCurve(Result):
    """The share to whom it has not happened after each time, with 95 % intervals.

    Parameters
    ----------
    times, survival, lower, upper:
        (steps,) ascending times at which it happened to somebody.
    at_risk:
        (steps,) to how many it had not happened, and who were still watched, just before.
    watched_until, watched:
        The longest time that anybody was watched, NaN without anybody; and how many were.
    """

    times: tuple[float, ...]
    survival: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    at_risk: tuple[int, ...]
    watched_until: float
    watched: int

    def at(self, time: float) -> Interval | None:
        """The share after ``time``; None where nobody was watched that long."""
        if not time <= self.watched_until:
            return None
        step = int(np.searchsorted(self.times, time, side="right")) - 1
        if step < 0:
            return Interval(1.0, (0.025) ** (1 / self.watched), 1.0)
        return Interval(self.survival[step], self.lower[step], self.upper[step])

    def median(self) -> float | None:
        """The first time after which at most half are left; None where more are left to the end."""
        below = np.flatnonzero(np.asarray(self.survival) <= 0.5)
        return float(self.times[below[0]]) if len(below) else None


def kaplan_meier(times: Floats, events: Floats, censored: Floats) -> SurvivalCurve:
    """The product-limit estimate with Greenwood's variance and log(-log) intervals (Kalbfleisch & Prentice 1980).

    Parameters
    ----------
    times:
        (n,) distinct, ascending, >= 0; in any unit.
    events, censored:
        (n,) >= 0: to how many it happened at that time, and how many were watched no longer than that. Who leaves at a
        time at which it happens was still at risk.

    Examples
    --------
    >>> curve = kaplan_meier(np.array([1.0, 2.0]), np.array([1.0, 0.0]), np.array([0.0, 3.0]))
    >>> curve.survival, curve.at_risk, curve.at(5) is None
    ((0.75,), (4,), True)
    """
    leaving = events + censored
    at_risk = leaving[::-1].cumsum()[::-1]
    happened = events > 0
    n, d = at_risk[happened], events[happened]
    survival = np.cumprod(1 - d / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(d / (n * (n - d)))
        width = Z * np.sqrt(greenwood) / np.log(survival)
        lower, upper = survival ** np.exp(-width), survival ** np.exp(width)
    gone = survival <= 0
    lower, upper = np.where(gone, 0.0, lower), np.where(gone, 1 - 0.025 ** (1 / n), upper)
    return SurvivalCurve(
        times=tuple(times[happened].tolist()),
        survival=tuple(survival.tolist()),
        lower=tuple(lower.tolist()),
        upper=tuple(upper.tolist()),
        at_risk=tuple(n.astype(np.int64).tolist()),
        watched_until=float(times.max()) if len(times) else float("nan"),
        watched=int(leaving.sum()),
    )
