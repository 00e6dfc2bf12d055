"""BetaGeoModel: consistency, degenerate data, refusals."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from cvo_ml.core.errors import BundleError, ContractError, ModelRefused, UsageError
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import BetaGeoModel, CustomerLifetimeValue, ModifiedBetaGeoModel, ParetoNBDModel, group_histories
from cvo_ml.models.clv.bg_nbd import BetaGeoLaw, over_ages
from cvo_ml.models.clv.purchase_law import discounted_purchases

from .shops import simulate_shop, simulate_with_future

SHOP = simulate_shop(3000, 0.6, 30.0, 0.8, 2.5, seed=1)
FITTED = BetaGeoModel().fit(SHOP)
YEAR = Horizon("365D")


def values(model: BetaGeoModel) -> np.ndarray:
    return np.array(list(model.params_.values()))


def assert_sensible(model: BetaGeoModel, X: pd.DataFrame) -> None:
    """Answers are finite, probabilities are probabilities, nobody outbuys a gentle multiple of the own pace."""
    expected, alive = model.expected_purchases(X, YEAR), model.probability_alive(X)
    assert np.all(np.isfinite(values(model)))
    assert np.all(values(model) > 0)
    assert np.all(np.isfinite(expected))
    assert np.all(expected >= 0)
    assert np.all((alive >= 0) & (alive <= 1))
    assert expected.sum() < 50 * 365 * (X["frequency"].sum() + len(X)) / X["T"].sum() * len(X)
    assert all(np.isfinite(error) and error > 0 for error in model.standard_errors_.values())


class TestConsistency:
    def test_parameters_of_a_simulated_shop_are_recovered_within_ten_percent(self):
        model = BetaGeoModel().fit(simulate_shop(200_000, 0.6, 30.0, 0.8, 2.5, longest=730.0, seed=2))
        assert values(model) == pytest.approx([0.6, 30.0, 0.8, 2.5], rel=0.1)
        error = np.array(list(model.standard_errors_.values()))
        assert np.all(np.abs(values(model) - [0.6, 30.0, 0.8, 2.5]) < 4 * error)

    def test_grouped_rows_with_counts_equal_the_ungrouped_rows(self, cdnow):
        grouped = cdnow.groupby(["frequency", "recency", "T"]).size().reset_index(name="n")
        one_by_one = BetaGeoModel(time_unit="W").fit(cdnow)
        weighted = BetaGeoModel(time_unit="W").fit(grouped, sample_weight=grouped["n"])
        assert values(weighted) == pytest.approx(values(one_by_one), rel=1e-9)
        assert weighted.n_customers_ == len(cdnow)

    def test_parts_of_a_shop_merge_into_the_whole(self, cdnow):
        parts = [
            group_histories(*(part[c].to_numpy(float) for c in ("frequency", "recency", "T")))
            for part in (cdnow[::2], cdnow[1::2])
        ]
        merged = BetaGeoModel(time_unit="W").fit_histories(parts[0] + parts[1])
        assert values(merged) == pytest.approx(values(BetaGeoModel(time_unit="W").fit(cdnow)), rel=1e-12)

    @settings(max_examples=5, deadline=None)
    @given(st.integers(0, 10**6))
    def test_permuting_rows_changes_nothing(self, seed):
        assert values(BetaGeoModel().fit(SHOP.sample(frac=1, random_state=seed))).tolist() == values(FITTED).tolist()

    @settings(max_examples=8, deadline=None)
    @given(st.sampled_from([0.0, 2.0]), st.floats(1e-3, 1e3))
    def test_rescaling_time_rescales_alpha_only(self, penalty, factor):
        scaled = SHOP.assign(recency=SHOP["recency"] * factor, T=SHOP["T"] * factor)
        model, reference = BetaGeoModel(penalty=penalty).fit(scaled), BetaGeoModel(penalty=penalty).fit(SHOP)
        assert values(model) == pytest.approx(values(reference) * [1, factor, 1, 1], rel=1e-5)
        assert model.log_likelihood_ + SHOP["frequency"].sum() * np.log(factor) == pytest.approx(
            reference.log_likelihood_
        )

    def test_weeks_and_days_give_the_same_answer_to_the_same_horizon(self):
        weeks = SHOP.assign(recency=SHOP["recency"] / 7, T=SHOP["T"] / 7)
        model = BetaGeoModel(time_unit="W").fit(weeks)
        assert model.expected_purchases(weeks, YEAR) == pytest.approx(FITTED.expected_purchases(SHOP, YEAR), rel=1e-4)

    def test_covariance_equals_the_spread_of_refits(self):
        fits = [values(BetaGeoModel().fit(simulate_shop(3000, 0.6, 30.0, 0.8, 2.5, seed=s))) for s in range(60)]
        ratio = np.std(np.log(fits), axis=0) / (np.array(list(FITTED.standard_errors_.values())) / values(FITTED))
        assert np.all((ratio > 0.7) & (ratio < 1.4))

    def test_parameters_and_expectations_equal_lifetimes_where_it_converges(self, cdnow):
        lifetimes = pytest.importorskip("lifetimes")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            oracle = lifetimes.BetaGeoFitter().fit(cdnow["frequency"], cdnow["recency"], cdnow["T"])
        model = BetaGeoModel(time_unit="W").fit(cdnow)
        assert values(model) == pytest.approx(oracle.params_.to_numpy(), rel=1e-3)
        in_weeks = cdnow["frequency"].sum() * np.log(oracle._scale) - oracle._negative_log_likelihood_ * len(cdnow)
        assert model.log_likelihood_ >= in_weeks - 1e-6
        oracle.params_[:] = values(model)
        history = cdnow["frequency"], cdnow["recency"], cdnow["T"]
        expected = oracle.conditional_expected_number_of_purchases_up_to_time(52.0, *history)
        assert model.expected_purchases(cdnow, Horizon("52W")) == pytest.approx(expected.to_numpy(), rel=1e-8)
        assert model.probability_alive(cdnow) == pytest.approx(
            oracle.conditional_probability_alive(*history), rel=1e-10
        )
        n = np.arange(60)
        mass = [oracle.probability_of_n_purchases_up_to_time(52.0, k) for k in n]
        assert model.pmf_new(n, Horizon("52W")) == pytest.approx(mass, rel=1e-7)

    def test_probability_of_no_purchase_and_predict_agree_with_their_parts(self):
        table = FITTED.predict(SHOP, horizon=YEAR)
        assert list(table.columns) == ["expected_purchases", "probability_alive", "probability_of_no_purchase"]
        assert np.all(1 - table["probability_of_no_purchase"] <= table["expected_purchases"] + 1e-12)
        assert table.index.equals(SHOP.index)
        draws = FITTED.simulate_purchases(SHOP.head(40), YEAR, n_draws=4000, seed=3)
        assert (draws == 0).mean(axis=0) == pytest.approx(
            table["probability_of_no_purchase"].head(40).to_numpy(), abs=0.04
        )

    def test_a_table_without_rows_gets_an_empty_answer(self):
        assert FITTED.predict(SHOP.head(0), horizon=YEAR).shape == (0, 3)


class TestWhereLifetimesFails:
    """Inputs on which lifetimes 0.11.3 raises, diverges or returns nonsense."""

    @pytest.mark.parametrize("n", [50, 100])
    def test_small_samples_are_answered_for_every_seed_if_the_caller_insists(self, n):
        for seed in range(40):
            X = simulate_shop(n, 0.6, 30.0, 0.8, 2.5, seed=seed)
            assert_sensible(BetaGeoModel(minimum_repeat_customers=1).fit(X), X)

    def test_small_samples_are_refused_by_default(self):
        with pytest.raises(ModelRefused, match="at least 100 are needed") as refused:
            BetaGeoModel().fit(simulate_shop(50, 0.6, 30.0, 0.8, 2.5))
        assert refused.value.reason_code == "too_few_repeat_customers"

    @pytest.mark.parametrize(
        ("n", "r", "alpha", "a", "b"),
        [(5000, 0.6, 30.0, 1e-4, 1e3), (5000, 0.6, 30.0, 50.0, 0.5), (3000, 0.5, 0.0005, 0.5, 200.0)],
    )
    def test_extreme_shops_are_answered(self, n, r, alpha, a, b):
        X = simulate_shop(n, r, alpha, a, b)
        model = BetaGeoModel().fit(X)
        assert_sensible(model, X)
        if a == 1e-4:
            assert model.status_.rung == "weakly informative prior"

    def test_one_year_of_online_retail_is_answered_with_a_named_prior(self, online_retail):
        model = BetaGeoModel().fit(online_retail)
        assert str(model.status_).startswith("weakly informative prior: the data do not determine a and b")
        assert model.penalty_.startswith("1 pseudo-observation")
        assert values(model) == pytest.approx([0.824, 68.4, 0.0456, 22.0], rel=0.05)
        assert_sensible(model, online_retail)

    def test_probabilities_of_large_counts_are_numbers(self):
        mass = FITTED.pmf_new(np.array([171, 172, 500, 10_000]), Horizon("3000D"))
        assert np.all(np.isfinite(mass))
        assert np.all(mass >= 0)

    def test_frequencies_of_a_million_are_predicted(self):
        X = pd.DataFrame({"frequency": [1e6, 132.0], "recency": [365.0, 200.0], "T": [365.0, 200.0]})
        assert FITTED.expected_purchases(X, Horizon("10D")) == pytest.approx([10 * 1e6 / 365, 6.2], rel=0.5)


class TestRefusals:
    def refused(self, X: pd.DataFrame) -> str:
        with pytest.raises(ModelRefused) as refused:
            BetaGeoModel().fit(X)
        return refused.value.reason_code

    def test_data_without_information_is_refused_with_its_reason(self):
        one_timers = pd.DataFrame({"frequency": 0.0, "recency": 0.0, "T": np.arange(1.0, 500.0)})
        assert self.refused(one_timers) == "no_repeat_customers"
        assert self.refused(one_timers.assign(T=0.0)) == "one_date"
        assert self.refused(one_timers.head(0)) == "no_customers"
        assert self.refused(SHOP[SHOP["frequency"] > 0].head(1)) == "too_few_repeat_customers"

    @pytest.mark.parametrize(
        ("column", "value", "problem"),
        [
            ("frequency", np.nan, "missing or infinite"),
            ("frequency", -1.0, "negative"),
            ("frequency", 1.5, "not whole"),
            ("recency", 1e6, "larger than T"),
            ("T", np.inf, "missing or infinite"),
        ],
    )
    def test_a_broken_row_is_named(self, column, value, problem):
        X = SHOP.copy()
        X.loc[X.index[4], column] = value
        with pytest.raises(ContractError, match=f"{problem} .*first: 5") as refused:
            BetaGeoModel().fit(X)
        assert refused.value.column == column

    def test_a_missing_column_gets_a_hint(self):
        with pytest.raises(ContractError, match="did you mean 'frequencies'"):
            BetaGeoModel().fit(SHOP.rename(columns={"frequency": "frequencies"}))

    def test_wrong_settings_are_refused(self):
        for model in (BetaGeoModel(time_unit="H"), BetaGeoModel(penalty=-1.0), BetaGeoModel(penalty=float("nan"))):
            with pytest.raises(UsageError):
                model.fit(SHOP)
        with pytest.raises(UsageError, match="not fitted"):
            BetaGeoModel().probability_alive(SHOP)
        with pytest.raises(ContractError, match="one weight for each"):
            BetaGeoModel().fit(SHOP, sample_weight=[1.0])


class TestJson:
    def test_a_round_trip_changes_no_digit(self):
        again = BetaGeoModel.from_json(json.dumps(FITTED.to_json()))
        assert again.params_ == FITTED.params_
        assert again.standard_errors_ == FITTED.standard_errors_
        assert again.predict(SHOP, horizon=YEAR).equals(FITTED.predict(SHOP, horizon=YEAR))
        assert again.status_ == FITTED.status_
        assert again.get_params() == FITTED.get_params()

    @pytest.mark.parametrize(
        "change",
        [
            {"params": {"r": float("nan"), "alpha": 1.0, "a": 1.0, "b": 1.0}},
            {"params": {"r": -1.0, "alpha": 1.0, "a": 1.0, "b": 1.0}},
            {"params": {"r": 1.0}},
            {"format": 2},
            {"model": "GammaGammaModel"},
            {"covariance": [[1.0]]},
            {"log_likelihood": float("-inf")},
            {"settings": {"unknown": 1}},
        ],
    )
    def test_damaged_documents_are_refused(self, change):
        with pytest.raises(BundleError):
            BetaGeoModel.from_json({**FITTED.to_json(), **change})

    def test_text_that_is_not_json_is_refused(self):
        with pytest.raises(BundleError, match="not JSON"):
            BetaGeoModel.from_json("{")

    def test_it_is_a_scikit_learn_estimator(self):
        model = clone(BetaGeoModel(time_unit="W")).set_params(penalty=0.5)
        assert model.get_params() == {
            "time_unit": "W", "penalty": 0.5, "minimum_repeat_customers": 100, "purchase_covariates": (),
            "dropout_covariates": (),
        }  # fmt: skip


def every_age(shape: float, alpha: float, leave: float, stay: float, oldest: int = 3000) -> BetaGeoLaw:
    age = alpha + np.arange(float(oldest))
    return BetaGeoLaw(np.full_like(age, shape), age, np.full_like(age, leave), np.full_like(age, stay))


@settings(max_examples=40, deadline=None)
@given(
    shape=st.floats(0.05, 3000.0),
    alpha=st.floats(0.01, 300.0),
    leave=st.floats(1e-3, 50.0),
    stay=st.floats(0.5, 1000.0),
    span=st.floats(0.5, 3650.0),
    force=st.sampled_from([0.0, 0.1 / 365, 1.0 / 365]),
)
def test_interpolated_expectations_equal_those_of_each_age(shape, alpha, leave, stay, span, force):
    law = every_age(shape, alpha, leave, stay)

    def worked_out(some: BetaGeoLaw) -> np.ndarray:
        return discounted_purchases(some, span, force)

    assert over_ages(law, worked_out) == pytest.approx(worked_out(law), rel=1e-11)


def test_only_a_few_ages_are_worked_out_and_lone_customers_as_they_are():
    seen = []
    crowd, alone = every_age(0.3, 5.0, 0.8, 2.5), every_age(9.3, 77.7, 0.8, 11.5, oldest=1)
    law = BetaGeoLaw(
        *(np.append(getattr(crowd, name), getattr(alone, name)) for name in ("shape", "age", "leave", "stay"))
    )

    def counted(some: BetaGeoLaw) -> np.ndarray:
        seen.append(some)
        return discounted_purchases(some, 365.0, 0.1 / 365)

    found = over_ages(law, counted)
    assert len(seen) == 1
    assert len(seen[0].age) < 150
    assert found[-1] == discounted_purchases(alone, 365.0, 0.1 / 365)[0]


@pytest.mark.parametrize("kind", [BetaGeoModel, ModifiedBetaGeoModel])
def test_a_customer_gets_the_same_value_alone_as_in_a_crowd(kind):
    shop = simulate_with_future(4000, 0.6, 30.0, 0.8, 2.5, seed=9)
    shop["monetary_value"] = np.where(shop["frequency"] > 0, 5.0 + shop["T"] % 7, 0.0)
    model = CustomerLifetimeValue(kind()).fit(shop)
    options = {"horizon": Horizon("365D"), "discount_rate": 0.1}
    together = model.predict(shop, **options)
    for row in range(0, 4000, 400):
        alone = model.predict(shop.iloc[[row]], **options)
        assert alone.to_numpy()[0] == pytest.approx(together.iloc[row].to_numpy(), rel=1e-9)


def test_another_models_law_is_not_discounted():
    shop = simulate_with_future(1500, 0.6, 30.0, 0.8, 2.5, seed=9)
    pareto = ParetoNBDModel().fit(shop)
    with pytest.raises(UsageError, match="its own law only"):
        BetaGeoModel().fit(shop)._discounted(pareto.situation(shop).law, 30.0, 0.0)
