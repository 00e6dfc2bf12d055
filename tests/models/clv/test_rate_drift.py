"""Rates that wander: recovered from shops that are known to, and silent about shops that do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.errors import UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import BetaGeoBinomialModel, BetaGeoModel, CustomerLifetimeValue, ParetoNBDModel
from cvo_ml.models.clv.bg_nbd_distribution import BetaGeoLaw
from cvo_ml.models.clv.purchase_law import drifted_rate

from .shops import purchase_model

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
