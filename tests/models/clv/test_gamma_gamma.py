"""GammaGammaModel: consistency, heavy tails, refusals."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvo_ml.core.errors import ContractError, ModelRefused
from cvo_ml.models.clv import GammaGammaModel, SpendHistories
from cvo_ml.models.clv.gamma_gamma import independence_of


def spend(n: int, p: float, q: float, v: float, seed: int = 0) -> pd.DataFrame:
    """Customers whose purchase values follow the model."""
    rng = np.random.default_rng(seed)
    x = rng.geometric(0.4, n).astype(float)
    return pd.DataFrame({"frequency": x, "monetary_value": rng.gamma(p * x) / (x * rng.gamma(q, 1 / v, n))})


SPEND = spend(4000, 6.0, 4.0, 15.0)
FITTED = GammaGammaModel().fit(SPEND)


def values(model: GammaGammaModel) -> np.ndarray:
    return np.array(list(model.params_.values()))


def test_parameters_of_simulated_spend_are_recovered():
    error = np.array(list(FITTED.standard_errors_.values()))
    assert np.all(np.abs(values(FITTED) - [6.0, 4.0, 15.0]) < 4 * error)
    assert values(GammaGammaModel().fit(spend(200_000, 6.0, 4.0, 15.0))) == pytest.approx([6.0, 4.0, 15.0], rel=0.1)


@settings(max_examples=8, deadline=None)
@given(st.sampled_from([0.0, 2.0]), st.floats(1e-3, 1e4))
def test_rescaling_money_rescales_v_and_the_answers(penalty, factor):
    scaled = SPEND.assign(monetary_value=SPEND["monetary_value"] * factor)
    model, reference = GammaGammaModel(penalty=penalty).fit(scaled), GammaGammaModel(penalty=penalty).fit(SPEND)
    assert values(model) == pytest.approx(values(reference) * [1, 1, factor], rel=1e-5)
    assert model.expected_average_value(scaled) == pytest.approx(
        factor * reference.expected_average_value(SPEND), rel=1e-5
    )


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6))
def test_permuting_rows_changes_nothing(seed):
    assert values(GammaGammaModel().fit(SPEND.sample(frac=1, random_state=seed))) == pytest.approx(
        values(FITTED), rel=1e-9
    )


def test_grouped_rows_with_counts_equal_the_ungrouped_rows():
    rounded = SPEND.assign(monetary_value=SPEND["monetary_value"].round().clip(lower=1))
    grouped = rounded.groupby(["frequency", "monetary_value"]).size().reset_index(name="n")
    weighted = GammaGammaModel().fit(grouped, sample_weight=grouped["n"])
    assert values(weighted) == pytest.approx(values(GammaGammaModel().fit(rounded)), rel=1e-8)


def test_parameters_equal_lifetimes_where_it_converges(cdnow_spend):
    lifetimes = pytest.importorskip("lifetimes")
    repeaters = cdnow_spend[cdnow_spend["frequency"] > 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = lifetimes.GammaGammaFitter().fit(repeaters["frequency"], repeaters["monetary_value"])
    model = GammaGammaModel().fit(cdnow_spend)
    assert values(model) == pytest.approx(oracle.params_.to_numpy(), rel=2e-3)
    oracle.params_[:] = values(model)
    expected = oracle.conditional_expected_average_profit(cdnow_spend["frequency"], cdnow_spend["monetary_value"])
    assert model.expected_average_value(cdnow_spend) == pytest.approx(expected.to_numpy(), rel=1e-10)


def test_spend_without_a_mean_where_lifetimes_returns_a_negative_one_gets_the_named_fallback():
    heavy = spend(3000, 2.0, 0.7, 5.0, seed=1)
    model = GammaGammaModel().fit(heavy)
    assert model.params_["q"] < 1
    assert "population mean does not exist" in str(model.status_)
    X = pd.concat([heavy, pd.DataFrame({"frequency": [0.0], "monetary_value": [0.0]})])
    answer = model.expected_average_value(X)
    assert np.all(np.isfinite(answer))
    assert np.all(answer > 0)
    weights = heavy["frequency"]
    assert answer[-1] == pytest.approx(np.average(heavy["monetary_value"], weights=weights))
    own, pooled = X["monetary_value"].to_numpy()[:-1], answer[-1]
    assert np.all((answer[:-1] - own) * (answer[:-1] - pooled) <= 1e-9 * answer[:-1] ** 2)


@pytest.mark.parametrize("customers", [300, 400, 3000])
def test_where_everything_costs_the_same_the_mean_is_the_price(customers):
    X = pd.DataFrame({"frequency": np.arange(customers) % 5 + 1.0, "monetary_value": 39.9})
    model = GammaGammaModel().fit(X)
    assert str(model.status_) == "one price: every known mean value is 39.9"
    assert model.expected_average_value(X) == pytest.approx(39.9, rel=1e-9)
    new = pd.DataFrame({"frequency": [0.0], "monetary_value": [0.0]})
    assert model.expected_average_value(new) == pytest.approx(39.9, rel=1e-9)
    assert model.population_mean_ == pytest.approx(39.9, rel=1e-9)


def test_customers_without_known_value_get_the_population_mean():
    X = pd.DataFrame({"frequency": [0.0, 0.0, 3.0], "monetary_value": [0.0, np.nan, np.nan]})
    p, q, v = values(FITTED)
    assert FITTED.expected_average_value(X) == pytest.approx(p * v / (q - 1))


def test_parts_of_a_shop_merge_into_the_whole():
    parts = [
        SpendHistories(part["frequency"].to_numpy(), part["monetary_value"].to_numpy(), np.ones(len(part)))
        for part in (SPEND[::3], SPEND[1::3], SPEND[2::3])
    ]
    assert values(GammaGammaModel().fit_histories(parts[0] + parts[1] + parts[2])) == pytest.approx(values(FITTED))


class TestIndependence:
    def test_it_is_not_rejected_more_often_than_it_says_where_it_holds(self):
        rejected = [
            independence_of(SpendHistories(s["frequency"], s["monetary_value"], np.ones(len(s)))).p_value < 0.1
            for s in (spend(1500, 6.0, 4.0, 15.0, seed) for seed in range(150))
        ]
        assert 0.03 < np.mean(rejected) < 0.2

    def test_dependence_is_found_and_measured(self):
        dependent = SPEND.assign(monetary_value=SPEND["monetary_value"] * SPEND["frequency"] ** 0.2)
        found = GammaGammaModel().fit(dependent).independence_
        assert found.elasticity == pytest.approx(0.2, abs=0.05)
        assert found.p_value < 1e-6
        assert "depends on their number: +1" in str(found)
        assert "shows no dependence" in str(FITTED.independence_)

    def test_cdnow_has_the_correlation_of_fader_hardie_lee_2005(self, cdnow_spend):
        """RFM and CLV: Using Iso-Value Curves: 0.11 with the outliers, .06 without."""
        assert GammaGammaModel().fit(cdnow_spend).independence_.correlation == pytest.approx(0.11, abs=0.03)

    def test_what_cannot_be_tested_says_so(self):
        same = SPEND.assign(frequency=2.0)
        found = GammaGammaModel().fit(same).independence_
        assert found.p_value is None
        assert "cannot be tested" in str(found)
        again = GammaGammaModel.from_json(GammaGammaModel().fit(same).to_json())
        assert again.independence_ == found


def test_a_margin_instead_of_revenue_scales_the_values():
    margin = GammaGammaModel().fit(SPEND.assign(monetary_value=0.3 * SPEND["monetary_value"]))
    assert margin.population_mean_ == pytest.approx(0.3 * FITTED.population_mean_, rel=1e-6)


def test_negative_values_and_too_few_customers_are_refused():
    with pytest.raises(ContractError, match="negative"):
        GammaGammaModel().fit(SPEND.assign(monetary_value=-1.0))
    with pytest.raises(ModelRefused, match="only 99 customers"):
        GammaGammaModel().fit(SPEND.head(99))
    with pytest.raises(ModelRefused, match="only 0 customers"):
        GammaGammaModel().fit(SPEND.assign(monetary_value=0.0))


def test_a_round_trip_changes_no_digit():
    again = GammaGammaModel.from_json(json.dumps(FITTED.to_json()))
    assert again.params_ == FITTED.params_
    assert again.predict(SPEND).equals(FITTED.predict(SPEND))
