"""Shares of a difference: by the definition over all orders, and what makes them the only fair ones."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from cvo_ml.core.arrays import Floats
from cvo_ml.core.errors import UsageError
from cvo_ml.stats.shapley import coalitions, shapley_values


def by_all_orders(worth: Floats, players: int) -> Floats:
    """The definition: the mean of what each player adds, over all orders in which they may come."""
    total = np.zeros(players)
    orders = list(permutations(range(players)))
    for order in orders:
        inside = 0
        for player in order:
            total[player] += worth[inside | 1 << player] - worth[inside]
            inside |= 1 << player
    return total / len(orders)


@pytest.mark.parametrize("players", [1, 2, 3, 5])
def test_the_shares_are_those_of_the_definition_and_add_up(players: int) -> None:
    worth = np.random.default_rng(players).normal(size=2**players)
    shares = shapley_values(worth)
    np.testing.assert_allclose(shares, by_all_orders(worth, players), rtol=0, atol=1e-12)
    assert shares.sum() == pytest.approx(worth[-1] - worth[0])


def test_who_adds_nothing_gets_nothing_and_equals_get_the_same() -> None:
    inside = coalitions(3)
    worth = (inside[:, 0] & inside[:, 1]).astype(float)  # the third is a dummy, the others are alike
    assert shapley_values(worth).tolist() == pytest.approx([0.5, 0.5, 0.0])


def test_too_many_inputs_are_refused() -> None:
    with pytest.raises(UsageError, match="13 inputs cannot be shared exactly"):
        coalitions(13)
