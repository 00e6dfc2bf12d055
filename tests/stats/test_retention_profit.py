"""EMPC against its published check values and its own definition; profit by each customer's own value."""

import numpy as np
import pytest
from scipy.stats import beta

from cvo_ml.stats.ranking import average_precision
from cvo_ml.stats.retention_profit import Campaign, empc, profit_at

Y = np.tile([0, 1], 10)


def test_the_check_values_of_empulse() -> None:
    """Its documentation's example: alpha 6, beta 14, clv 200, incentive 10, contact 1 on [0, 1] x 10."""
    assert empc(Y, Y.astype(float)) == pytest.approx(28.0000000000391, abs=1e-11)
    assert empc(Y, 1.0 - Y) == pytest.approx(22.5007912244511, abs=1e-11)
    assert empc(Y, np.zeros(20)) == pytest.approx(22.5007912244511, abs=1e-11)


def test_empc_is_the_mean_of_the_best_profit_over_save_rates() -> None:
    generator = np.random.default_rng(1)
    y = generator.uniform(size=80) < 0.3
    score = np.round(generator.normal(size=80) + y, 1)
    rates = (np.arange(20_000) + 0.5) / 20_000
    best = np.zeros_like(rates)  # contact nobody
    for threshold in np.unique(score):
        told = score >= threshold
        gain = rates * (200 - 10) * (y & told).mean() - 1 * told.mean() - 10 * (~y & told).mean()
        best = np.maximum(best, gain)
    assert empc(y, score) == pytest.approx((best * beta(6, 14).pdf(rates)).mean(), rel=1e-4)


def test_one_class_has_no_profit_of_an_order() -> None:
    assert np.isnan(empc(np.ones(5), np.arange(5.0)))
    assert np.isnan(empc(np.zeros(5), np.arange(5.0)))


def test_profit_by_hand() -> None:
    offer = Campaign(incentive_cost=10, contact_cost=1, accepts=(3, 7))
    assert offer.profit(np.array([1, 0]), np.array([110.0, 500.0])).tolist() == [0.3 * 100 - 1, -11]
    assert offer.expected_profit(np.array([0.5]), np.array([110.0])).tolist() == [0.5 * 29 - 0.5 * 11]
    assert profit_at(np.array([10.0, 1.0]), np.array([1.0, 0.0]), 0.5) == 5.0


def test_average_precision_is_scikit_learns() -> None:
    from sklearn.metrics import average_precision_score

    generator = np.random.default_rng(2)
    y, score = generator.uniform(size=300) < 0.2, np.round(generator.normal(size=300), 1)
    assert average_precision(y, score) == pytest.approx(average_precision_score(y, score))
