"""Published lifetimes code runs with one changed import, and gives lifetimes' numbers."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cvo_ml.compat.lifetimes as ours
from cvo_ml.compat.lifetimes import datasets, from_lifetimes, plotting, to_lifetimes, utils
from cvo_ml.core.errors import DataError, ModelRefused, UsageError

theirs = pytest.importorskip("lifetimes", reason="the oracle is not installed")
their_utils = pytest.importorskip("lifetimes.utils")

IN_TIME = ("BetaGeoFitter", "ModifiedBetaGeoFitter", "ParetoNBDFitter")


@pytest.fixture(scope="module")
def cdnow() -> pd.DataFrame:
    return datasets.load_cdnow_summary_data_with_monetary_value()


@pytest.fixture(scope="module")
def transactions() -> pd.DataFrame:
    return datasets.load_transaction_data(parse_dates=["date"])


@pytest.fixture(scope="module")
def donations() -> pd.DataFrame:
    return datasets.load_donations()


def fitted(module: ModuleType, name: str, data: pd.DataFrame, penalty: float = 0.0, **more: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(module, name)(penalizer_coef=penalty).fit(data["frequency"], data["recency"], data["T"], **more)


def test_parameters_of_bg_nbd_are_those_of_its_paper(cdnow: pd.DataFrame) -> None:
    """Fader, Hardie & Lee (2005), table 2; lifetimes' own test has the same."""
    found = fitted(ours, "BetaGeoFitter", cdnow).params_
    assert list(found.index) == ["r", "alpha", "a", "b"]
    np.testing.assert_allclose(found, [0.243, 4.414, 0.793, 2.426], atol=0.001)


def test_parameters_of_pareto_nbd_are_those_of_its_paper(cdnow: pd.DataFrame) -> None:
    """Fader, Hardie & Lee (2005), table 2: lifetimes' Nelder-Mead comes near it."""
    found = fitted(ours, "ParetoNBDFitter", cdnow).params_
    assert list(found.index) == ["r", "alpha", "s", "beta"]
    np.testing.assert_allclose(found, [0.553, 10.578, 0.606, 11.669], atol=0.0015)


def test_parameters_of_gamma_gamma_are_those_of_its_note() -> None:
    """Fader & Hardie (2013): p 6.25, q 3.74, v 15.45, printed on CDNOW's 946 repeat customers."""
    cdnow = datasets.load_cdnow_summary_data_with_monetary_value()
    repeat = cdnow[cdnow["frequency"] > 0]
    found = ours.GammaGammaFitter().fit(repeat["frequency"], repeat["monetary_value"])
    np.testing.assert_allclose(found.params_, [6.25, 3.74, 15.45], atol=0.01)


def test_parameters_of_bg_bb_are_those_of_its_paper(donations: pd.DataFrame) -> None:
    """Fader, Hardie & Shang (2010), table 4."""
    found = ours.BetaGeoBetaBinomFitter().fit(
        donations["frequency"], donations["recency"], donations["periods"], donations["weights"]
    )
    np.testing.assert_allclose(found.params_, [1.204, 0.750, 0.657, 2.783], atol=0.001)


@pytest.mark.parametrize("penalty", [0.0, 0.001, 0.1])
@pytest.mark.parametrize("name", ["BetaGeoFitter", "ModifiedBetaGeoFitter"])
def test_a_fit_is_lifetimes_fit_with_a_penalty_and_without(name: str, penalty: float, cdnow: pd.DataFrame) -> None:
    mine, other = (fitted(module, name, cdnow, penalty) for module in (ours, theirs))
    np.testing.assert_allclose(mine.params_, other.params_, rtol=2e-3)
    assert list(mine.params_.index) == list(other.params_.index)
    # never a worse maximum than lifetimes' own
    assert -other._negative_log_likelihood(
        np.log(mine.params_.to_numpy() * [1, other._scale, 1, 1]), other.data["frequency"].to_numpy(),
        other.data["recency"].to_numpy() * other._scale, other.data["T"].to_numpy() * other._scale,
        other.data["weights"].to_numpy(), penalty,
    ) >= -other._negative_log_likelihood_ - 1e-9  # fmt: skip


@pytest.mark.parametrize("penalty", [0.0, 0.01])
def test_gamma_gamma_is_lifetimes_fit_with_a_penalty_and_without(penalty: float, cdnow: pd.DataFrame) -> None:
    repeat = cdnow[cdnow["frequency"] > 0]
    mine, other = (
        module.GammaGammaFitter(penalizer_coef=penalty).fit(repeat["frequency"], repeat["monetary_value"])
        for module in (ours, theirs)
    )
    np.testing.assert_allclose(mine.params_, other.params_, rtol=2e-3)
    if penalty:  # this one pulls q below 1, where the population has no mean
        return
    profit, expected = (fitter.conditional_expected_average_profit(repeat["frequency"], repeat["monetary_value"])
                        for fitter in (mine, to_lifetimes(mine)))  # fmt: skip
    pd.testing.assert_series_equal(profit, expected, check_names=False, rtol=1e-12)


@pytest.fixture(scope="module", params=IN_TIME)
def pair(request: pytest.FixtureRequest, cdnow: pd.DataFrame) -> tuple[Any, Any]:
    """A fitter, and lifetimes' fitter with the same parameters."""
    mine = fitted(ours, request.param, cdnow)
    other = to_lifetimes(mine)
    other.data = mine.data
    return mine, other


def test_predictions_are_lifetimes_predictions(pair: tuple[Any, Any], cdnow: pd.DataFrame) -> None:
    mine, other = pair
    history = (cdnow["frequency"], cdnow["recency"], cdnow["T"])
    for t in (0.5, 1, 39):
        found, expected = (fitter.predict(t, *history) for fitter in (mine, other))
        assert found.index.equals(cdnow.index)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(
        mine.conditional_probability_alive(*history), other.conditional_probability_alive(*history), rtol=1e-9
    )
    times = np.array([0.1, 1, 10, 100])
    np.testing.assert_allclose(
        mine.expected_number_of_purchases_up_to_time(times), other.expected_number_of_purchases_up_to_time(times),
        rtol=1e-6,
    )  # fmt: skip
    assert mine.expected_number_of_purchases_up_to_time(0) == 0


def test_each_customer_may_have_a_time_of_its_own(pair: tuple[Any, Any], cdnow: pd.DataFrame) -> None:
    mine, other = pair
    some = cdnow.head(50)
    t = pd.Series(np.linspace(1, 50, 50), index=some.index)
    found, expected = (fitter.predict(t, some["frequency"], some["recency"], some["T"]) for fitter in (mine, other))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_number_gives_a_number_and_an_array_an_array(pair: tuple[Any, Any]) -> None:
    mine, _ = pair
    assert isinstance(mine.predict(10, 2, 30.0, 38.0), float)
    assert mine.predict(10, np.ones((3, 2)), np.ones((3, 2)), 38.0).shape == (3, 2)
    assert mine.conditional_probability_alive(2, 30.0, 38.0).shape == (1,)


def test_the_matrix_of_the_alive_is_lifetimes_matrix(pair: tuple[Any, Any]) -> None:
    mine, other = pair
    found, expected = (fitter.conditional_probability_alive_matrix(6, 9) for fitter in (mine, other))
    assert found.shape == (10, 7)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("name", ["BetaGeoFitter", "ModifiedBetaGeoFitter"])
def test_probabilities_of_counts_are_lifetimes_probabilities(name: str, cdnow: pd.DataFrame) -> None:
    mine = fitted(ours, name, cdnow)
    other = to_lifetimes(mine)
    for n in range(4):
        assert mine.probability_of_n_purchases_up_to_time(20, n) == pytest.approx(
            other.probability_of_n_purchases_up_to_time(20, n), rel=1e-8
        )


def test_conditional_counts_of_pareto_nbd_are_lifetimes_counts(cdnow: pd.DataFrame) -> None:
    mine = fitted(ours, "ParetoNBDFitter", cdnow)
    other = to_lifetimes(mine)
    some = cdnow.head(20)
    for n in range(3):
        asked = (n, 20, some["frequency"], some["recency"], some["T"])
        np.testing.assert_allclose(
            mine.conditional_probability_of_n_purchases_up_to_time(*asked),
            other.conditional_probability_of_n_purchases_up_to_time(*asked), rtol=1e-6, atol=1e-9,
        )  # fmt: skip


def test_bg_bb_answers_as_lifetimes(donations: pd.DataFrame) -> None:
    columns = (donations["frequency"], donations["recency"], donations["periods"])
    mine = ours.BetaGeoBetaBinomFitter().fit(*columns, donations["weights"])
    other = to_lifetimes(mine)
    other.data = mine.data
    for m in (0, 1, 5):
        np.testing.assert_allclose(
            mine.conditional_probability_alive(m, *columns), other.conditional_probability_alive(m, *columns), rtol=1e-6
        )
        np.testing.assert_allclose(
            mine.predict(m, *columns), other.conditional_expected_number_of_purchases_up_to_time(m, *columns), rtol=1e-6
        )
    pd.testing.assert_frame_equal(
        mine.expected_number_of_transactions_in_first_n_periods(6),
        other.expected_number_of_transactions_in_first_n_periods(6), rtol=1e-6, check_index_type=False,
    )  # fmt: skip


@pytest.mark.parametrize(("freq", "time"), [("W", 12), ("D", 6), ("M", 3)])
def test_lifetime_values_are_lifetimes_values(freq: str, time: int, cdnow: pd.DataFrame) -> None:
    repeat = cdnow[cdnow["frequency"] > 0]
    bgf = fitted(ours, "BetaGeoFitter", cdnow)
    ggf = ours.GammaGammaFitter().fit(repeat["frequency"], repeat["monetary_value"])
    columns = (repeat["frequency"], repeat["recency"], repeat["T"], repeat["monetary_value"])
    found = ggf.customer_lifetime_value(bgf, *columns, time=time, discount_rate=0.01, freq=freq)
    expected = to_lifetimes(ggf).customer_lifetime_value(
        to_lifetimes(bgf), *columns, time=time, discount_rate=0.01, freq=freq
    )
    pd.testing.assert_series_equal(found, expected, rtol=1e-6)


def test_a_summary_of_the_fit_is_symmetric_and_near_lifetimes(cdnow: pd.DataFrame) -> None:
    mine, other = (fitted(module, "BetaGeoFitter", cdnow) for module in (ours, theirs))
    pd.testing.assert_frame_equal(mine.variance_matrix_, mine.variance_matrix_.T)
    assert list(mine.summary.columns) == list(other.summary.columns)
    np.testing.assert_allclose(mine.standard_errors_, other.standard_errors_, rtol=0.02)


def random_log(data: st.DataObject) -> pd.DataFrame:
    rows = data.draw(
        st.lists(
            st.tuples(st.integers(0, 6), st.integers(0, 40 * 24 - 1), st.integers(1, 900)), min_size=2, max_size=40
        )
    )
    times = pd.Timestamp("2023-01-02") + pd.to_timedelta([hour for _, hour, _ in rows], unit="h")
    return pd.DataFrame({"id": [who for who, _, _ in rows], "date": times, "value": [float(v) for *_, v in rows]})


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_summaries_are_lifetimes_summaries(data: st.DataObject) -> None:
    log = random_log(data)
    freq, multiplier = data.draw(st.sampled_from([("D", 1), ("h", 24), ("D", 7)]))
    options = {
        "monetary_value_col": data.draw(st.sampled_from([None, "value"])), "freq": freq, "freq_multiplier": multiplier,
        "include_first_transaction": data.draw(st.booleans()),
        "observation_period_end": data.draw(st.sampled_from([None, "2023-01-20", "2023-02-20"])),
    }  # fmt: skip
    if options["observation_period_end"] == "2023-01-20" and not (log["date"] < "2023-01-20").any():
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = their_utils.summary_data_from_transaction_data(log, "id", "date", **options).sort_index()
    found = utils.summary_data_from_transaction_data(log, "id", "date", **options)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-12)


def test_calibration_and_holdout_are_lifetimes(transactions: pd.DataFrame) -> None:
    """With values: without, lifetimes' own fails on today's pandas."""
    transactions = transactions.assign(value=np.arange(len(transactions)) % 90 + 1.0)
    asked = ("id", "date")
    ends = {
        "calibration_period_end": "2014-09-01",
        "observation_period_end": "2014-12-31",
        "monetary_value_col": "value",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = their_utils.calibration_and_holdout_data(transactions, *asked, **ends).sort_index()
    found = utils.calibration_and_holdout_data(transactions, *asked, **ends)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    without = utils.calibration_and_holdout_data(transactions, *asked, "2014-09-01", "2014-12-31")
    pd.testing.assert_frame_equal(without, found[without.columns])
    with pytest.raises(ValueError, match="There is no data available"):
        utils.calibration_and_holdout_data(transactions, *asked, "2015-09-01", "2015-12-31")


def test_tracking_is_lifetimes_tracking(transactions: pd.DataFrame) -> None:
    summary = utils.summary_data_from_transaction_data(transactions, "id", "date", observation_period_end="2014-12-31")
    mine = fitted(ours, "BetaGeoFitter", summary)
    other = to_lifetimes(mine)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = their_utils.expected_cumulative_transactions(other, transactions, "date", "id", 60)
    found = utils.expected_cumulative_transactions(mine, transactions, "date", "id", 60)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-6, check_dtype=False, check_index_type=False)


def test_the_path_of_a_customer_is_p_alive_as_it_was_known_then(transactions: pd.DataFrame) -> None:
    """lifetimes' own function fails on today's pandas; its example: P(alive) is 1 at first, and falls in silence."""
    summary = utils.summary_data_from_transaction_data(transactions, "id", "date", observation_period_end="2014-12-31")
    mine = fitted(ours, "BetaGeoFitter", summary)
    log = pd.DataFrame({"date": pd.to_datetime(["2014-01-05 00", "2014-01-10 08", "2014-01-10 20", "2014-02-01 00"])})
    path = utils.calculate_alive_path(mine, log, "date", 100)
    assert len(path) == 101
    assert path.iloc[0] == 1.0  # BG/NBD: nobody leaves before a repeat purchase
    for day, count, recency in ((4, 0, 0), (5, 1, 5), (26, 1, 5), (27, 2, 27), (100, 2, 27)):
        assert path.iloc[day] == pytest.approx(mine.conditional_probability_alive(count, recency, day)[0])


@pytest.mark.parametrize("name", [*IN_TIME, "GammaGammaFitter"])
def test_a_fitter_goes_to_lifetimes_and_comes_back(name: str, cdnow: pd.DataFrame) -> None:
    repeat = cdnow[cdnow["frequency"] > 0]
    if name == "GammaGammaFitter":
        mine: Any = ours.GammaGammaFitter().fit(repeat["frequency"], repeat["monetary_value"])
    else:
        mine = fitted(ours, name, cdnow)
    back = from_lifetimes(to_lifetimes(mine))
    pd.testing.assert_series_equal(back.params_, mine.params_)
    assert "taken from lifetimes" in str(back.model_.status_)


def test_a_fit_of_lifetimes_is_taken_over(cdnow: pd.DataFrame) -> None:
    other = fitted(theirs, "BetaGeoFitter", cdnow)
    mine = from_lifetimes(other)
    history = (cdnow["frequency"], cdnow["recency"], cdnow["T"])
    np.testing.assert_allclose(mine.predict(39, *history), other.predict(39, *history), rtol=1e-6)
    assert len(mine.data) == len(cdnow)
    for wrong in (object(), theirs.BetaGeoFitter()):
        with pytest.raises(UsageError, match="no fitted fitter of lifetimes"):
            from_lifetimes(wrong)
    with pytest.raises(UsageError, match="no model of lifetimes"):
        to_lifetimes(object())


def test_a_saved_fitter_is_json_and_a_program_is_refused(cdnow: pd.DataFrame, tmp_path: Path) -> None:
    mine = fitted(ours, "BetaGeoFitter", cdnow)
    mine.save_model(tmp_path / "bgf.json")
    assert json.loads((tmp_path / "bgf.json").read_text())["fitter"] == "BetaGeoFitter"
    again = ours.BetaGeoFitter()
    again.load_model(tmp_path / "bgf.json")
    pd.testing.assert_series_equal(again.params_, mine.params_)
    assert len(again.data) == len(cdnow)
    with pytest.raises(UsageError, match="holds a BetaGeoFitter"):
        ours.ParetoNBDFitter().load_model(tmp_path / "bgf.json")
    fitted(theirs, "BetaGeoFitter", cdnow).save_model(tmp_path / "bgf.pkl", save_generate_data_method=False)
    with pytest.raises(UsageError, match="are programs, and are not run"):
        again.load_model(tmp_path / "bgf.pkl")


@pytest.mark.parametrize(
    ("frequency", "recency", "T", "words"),
    [
        ([1], [5], [4], "recency vector are larger than T"),
        ([0], [5], [9], "non-zero recency values when frequency is zero"),
        ([1], [-1], [9], "negative recency"),
        ([1.5], [1], [9], "non-integer values in the frequency"),
        ([], [], [], "zero length vector"),
    ],
)
def test_impossible_histories_are_refused_in_lifetimes_words(
    frequency: list[float], recency: list[float], T: list[float], words: str
) -> None:
    for module in (ours,) if frequency == [1.5] else (ours, theirs):  # lifetimes cuts off before it looks
        with pytest.raises(ValueError, match=words):
            module.BetaGeoFitter().fit(np.array(frequency), np.array(recency), np.array(T))
    with pytest.raises(ValueError, match="non-positive"):
        ours.GammaGammaFitter().fit(np.array([1.0]), np.array([0.0]))


def test_what_is_different_is_said(cdnow: pd.DataFrame) -> None:
    with pytest.warns(UserWarning, match="change nothing here: initial_params, tol"):
        ours.BetaGeoFitter().fit(
            cdnow["frequency"], cdnow["recency"], cdnow["T"], initial_params=[1.0] * 4, tol=1e-9, verbose=False
        )
    with pytest.raises(ValueError, match="has not been fit yet"):
        ours.BetaGeoFitter().predict(1, 1, 1, 1)
    few = cdnow.head(3)
    with pytest.raises(ModelRefused, match="bought again"):
        ours.BetaGeoFitter().fit(few["frequency"], few["recency"], few["T"])
    daily = pd.DataFrame({"frequency": [30] * 60, "recency": [30.0] * 60, "T": [30.0] * 60})
    with pytest.warns(ours.ConvergenceWarning, match="weakly informative prior"):
        ours.BetaGeoFitter().fit(daily["frequency"], daily["recency"], daily["T"])


def test_a_log_that_cannot_be_meant_is_refused(transactions: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="no column 'when'"):
        utils.summary_data_from_transaction_data(transactions, "id", "when")
    with pytest.raises(DataError, match="customers are missing"):
        utils.summary_data_from_transaction_data(transactions.assign(id=None), "id", "date")
    with pytest.raises(DataError, match="cannot be read"):
        utils.summary_data_from_transaction_data(transactions.assign(date="soon"), "id", "date")


def test_the_plots_of_the_documentation_are_drawn(cdnow: pd.DataFrame, transactions: pd.DataFrame) -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="plots need matplotlib")
    matplotlib.use("Agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    bgf = fitted(ours, "BetaGeoFitter", cdnow)
    log = transactions
    summary = utils.calibration_and_holdout_data(log, "id", "date", "2014-09-01", "2014-12-31")
    cal = ours.BetaGeoFitter().fit(summary["frequency_cal"], summary["recency_cal"], summary["T_cal"])
    one = log[log["id"] == 35]
    drawn = (
        lambda ax: plotting.plot_period_transactions(bgf, ax=ax),
        lambda ax: plotting.plot_calibration_purchases_vs_holdout_purchases(cal, summary, ax=ax),
        lambda ax: plotting.plot_frequency_recency_matrix(bgf, T=4, max_frequency=8, max_recency=20, ax=ax),
        lambda ax: plotting.plot_probability_alive_matrix(bgf, 8, 20, ax=ax),
        lambda ax: plotting.plot_expected_repeat_purchases(bgf, label="all", ax=ax),
        lambda ax: plotting.plot_history_alive(cal, 365, one, "date", ax=ax),
        lambda ax: plotting.plot_cumulative_transactions(cal, log, "date", "id", 60, 30, ax=ax),
        lambda ax: plotting.plot_incremental_transactions(cal, log, "date", "id", 60, 30, set_index_date=True, ax=ax),
        lambda ax: plotting.plot_transaction_rate_heterogeneity(bgf, ax=ax),
        lambda ax: plotting.plot_dropout_rate_heterogeneity(bgf, ax=ax),
    )
    for draw in drawn:
        _, axes = pyplot.subplots()
        returned = draw(axes)
        assert returned is axes
        assert axes.has_data()
        assert axes.get_title()
        pyplot.close("all")


def test_new_data_follow_the_fitted_law(cdnow: pd.DataFrame) -> None:
    for name in IN_TIME:
        mine = fitted(ours, name, cdnow)
        drawn = mine.generate_new_data(size=4000, seed=3)
        assert (drawn["recency"] <= drawn["T"]).all()
        expected = float(np.mean(mine.expected_number_of_purchases_up_to_time(drawn["T"].to_numpy())))
        spread = float(drawn["frequency"].std()) / np.sqrt(len(drawn))
        assert abs(float(drawn["frequency"].mean()) - expected) < 4 * spread
