"""Each fitted model as the lifetimes object: it answers as ours does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.errors import UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import (
    BetaGeoBinomialModel,
    BetaGeoModel,
    GammaGammaModel,
    ModifiedBetaGeoModel,
    ParetoNBDModel,
)
from tests.models.clv.shops import simulate_with_future
from training.clv.lifetimes_oracle import lifetimes_object

SHOP = simulate_with_future(1500, 0.6, 30.0, 0.8, 2.5, seed=4)
YEAR = Horizon("365D")


@pytest.mark.parametrize("kind", [BetaGeoModel, ModifiedBetaGeoModel, ParetoNBDModel])
@pytest.mark.filterwarnings("ignore")
def test_the_lifetimes_object_predicts_what_our_model_does(kind: type) -> None:
    model = kind().fit(SHOP)
    fitter = lifetimes_object(model, SHOP)
    history = (SHOP[name] for name in ("frequency", "recency", "T"))
    theirs = np.asarray(fitter.predict(YEAR.days, *history))
    ours = model.expected_purchases(SHOP, YEAR)
    known = np.isfinite(theirs)
    assert known.mean() > 0.99
    assert ours[known] == pytest.approx(theirs[known], rel=1e-6)
    assert fitter.standard_errors_["r"] == model.standard_errors_["r"]
    assert fitter.summary["coef"]["r"] == model.params_["r"]
    assert type(fitter).__name__ == type(model).__name__.replace("Model", "Fitter")


def test_bg_bb_and_gamma_gamma_as_lifetimes_objects() -> None:
    rng = np.random.default_rng(7)
    there = np.minimum(rng.geometric(rng.beta(0.7, 2.8, 2000)) - 1, 6)
    bought = (rng.random((2000, 6)) < rng.beta(1.2, 0.8, (2000, 1))) & (np.arange(6) < there[:, None])
    X = pd.DataFrame({"frequency": bought.sum(axis=1), "recency": (bought * np.arange(1, 7)).max(axis=1), "T": 6})
    model = BetaGeoBinomialModel().fit(X)
    fitter = lifetimes_object(model, X)
    theirs = fitter.conditional_expected_number_of_purchases_up_to_time(5, X["frequency"], X["recency"], X["T"])
    assert model.expected_purchases(X, Horizon("5Y")) == pytest.approx(np.asarray(theirs), rel=1e-8)
    value = GammaGammaModel().fit(SHOP)
    theirs = lifetimes_object(value, SHOP).conditional_expected_average_profit(
        SHOP["frequency"], SHOP["monetary_value"]
    )
    assert value.expected_average_value(SHOP) == pytest.approx(np.asarray(theirs), rel=1e-9)


def test_a_model_that_lifetimes_does_not_have_is_refused() -> None:
    X = SHOP.assign(z=np.arange(len(SHOP)) % 2)
    model = BetaGeoModel(purchase_covariates=("z",)).fit(X)
    with pytest.raises(UsageError, match="lifetimes has no"):
        lifetimes_object(model, X)
