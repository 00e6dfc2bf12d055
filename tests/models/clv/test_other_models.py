"""MBG/NBD and Pareto/NBD: derivatives, consistency, special cases; and what holds for every model."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from cvo_ml.core.errors import UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import (
    BetaGeoModel,
    CustomerLifetimeValue,
    ModifiedBetaGeoModel,
    ParetoNBDModel,
    group_histories,
)
from cvo_ml.models.clv.bg_bb import beta_geo_binomial_kernel
from cvo_ml.models.clv.bg_nbd import BetaGeoLikelihood, beta_geo_kernel
from cvo_ml.models.clv.likelihood import Design, RowLikelihood
from cvo_ml.models.clv.pareto_nbd import log_departed, pareto_nbd_kernel, probability_alive

from .shops import purchase_model, simulate_opportunities, simulate_pareto, simulate_shop
from .test_likelihoods import check_derivatives

SHOP = simulate_shop(3000, 0.6, 30.0, 0.8, 2.5, seed=1)
SMALL = simulate_shop(200, 0.6, 30.0, 0.8, 2.5, seed=3)
HISTORIES = group_histories(*(SMALL[c].to_numpy() for c in ("frequency", "recency", "T")))
YEAR = Horizon("365D")


PARETO_SHOP = simulate_pareto(4000, 0.8, 40.0, 0.7, 60.0)


DONORS = simulate_opportunities(4000, (1.2, 0.75, 0.66, 2.8), 6)


class TestDerivatives:
    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.floats(-2.0, 3.0), min_size=4, max_size=4))
    @pytest.mark.parametrize(
        "likelihood",
        [
            BetaGeoLikelihood(HISTORIES, first_counts=True),
            RowLikelihood(beta_geo_kernel(first_counts=True), HISTORIES),
            RowLikelihood(beta_geo_kernel(first_counts=False), HISTORIES),
            RowLikelihood(pareto_nbd_kernel, HISTORIES),
            RowLikelihood(
                beta_geo_binomial_kernel,
                group_histories(*(DONORS[c].to_numpy(float) for c in ("frequency", "recency", "T"))),
            ),
        ],
        ids=["MBG", "MBG by row", "BG by row", "Pareto", "BG/BB"],
    )
    def test_gradient_and_hessian_equal_finite_differences(self, likelihood, point):
        check_derivatives(likelihood, np.array(point))

    @pytest.mark.parametrize("kernel", [pareto_nbd_kernel, beta_geo_kernel(first_counts=False)])
    def test_with_covariates_too(self, kernel):
        z = np.random.default_rng(1).normal(size=(len(HISTORIES), 2))
        design = Design(7, {1: (z, np.array([4, 5]), -1.0), 3: (z, np.array([6, 4]), 1.0)})
        check_derivatives(RowLikelihood(kernel, HISTORIES, design), np.array([-0.4, 2.0, 0.1, 1.0, 0.3, -0.5, 0.2]))

    @pytest.mark.parametrize("first_counts", [True, False])
    def test_row_by_row_equals_the_fast_likelihood(self, first_counts):
        point = np.array([-0.4, 2.0, 0.1, 1.0])
        fast = BetaGeoLikelihood(HISTORIES, first_counts=first_counts)(point)
        rows = RowLikelihood(beta_geo_kernel(first_counts=first_counts), HISTORIES)(point)
        for one, other in zip(fast, rows, strict=True):
            assert one == pytest.approx(other, rel=1e-11)


class TestModifiedBetaGeo:
    def test_one_time_buyers_may_have_left(self):
        model = ModifiedBetaGeoModel().fit(SHOP)
        alive = model.probability_alive(SHOP)[SHOP["frequency"] == 0]
        assert np.all((alive > 0) & (alive < 1))
        new = model.expected_purchases_new(YEAR)
        a, b = model.params_["a"], model.params_["b"]
        first = pd.DataFrame({"frequency": [0.0], "recency": [0.0], "T": [0.0]})
        assert model.probability_alive(first) == pytest.approx([b / (a + b)])
        assert new == pytest.approx(model.expected_purchases(first, YEAR)[0])
        assert model.pmf_new(np.arange(2000), YEAR) @ np.arange(2000) == pytest.approx(new, rel=1e-6)


class TestParetoNBD:
    @pytest.mark.parametrize(
        ("r", "alpha", "s", "beta", "x", "t_x", "T"),
        [
            (0.55, 10.6, 0.6, 11.7, 2, 30.0, 38.0),
            (0.55, 10.6, 0.6, 11.7, 0, 0.0, 39.0),
            (0.1, 1e-3, 5.0, 400.0, 3, 0.5, 700.0),
            (2.0, 300.0, 0.2, 0.01, 0, 0.0, 900.0),
            (0.6, 10.0, 0.6, 10.0, 900, 300.0, 365.0),
            (1.0, 5.0, 50.0, 2000.0, 40, 1.0, 365.0),
        ],
    )
    def test_the_integral_over_departures_equals_adaptive_quadrature(self, r, alpha, s, beta, x, t_x, T):
        top = -(r + x) * np.log(alpha + t_x) - (s + 1) * np.log(beta + t_x)

        def shape(tau: float) -> float:
            return np.exp(-(r + x) * np.log(alpha + tau) - (s + 1) * np.log(beta + tau) - top)

        breaks = t_x + (T - t_x) * np.geomspace(1e-6, 0.5, 9)
        area = integrate.quad(shape, t_x, T, points=breaks, limit=500, epsrel=1e-12)[0]
        columns = [np.array([float(v)]) for v in (r, alpha, s, beta, x, t_x, T)]
        assert log_departed(*columns) == pytest.approx([np.log(s * area) + top], abs=1e-9)
        alive = 1 / (1 + s * area * np.exp(top + (r + x) * np.log(alpha + T) + s * np.log(beta + T)))
        assert probability_alive(*columns) == pytest.approx([alive], rel=1e-8)

    def test_huge_frequencies_give_numbers(self):
        model = purchase_model(ParetoNBDModel, "D", {"r": 0.5, "alpha": 10.0, "s": 0.6, "beta": 12.0})
        X = pd.DataFrame({"frequency": [1e6, 1e6, 172.0], "recency": [365.0, 1.0, 10.0], "T": [365.0, 365.0, 3000.0]})
        answer = model.expected_purchases(X, Horizon("10D"))
        assert np.all(np.isfinite(answer))
        assert answer[0] == pytest.approx(10 * 1e6 / 365, rel=0.05)
        assert np.all(answer[1:] < 1e-6)
        mass = model.pmf_new(np.array([0, 171, 172, 10_000]), Horizon("3000D"))
        assert np.all(np.isfinite(mass))

    def test_parameters_of_a_simulated_shop_are_recovered(self):
        model = ParetoNBDModel(purchase_covariates=["z"]).fit(PARETO_SHOP)
        error = np.array(list(model.standard_errors_.values()))
        assert np.all(np.abs(np.array(list(model.params_.values())) - [0.8, 40.0, 0.7, 60.0, 0.8]) < 4 * error)
        assert str(model.status_) == "converged"

    def test_parameters_equal_lifetimes_where_it_converges(self, cdnow):
        lifetimes = pytest.importorskip("lifetimes")
        model = ParetoNBDModel(time_unit="W").fit(cdnow)
        oracle = lifetimes.ParetoNBDFitter()
        oracle.params_ = pd.Series(model.params_)
        history = cdnow["frequency"], cdnow["recency"], cdnow["T"]
        expected = oracle.conditional_expected_number_of_purchases_up_to_time(52.0, *history)
        assert model.expected_purchases(cdnow, Horizon("52W")) == pytest.approx(np.asarray(expected), rel=1e-7)
        alive = np.asarray(oracle.conditional_probability_alive(*history))
        assert model.probability_alive(cdnow) == pytest.approx(alive, rel=1e-7)

    def test_rescaling_time_rescales_alpha_and_beta_only(self):
        plain = ParetoNBDModel().fit(PARETO_SHOP)
        scaled = PARETO_SHOP.assign(recency=PARETO_SHOP["recency"] * 30, T=PARETO_SHOP["T"] * 30)
        expected = np.array(list(plain.params_.values())) * [1, 30, 1, 30]
        assert list(ParetoNBDModel().fit(scaled).params_.values()) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("kind", [BetaGeoModel, ModifiedBetaGeoModel, ParetoNBDModel])
class TestEveryModel:
    def test_answers_agree_with_each_other(self, kind):
        model, few = kind().fit(SHOP), SHOP.head(60)
        n = np.arange(1500)
        mass = model.pmf(few, n, YEAR)
        assert mass.sum(axis=1) == pytest.approx(1.0, abs=1e-9)
        assert mass @ n == pytest.approx(model.expected_purchases(few, YEAR), rel=1e-6)
        assert mass[:, 0] == pytest.approx(model.probability_of_no_purchase(few, YEAR))
        later = [model.probability_alive(few, after=Horizon(h)) for h in ("1D", "90D", "900D")]
        assert np.all(model.probability_alive(few) >= later[0])
        assert np.all(np.diff(later, axis=0) < 0)

    def test_the_interval_of_counts_is_that_of_the_probabilities(self, kind):
        model, few = kind().fit(SHOP), SHOP.head(60)
        table, cumulative = model.predict(few, horizon=YEAR, interval=0.8), model.pmf(few, np.arange(1500), YEAR)
        cumulative = cumulative.cumsum(axis=1)
        for name, level in (("purchases_p10", 0.1), ("purchases_p90", 0.9)):
            assert table[name].tolist() == (cumulative < level - 1e-12).sum(axis=1).tolist()

    def test_simulated_futures_have_the_expected_number_and_the_median_wait(self, kind):
        model, few = kind().fit(SHOP), SHOP.head(30)
        draws = model.simulate_purchases(few, YEAR, n_draws=30_000, seed=2)
        error = 5 * draws.std(axis=0) / np.sqrt(len(draws)) + 1e-9
        assert np.all(np.abs(draws.mean(axis=0) - model.expected_purchases(few, YEAR)) < error)
        for level, time in zip((0.5, 0.1), model.expected_time_of_next_purchase(few, (0.5, 0.1)), strict=True):
            for i in np.flatnonzero(np.isfinite(time))[:5]:
                silent = model.probability_of_no_purchase(few.iloc[[i]], Horizon(f"{time[i]:.12f}D"))
                assert silent == pytest.approx([1 - level], rel=1e-6)

    def test_json_and_value_work(self, kind):
        X = SHOP.assign(monetary_value=np.random.default_rng(1).gamma(6.0, 5.0, len(SHOP)) * (SHOP["frequency"] > 0))
        clv = CustomerLifetimeValue(kind()).fit(X)
        again = CustomerLifetimeValue.from_json(json.dumps(clv.to_json()))
        assert type(again.transactions_) is kind
        few = X.head(40)
        assert again.predict(few, horizon=YEAR).equals(clv.predict(few, horizon=YEAR))
        assert np.isfinite(clv.predict(few, horizon=YEAR).to_numpy()).all()

    def test_all_days_on_one_axis_give_the_same_residual_value_as_a_long_horizon(self, kind):
        model, few = kind().fit(SHOP), SHOP.head(60)
        endless = model.residual_purchases(few, discount_rate=0.15)
        long = sum(
            (
                model.expected_purchases(few, Horizon(f"{k + 1}Y"))
                - (model.expected_purchases(few, Horizon(f"{k}Y")) if k else 0)
            )
            * 1.15 ** -(k + 0.5)
            for k in range(60)
        )
        assert endless == pytest.approx(long, rel=0.02)
        with pytest.raises(UsageError, match="endless"):
            model.residual_purchases(few, discount_rate=0.0)


@pytest.mark.parametrize("kind", [ModifiedBetaGeoModel, ParetoNBDModel])
def test_one_year_of_online_retail_is_answered_with_a_named_prior(kind, online_retail):
    """Hardly anybody leaves within the year, so the scale of departure is not determined."""
    model, rival = kind().fit(online_retail), BetaGeoModel().fit(online_retail)
    assert model.status_.rung == "weakly informative prior"
    totals = [m.expected_purchases(online_retail, YEAR).sum() for m in (model, rival)]
    assert totals[0] == pytest.approx(totals[1], rel=0.05)


def test_the_prior_of_pareto_nbd_holds_the_ratio_of_its_scales():
    assert "beta/alpha ~ 1" in ParetoNBDModel(penalty=2.0).fit(PARETO_SHOP).penalty_
    strong = ParetoNBDModel(penalty=1e6).fit(PARETO_SHOP).params_
    assert strong["beta"] == pytest.approx(strong["alpha"], rel=0.01)


def test_the_laws_of_bg_nbd_given_no_departures_are_negative_binomial():
    """b → ∞: nobody leaves, and the count is Gamma–Poisson."""
    model = purchase_model(BetaGeoModel, "D", {"r": 0.7, "alpha": 20.0, "a": 1e-9, "b": 1e9})
    counts = np.arange(40)
    expected = stats.nbinom.pmf(counts, 0.7, 20.0 / (20.0 + 90.0))
    assert model.pmf_new(counts, Horizon("90D")) == pytest.approx(expected, rel=1e-8)
    flat = purchase_model(ParetoNBDModel, "D", {"r": 0.7, "alpha": 20.0, "s": 1e-9, "beta": 1e9})
    assert flat.pmf_new(counts, Horizon("90D")) == pytest.approx(expected, rel=1e-8)
