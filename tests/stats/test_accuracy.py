"""Errors of predicted amounts, alone and in pairs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from cvo_ml.stats.accuracy import accuracy, by_group, deciles, paired
from cvo_ml.stats.ranking import gini

RNG = np.random.default_rng(5)
ACTUAL = RNG.gamma(0.5, 40.0, 800) * (RNG.random(800) < 0.6)
GOOD = ACTUAL * RNG.lognormal(0, 0.5, 800) + 1
POOR = np.roll(GOOD, 1)


def test_each_measure_is_its_textbook_formula():
    found = accuracy(ACTUAL, GOOD)
    assert found.rmse == pytest.approx(np.sqrt(np.mean((ACTUAL - GOOD) ** 2)))
    assert found.mae == pytest.approx(np.mean(np.abs(ACTUAL - GOOD)))
    assert found.spearman == pytest.approx(spearmanr(ACTUAL, GOOD).statistic)
    assert found.gini == gini(ACTUAL, GOOD)
    assert found.total_bias == pytest.approx(GOOD.sum() / ACTUAL.sum() - 1)


def test_what_is_undefined_is_none_and_not_a_number():
    nothing = accuracy(np.zeros(5), np.arange(5.0))
    assert (nothing.total_bias, nothing.spearman, nothing.gini, nothing.top_decile_share) == (None,) * 4
    constant = accuracy(np.arange(5.0), np.ones(5))
    assert (constant.gini, constant.spearman) == (None, None)
    assert constant.rmse > 0
    assert set(paired(np.zeros(5), np.ones(5), np.arange(5.0))) == {"rmse"}


def test_a_pair_is_judged_on_the_same_rows_and_changes_sign_when_turned():
    ours, turned = paired(ACTUAL, GOOD, POOR), paired(ACTUAL, POOR, GOOD)
    assert set(ours) == {"rmse", "total_bias", "gini"}
    for name, interval in ours.items():
        assert interval.estimate == pytest.approx(-turned[name].estimate)
        assert interval.lower == pytest.approx(-turned[name].upper)
    assert ours["rmse"].lower > 0
    assert ours["gini"].lower > 0
    assert ours["total_bias"].estimate == pytest.approx(0, abs=1e-12)  # the same sum
    same = paired(ACTUAL, GOOD, GOOD)["rmse"]
    assert (same.estimate, same.lower, same.upper) == (0, 0, 0)


def test_deciles_have_equal_sizes_and_order_the_prediction():
    group = deciles(GOOD)
    rows = by_group(group, {"predicted": GOOD, "actual": ACTUAL})
    assert [row["group"] for row in rows] == list(range(1, 11))
    assert {row["rows"] for row in rows} == {80}
    means = [row["predicted"] for row in rows]
    assert means == sorted(means)
    assert sum(row["actual"] * row["rows"] for row in rows) == pytest.approx(ACTUAL.sum())
