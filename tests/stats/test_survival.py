"""Kaplan-Meier against the published table of a clinical trial."""

from __future__ import annotations

import numpy as np
import pytest

from cvo_ml.stats.survival import kaplan_meier

#: Weeks in remission under 6-MP (Freireich et al. 1963), as every textbook prints them: happened, and censored.
HAPPENED = {6: 3, 7: 1, 10: 1, 13: 1, 16: 1, 22: 1, 23: 1}
CENSORED = {6: 1, 9: 1, 10: 1, 11: 1, 17: 1, 19: 1, 20: 1, 25: 1, 32: 2, 34: 1, 35: 1}


def trial() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    times = sorted({*HAPPENED, *CENSORED})
    return (
        np.array(times, dtype=float),
        np.array([HAPPENED.get(time, 0) for time in times], dtype=float),
        np.array([CENSORED.get(time, 0) for time in times], dtype=float),
    )


def test_the_6_mp_arm_has_the_survival_and_the_errors_of_the_textbooks() -> None:
    """Klein & Moeschberger 2003, table 4.1B: S(t) and Greenwood's standard errors; intervals by their (4.3.2)."""
    curve = kaplan_meier(*trial())
    assert curve.times == (6, 7, 10, 13, 16, 22, 23)
    assert curve.at_risk == (21, 17, 15, 12, 11, 7, 6)
    assert curve.survival == pytest.approx([0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448], abs=5e-4)
    for survival, lower, upper, error in zip(
        curve.survival, curve.lower, curve.upper,
        [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346], strict=True,
    ):  # fmt: skip
        # log(-log S) has the standard error that Greenwood's has over |S log S|
        half = (np.log(-np.log(lower)) - np.log(-np.log(upper))) / 2 / 1.959964
        assert half * abs(survival * np.log(survival)) == pytest.approx(error, abs=5e-5)
    assert curve.median() == 23
    assert curve.watched_until == 35


def test_without_censoring_it_is_the_plain_share() -> None:
    times = np.arange(1.0, 11.0)
    curve = kaplan_meier(times, np.ones(10), np.zeros(10))
    assert curve.survival == pytest.approx(1 - times / 10, abs=1e-12)
    assert curve.at(3.5) is not None


def test_what_was_not_watched_is_not_told() -> None:
    curve = kaplan_meier(np.array([4.0]), np.zeros(1), np.array([10.0]))
    assert curve.at(5) is None
    sure = curve.at(4)
    assert sure is not None
    assert (sure.estimate, sure.upper) == (1.0, 1.0)
    assert sure.lower == pytest.approx(0.025 ** (1 / 10))  # none of ten: the exact bound
    nobody = kaplan_meier(np.empty(0), np.empty(0), np.empty(0))
    assert nobody.at(1) is None
    assert nobody.median() is None
