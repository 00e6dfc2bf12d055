"""BG/BB: special cases, sums over opportunities, input checks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import betaln

from cvo_ml.core.errors import ContractError
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import (
    BetaGeoBinomialModel,
)
from cvo_ml.models.clv.bg_bb import BetaBinomialLaw, beta_geo_binomial_kernel

from .shops import simulate_opportunities

DONORS = simulate_opportunities(4000, (1.2, 0.75, 0.66, 2.8), 6)


class TestBetaGeoBinomial:
    MODEL = BetaGeoBinomialModel().fit(DONORS)

    def test_likelihood_equals_a_sum_over_every_path(self):
        """All sequences of buying, missing and leaving over six opportunities, by brute force."""
        a, b, c, d = theta = np.array([1.2, 0.75, 0.66, 2.8])
        for x, t_x in ((0, 0), (2, 3), (3, 6)):
            total = np.exp(betaln(a + x, b + 6 - x) + betaln(c, d + 6))
            total += sum(np.exp(betaln(a + x, b + t - x) + betaln(c + 1, d + t)) for t in range(t_x, 6))
            columns = [np.array([float(v)]) for v in (x, t_x, 6)]
            value, _, _ = beta_geo_binomial_kernel(theta[:, None], *columns)
            assert value == pytest.approx([np.log(total) - betaln(a, b) - betaln(c, d)])

    def test_parameters_of_simulated_donors_are_recovered(self):
        error = np.array(list(self.MODEL.standard_errors_.values()))
        assert np.all(np.abs(np.array(list(self.MODEL.params_.values())) - [1.2, 0.75, 0.66, 2.8]) < 4 * error)

    def test_simulation_counts_and_expectation_agree(self):
        law = BetaBinomialLaw(*(np.array([v, 2 * v]) for v in (3.2, 1.75, 0.66, 8.8)))
        n = np.arange(11.0)[:, None]
        mass = law.pmf(n, 10.0)
        assert mass.sum(axis=0) == pytest.approx(1.0)
        assert (n * mass).sum(axis=0) == pytest.approx(law.expected(np.full((1, 2), 10.0))[0])
        assert law.survival(n[1:], 10.0) == pytest.approx(1 - np.cumsum(mass, axis=0)[:-1])
        draws = law.simulate(10.0, 60_000, np.random.default_rng(1))
        assert draws.mean(axis=0) == pytest.approx((n * mass).sum(axis=0), rel=0.02)
        assert law.discounted(10.0, 0.0) == pytest.approx((n * mass).sum(axis=0))
        assert law.waiting_time(np.full(2, 0.3)).tolist() == [1.0, 1.0]

    def test_it_predicts_like_the_others_and_refuses_fractions(self):
        table = self.MODEL.predict(DONORS, horizon=Horizon("5Y"), interval=0.9)
        assert table["expected_purchases"].between(0, 5).all()
        assert (table["purchases_p05"] <= table["purchases_p95"]).all()
        longer = self.MODEL.residual_purchases(DONORS, discount_rate=0.1)
        assert np.all(longer > self.MODEL.discounted_purchases(DONORS, Horizon("5Y"), discount_rate=0.1))
        with pytest.raises(ContractError, match="not whole"):
            self.MODEL.fit(DONORS.assign(T=6.5))

    def test_parameters_equal_lifetimes_where_it_converges(self, donations):
        lifetimes = pytest.importorskip("lifetimes")
        model = BetaGeoBinomialModel().fit(donations, sample_weight=donations["donors"])
        oracle = lifetimes.BetaGeoBetaBinomFitter()
        oracle.params_ = pd.Series(model.params_)
        history = donations["frequency"], donations["recency"], donations["T"]
        expected = oracle.conditional_expected_number_of_purchases_up_to_time(7, *history)
        assert model.expected_purchases(donations, Horizon("7Y")) == pytest.approx(np.asarray(expected), rel=1e-9)
        alive = np.asarray(oracle.conditional_probability_alive(2, *history))
        assert model.probability_alive(donations, after=Horizon("2Y")) == pytest.approx(alive, rel=1e-9)
