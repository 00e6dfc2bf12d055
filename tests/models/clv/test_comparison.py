"""Models side by side on CDNOW: the published numbers of Fader & Hardie and of CLVTools, and lifetimes as a peer."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from cvo_ml.core.contracts import ORDERS
from cvo_ml.core.errors import ContractError, UsageError
from cvo_ml.core.tables import Tables
from cvo_ml.features import HoldoutWindow, holdout, rfm_summary
from cvo_ml.models.clv import (
    BetaGeoBinomialModel,
    BetaGeoModel,
    Comparison,
    CustomerLifetimeValue,
    GammaGammaModel,
    ModifiedBetaGeoModel,
    ParetoNBDModel,
    compare,
)

from .shops import cdnow_file, simulate_opportunities, simulate_with_future

CUT = "1997-10-01"


@pytest.fixture(scope="module")
def cdnow_tables() -> Tables:
    names = ["customer_id", "sample_id", "date", "cds", "net"]
    raw = pd.read_csv(cdnow_file("CDNOW_sample.txt"), sep=r"\s+", names=names, header=None)
    orders = pd.DataFrame(
        {
            "order_id": [f"o{place}" for place in range(len(raw))],
            "customer_id": raw["customer_id"].astype("str"),
            "ordered_at": pd.to_datetime(raw["date"].astype(str), format="%Y%m%d"),
            "net": raw["net"].astype(float),
        }
    )
    return Tables({"orders": ORDERS.validate(orders)}, currency="USD")


@pytest.fixture(scope="module")
def summary(cdnow_tables) -> pd.DataFrame:
    return rfm_summary(cdnow_tables, as_of=CUT, unit="W")


@pytest.fixture(scope="module")
def came(cdnow_tables) -> HoldoutWindow:
    return holdout(cdnow_tables, CUT, "39W")


@pytest.fixture(scope="module")
def found(summary, came) -> Comparison:
    with_value = [CustomerLifetimeValue(kind("W")) for kind in (BetaGeoModel, ParetoNBDModel)]
    return compare([*with_value, ModifiedBetaGeoModel("W")], summary, came)


def test_parameters_and_likelihoods_are_the_published_ones(found) -> None:
    published = {
        "BG/NBD": ({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}, -9582.429),
        "Pareto/NBD": ({"r": 0.5533, "alpha": 10.58, "s": 0.6062, "beta": 11.67}, -9594.976),
        "MBG/NBD": ({"r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614}, -9582.13),
    }
    for name, (parameters, log_likelihood) in published.items():
        fitted = found.parameters.loc[name, "estimate"]
        assert fitted[list(parameters)].to_numpy() == pytest.approx(list(parameters.values()), abs=0.006)
        assert found.table.loc[name, "log_likelihood"] == pytest.approx(log_likelihood, abs=0.01)
    errors = found.parameters.loc["Pareto/NBD", "standard_error"][["r", "alpha", "s", "beta"]]
    assert errors.to_numpy() == pytest.approx([0.0476, 0.843, 0.187, 6.21], rel=0.003)  # CLVTools
    assert found.parameters.loc["BG/NBD", "estimate"][["p", "q", "v"]].to_numpy() == pytest.approx(
        [6.25, 3.74, 15.44], abs=0.006
    )
    assert found["BG/NBD"].aic == pytest.approx(8 + 2 * 9582.429, abs=0.01)
    assert found["BG/NBD"].bic == pytest.approx(4 * np.log(2357) + 2 * 9582.429, abs=0.01)


def test_the_holdout_by_repeat_purchases_is_the_published_table(found) -> None:
    by_name = {one.name: one.y for one in found.figures["holdout_by_frequency"].series}
    assert by_name["actual"] == pytest.approx([0.237, 0.697, 1.393, 1.560, 2.532, 2.947, 3.862, 6.359], abs=6e-4)
    assert by_name["BG/NBD"] == pytest.approx([0.225, 0.523, 1.044, 1.520, 2.164, 2.654, 3.504, 6.157], abs=6e-4)


def test_tracking_is_the_published_one_to_the_day_at_which_a_week_ends(found) -> None:
    by_name = {one.name: dict(zip(one.x, one.y, strict=True)) for one in found.figures["tracking"].series}
    weeks = range(20, 26)
    assert [by_name["actual"][week] for week in weeks] == [73, 55, 70, 33, 56, 99]
    expected = [by_name["BG/NBD"][week] for week in weeks]
    assert expected == pytest.approx([76.865, 74.888, 73.046, 71.322, 69.704, 68.182], rel=0.005)
    total = found.figures["tracking_cumulative"].series
    assert np.diff(total[1].y)[18:24] == pytest.approx(expected)
    assert found.figures["tracking"].line[0] == pytest.approx(39.0)


def test_the_customers_by_repeat_purchases_are_those_of_lifetimes(found, summary) -> None:
    fitter = pytest.importorskip("lifetimes").BetaGeoFitter()
    fitter.params_ = pd.Series(
        {name: found.parameters.loc[("BG/NBD", name), "estimate"] for name in ["r", "alpha", "a", "b"]}
    )
    theirs = [sum(fitter.probability_of_n_purchases_up_to_time(t, n) for t in summary["T"]) for n in range(4)]
    by_name = {one.name: one.y for one in found.figures["frequency"].series}
    assert by_name["BG/NBD"][:4] == pytest.approx(theirs, rel=1e-6)
    assert by_name["actual"][:2] == [1411.0, 439.0]
    for values in by_name.values():
        assert sum(values) == pytest.approx(2357)


def test_order_and_total_stand_beside_what_came_and_beside_the_baselines(found, came) -> None:
    table = found.table
    assert table.index.tolist() == ["BG/NBD", "Pareto/NBD", "MBG/NBD", "own rate repeated", "last period repeated"]
    assert found.actual_purchases == came.outcomes["purchases"].sum() == 1882
    assert table.loc["BG/NBD", "purchases_total_bias"] == pytest.approx(-0.12, abs=0.005)
    assert table["purchases_total_bias"].to_numpy() == pytest.approx(
        (table["expected_purchases"] / found.actual_purchases - 1).to_numpy()
    )
    assert table.loc["own rate repeated", "purchases_total_bias"] > 1
    assert table.loc["last period repeated", "expected_purchases"] == summary_days(came)
    assert table[["purchases_gini", "purchases_spearman", "purchases_top_decile_share"]].gt(0.3).all(axis=None)
    assert table["value_gini"].isna().tolist() == [False, False, True, False, False]
    assert found["MBG/NBD"].value_status == "not modelled"
    assert table["seconds"].head(3).gt(0).all()


def summary_days(came: HoldoutWindow) -> float:
    return float(came.before["purchases"].sum())


def test_a_comparison_goes_through_json(found) -> None:
    written = json.loads(json.dumps(found.to_json()))
    assert written["models"][0]["parameters"][0]["name"] == "r"
    assert written["horizon"] == "39W"
    assert set(written["figures"]) == set(found.figures)


def test_it_shows_itself_in_a_few_lines(found) -> None:
    lines = repr(found).splitlines()
    assert lines[0] == "5 models of 2,357 customers, judged on the 39W after the cut"
    assert len(lines) == 8
    assert "BG/NBD" in lines[3]


def test_without_a_holdout_the_fits_are_compared_and_the_given_models_stay_as_they_are(summary) -> None:
    model = BetaGeoModel("W")
    found = compare({"mine": model, "with a prior": BetaGeoModel("W", penalty=5.0)}, summary)
    assert found.table["aic"].head(2).is_monotonic_increasing
    assert list(found.figures) == ["frequency"]
    assert found.horizon is None
    assert not hasattr(model, "params_")


def test_opportunities_are_compared_where_they_are_and_refused_by_name_where_not(summary) -> None:
    X = simulate_opportunities(1500, (1.2, 0.75, 0.66, 2.8), 6).assign(T=6.0)
    found = compare([BetaGeoBinomialModel("Y"), BetaGeoModel("Y")], X)
    assert found["BG/BB"].status == "converged"
    counts = {one.name: one.y for one in found.figures["frequency"].series}
    assert counts["BG/BB"] == pytest.approx(counts["actual"], abs=45)
    mixed = compare([BetaGeoBinomialModel("W"), BetaGeoModel("W")], summary)
    assert "opportunities are not whole numbers" in mixed["BG/BB"].status
    assert mixed["BG/NBD"].status == "converged"


def test_values_that_cannot_be_modelled_leave_the_purchases(summary, came) -> None:
    found = compare([CustomerLifetimeValue(BetaGeoModel("W"))], summary.assign(monetary_value=0.0), came)
    assert found["BG/NBD"].value_status.startswith("refused: ")
    assert found["BG/NBD"].value is None
    assert found["BG/NBD"].purchases is not None


def test_covariates_are_compared_too() -> None:
    shop = simulate_with_future(1200, 0.6, 30.0, 0.8, 2.5, seed=4)
    shop["z"] = np.random.default_rng(4).normal(size=len(shop))
    plain, acting = BetaGeoModel(), BetaGeoModel(purchase_covariates=("z",))
    came = HoldoutWindow(shop[["future"]].rename(columns={"future": "purchases"}), "365D")
    found = compare({"plain": plain, "with z": acting}, shop, came)
    assert found["with z"].n_parameters == 5
    counts = {one.name: one.y for one in found.figures["frequency"].series}
    assert counts["with z"] == pytest.approx(counts["plain"], rel=0.02)
    assert found.actual_value is None
    assert "tracking" not in found.figures


def test_what_cannot_be_compared_says_why(summary, came) -> None:
    with pytest.raises(UsageError, match=r"models is the class BetaGeoModel: give .*BetaGeoModel\(\)"):
        compare([BetaGeoModel], summary)
    with pytest.raises(UsageError, match="GammaGammaModel, which cannot be used here"):
        compare([GammaGammaModel()], summary)
    with pytest.raises(UsageError, match="two models are called 'BG/NBD'"):
        compare([BetaGeoModel("W"), BetaGeoModel("W", 1.0)], summary)
    with pytest.raises(UsageError, match="in W and the model in D"):
        compare([BetaGeoModel()], summary)
    with pytest.raises(UsageError, match="the holdout lacks 2357 of the summary's 2357"):
        compare([BetaGeoModel("W")], summary.reset_index(drop=True), came)
    with pytest.raises(UsageError, match=r"holdout is a DataFrame: make it with holdout\("):
        compare([BetaGeoModel("W")], summary, came.outcomes)
    with pytest.raises(UsageError, match="models is empty"):
        compare([], summary)
    with pytest.raises(ContractError, match="column 'T': the column is missing"):
        compare([BetaGeoModel("W")], summary.drop(columns="T"))


def test_a_window_that_is_not_over_is_refused(cdnow_tables) -> None:
    with pytest.raises(UsageError, match=r"1997-10-01 to 1998-07-02 is not over in the orders .*1998-06-30"):
        holdout(cdnow_tables, CUT, "274D")
