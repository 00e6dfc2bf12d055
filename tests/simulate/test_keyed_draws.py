"""Draws that belong to rows: the moments of each law, independence of turns, behaviours and who else is there."""

import numpy as np
import pytest
from scipy import stats

from cvo_ml.simulate.keyed_draws import EventDraws, KeyedDraws, behaviour_key, row_keys
from cvo_ml.simulate.random_streams import Block

N = 100_000
SIGMAS = 4.0


def draws(behaviour: str = "test", rows: int = N) -> KeyedDraws:
    return KeyedDraws(behaviour_key(1, behaviour), row_keys(np.arange(rows)))


class TestLaws:
    @pytest.mark.parametrize(
        ("name", "arguments", "law"),
        [
            ("random", (), stats.uniform()),
            ("exponential", (), stats.expon()),
            ("normal", (), stats.norm()),
            ("uniform", (2.0, 5.0), stats.uniform(2, 3)),
            ("gamma", (np.full(N, 2.5),), stats.gamma(2.5)),
        ],
    )
    def test_continuous_laws_have_their_distribution(self, name: str, arguments: tuple, law):
        assert stats.kstest(getattr(draws(), name)(*arguments), law.cdf).pvalue > 1e-3

    @pytest.mark.parametrize("mean", [0.0, 0.3, 4.0, 120.0])
    def test_counts_are_poisson(self, mean: float):
        counts = draws().poisson(mean)
        assert abs(counts.mean() - mean) <= SIGMAS * np.sqrt(mean / N)
        assert counts.var() == pytest.approx(mean, rel=0.03)

    @pytest.mark.parametrize(("trials", "chance"), [(0, 0.4), (7, 0.006), (30, 0.5)])
    def test_counts_are_binomial(self, trials: int, chance: float):
        counts = draws().binomial(np.full(N, trials), chance)
        law = stats.binom(trials, chance)
        assert abs(counts.mean() - law.mean()) <= SIGMAS * law.std() / np.sqrt(N)
        assert counts.max(initial=0) <= trials

    def test_whole_numbers_are_equally_likely(self):
        assert stats.chisquare(np.bincount(draws().integers(7), minlength=7)).pvalue > 1e-3


class TestIndependence:
    def test_turns_rows_and_behaviours_are_uncorrelated(self):
        one = draws()
        first, second = one.random(), one.random()
        other, child = draws("other").random(), draws().below(np.arange(N), np.zeros(N)).random()
        assert np.abs(np.corrcoef([first, second, other, child]) - np.eye(4)).max() < SIGMAS / np.sqrt(N)
        assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < SIGMAS / np.sqrt(N)

    def test_a_row_does_not_depend_on_the_others(self):
        some = np.array([5, 700, 6])
        whole = draws()
        whole.random()
        few = draws().at(some)
        few.random()
        np.testing.assert_array_equal(few.poisson(3.0), whole.poisson(3.0)[some])

    def test_parts_of_a_behaviour_do_not_move_each_other(self):
        one, two = draws(), draws()
        one.named("email").random()
        np.testing.assert_array_equal(one.named("post").random(), two.named("post").random())

    def test_customers_at_their_own_pace_get_their_own_numbers(self):
        alone, together = (EventDraws(behaviour_key(1, "buys"), 0, np.zeros(10, np.int64)) for _ in range(2))
        together.random(np.arange(10))
        expected = [alone.random(np.array([3]))[0], alone.random(np.array([3]))[0]]
        assert together.random(np.array([3, 8]))[0] == expected[1]
        assert expected[0] != expected[1]

    def test_blocks_do_not_matter_and_seeds_do(self):
        whole = Block(1, 0, 0, 20, by_customer=True).draws("spend", np.arange(20)).random()
        part = Block(1, 1, 10, 10, by_customer=True).draws("spend", np.arange(10)).random()
        np.testing.assert_array_equal(whole[10:], part)
        assert (Block(2, 0, 0, 20, by_customer=True).draws("spend", np.arange(20)).random() != whole).all()
