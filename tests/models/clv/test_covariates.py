"""Covariates in all models, and columns of a snapshot as covariates: coding, fallbacks, scorers that carry them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.errors import ContractError, ModelRefused, UsageError
from cvo_ml.core.result import from_json
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import (
    BetaGeoModel,
    CustomerLifetimeValue,
    GammaGammaModel,
    ModifiedBetaGeoModel,
    ParetoNBDModel,
    fit_purchases,
    group_histories,
)
from cvo_ml.models.clv.covariates import STATIC, CovariateCoding
from cvo_ml.models.clv.scorers import BuyTillYouDie, scorer_of
from cvo_ml.models.protocol import Parts

from .shops import purchase_model, simulate_pareto, simulate_shop, simulate_with_future

PARETO_SHOP = simulate_pareto(4000, 0.8, 40.0, 0.7, 60.0)
SMALL = simulate_shop(200, 0.6, 30.0, 0.8, 2.5, seed=3)
HISTORIES = group_histories(*(SMALL[c].to_numpy() for c in ("frequency", "recency", "T")))
YEAR = Horizon("365D")


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


YEAR = Horizon("365D")


@pytest.fixture(scope="module")
def shop() -> pd.DataFrame:
    """French customers buy three times as often as those at home; eleven Danes are too few to tell."""
    parts = [simulate_with_future(1500, 0.8, alpha, 0.8, 3.0, seed=seed) for alpha, seed in ((45.0, 1), (15.0, 2))]
    X = pd.concat([part.assign(country=name) for part, name in zip(parts, ("UK", "France"), strict=True)])
    X.loc[X.index[:11], "country"] = "Denmark"
    X = pd.concat([X, X[X["country"] == "UK"].head(50)], ignore_index=True)
    return X.assign(first_order_net=np.linspace(1.0, 90.0, len(X)))


def test_the_commonest_level_is_the_base_and_rare_or_missing_ones_count_as_it(shop):
    coding = CovariateCoding.fit(shop, ["country", "first_order_net"])
    assert coding.names == ("country: France", "log first_order_net")
    X = coding.coded(shop.assign(country=shop["country"].where(shop["country"] != "Denmark")).head(20))
    assert X["log first_order_net"].between(-5, 0).all()
    assert X.loc[X["country"].isna(), coding.names[0]].eq(0.0).all()
    assert coding.coded(shop)["log first_order_net"].std(ddof=0) == pytest.approx(1.0)
    assert from_json(CovariateCoding, json.loads(json.dumps(coding.to_json()))) == coding


def test_columns_that_are_not_settled_or_not_there_are_refused(shop):
    with pytest.raises(UsageError, match="'orders_30d' is not settled at the first order"):
        CovariateCoding.fit(shop.assign(orders_30d=1.0), ["orders_30d"])
    with pytest.raises(UsageError, match="the shop has no 'first_basket_lines'"):
        CovariateCoding.fit(shop, ["first_basket_lines"])


def test_the_ladder_finds_what_a_covariate_does_and_its_scorer_makes_the_round_trip(shop):
    coding = CovariateCoding.fit(shop, ["country"])
    X = coding.coded(shop)
    found = fit_purchases(X, covariates=coding.names)
    assert found.status.converged
    effect = found.model.params_[f"purchase_{coding.names[0]}"]
    assert abs(effect) == pytest.approx(np.log(3.0), abs=0.2)
    plain = fit_purchases(shop)
    assert found.model.log_likelihood_ > plain.model.log_likelihood_ + 50
    scorer = scorer_of(CustomerLifetimeValue.of(found.model, GammaGammaModel().fit(shop)), 1.0, 100.0)
    scorer.coding = coding
    assert "country" in scorer.columns
    again = BuyTillYouDie.from_parts(Parts(json.loads(json.dumps(scorer.to_parts().parameters))))
    pd.testing.assert_frame_equal(again.predict(shop, horizon=YEAR), scorer.predict(shop, horizon=YEAR))
    total = found.model.expected_repeats(X).sum()
    assert total == pytest.approx(X["frequency"].sum(), rel=0.05)
    one_by_one = found.model.expected_purchases_new(Horizon("90D"), X.head(7))
    assert found.model.expected_curve_new(np.array([90.0]), X.head(7)) == pytest.approx([one_by_one.mean()])


def test_a_first_rung_that_refuses_gives_way_to_one_without_covariates(shop, monkeypatch):
    original = BetaGeoModel.fit

    def refusing(self, X, y=None, *, sample_weight=None):
        if self.purchase_covariates:
            raise ModelRefused("they are all alike", reason_code="test")
        return original(self, X, y, sample_weight=sample_weight)

    monkeypatch.setattr(BetaGeoModel, "fit", refusing)
    found = fit_purchases(shop.assign(z=0.0), covariates=["z"])
    assert str(found.status) == "without covariates: they are all alike"
    assert list(found.model.params_) == ["r", "alpha", "a", "b"]


def test_what_is_static_is_in_the_snapshot():
    from cvo_ml.features.catalogue import CATALOGUE

    assert set(STATIC) <= set(CATALOGUE)
