"""Numbers from papers and other engines; each test's name says where its numbers come from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.units import Horizon
from cvo_ml.models.clv import BetaGeoModel, GammaGammaModel, clv_simple

from .shops import cdnow_file, purchase_model, rfm_by_hand


def with_parameters(**params: float) -> BetaGeoModel:
    """A BG/NBD model in weeks with given parameters."""
    return purchase_model(BetaGeoModel, "W", params)


PAPER = with_parameters(r=0.243, alpha=4.414, a=0.793, b=2.426)
CLVTOOLS = with_parameters(r=0.2425945, alpha=4.4136019, a=0.7929199, b=2.4258881)


def customers(frequency: list[float], recency: float, T: float) -> pd.DataFrame:
    return pd.DataFrame({"frequency": frequency, "recency": recency, "T": T})


def conditional(model: BetaGeoModel, weeks: float, X: pd.DataFrame) -> np.ndarray:
    return model.expected_purchases(X, Horizon(f"{weeks}W"))


class TestBetaGeo:
    def test_fit_of_cdnow_has_the_parameters_of_fader_hardie_lee_2005(self, cdnow):
        model = BetaGeoModel(time_unit="W").fit(cdnow)
        assert {k: round(v, 3) for k, v in model.params_.items()} == {
            "r": 0.243,
            "alpha": 4.414,
            "a": 0.793,
            "b": 2.426,
        }
        assert str(model.status_) == "converged"

    def test_log_likelihood_of_cdnow_is_that_of_lifetimes_csv(self, cdnow):
        assert BetaGeoModel(time_unit="W").fit(cdnow).log_likelihood_ == pytest.approx(-9582.42556, abs=1e-5)

    def test_fit_of_cdnow_with_exact_days_has_the_parameters_of_clvtools(self, cdnow_days):
        model = BetaGeoModel(time_unit="W").fit(cdnow_days.assign(**{c: cdnow_days[c] / 7 for c in ("recency", "T")}))
        assert list(model.params_.values()) == pytest.approx([0.2425945, 4.4136019, 0.7929199, 2.4258881], rel=1e-5)
        assert model.log_likelihood_ == pytest.approx(-9582.429, abs=1e-3)

    def test_fit_of_cdnow_master_has_the_parameters_on_which_two_engines_agree(self):
        names = ["customer_id", "date", "cds", "value"]
        lines = pd.read_csv(
            cdnow_file("CDNOW_master.txt"), sep=r"\s+", names=names, skiprows=1, dtype={"customer_id": str}
        )
        lines["date"] = pd.to_datetime(lines["date"].astype(str), format="%Y%m%d")
        end = pd.Timestamp("1997-09-30")
        table = rfm_by_hand(lines[lines["date"] <= end], end)
        table[["recency", "T"]] /= 7
        model = BetaGeoModel(time_unit="W").fit(table)
        assert model.log_likelihood_ == pytest.approx(-95368.4439, abs=1e-3)
        assert list(model.params_.values()) == pytest.approx([0.251624, 4.788943, 0.723434, 2.161088], rel=1e-5)
        assert model.expected_purchases(table, Horizon("39W")).sum() == pytest.approx(16874, abs=1)

    def test_standard_errors_of_cdnow_have_the_small_covariance_that_a_bootstrap_finds(self, cdnow):
        """Bootstrap cov(r, alpha) is .0055; lifetimes reports .0674."""
        model = BetaGeoModel(time_unit="W").fit(cdnow)
        assert model.covariance_.loc["r", "alpha"] == pytest.approx(0.00371, abs=2e-4)

    @pytest.mark.parametrize(
        ("weeks", "expected"),
        [(0.1429, 0.0078), (1, 0.0532), (3, 0.1506), (31.8571, 1.0405), (32, 1.0437), (78, 1.8576)],
    )
    def test_expected_purchases_of_a_new_customer_in_fader_hardie_lee_2005(self, weeks, expected):
        # the sheet was computed with unrounded parameters
        assert CLVTOOLS.expected_purchases_new(Horizon(f"{weeks}W")) == pytest.approx(expected, abs=6e-4)

    def test_conditional_expectation_in_fader_hardie_lee_2005(self):
        assert conditional(PAPER, 39, customers([2.0], 30.43, 38.86)) == pytest.approx([1.226], abs=5e-4)

    def test_conditional_expectations_and_probability_alive_in_the_btyd_walkthrough(self, cdnow_days):
        model = BetaGeoModel(time_unit="W").fit(cdnow_days.assign(**{c: cdnow_days[c] / 7 for c in ("recency", "T")}))
        assert model.expected_purchases_new(Horizon("52W")) == pytest.approx(1.444004, abs=2e-5)
        best = customers([26.0], 30.857142857142858, 31.0)
        assert conditional(model, 52, best) == pytest.approx(
            [25.75659], rel=5e-5
        )  # its optimiser stopped a little early
        assert model.probability_alive(best) == pytest.approx([0.9688523], rel=1e-5)
        regular = customers([10.0, 15, 20, 25], 20.0, 39.0)
        expected = [0.3474606, 0.04283391, 0.004158973, 0.0003583685]
        assert conditional(model, 52, regular) == pytest.approx(expected, rel=1e-4)

    def test_probabilities_of_counts_of_clvtools(self):
        assert PAPER.pmf_new(0, Horizon("39W")) == pytest.approx(0.5737864, abs=1e-6)
        assert PAPER.pmf_new(10, Horizon("2W")) == pytest.approx(1.07869e-7, rel=3e-3)

    def test_tracking_of_cdnow_in_the_btyd_walkthrough(self, cdnow_days):
        """Expected repeat purchases of weeks 20 to 25, customers counted from their first purchase."""
        weeks = cdnow_days.assign(**{c: cdnow_days[c] / 7 for c in ("recency", "T")})
        model = BetaGeoModel(time_unit="W").fit(weeks)
        births = 39 - weeks["T"].round(6)
        ends = np.arange(19, 26)
        total = [sum(_expected(model, end - birth) * n for birth, n in births.value_counts().items()) for end in ends]
        expected = [76.865, 74.888, 73.046, 71.322, 69.704, 68.182]
        assert np.diff(total) == pytest.approx(expected, rel=4e-3)

    def test_holdout_by_frequency_in_the_btyd_walkthrough(self, cdnow_days):
        weeks = cdnow_days.assign(**{c: cdnow_days[c] / 7 for c in ("recency", "T")})
        expected = BetaGeoModel(time_unit="W").fit(weeks).expected_purchases(weeks, Horizon("39W"))
        by_frequency = pd.DataFrame({"expected": expected, "actual": weeks["holdout"]}).groupby(
            weeks["frequency"].clip(upper=7)
        )
        published = [0.225, 0.523, 1.044, 1.520, 2.164, 2.654, 3.504, 6.157]
        assert by_frequency["expected"].mean().tolist() == pytest.approx(published, abs=1.5e-3)
        actual = [0.237, 0.697, 1.393, 1.560, 2.532, 2.947, 3.862, 6.359]
        assert by_frequency["actual"].mean().tolist() == pytest.approx(actual, abs=6e-4)


def _expected(model: BetaGeoModel, weeks: float) -> float:
    return model.expected_purchases_new(Horizon(f"{weeks:.9f}W")) if weeks > 1e-9 else 0.0


class TestGammaGamma:
    def test_fit_of_cdnow_has_the_parameters_of_fader_hardie_2013(self, cdnow_spend):
        model = GammaGammaModel().fit(cdnow_spend)
        assert [round(v, 2) for v in model.params_.values()] == pytest.approx([6.25, 3.74, 15.45], abs=0.011)
        assert list(model.params_.values()) == pytest.approx([6.2496, 3.7442, 15.4435], rel=5e-4)

    def test_log_likelihood_of_cdnow_is_that_of_lifetimes_csv(self, cdnow_spend):
        assert GammaGammaModel().fit(cdnow_spend).log_likelihood_ == pytest.approx(-4055.9232, abs=1e-4)

    def test_conditional_means_of_the_first_ten_customers_of_cdnow_in_fader_hardie_2013(self, cdnow_spend):
        means = GammaGammaModel().fit(cdnow_spend).expected_average_value(cdnow_spend.head(10))
        published = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
        assert means.round(2).tolist() == pytest.approx(published, abs=0.011)


def test_formula_has_the_two_worked_numbers_of_methods_a1():
    assert clv_simple(80, 4, 3) == 960
    assert clv_simple(80, 5, 3) == 1200
