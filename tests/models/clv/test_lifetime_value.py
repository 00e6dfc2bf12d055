"""CustomerLifetimeValue and the formula."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.errors import BundleError, UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import BetaGeoModel, CustomerLifetimeValue, clv_formula, clv_simple, last_period_repeated

from .shops import simulate_shop

SHOP = simulate_shop(3000, 0.6, 30.0, 0.8, 2.5, seed=1)
SHOP["monetary_value"] = np.random.default_rng(1).gamma(6.0, 5.0, len(SHOP)) * (SHOP["frequency"] > 0)
FITTED = CustomerLifetimeValue().fit(SHOP)
YEAR = Horizon("1Y")


def test_the_value_is_expected_purchases_times_expected_value():
    table = FITTED.predict(SHOP, horizon=YEAR)
    product = table["predicted_number_of_orders"] * table["average_order_value_expected"]
    assert table["predicted_clv"].to_numpy() == pytest.approx(product.to_numpy())
    assert list(table.columns) == [
        "predicted_number_of_orders", "predicted_clv", "p_alive", "average_order_value_expected",
        "predicted_clv_p05", "predicted_clv_p95",
    ]  # fmt: skip
    assert table.index.equals(SHOP.index)
    assert np.isfinite(table.to_numpy()).all()
    assert (table >= 0).all(axis=None)
    assert (table["predicted_clv_p05"] <= table["predicted_clv_p95"]).all()


def test_orders_per_purchase_day_cancels_in_the_value():
    one, two = (FITTED.predict(SHOP, horizon=YEAR, orders_per_purchase_day=k) for k in (1.0, 2.0))
    assert two["predicted_clv"].equals(one["predicted_clv"])
    assert two["predicted_number_of_orders"].to_numpy() == pytest.approx(
        2 * one["predicted_number_of_orders"].to_numpy()
    )


def test_money_times_k_gives_value_times_k():
    scaled = SHOP.assign(monetary_value=SHOP["monetary_value"] * 100)
    expected = FITTED.predict(SHOP, horizon=YEAR)[["predicted_clv", "predicted_clv_p95"]].to_numpy() * 100
    answer = CustomerLifetimeValue().fit(scaled).predict(scaled, horizon=YEAR)
    assert answer[["predicted_clv", "predicted_clv_p95"]].to_numpy() == pytest.approx(expected, rel=1e-5)


def test_discounting_lowers_the_value_and_not_the_orders():
    plain, discounted = (FITTED.predict(SHOP, horizon=YEAR, discount_rate=rate) for rate in (0.0, 0.1))
    ratio = discounted["predicted_clv"] / plain["predicted_clv"]
    assert ratio.between(1 / 1.1, 1.0).all()
    assert ratio.mean() == pytest.approx(1.1**-0.45, abs=0.01)
    assert discounted["predicted_number_of_orders"].equals(plain["predicted_number_of_orders"])
    p95 = (discounted["predicted_clv_p95"] / plain["predicted_clv_p95"]).dropna()
    assert p95.to_numpy() == pytest.approx(ratio[p95.index].to_numpy())


def test_value_equals_lifetimes_customer_lifetime_value_without_discount(cdnow_spend):
    lifetimes = pytest.importorskip("lifetimes")
    model = CustomerLifetimeValue(BetaGeoModel(time_unit="W")).fit(cdnow_spend)
    columns = [cdnow_spend[c] for c in ("frequency", "recency", "T", "monetary_value")]
    purchases, value = lifetimes.BetaGeoFitter(), lifetimes.GammaGammaFitter()
    purchases.params_ = pd.Series(model.transactions_.params_)
    value.params_ = pd.Series(model.value_.params_)
    expected = purchases.conditional_expected_number_of_purchases_up_to_time(52.0, *columns[:3])
    expected = expected * value.conditional_expected_average_profit(columns[0], columns[3])
    answer = model.predict(cdnow_spend, horizon=Horizon("52W"), interval=None)
    assert answer["predicted_clv"].to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-8)


def test_intervals_hold_ninety_percent_of_simulated_futures():
    X = simulate_shop(4000, 0.6, 30.0, 0.8, 2.5, seed=9)
    rng = np.random.default_rng(9)
    rate, x = rng.gamma(4.0, 1 / 15.0, len(X)), X["frequency"].to_numpy()
    X["monetary_value"] = np.where(x > 0, rng.gamma(6 * np.maximum(x, 1)) / (np.maximum(x, 1) * rate), 0.0)
    model = CustomerLifetimeValue().fit(X)
    p, q, v = model.value_.params_.values()
    posterior = rng.gamma(q + p * x) / (v + x * X["monetary_value"])
    future = model.transactions_.simulate_purchases(X, YEAR, n_draws=1, seed=10)[0]
    worth = np.where(future > 0, rng.gamma(np.maximum(p * future, 1e-9)) / posterior, 0.0)
    table = model.predict(X, horizon=YEAR)
    assert (worth > table["predicted_clv_p95"]).mean() == pytest.approx(0.05, abs=0.012)
    assert (worth < table["predicted_clv_p05"]).mean() <= 0.055


@pytest.mark.parametrize("discount_rate", [0.0, 0.15])
def test_the_probability_above_an_end_of_the_interval_is_its_tail(discount_rate):
    table = FITTED.predict(SHOP, horizon=YEAR, discount_rate=discount_rate)
    for end, tail in (("predicted_clv_p95", 0.05), ("predicted_clv_p05", 0.95)):
        above = FITTED.probability_value_above(SHOP, YEAR, table[end], discount_rate=discount_rate)
        inside = table[end] > 0
        assert above[inside] == pytest.approx(tail, abs=2e-3)
    silent = FITTED.transactions_.probability_of_no_purchase(SHOP, YEAR)
    assert FITTED.probability_value_above(SHOP, YEAR, 0.0) == pytest.approx(1 - silent, abs=1e-9)
    with pytest.raises(UsageError, match="threshold"):
        FITTED.probability_value_above(SHOP, YEAR, np.nan)


def test_the_probability_above_a_threshold_equals_the_share_of_simulated_values():
    X = SHOP[SHOP["frequency"] > 0].head(6)
    p, q, v = FITTED.value_.params_.values()
    draws = FITTED.transactions_.simulate_purchases(X, YEAR, n_draws=40_000, seed=4)
    rng = np.random.default_rng(4)
    rate = rng.gamma(q + p * X["frequency"], size=draws.shape) / (v + X["frequency"] * X["monetary_value"]).to_numpy()
    worth = np.where(draws > 0, rng.gamma(np.maximum(p * draws, 1e-9)) / rate, 0.0)
    for threshold in (20.0, 100.0, 300.0):
        expected = (worth > threshold).mean(axis=0)
        assert FITTED.probability_value_above(X, YEAR, threshold) == pytest.approx(expected, abs=0.01)


def test_the_expected_value_is_the_area_under_the_probabilities():
    limits = np.concatenate([[0.0], np.geomspace(0.01, 1e6, 3000)])
    for i in (0, 3, 8):
        X = SHOP.iloc[[i] * len(limits)]
        area = np.trapezoid(FITTED.probability_value_above(X, YEAR, limits), limits)
        assert area == pytest.approx(FITTED.predict(SHOP.iloc[[i]], horizon=YEAR)["predicted_clv"].iloc[0], rel=0.02)


def test_a_customer_without_known_value_gets_the_spread_of_the_population():
    X = SHOP[SHOP["frequency"] == 0].head(3)
    unknown = X.assign(frequency=5.0, recency=X["T"] / 2, monetary_value=np.nan)
    _p, q, v = FITTED.value_.params_.values()
    law, spend = FITTED._value_law(unknown, FITTED.transactions_.situation(unknown), YEAR)
    assert law.q == pytest.approx(q)
    assert spend == pytest.approx(v)
    assert np.isfinite(FITTED.predict(unknown, horizon=YEAR).to_numpy()).all()


@pytest.mark.parametrize(
    ("interval", "names"), [(0.8, ["p10", "p90"]), (0.95, ["p02.5", "p97.5"]), (0.5, ["p25", "p75"]), (None, [])]
)
def test_interval_columns_are_named_by_their_percent(interval, names):
    columns = FITTED.predict(SHOP.head(5), horizon=YEAR, interval=interval).columns[4:]
    assert list(columns) == [f"predicted_clv_{name}" for name in names]


def test_online_retail_gets_finite_values_of_the_size_of_its_past(online_retail):
    table = CustomerLifetimeValue().fit(online_retail).predict(online_retail, horizon=YEAR)
    assert np.isfinite(table.to_numpy()).all()
    total = (online_retail["frequency"] * online_retail["monetary_value"]).sum()
    assert 0.5 < table["predicted_clv"].sum() / total < 2.0


def test_a_round_trip_changes_no_digit():
    again = CustomerLifetimeValue.from_json(json.dumps(FITTED.to_json()))
    assert again.predict(SHOP, horizon=YEAR).equals(FITTED.predict(SHOP, horizon=YEAR))
    with pytest.raises(BundleError):
        CustomerLifetimeValue.from_json({"model": "CustomerLifetimeValue", "format": 1})


def test_wrong_options_are_refused():
    for wrong in (
        {"discount_rate": -0.1},
        {"discount_rate": np.nan},
        {"orders_per_purchase_day": 0.5},
        {"interval": 90},
    ):
        with pytest.raises(UsageError):
            FITTED.predict(SHOP, horizon=YEAR, **wrong)
    with pytest.raises(UsageError, match="not fitted"):
        CustomerLifetimeValue().predict(SHOP, horizon=YEAR)
    with pytest.raises(UsageError):
        clv_simple(80, -1, 3)
    with pytest.raises(UsageError):
        last_period_repeated([np.nan], YEAR, YEAR)


def test_the_vectorised_formula_has_the_worked_numbers_of_methods_a1_and_tames_new_customers():
    answer = clv_formula([12, 15, 1], [960, 1200, 80], [1095.75, 1095.75, 0], Horizon("3Y"))
    assert answer == pytest.approx([960, 1200, 80 / 30 * 1095.75])
