"""Planned widths: against published approximations, simulation, and each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvo_ml.stats.planning import (
    auc_half_width,
    auc_standard_error,
    customers_for_auc,
    customers_for_total,
    total_half_width,
)
from cvo_ml.stats.ranking import auc

AREAS = st.floats(0.55, 0.95)
COUNTS = st.integers(50, 5000)


class TestCorrectness:
    def test_the_planned_width_of_a_total_covers_simulated_futures(self) -> None:
        generator = np.random.default_rng(3)
        shape, n, m = 0.2, 2000, 1000  # gamma values: cv = 1 / sqrt(shape)
        half = total_half_width(shape**-0.5, n, learnt_from=m)
        predicted = n * generator.gamma(shape, size=(2000, m)).mean(axis=1)
        came = generator.gamma(shape, size=(2000, n)).sum(axis=1)
        inside = np.abs(came - predicted) <= half * n * shape
        assert inside.mean() == pytest.approx(0.95, abs=0.02)

    @pytest.mark.parametrize("area", [0.65, 0.8])
    def test_the_standard_error_of_an_auc_is_that_of_simulated_exponential_scores(self, area: float) -> None:
        generator, positives, negatives = np.random.default_rng(5), 60, 90
        ratio = area / (1 - area)  # P(positive > negative) with exponential scores
        outcome = np.repeat([1, 0], [positives, negatives])
        found = [
            auc(outcome, np.concatenate([generator.exponential(ratio, positives), generator.exponential(1, negatives)]))
            for _ in range(1500)
        ]
        assert np.mean(found) == pytest.approx(area, abs=0.005)
        assert np.std(found) == pytest.approx(auc_standard_error(area, positives, negatives), rel=0.08)

    def test_the_standard_error_is_the_formula_of_hanley_and_mcneil(self) -> None:
        area, a, n = 0.893, 51, 58
        q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
        variance = (area * (1 - area) + (a - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)) / (a * n)
        assert auc_standard_error(area, a, n) == pytest.approx(variance**0.5, rel=1e-12)


class TestConsistency:
    @given(area=AREAS, share=st.floats(0.05, 0.95), half=st.floats(0.01, 0.1))
    def test_the_planned_size_gives_the_planned_auc_width(self, area: float, share: float, half: float) -> None:
        n = customers_for_auc(area, share, half)
        width = auc_half_width(area, n * share, n * (1 - share))
        assert width == pytest.approx(half, rel=1e-6) or width < half

    @given(cv=st.floats(0.1, 20), half=st.floats(0.01, 0.5))
    def test_the_planned_size_gives_the_planned_total_width(self, cv: float, half: float) -> None:
        assert total_half_width(cv, customers_for_total(cv, half)) == pytest.approx(half, rel=1e-9)

    @given(area=AREAS, positives=COUNTS, negatives=COUNTS)
    def test_more_customers_are_never_wider(self, area: float, positives: int, negatives: int) -> None:
        assert auc_half_width(area, positives + 10, negatives + 10) <= auc_half_width(area, positives, negatives)

    @given(area=AREAS, positives=COUNTS, negatives=COUNTS, level=st.floats(0.5, 0.9))
    def test_a_higher_level_is_wider(self, area: float, positives: int, negatives: int, level: float) -> None:
        assert auc_half_width(area, positives, negatives, level) < auc_half_width(
            area, positives, negatives, level + 0.05
        )

    def test_an_endless_past_leaves_the_noise_of_the_future(self) -> None:
        assert total_half_width(2.0, 400, learnt_from=1e15) == pytest.approx(total_half_width(2.0, 400) / 2**0.5)


class TestInputs:
    @pytest.mark.parametrize(("cv", "n", "m"), [(-1, 10, None), (1, 0, None), (1, 10, 0)])
    def test_a_total_of_nobody_is_refused(self, cv: float, n: float, m: float | None) -> None:
        with pytest.raises(ValueError, match="total_half_width needs"):
            total_half_width(cv, n, learnt_from=m)

    @pytest.mark.parametrize(("area", "a", "n"), [(0.0, 5, 5), (1.0, 5, 5), (0.7, 0, 5), (0.7, 5, 0)])
    def test_an_auc_without_both_outcomes_is_refused(self, area: float, a: float, n: float) -> None:
        with pytest.raises(ValueError, match="auc_standard_error needs"):
            auc_standard_error(area, a, n)

    def test_a_width_of_zero_is_refused(self) -> None:
        with pytest.raises(ValueError, match="half_width"):
            customers_for_total(1.0, 0.0)
        with pytest.raises(ValueError, match="half_width"):
            customers_for_auc(0.7, 0.5, 0.0)

    @pytest.mark.parametrize("level", [0.0, 1.0])
    def test_a_level_of_nothing_or_everything_is_refused(self, level: float) -> None:
        with pytest.raises(ValueError, match="level"):
            total_half_width(1.0, 10, level=level)
