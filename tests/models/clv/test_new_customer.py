"""What a new customer buys and brings in [t, t + k): closed forms, lifetimes, simulation, and parts that add up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import gammaln

from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import (
    BetaGeoBinomialModel,
    BetaGeoModel,
    CustomerLifetimeValue,
    GammaGammaModel,
    ModifiedBetaGeoModel,
    ParetoNBDModel,
)

from .shops import purchase_model, simulate_with_future

#: CDNOW in weeks (Fader, Hardie & Lee 2005; CLVTools), donations in years (Fader, Hardie & Shang 2010)
BG = purchase_model(BetaGeoModel, "W", {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426})
MBG = purchase_model(ModifiedBetaGeoModel, "W", {"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614})
PARETO = purchase_model(ParetoNBDModel, "W", {"r": 0.55315, "alpha": 10.57633, "s": 0.60625, "beta": 11.6715})
BGBB = purchase_model(BetaGeoBinomialModel, "Y", {"alpha": 1.2035, "beta": 0.7498, "gamma": 0.6568, "delta": 2.7839})
MODELS = pytest.mark.parametrize("model", [BG, MBG, PARETO, BGBB], ids=lambda m: type(m).__name__)


def span(model: object, units: float) -> Horizon:
    return Horizon(f"{units}{model.time_unit}")


@MODELS
def test_intervals_add_up(model) -> None:
    whole = model.expected_purchases_new(span(model, 12))
    parts = [model.expected_purchases_new(span(model, k), after=after and span(model, after)) for after, k in
             ((None, 3), (3, 4), (7, 5))]  # fmt: skip
    assert sum(parts) == pytest.approx(whole, rel=1e-12)
    assert min(parts) > 0
    each = [model.expected_purchases_new(span(model, 1), after=span(model, after)) for after in range(1, 9)]
    assert np.all(np.diff(each) < 0)  # ever fewer are still there


def test_pareto_nbd_in_closed_form() -> None:
    r, alpha, s, beta = PARETO.params_.values()
    edges = beta / (beta + np.array([20.0, 59.0]))
    closed = r * beta / (alpha * (s - 1.0)) * (edges[0] ** (s - 1) - edges[1] ** (s - 1))
    assert PARETO.expected_purchases_new(Horizon("39W"), after=Horizon("20W")) == pytest.approx(closed, rel=1e-12)


def test_bg_bb_in_closed_form() -> None:
    alpha, beta, gamma, delta = BGBB.params_.values()

    def until(n: int) -> float:
        ratio = gammaln(gamma + delta) - gammaln(gamma + delta + n) + gammaln(1 + delta + n) - gammaln(1 + delta)
        return alpha / (alpha + beta) * delta / (gamma - 1) * (1 - np.exp(ratio))

    assert BGBB.expected_purchases_new(Horizon("5Y"), after=Horizon("6Y")) == pytest.approx(until(11) - until(6))


@pytest.mark.parametrize(
    ("model", "fitter"), [(BG, "BetaGeoFitter"), (MBG, "ModifiedBetaGeoFitter"), (PARETO, "ParetoNBDFitter")]
)
def test_the_same_as_lifetimes(model, fitter) -> None:
    peer = getattr(pytest.importorskip("lifetimes"), fitter)()
    peer.params_ = pd.Series(model.params_)
    theirs = np.diff([peer.expected_number_of_purchases_up_to_time(t) for t in (20.0, 59.0)])[0]
    assert model.expected_purchases_new(Horizon("39W"), after=Horizon("20W")) == pytest.approx(theirs, rel=1e-8)


@pytest.mark.parametrize("model", [BG, MBG, PARETO], ids=["BG/NBD", "MBG/NBD", "Pareto/NBD"])
def test_the_same_as_lives_that_are_simulated_purchase_by_purchase(model) -> None:
    n, rng = 150_000, np.random.default_rng(11)
    r, alpha, third, fourth = model.params_.values()
    rate = rng.gamma(r, 1 / alpha, n)
    if model is PARETO:
        leaves, end = np.zeros(n), rng.exponential(size=n) * fourth / np.maximum(rng.gamma(third, size=n), 1e-300)
    else:
        leaves, end = rng.beta(third, fourth, n), np.full(n, np.inf)
    there = np.ones(n, dtype=bool) if model is not MBG else rng.random(n) >= leaves
    time, bought = np.zeros(n), np.zeros(n)
    while there.any():
        time[there] += rng.exponential(size=there.sum()) / np.maximum(rate[there], 1e-300)
        there &= (time < 30.0) & (time < end)
        bought[there] += time[there] >= 10.0
        there &= rng.random(n) >= leaves
    error = bought.std() / np.sqrt(n)
    ours = model.expected_purchases_new(Horizon("20W"), after=Horizon("10W"))
    assert abs(ours - bought.mean()) < 4 * error


def test_money_that_comes_later_is_worth_less_and_the_value_is_that_of_the_purchases() -> None:
    value = GammaGammaModel().fit(simulate_with_future(3000, 0.6, 30.0, 0.8, 2.5, seed=2))
    model = CustomerLifetimeValue.of(BG, value)
    year, later = Horizon("52W"), Horizon("26W")
    plain = model.expected_value_new(year, after=later)
    assert plain == pytest.approx(BG.expected_purchases_new(year, after=later) * value.population_mean_)
    weeks = np.array([BG.expected_purchases_new(Horizon("1W"), after=Horizon(f"{w}W")) for w in range(26, 78)])
    worth = weeks @ 1.1 ** -((np.arange(26, 78) + 0.5) * 7 / 365.25) * value.population_mean_
    assert model.expected_value_new(year, after=later, discount_rate=0.1) == pytest.approx(worth, rel=1e-5)


def test_covariates_of_new_customers_count() -> None:
    zeros = {"r": 0.6, "alpha": 30.0, "a": 0.8, "b": 2.5, "purchase_z": 0.7}
    model = purchase_model(BetaGeoModel, "D", zeros, purchase_covariates=["z"])
    one, other = model.expected_purchases_new(Horizon("90D"), pd.DataFrame({"z": [0.0, 1.0]}), after=Horizon("30D"))
    plain = purchase_model(BetaGeoModel, "D", {k: zeros[k] for k in ["r", "alpha", "a", "b"]})
    assert one == pytest.approx(plain.expected_purchases_new(Horizon("90D"), after=Horizon("30D")))
    assert other > one
