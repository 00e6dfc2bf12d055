"""The cut-off by profit against trying every cut-off."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvo_ml.stats.contact_threshold import best_cut, profit_of_cut

ROWS = st.lists(st.tuples(st.integers(0, 5), st.integers(-20, 20)), min_size=1, max_size=30)


@given(ROWS)
def test_no_other_cut_earns_more(rows: list[tuple[int, int]]) -> None:
    score, profit = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    found = best_cut(score, profit)
    every = [profit[score >= edge].sum() for edge in [*np.unique(score), np.inf]]
    assert found.total == pytest.approx(max(every))
    chosen = score >= found.threshold
    assert profit[chosen].sum() == pytest.approx(found.total)
    assert chosen.mean() == pytest.approx(found.share)


def test_where_nobody_pays_nobody_is_asked() -> None:
    assert best_cut(np.array([0.9, 0.1]), np.array([-1.0, -2.0])).threshold == float("inf")


def test_the_profit_of_a_cut_is_per_person_of_the_list() -> None:
    found = profit_of_cut(0.5, np.array([0.9, 0.6, 0.1, 0.2]), np.array([10.0, -2.0, 50.0, 50.0]))
    assert found.estimate == 2.0
    assert found.lower <= 2.0 <= found.upper
