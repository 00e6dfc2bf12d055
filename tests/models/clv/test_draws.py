"""Draws of customers and of totals: against the delta method, the exact law, the future of a simulated shop."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.errors import UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import BetaGeoModel, CustomerLifetimeValue, GammaGammaModel, ParetoNBDModel, group_histories
from cvo_ml.models.clv.bg_nbd import BetaGeoLikelihood
from cvo_ml.models.estimator import NotFitted

from .shops import simulate_with_future

YEAR = Horizon("365D")
SHOP = simulate_with_future(2500, 0.6, 30.0, 0.8, 2.5, seed=3)
FITTED = CustomerLifetimeValue().fit(SHOP)
FEW = SHOP.head(40)


def test_expected_purchases_spread_as_the_delta_method_says() -> None:
    model = FITTED.transactions_
    values, scale = np.array(list(model.params_.values())), 1e-4
    slopes = [
        sum(sign * model.purchases_in(model.situation(SHOP, values * np.exp(sign * move)), YEAR) for sign in (1, -1))
        / (2 * scale)
        for move in scale * np.eye(4)
    ]
    logs = model.covariance_.to_numpy() / np.outer(values, values)
    total = np.array([slope.sum() for slope in slopes])
    draws = model.draw_expected_purchases(SHOP, YEAR, n_draws=200, seed=1)
    assert draws.shape == (len(SHOP), 200)
    assert draws.sum(axis=0).std() == pytest.approx(np.sqrt(total @ logs @ total), rel=0.15)
    assert draws.mean(axis=1) == pytest.approx(model.expected_purchases(SHOP, YEAR), rel=0.04, abs=0.03)


def effective_share(X: pd.DataFrame, model: BetaGeoModel, n_draws: int = 400) -> float:
    """Effective sample size of the draws, weighted by the exact posterior (flat prior of the logarithms)."""
    likelihood = BetaGeoLikelihood(group_histories(*(X[c].to_numpy(float) for c in ("frequency", "recency", "T"))))
    values = np.array(list(model.params_.values()))
    away = np.log(model.draw_parameters(n_draws, 0)) - np.log(values)
    precision = np.linalg.inv(model.covariance_.to_numpy() / np.outer(values, values))
    normal = -0.5 * np.einsum("ij,jk,ik->i", away, precision, away)
    log_weight = np.array([likelihood(move + np.log(values))[0] for move in away]) - normal
    weight = np.exp(log_weight - log_weight.max())
    return float(weight.sum() ** 2 / (weight**2).sum() / n_draws)


def test_draws_of_parameters_are_those_of_the_posterior(cdnow) -> None:
    assert effective_share(cdnow, BetaGeoModel("W").fit(cdnow)) > 0.93
    few = SHOP.head(300)
    assert effective_share(few, BetaGeoModel(minimum_repeat_customers=50).fit(few)) > 0.5


def test_purchases_follow_the_exact_law_where_the_parameters_are_known() -> None:
    model = FITTED.transactions_
    draws = model.draw_purchases(FEW, YEAR, n_draws=2000, seed=2)
    assert draws.shape == (len(FEW), 2000)
    for count, exact in enumerate(model.pmf(FEW, [0, 1, 2], YEAR).T):
        assert (draws == count).mean(axis=1) == pytest.approx(exact, abs=0.05)


def test_the_total_that_came_is_among_those_that_were_drawn() -> None:
    totals = FITTED.draw_totals(SHOP, YEAR, n_draws=200, seed=0)
    table = totals.quantiles()
    assert table.loc["purchases", "p05"] < SHOP["future"].sum() < table.loc["purchases", "p95"]
    assert table.loc["value", "p05"] < SHOP["worth"].sum() < table.loc["value", "p95"]
    assert table.loc["value", "mean"] == pytest.approx(
        FITTED.predict(SHOP, horizon=YEAR)["predicted_clv"].sum(), rel=0.02
    )


def test_totals_are_the_sums_of_the_customers_draws_and_discounted_alike() -> None:
    options = {"n_draws": 20, "seed": 5, "discount_rate": 0.1}
    value = FITTED.draw_value(FEW, YEAR, **options)
    assert FITTED.draw_totals(FEW, YEAR, **options).value == pytest.approx(value.sum(axis=0))
    plain = FITTED.draw_value(FEW, YEAR, n_draws=20, seed=5)
    assert np.array_equal(FITTED.draw_value(FEW, YEAR, n_draws=20, seed=5), plain), "the same seed, the same draws"
    bought = plain > 0
    assert np.all((value[bought] < plain[bought]) & (value[bought] > plain[bought] / 1.1))
    assert not np.array_equal(FITTED.draw_value(FEW, YEAR, n_draws=20, seed=6), plain)


def test_what_is_not_known_of_the_parameters_is_less_than_chance_and_more_with_fewer_customers() -> None:
    def spread(model: CustomerLifetimeValue) -> float:
        return float((model.draw_expected_value(FEW, YEAR, n_draws=150) / 1.0).std(axis=1).mean())

    few = CustomerLifetimeValue(BetaGeoModel(minimum_repeat_customers=50), GammaGammaModel(0.0, 50)).fit(SHOP.head(250))
    assert spread(few) > 2 * spread(FITTED)
    assert spread(FITTED) < FITTED.draw_value(FEW, YEAR, n_draws=150).std(axis=1).mean() / 3


def test_values_without_a_population_mean_stay_finite() -> None:
    heavy = SHOP.assign(monetary_value=np.random.default_rng(1).pareto(0.9, len(SHOP)) * (SHOP["frequency"] > 0))
    model = CustomerLifetimeValue(ParetoNBDModel()).fit(heavy)
    draws = model.draw_expected_value(heavy.head(20), YEAR, n_draws=30)
    assert np.isfinite(draws).all()
    assert (draws >= 0).all()


def test_what_cannot_be_drawn_says_so() -> None:
    with pytest.raises(UsageError, match="n_draws is 1: give at least 2"):
        FITTED.draw_totals(FEW, YEAR, n_draws=1)
    with pytest.raises(NotFitted, match="call fit first"):
        CustomerLifetimeValue().draw_value(FEW, YEAR)
