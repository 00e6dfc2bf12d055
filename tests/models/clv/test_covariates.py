"""Covariates of purchases and departure, in every model that takes them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.errors import ContractError, UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import (
    BetaGeoModel,
    ModifiedBetaGeoModel,
    ParetoNBDModel,
    group_histories,
)

from .shops import purchase_model, simulate_pareto, simulate_shop

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
