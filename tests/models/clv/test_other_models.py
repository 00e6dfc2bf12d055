"""MBG/NBD, Pareto/NBD, BG/BB and covariates: derivatives, consistency, special cases."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.special import betaln

from cvo_ml.core.errors import ContractError, UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import (
    BetaGeoBinomialModel,
    BetaGeoModel,
    CustomerLifetimeValue,
    ModifiedBetaGeoModel,
    ParetoNBDModel,
    group_histories,
)
from cvo_ml.models.clv.beta_geo_binomial_distribution import BetaBinomialLaw, beta_geo_binomial_kernel
from cvo_ml.models.clv.bg_nbd_likelihood import BetaGeoLikelihood
from cvo_ml.models.clv.pareto_nbd_distribution import log_departed, probability_alive
from cvo_ml.models.clv.row_likelihood import Design, RowLikelihood, beta_geo_kernel, pareto_nbd_kernel

from .shops import purchase_model, simulate_shop
from .test_likelihoods import check_derivatives

SHOP = simulate_shop(3000, 0.6, 30.0, 0.8, 2.5, seed=1)
SMALL = simulate_shop(200, 0.6, 30.0, 0.8, 2.5, seed=3)
HISTORIES = group_histories(*(SMALL[c].to_numpy() for c in ("frequency", "recency", "T")))
YEAR = Horizon("365D")


def simulate_pareto(n: int, r: float, alpha: float, s: float, beta: float, seed: int = 0) -> pd.DataFrame:
    """Customers of a Pareto/NBD shop with T uniform on (0, 500); a binary column z."""
    rng = np.random.default_rng(seed)
    T, z = rng.uniform(10.0, 500.0, n), rng.integers(0, 2, n).astype(float)
    rate = rng.gamma(r, 1 / alpha, n) * np.exp(0.8 * z)
    life = np.minimum(rng.exponential(size=n) * beta / np.maximum(rng.gamma(s, size=n), 1e-300), T)
    x = rng.poisson(rate * life)
    last = np.where(x > 0, rng.beta(np.maximum(x, 1), 1.0) * life, 0.0)
    return pd.DataFrame({"frequency": x.astype(float), "recency": last, "T": T, "z": z})


PARETO_SHOP = simulate_pareto(4000, 0.8, 40.0, 0.7, 60.0)


def simulate_opportunities(n: int, law: tuple[float, float, float, float], periods: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    there = np.minimum(rng.geometric(rng.beta(law[2], law[3], n)) - 1, periods)
    bought = (rng.random((n, periods)) < rng.beta(law[0], law[1], (n, 1))) & (np.arange(periods) < there[:, None])
    last = (bought * np.arange(1, periods + 1)).max(axis=1)
    return pd.DataFrame({"frequency": bought.sum(axis=1), "recency": last, "T": float(periods)})


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


class TestCovariates:
    def test_a_useless_covariate_changes_nothing_and_a_useful_one_is_found(self):
        noise = PARETO_SHOP.assign(noise=np.random.default_rng(1).normal(size=len(PARETO_SHOP)))
        for kind in (BetaGeoModel, ModifiedBetaGeoModel, ParetoNBDModel):
            plain, both = kind().fit(noise), kind(purchase_covariates=["z", "noise"]).fit(noise)
            assert both.log_likelihood_ > plain.log_likelihood_ + 50
            assert both.params_["purchase_z"] == pytest.approx(0.8, abs=0.2)
            assert abs(both.params_["purchase_noise"]) < 4 * both.standard_errors_["purchase_noise"]

    @pytest.mark.parametrize("kind", [BetaGeoModel, ParetoNBDModel])
    def test_answers_use_each_customers_own_parameters(self, kind):
        model = kind(purchase_covariates=["z"], dropout_covariates=["z"], penalty=0.5).fit(PARETO_SHOP)
        for z, sign in ((0.0, 0.0), (1.0, 1.0)):
            factor = {p: np.exp(sign * v) for p, v in model.params_.items() if "_" in p}
            base = {p: v for p, v in model.params_.items() if "_" not in p}
            base["alpha"] /= factor["purchase_z"]
            if kind is ParetoNBDModel:
                base["beta"] /= factor["dropout_z"]
            else:
                base["a"] *= factor["dropout_a_z"]
                base["b"] *= factor["dropout_b_z"]
            alone, rows = purchase_model(kind, "D", base), PARETO_SHOP[PARETO_SHOP["z"] == z].head(40)
            pd.testing.assert_frame_equal(
                model.predict(rows, horizon=YEAR, interval=0.9), alone.predict(rows, horizon=YEAR, interval=0.9)
            )
            new = model.expected_purchases_new(YEAR, rows.head(1))
            assert new == pytest.approx([alone.expected_purchases_new(YEAR)])

    def test_they_travel_in_json_and_are_checked(self):
        model = ParetoNBDModel(purchase_covariates=["z"], dropout_covariates=["z"]).fit(PARETO_SHOP)
        again = ParetoNBDModel.from_json(json.dumps(model.to_json()))
        assert again.predict(PARETO_SHOP, horizon=YEAR).equals(model.predict(PARETO_SHOP, horizon=YEAR))
        with pytest.raises(ContractError, match="missing"):
            model.probability_alive(PARETO_SHOP.drop(columns="z"))
        with pytest.raises(UsageError, match="covariates"):
            model.expected_purchases_new(YEAR)
        with pytest.raises(UsageError, match="one row per customer"):
            model.fit_histories(HISTORIES)


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
