"""Repeat purchases of a cohort as they come, expected beside actual: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cvo_ml.core.arrays import Floats, Places

DAYS_PER_WEEK = 7


@dataclass(frozen=True)
class Tracking:
    """Repeat purchases of a cohort by the week.

    Attributes
    ----------
    week:
        Weeks since the cohort's first day at the end of each step (n,), whole.
    expected, actual:
        Repeat purchases in each week (n,).
    cut_week:
        Weeks since the first day at which the model stopped seeing.
    """

    week: Floats
    expected: Floats
    actual: Floats
    cut_week: float

    @property
    def cumulative(self) -> tuple[Floats, Floats]:
        """Expected and actual up to the end of each week."""
        return np.cumsum(self.expected), np.cumsum(self.actual)

    def after_the_cut(self) -> tuple[float, float]:
        """Expected and actual in the whole weeks after the cut."""
        after = self.week > self.cut_week + 1
        return float(self.expected[after].sum()), float(self.actual[after].sum())


def track(
    births: Places,
    repeats: Places,
    expected_new: Callable[[Floats], Floats],
    *,
    cut_day: int,
    days: int,
) -> Tracking:
    """Expected and actual repeat purchases in each whole week of ``days``.

    Parameters
    ----------
    births:
        Day of each customer's first purchase (n,), 0 <= day < ``cut_day``.
    repeats:
        Day of each repeat purchase (m,), 0 <= day < ``days``; later ones are left out.
    expected_new:
        From spans in days (k,), > 0, to the expected repeat purchases of a new customer within them (k,). The cohort's
        expectation is the sum over customers of E[X(day − birth)], Fader, Hardie & Lee (2005), section 4.
    cut_day:
        The first day that the model did not see.

    Examples
    --------
    >>> tracking = track(np.array([0, 0]), np.array([3, 8, 9]), lambda span: 0.1 * span, cut_day=7, days=14)
    >>> tracking.actual.tolist(), tracking.expected.round(9).tolist()
    ([1.0, 2.0], [1.2, 1.4])
    """
    born = np.bincount(births[births < days], minlength=days).astype(np.float64)
    curve = np.concatenate([[0.0], expected_new(np.arange(1.0, days))]) if days > 1 else np.zeros(days)
    cumulative = np.convolve(born, curve)[:days]  # at the end of each day
    actual = np.cumsum(np.bincount(repeats[repeats < days], minlength=days)).astype(np.float64)
    ends = np.arange(DAYS_PER_WEEK, days + 1, DAYS_PER_WEEK)
    weekly = [np.diff(total[ends - 1], prepend=0.0) for total in (cumulative, actual)]
    return Tracking(ends / DAYS_PER_WEEK, weekly[0], weekly[1], cut_day / DAYS_PER_WEEK)
