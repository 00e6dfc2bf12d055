"""Numbers of MBG/NBD, Pareto/NBD and BG/BB from papers and other engines; each name says where they come from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import BetaGeoBinomialModel, BetaGeoModel, ModifiedBetaGeoModel, ParetoNBDModel

from .shops import purchase_model

WALKTHROUGH = {"r": 0.5533, "alpha": 10.578, "s": 0.6062, "beta": 11.669}


def values(model) -> list[float]:
    return list(model.params_.values())


class TestModifiedBetaGeo:
    def test_fit_of_cdnow_has_the_values_of_lifetimes_and_btydplus(self, cdnow):
        model = ModifiedBetaGeoModel(time_unit="W").fit(cdnow)
        assert values(model) == pytest.approx([0.525, 6.183, 0.891, 1.614], abs=6e-4)
        assert model.log_likelihood_ == pytest.approx(-9582.1327, abs=1e-4)


class TestParetoNBD:
    def test_fit_of_cdnow_has_the_parameters_and_errors_of_clvtools(self, cdnow):
        model = ParetoNBDModel(time_unit="W").fit(cdnow)
        assert values(model) == pytest.approx([0.55315, 10.57633, 0.60625, 11.67150], rel=1e-3)
        errors = list(model.standard_errors_.values())
        assert errors == pytest.approx([0.0476, 0.843, 0.187, 6.21], rel=2e-3)
        assert model.log_likelihood_ == pytest.approx(-9594.976, abs=3e-3)  # theirs has unrounded weeks

    def test_expectations_in_the_btyd_walkthrough(self, cdnow_days):
        weeks = cdnow_days.assign(**{c: cdnow_days[c] / 7 for c in ("recency", "T")})
        model = ParetoNBDModel(time_unit="W").fit(weeks)
        assert model.log_likelihood_ == pytest.approx(-9594.976, abs=1e-3)
        assert model.expected_purchases_new(Horizon("52W")) == pytest.approx(1.473434, rel=2e-5)
        best = pd.DataFrame({"frequency": [26.0], "recency": [30.86], "T": [31.0]})
        assert model.expected_purchases(best, Horizon("52W")) == pytest.approx([25.45647], rel=2e-5)
        exact = best.assign(recency=216 / 7)  # they print the weeks rounded, and use both
        assert model.probability_alive(exact) == pytest.approx([0.997874], abs=2e-6)

    def test_a_customer_for_whom_lifetimes_returns_nan_gets_the_number_of_high_precision_arithmetic(self):
        params = {"r": 0.55, "alpha": 10.58, "s": 0.61, "beta": 11.67}
        regular = pd.DataFrame({"frequency": [132.0], "recency": [200.0], "T": [200.0]})
        answer = purchase_model(ParetoNBDModel, "W", params).expected_purchases(regular, Horizon("10W"))
        assert answer == pytest.approx([6.2060517889632418], rel=1e-12)

    def test_fit_of_apparel_has_the_parameters_of_clvtools(self, apparel):
        model = ParetoNBDModel(time_unit="W").fit(apparel)
        assert values(model) == pytest.approx([1.44898, 48.6361, 0.56126, 46.8844], rel=1e-4)

    def test_fit_of_apparel_with_static_covariates_has_the_parameters_of_clvtools(self, apparel):
        both = ["Gender", "Channel"]
        model = ParetoNBDModel(time_unit="W", purchase_covariates=both, dropout_covariates=both).fit(apparel)
        assert model.log_likelihood_ == pytest.approx(-5821.0627, abs=1e-4)
        published = {
            "r": 1.8378, "alpha": 92.9123, "s": 0.5920, "beta": 49.6227, "purchase_Gender": 0.2859,
            "purchase_Channel": 0.6241, "dropout_Gender": -0.6430, "dropout_Channel": 0.7907,
        }  # fmt: skip
        assert model.params_ == pytest.approx(published, rel=4e-3)  # a flat top: equal in the fourth decimal of LL

    def test_fit_of_apparel_with_an_equal_coefficient_has_the_likelihood_of_clvtools(self, apparel):
        one = ["Channel"]
        model = ParetoNBDModel(
            time_unit="W", purchase_covariates=one, dropout_covariates=one, equal_covariates=["Gender"]
        ).fit(apparel)
        assert model.log_likelihood_ == pytest.approx(-5826.5342, abs=1e-4)
        assert "both_Gender" in model.params_

    def test_likelihood_ratio_of_an_equal_coefficient_for_gender_is_that_of_clvtools(self, apparel):
        both, settings = ["Gender", "Channel"], {"time_unit": "W"}
        free = ParetoNBDModel(**settings, purchase_covariates=both, dropout_covariates=both).fit(apparel)
        equal = ParetoNBDModel(
            **settings, purchase_covariates=["Channel"], dropout_covariates=["Channel"], equal_covariates=["Gender"]
        ).fit(apparel)
        statistic = 2.0 * (free.log_likelihood_ - equal.log_likelihood_)
        assert statistic == pytest.approx(10.943, abs=5e-4)
        assert chi2.sf(statistic, 1) == pytest.approx(0.00094, abs=5e-6)


class TestBetaGeoBinomial:
    def test_fit_of_the_donations_has_the_parameters_of_fader_hardie_shang_2010(self, donations):
        model = BetaGeoBinomialModel().fit(donations, sample_weight=donations["donors"])
        assert values(model) == pytest.approx([1.2035, 0.7498, 0.6568, 2.7839], rel=5e-4)
        assert model.log_likelihood_ == pytest.approx(-33225.58, abs=5e-3)

    def test_conditional_expectations_in_the_btyd_walkthrough(self, donations):
        model = BetaGeoBinomialModel().fit(donations, sample_weight=donations["donors"])
        donors = pd.DataFrame({"frequency": [0.0, 4.0], "recency": [0.0, 5.0], "T": [6.0, 6.0]})
        assert model.expected_purchases(donors, Horizon("10Y")) == pytest.approx([0.1302169, 3.627858], rel=1e-4)


def test_cdnow_master_has_the_parameters_and_the_holdout_total_of_two_engines(cdnow_master_weeks):
    X = cdnow_master_weeks
    model = BetaGeoModel(time_unit="W").fit(X)
    assert values(model) == pytest.approx([0.251624, 4.788943, 0.723434, 2.161088], rel=1e-4)
    assert model.log_likelihood_ == pytest.approx(-95368.4439, abs=1e-3)
    total = model.expected_purchases(X, Horizon("39W")).sum()
    assert (round(total, -1), X["holdout"].sum()) == (pytest.approx(16_870, abs=10), 19_684)
    assert np.round(total / X["holdout"].sum() - 1, 3) == -0.143
