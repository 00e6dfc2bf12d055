"""What is not known: intervals of counts and values, of totals, and of rates that wander."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.errors import ContractError, UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import (
    BetaGeoBinomialModel,
    BetaGeoModel,
    CustomerLifetimeValue,
    GammaGammaModel,
    ParetoNBDModel,
    totals_by_segment,
)
from cvo_ml.models.clv.bg_nbd import BetaGeoLaw
from cvo_ml.models.clv.purchase_law import drifted_rate

from .shops import purchase_model, simulate_with_future

TRUTH = (0.6, 30.0, 0.8, 2.5)
YEAR = Horizon("365D")
SHOP = simulate_with_future(8000, *TRUTH, seed=11)
FITTED = CustomerLifetimeValue().fit(SHOP)
LITTLE = simulate_with_future(300, *TRUTH, seed=12)
UNSURE = CustomerLifetimeValue(BetaGeoModel(minimum_repeat_customers=20), GammaGammaModel(0.0, 20)).fit(LITTLE)


def inside_central(position: np.ndarray, level: float = 0.9) -> float:
    """Share of randomised probability-integral transforms inside the central interval."""
    return float(((position > (1 - level) / 2) & (position < (1 + level) / 2)).mean())


class TestCoverage:
    def test_purchases_fall_in_ninety_percent_intervals_ninety_percent_of_the_time(self):
        rng = np.random.default_rng(1)
        actual, n = SHOP["future"].to_numpy(), np.arange(SHOP["future"].max() + 1)
        model, position = FITTED.transactions_, np.empty(len(SHOP))
        for i in range(0, len(SHOP), 1000):
            rows = slice(i, i + 1000)
            mass = model.pmf(SHOP.iloc[rows], n, YEAR)
            here = np.take_along_axis(mass, actual[rows][:, None], axis=1)[:, 0]
            below = np.where(n < actual[rows][:, None], mass, 0.0).sum(axis=1)
            position[rows] = below + rng.random(len(here)) * here
        assert inside_central(position) == pytest.approx(0.9, abs=0.02)
        assert np.histogram(position, 10, (0, 1))[0] / len(SHOP) == pytest.approx(0.1, abs=0.02)

    def test_money_falls_in_ninety_percent_intervals_ninety_percent_of_the_time(self):
        worth, rng = SHOP["worth"].to_numpy(), np.random.default_rng(2)
        above = FITTED.probability_value_above(SHOP, YEAR, worth)
        silent = FITTED.transactions_.probability_of_no_purchase(SHOP, YEAR)
        position = np.where(worth > 0, 1.0 - above, rng.random(len(SHOP)) * silent)
        assert inside_central(position) == pytest.approx(0.9, abs=0.02)
        assert np.histogram(position, 10, (0, 1))[0] / len(SHOP) == pytest.approx(0.1, abs=0.02)

    def test_plain_intervals_of_counts_hold_at_least_ninety_percent(self):
        table = FITTED.transactions_.predict(SHOP, horizon=YEAR, interval=0.9)
        held = SHOP["future"].between(table["purchases_p05"], table["purchases_p95"])
        assert 0.89 < held.mean() < 0.99

    @pytest.mark.slow
    def test_totals_of_small_shops_fall_in_their_intervals(self):
        held = []
        for seed in range(60):
            X = simulate_with_future(400, *TRUTH, seed=100 + seed)
            model = CustomerLifetimeValue(BetaGeoModel("D", 0.0, 20), GammaGammaModel(0.0, 20)).fit(X)
            total = totals_by_segment(model, X, np.zeros(len(X)), YEAR, n_draws=200).loc["total"]
            held.append(total["predicted_purchases_p05"] <= X["future"].sum() <= total["predicted_purchases_p95"])
        assert 0.78 <= np.mean(held) <= 0.99


class TestParameters:
    @pytest.mark.parametrize("model", [FITTED.transactions_, FITTED.value_], ids=["BG/NBD", "Gamma-Gamma"])
    def test_draws_and_cubature_points_have_the_covariance_of_the_log_parameters(self, model):
        values = np.array(list(model.params_.values()))
        covariance = model.covariance_.to_numpy() / np.outer(values, values)
        points = np.log(model.parameter_points())
        assert points.mean(axis=0) == pytest.approx(np.log(values))
        assert (points - np.log(values)).T @ (points - np.log(values)) / len(points) == pytest.approx(covariance)
        draws = np.log(model.draw_parameters(20_000, 3))
        assert np.cov(draws.T) == pytest.approx(covariance, rel=0.05, abs=0.02 * np.abs(covariance).max())

    def test_draws_of_covariates_coefficients_may_be_negative(self):
        X = SHOP.head(2000).assign(z=np.random.default_rng(1).normal(size=2000))
        model = ParetoNBDModel(purchase_covariates=["z"]).fit(X)
        draws = model.draw_parameters(500, 1)
        assert np.all(draws[:, :4] > 0)
        assert (draws[:, 4] < 0).any()
        assert draws[:, 4].std() == pytest.approx(model.standard_errors_["purchase_z"], rel=0.2)

    def test_unsure_parameters_widen_intervals_and_sure_ones_do_not(self):
        def widths(model: CustomerLifetimeValue, X: pd.DataFrame) -> tuple[float, float]:
            ends = [model.predict(X, horizon=YEAR, parameter_uncertainty=u)["predicted_clv_p95"] for u in (False, True)]
            return ends[0].mean(), ends[1].mean()

        plain, wide = widths(UNSURE, LITTLE)
        assert 1.01 < wide / plain < 2.0
        plain, wide = widths(FITTED, SHOP.head(300))
        assert wide / plain == pytest.approx(1.0, abs=0.02)

    def test_the_wider_interval_is_that_of_a_simulation_over_parameters(self):
        X = LITTLE[LITTLE["frequency"] > 0].head(5)
        table = UNSURE.predict(X, horizon=YEAR, parameter_uncertainty=True)
        rng = np.random.default_rng(5)
        purchases = UNSURE.transactions_.draw_parameters(3000, rng)
        p, q, v = UNSURE.value_.draw_parameters(3000, rng).T
        worth = np.zeros((3000, len(X)))
        for i, values in enumerate(purchases):
            where = UNSURE.transactions_.situation(X, values)
            counts = where.law.rows(where.position).simulate(365.0, 1, rng)[0] * (rng.random(len(X)) < where.alive)
            rate = rng.gamma(q[i] + p[i] * X["frequency"]) / (v[i] + X["frequency"] * X["monetary_value"])
            worth[i] = np.where(counts > 0, rng.gamma(np.maximum(p[i] * counts, 1e-9)) / rate, 0.0)
        below = (worth <= table["predicted_clv_p95"].to_numpy()).mean(axis=0)
        assert below == pytest.approx(0.95, abs=0.02)

    def test_counts_too(self):
        plain, wide = (
            UNSURE.transactions_.predict(LITTLE, horizon=YEAR, interval=0.9, parameter_uncertainty=u)
            for u in (False, True)
        )
        assert wide["purchases_p95"].sum() >= plain["purchases_p95"].sum()


class TestTotals:
    def test_segments_add_up_and_the_interval_of_a_sum_is_narrower_than_the_sum_of_intervals(self):
        segments = np.where(SHOP["frequency"] > 2, "regular", "rest")
        table = totals_by_segment(FITTED, SHOP, segments, YEAR, n_draws=100)
        assert table.index.tolist() == ["regular", "rest", "total"]
        parts, total = table.loc[["regular", "rest"]].sum(), table.loc["total"]
        for column in ("customers", "predicted_purchases", "predicted_value"):
            assert parts[column] == pytest.approx(total[column])
        assert total["predicted_value_p05"] < total["predicted_value"] < total["predicted_value_p95"]
        single = FITTED.predict(SHOP, horizon=YEAR)["predicted_clv_p95"].sum()
        assert total["predicted_value_p95"] < 0.6 * single
        assert total["predicted_purchases_p05"] <= SHOP["future"].sum() <= total["predicted_purchases_p95"]
        assert total["predicted_value_p05"] <= SHOP["worth"].sum() <= total["predicted_value_p95"]

    def test_the_same_seed_gives_the_same_answer_and_missing_segments_are_refused(self):
        few = SHOP.head(50)
        one, other = (totals_by_segment(FITTED, few, few["frequency"] > 0, YEAR, n_draws=20, seed=4) for _ in range(2))
        pd.testing.assert_frame_equal(one, other)
        with pytest.raises(ContractError, match="no segment"):
            totals_by_segment(FITTED, few, [None] * 50, YEAR)


def test_the_residual_value_is_worth_more_than_five_years():
    few = SHOP.head(100)
    five = FITTED.predict(few, horizon=Horizon("5Y"), discount_rate=0.1, interval=None)["predicted_clv"]
    assert np.all(FITTED.residual_value(few, discount_rate=0.1) > five.to_numpy())


YEAR, HALF = Horizon("365.25D"), Horizon("182.625D")


def habitual(variance: float, n: int = 4000, seed: int = 3) -> pd.DataFrame:
    """A shop of frequent buyers, of whom hardly any leave, over a year; in the next, rates change by a gamma factor."""
    rng = np.random.default_rng(seed)
    rate, years = rng.gamma(2.0, 1.0 / 80.0, n), 365.25
    x = rng.poisson(rate * years).astype(float)
    recency = np.where(x > 0, years * rng.beta(np.maximum(x, 1.0), 1.0), 0.0)
    factor = rng.gamma(1.0 / variance, variance, n) if variance else 1.0
    future = rng.poisson(rate * factor * years)
    return pd.DataFrame({"frequency": x, "recency": recency, "T": years, "future": future})


#: The model that made the shop: none leaves.
EXACT = purchase_model(BetaGeoModel, "D", {"r": 2.0, "alpha": 80.0, "a": 1e-6, "b": 1e3})


@pytest.mark.parametrize("variance", [0.05, 0.2])
def test_the_drift_of_a_simulated_shop_is_found(variance):
    X = habitual(variance)
    found = EXACT.estimate_drift(X, X["future"], YEAR)
    assert found.per_year == pytest.approx(variance, rel=0.3)
    assert found.before < 0.88
    assert found.after == pytest.approx(0.9, abs=1e-3)
    assert "rates that wander" in str(found)


@pytest.mark.parametrize("seed", range(5))
def test_constant_rates_have_none(seed):
    X = habitual(0.0, seed=seed)
    found = EXACT.estimate_drift(X, X["future"], YEAR)
    assert (found.per_year, found.after) == (0.0, found.before)
    assert found.before == pytest.approx(0.9, abs=0.015)
    assert "constant rates" in str(found)


def test_a_miss_that_widening_cannot_mend_is_not_hidden():
    X = habitual(0.0)
    found = EXACT.estimate_drift(X, X["future"] * 0 + 500.0, YEAR)  # everybody buys ten times as much
    assert found.per_year == 0.0
    assert found.before < 0.1


@pytest.mark.parametrize("kind", [BetaGeoModel, ParetoNBDModel])
def test_intervals_widen_with_drift_and_horizon_and_means_stay(kind):
    X = habitual(0.0, n=1500)
    X["monetary_value"] = np.where(X["frequency"] > 0, np.random.default_rng(1).gamma(8.0, 3.0, len(X)), 0.0)
    clv = CustomerLifetimeValue(kind()).fit(X)
    width = {}
    for horizon in (HALF, YEAR):
        for drift in (0.0, 0.3):
            table = clv.predict(X, horizon=horizon, rate_drift=drift)
            counts = clv.transactions_.predict(X, horizon=horizon, interval=0.9, rate_drift=drift)
            width[horizon, drift] = (table["predicted_clv_p95"] - table["predicted_clv_p05"]).sum()
            assert (counts["purchases_p05"] <= counts["purchases_p95"]).all()
            assert table["predicted_clv"].equals(clv.predict(X, horizon=horizon)["predicted_clv"])
    short, long = (width[horizon, 0.3] / width[horizon, 0.0] for horizon in (HALF, YEAR))
    assert 1.05 < short < long


def test_the_drifted_law_has_the_moments_that_it_claims():
    shape, age = np.array([0.3, 5.0]), np.array([4.0, 90.0])
    wider, older = drifted_rate(shape, age, 0.4)
    mean, variance = shape / age, shape / age**2
    assert wider / older == pytest.approx(mean)
    assert wider / older**2 == pytest.approx((variance + mean**2) * 1.4 - mean**2)
    law = BetaGeoLaw(shape, age, np.ones(2), np.full(2, 2.0))
    assert law.drifted(0.0).shape is law.shape


def test_opportunities_have_no_rate_to_drift():
    X = pd.DataFrame({"frequency": [0, 1, 2] * 200, "recency": [0, 2, 4] * 200, "T": 5})
    model = BetaGeoBinomialModel().fit(X)
    with pytest.raises(UsageError, match="probabilities and no rates"):
        model.predict(X, horizon=Horizon("3Y"), interval=0.9, rate_drift=0.1)
