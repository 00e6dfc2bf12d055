"""Model-based segments: planted groups are found again, stable, named; the rules are compared honestly."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from cvo_ml.core.errors import ModelRefused
from cvo_ml.segments.model_based import Explained, NotExplained, _criterion, compare, fit_segments, standardised
from tests.segments.customers import rfm

#: Days, orders, money of planted groups.
PLANTED = ((5.0, 12.0, 900.0), (40.0, 3.0, 150.0), (300.0, 1.0, 20.0))


def planted(each: int = 60, seed: int = 0, spread: float = 0.15) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(3), each)
    rows = np.array(PLANTED)[truth] * np.exp(rng.normal(0, spread, (3 * each, 3)))
    rows[:, 1] = np.maximum(np.round(rows[:, 1]), 1)
    return rfm(*map(tuple, rows)), truth


@pytest.mark.parametrize("method", ["kmeans", "mixture"])
def test_planted_segments_are_found_again_and_stable(method: str) -> None:
    table, truth = planted()
    # a mixture may give the discrete number of orders parts of its own, so it is told how many
    found = fit_segments(table, method, clusters=None if method == "kmeans" else 3)
    assert adjusted_rand_score(truth, found.segments.predict(table).cat.codes) > 0.95
    assert found.stable
    assert sorted(found.stability) == [
        "lapsed, one order, low value", "recent, frequent, high value", "slipping, a few orders, middle value",
    ]  # fmt: skip


def test_structureless_customers_are_not_called_stable() -> None:
    rng = np.random.default_rng(1)
    days, counts, money = rng.uniform(1, 300, 300), rng.integers(1, 4, 300), rng.uniform(5, 90, 300)
    table = rfm(*zip(days, counts, money, strict=True))
    assert not fit_segments(table, "kmeans", clusters=7).stable


def test_a_row_alone_gets_the_segment_that_it_has_among_all() -> None:
    table, _ = planted()
    for method in ("kmeans", "mixture"):
        fit = fit_segments(table, method, clusters=3, bootstraps=1).segments
        together = fit.predict(table)
        assert fit.predict(table.iloc[[7]]).iloc[0] == together.iloc[7]
        json.dumps(fit.to_json(), allow_nan=False)


def test_the_criterion_of_a_mixture_is_scikit_learns_bic() -> None:
    table, _ = planted()
    fit = fit_segments(table, "mixture", clusters=3, bootstraps=1).segments
    X = standardised(table, fit.mean, fit.scale)
    oracle = GaussianMixture(3, reg_covar=1e-3, random_state=0).fit(X)
    assert _criterion(X, fit, 0) == pytest.approx(oracle.bic(X))
    assert np.array_equal(fit.codes(X), oracle.predict(X))


def test_another_currency_or_order_finds_the_same_segments() -> None:
    table, _ = planted()
    base = fit_segments(table, "kmeans", clusters=3, bootstraps=1).segments.predict(table)
    shuffled = table.sample(frac=1, random_state=3)
    again = fit_segments(shuffled, "kmeans", clusters=3, bootstraps=1).segments.predict(shuffled).loc[table.index]
    assert adjusted_rand_score(base, again) == 1.0
    rich = table.assign(net_value=table["net_value"] * 117.3)
    assert (
        adjusted_rand_score(base, fit_segments(rich, "kmeans", clusters=3, bootstraps=1).segments.predict(rich)) > 0.98
    )


@pytest.mark.parametrize("rows", [0, 1, 49])
def test_too_few_customers_are_refused(rows: int) -> None:
    with pytest.raises(ModelRefused, match="use the rules"):
        fit_segments(planted()[0].iloc[:rows])


def test_customers_who_are_all_alike_are_refused() -> None:
    with pytest.raises(ModelRefused, match="not all alike"):
        fit_segments(rfm(*[(1.0, 1.0, 5.0)] * 80))


def test_two_kinds_of_customers_can_be_told_apart() -> None:
    found = fit_segments(rfm(*[(1.0, 9.0, 500.0)] * 40, *[(300.0, 1.0, -5.0)] * 40), bootstraps=2)
    assert list(found.criterion) == [2]
    assert len(found.segments.names) == 2


def explained(rules: pd.Series, model: pd.Series, value: np.ndarray) -> Explained:
    compared = compare(rules, model, value)
    assert isinstance(compared, Explained)
    return compared


def test_the_segmentation_that_knows_the_future_wins_and_equals_are_alike() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 3, 3000)
    value = np.exp(truth + rng.normal(0, 0.5, 3000))
    good, noise = pd.Series(truth).astype(str), pd.Series(rng.integers(0, 3, 3000)).astype(str)
    assert explained(noise, good, value).verdict == "model"
    assert explained(good, noise, value).verdict == "rules"
    same = explained(good, good.map({"0": "x", "1": "y", "2": "z"}), value)
    assert (same.verdict, same.lead.estimate) == ("alike", pytest.approx(0.0))
    # variance of truth over that of truth plus noise
    # what the means of the true groups explain, by the decomposition of variance
    logged = pd.Series(np.log1p(value))
    between = logged.groupby(truth).transform("mean").var()
    assert same.rules_explain == pytest.approx(between / logged.var(), abs=0.01)
    assert explained(noise, noise, value).rules_explain < 0.01


def test_a_window_without_value_has_nothing_to_explain() -> None:
    one = pd.Series(["a"] * 60)
    compared = compare(one, one, np.zeros(60))
    assert isinstance(compared, NotExplained)
    assert "nothing to explain" in compared.reason
