"""Benjamini-Hochberg: by hand, and that it keeps its promise."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from cvo_ml.stats.multiple_testing import benjamini_hochberg


@given(st.lists(st.floats(1e-9, 1), min_size=1, max_size=40))
def test_adjusted_values_are_the_step_up_rule_written_out(values: list[float]) -> None:
    p = np.array(values)
    n = len(p)
    # the smallest level at which the rule of the paper rejects i: min over j with p_j >= p_i of n p_j / rank_j
    rank = np.array([(p <= value).sum() for value in p])
    by_hand = np.array([min(1.0, (n * p[p >= value] / rank[p >= value]).min()) for value in p])
    np.testing.assert_allclose(benjamini_hochberg(p), by_hand, rtol=1e-9)


def test_the_share_of_false_findings_is_kept() -> None:
    rng = np.random.default_rng(4)
    shares = []
    for _ in range(200):
        real = np.arange(100) < 20
        p = 2 * norm.sf(np.abs(rng.normal(size=100) + 3.0 * real))
        found = benjamini_hochberg(p) <= 0.1
        shares.append((found & ~real).sum() / max(1, found.sum()))
    assert 0.05 < np.mean(shares) < 0.1  # at most q x share of true nulls = .08, near it for independent tests


def test_what_was_never_asked_counts_for_nothing() -> None:
    assert np.isnan(benjamini_hochberg(np.array([np.nan]))).all()
    with_gap, without = benjamini_hochberg(np.array([0.01, np.nan, 0.04])), benjamini_hochberg(np.array([0.01, 0.04]))
    assert with_gap[[0, 2]].tolist() == without.tolist()
