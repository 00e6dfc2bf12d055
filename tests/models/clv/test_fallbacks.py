"""Every rung is reached, named, and gives a reason."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.errors import UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import (
    BetaGeoModel,
    CustomerLifetimeValue,
    ModifiedBetaGeoModel,
    ParetoNBDModel,
    fit_lifetime_value,
    fit_purchases,
    pooled_prior,
)
from cvo_ml.models.clv.fallbacks import implausible

from .shops import purchase_model, simulate_shop, simulate_with_future

TRUTH = (0.6, 30.0, 0.8, 2.5)
YEAR = Horizon("365D")
POOL = [BetaGeoModel().fit(simulate_shop(2000, *TRUTH, seed=s)) for s in range(5)]


def test_good_data_stay_on_the_first_rung():
    found = fit_purchases(simulate_shop(3000, *TRUTH, seed=1))
    assert type(found.model) is BetaGeoModel
    assert str(found.status) == "converged"


@pytest.mark.parametrize("first", [ModifiedBetaGeoModel, ParetoNBDModel])
def test_the_first_rung_may_be_another_model(first):
    found = fit_purchases(simulate_shop(3000, *TRUTH, seed=1), first=first())
    assert type(found.model) is first
    few = fit_purchases(simulate_shop(60, *TRUTH, seed=3), first=first())
    assert few.model is None
    assert few.status.reason.count("bought again") == 1  # a reason is given once


@pytest.mark.parametrize("wrong", [ParetoNBDModel, "pareto_nbd"])
def test_a_first_rung_that_is_no_estimator_is_refused_with_the_remedy(wrong):
    with pytest.raises(UsageError, match=r"give .*first=(ParetoNBDModel|BetaGeoModel)\(\)"):
        fit_purchases(simulate_shop(60, *TRUTH), first=wrong)


def test_a_flat_likelihood_gets_the_weak_prior(online_retail):
    found = fit_purchases(online_retail)
    assert found.status.rung == "weakly informative prior"
    assert "do not determine a and b" in found.status.reason


def test_a_fit_that_misses_its_own_data_steps_down_to_mbg_nbd(monkeypatch):
    shop = simulate_shop(3000, *TRUTH, seed=1)
    absurd = {"r": 0.6, "alpha": 1.0, "a": 0.8, "b": 2.5}
    reason = implausible(purchase_model(BetaGeoModel, "D", absurd), _histories(shop))
    assert "BetaGeoModel expects" in reason
    original = BetaGeoModel._keep

    def spoiled(self: BetaGeoModel, fitted, n):
        original(self, fitted, n)
        if type(self) is BetaGeoModel:
            self.params_ = dict(absurd)

    monkeypatch.setattr(BetaGeoModel, "_keep", spoiled)
    found = fit_purchases(shop)
    assert type(found.model) is ModifiedBetaGeoModel
    assert str(found.status).startswith("MBG/NBD: BetaGeoModel expects")


def test_too_few_repeat_customers_borrow_from_similar_shops():
    shop = simulate_shop(60, *TRUTH, seed=3)
    found = fit_purchases(shop, pool=POOL)
    assert found.status.rung == "pooled prior of similar shops"
    assert "at least 100 are needed" in found.status.reason
    assert list(found.model.params_.values()) == pytest.approx(TRUTH, rel=0.5)
    borrowed = found.model.expected_purchases(shop, YEAR)
    true = purchase_model(BetaGeoModel, "D", dict(zip(POOL[0].params_, TRUTH, strict=True)))
    assert borrowed.sum() == pytest.approx(true.expected_purchases(shop, YEAR).sum(), rel=0.25)


def test_without_a_pool_the_formula_is_what_is_left():
    found = fit_purchases(simulate_shop(60, *TRUTH, seed=3))
    assert found.model is None
    assert found.status.rung == "formula"
    assert "no similar shops" in found.status.reason
    empty = fit_purchases(simulate_shop(60, *TRUTH).head(0))
    assert str(empty.status) == "formula: the table has no customers"


def test_values_that_cannot_be_modelled_lead_to_the_formula_and_good_ones_to_a_model():
    shop = simulate_with_future(3000, *TRUTH, seed=2)
    good = fit_lifetime_value(shop)
    assert isinstance(good.model, CustomerLifetimeValue)
    assert np.isfinite(good.model.predict(shop, horizon=YEAR).to_numpy()).all()
    free = fit_lifetime_value(shop.assign(monetary_value=0.0))
    assert free.model is None
    assert "positive value" in free.status.reason


def test_a_pooled_prior_holds_the_mean_and_the_spread_between_shops():
    prior = pooled_prior(POOL)
    assert prior.centre == pytest.approx(TRUTH, rel=0.25)
    assert all(0.1 <= spread < 0.5 for spread in prior.spread)  # shops of one truth differ by chance alone
    assert "standard deviation" in prior.sentence(1.0)
    with pytest.raises(UsageError, match="two fitted models"):
        pooled_prior(POOL[:1])
    with pytest.raises(UsageError, match="no classes: give such as BetaGeoModel"):
        pooled_prior([BetaGeoModel, BetaGeoModel])


@pytest.mark.parametrize("n", [50, 100])
def test_no_small_sample_gets_an_absurd_number(n):
    for seed in range(20):
        shop = simulate_shop(n, *TRUTH, seed=seed)
        found = fit_purchases(shop, first=BetaGeoModel(minimum_repeat_customers=1), pool=POOL)
        assert found.model is not None
        expected = found.model.expected_purchases(shop, YEAR)
        assert np.all(np.isfinite(expected))
        assert expected.sum() < 3 * (shop["frequency"].sum() + n)


def _histories(X: pd.DataFrame):
    from cvo_ml.models.clv import group_histories

    return group_histories(*(X[c].to_numpy(float) for c in ("frequency", "recency", "T")))
