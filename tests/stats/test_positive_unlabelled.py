"""Judging with hidden winners, against labels that are known because they were made here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvo_ml.stats.intervals import Interval
from cvo_ml.stats.positive_unlabelled import (
    auc_interval,
    corrected_auc,
    hidden_share,
    label_frequency,
    precision_at,
)
from cvo_ml.stats.ranking import auc


def scar(seed: int, n: int = 4000, c: float = 0.35) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Winner, known winner (completely at random with probability c) and a score with overlap."""
    rng = np.random.default_rng(seed)
    winner = rng.random(n) < 0.25
    return winner, winner & (rng.random(n) < c), rng.normal(size=n) + 1.2 * winner


def test_the_corrected_auc_meets_the_truth_within_its_interval() -> None:
    inside, gaps = 0, []
    for seed in range(20):
        winner, known, score = scar(seed)
        asked = np.random.default_rng(seed + 100).random(4000) < 0.35  # c from a record of its own, as sales have it
        share = float(asked.mean())
        half = 1.96 * np.sqrt(share * (1 - share) / 4000)
        found = auc_interval(known, score, Interval(share, share - half, share + half), replicates=200)
        inside += found.lower <= auc(winner, score) <= found.upper
        gaps.append(found.estimate - auc(winner, score))
    assert inside >= 17  # 95 % of 20, less chance
    assert abs(np.mean(gaps)) < 0.006


def test_without_the_correction_the_auc_is_too_low() -> None:
    winner, known, score = scar(3)
    assert auc(known, score) < auc(winner, score) - 0.03


def test_the_label_frequency_is_met_with_the_true_order() -> None:
    inside = 0
    for seed in range(20):
        winner, known, score = scar(seed)
        found = label_frequency(known, score + 3.0 * winner)  # an order that tells winners from losers
        inside += found.lower <= known.sum() / winner.sum() <= found.upper
    assert inside >= 17


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=30))
def test_a_label_frequency_is_a_share_that_can_divide(rows: list[tuple[bool, float]]) -> None:
    known, score = (np.array(column) for column in zip(*rows, strict=True))
    found = label_frequency(known, score.astype(float))
    assert 0.01 <= found.lower <= found.estimate <= found.upper <= 1


@given(st.floats(0.5, 1), st.floats(0, 0.9))
def test_the_correction_undoes_the_mixture(true: float, hidden: float) -> None:
    # a known winner against an unlabelled one: a winner of the same kind (1/2) with probability hidden, else a loser
    mixed = hidden / 2 + (1 - hidden) * true
    assert corrected_auc(mixed, hidden) == pytest.approx(true, abs=1e-9)


#: pulearn 0.2.0 (BSD) on the data below: pu_roc_auc_score with the share of hidden winners, and pu_precision_score with
#: the prior known share / c, at the threshold below the capacity's last score.
PULEARN_AUC = {0.05: 0.7071102966959629, 0.19: 0.7429071381002035, 0.3: 0.781078259801664}
PULEARN_PRECISION = {(0.1, 0.5): 0.64, (0.3, 0.35): 0.7238095238095238, (0.2, 0.8): 0.35}


def made_without_chance() -> tuple[np.ndarray, np.ndarray]:
    """77 known winners among 500, by arithmetic alone."""
    place = np.arange(500)
    score = 1 / (1 + np.exp(-2 * np.sin(place)))
    return (place * 37 % 101) / 101 < 0.3 * score, score


@pytest.mark.parametrize(("hidden", "theirs"), PULEARN_AUC.items())
def test_the_corrected_auc_equals_pulearns(hidden: float, theirs: float) -> None:
    known, score = made_without_chance()
    assert known.sum() == 77
    assert corrected_auc(auc(known, score), hidden) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize(("capacity", "c"), PULEARN_PRECISION)
def test_the_corrected_precision_equals_pulearns(capacity: float, c: float) -> None:
    known, score = made_without_chance()
    assert precision_at(known, score, capacity, c) == pytest.approx(PULEARN_PRECISION[capacity, c], abs=1e-12)


def test_hidden_share_and_precision_by_hand() -> None:
    # 100 people, 10 known of 20 winners: 10 hidden among 90
    assert hidden_share(0.1, 0.5) == pytest.approx(10 / 90)
    assert corrected_auc(0.7, 1.0) != corrected_auc(0.7, 1.0)
    labels, score = np.array([1, 0, 1, 0, 0, 0, 0, 0, 0, 0]), np.arange(10, 0, -1.0)
    assert precision_at(labels, score, 0.4) == 0.5
    assert precision_at(labels, score, 0.4, frequency=0.8) == pytest.approx(0.625)
    assert precision_at(labels, score, 0.1, frequency=0.2) == 1.0
