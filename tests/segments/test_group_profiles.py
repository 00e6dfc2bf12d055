"""Who holds the money and what groups are like: against closed forms, hand counts and other libraries."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cvo_ml.segments.group_profiles import pareto, profiles, two_definitions
from tests.segments.customers import rfm


@pytest.mark.parametrize("shape", [2.0, 3.0])
def test_the_shares_of_a_pareto_law_are_those_of_its_lorenz_curve(shape: float) -> None:
    # the richest share p of a Pareto law holds p^(1 - 1/a), its Gini is 1 / (2a - 1); quantiles have no noise
    n = 200_000
    value = (1 - (np.arange(n) + 0.5) / n) ** (-1 / shape)
    table = rfm(*[(1.0, 2.0, 0.0)]).iloc[np.zeros(n, dtype=int)].assign(net_value=value)
    found = pareto(table, "revenue")
    assert found.shares.customers_for_80.estimate == pytest.approx(0.8 ** (shape / (shape - 1)), abs=0.003)
    assert found.shares.top_20_holds.estimate == pytest.approx(0.2 ** (1 - 1 / shape), abs=0.003)
    assert found.shares.gini.estimate == pytest.approx(1 / (2 * shape - 1), abs=0.003)
    assert math.isnan(found.shares.customers_for_80.lower)
    assert found.to_json()["gini"]["upper"] is None


def test_the_base_is_repeat_customers_and_the_measure_is_named() -> None:
    table = rfm((1.0, 1.0, 1e6), *[(1.0, 2.0, value) for value in (80.0, 10.0, 5.0, 3.0, 2.0)])
    found = pareto(table, "revenue")
    assert (found.base, found.measure, found.customers, found.total) == ("repeat", "revenue", 5, 100.0)
    assert found.shares.customers_for_80.estimate == 0.2
    assert found.shares.customers_for_80.lower <= 0.2 <= found.shares.customers_for_80.upper
    assert pareto(table, "revenue", "all").shares.customers_for_80.estimate == pytest.approx(1 / 6)
    by_margin = pareto(table.assign(margin=[0.0, 0.0, 10.0, 0.0, 0.0, 0.0]), "margin")
    assert (by_margin.measure, by_margin.shares.top_20_holds.estimate) == ("margin", 1.0)


def test_where_nobody_counts_or_nothing_was_earned_the_reason_is_given() -> None:
    assert pareto(rfm((1.0, 1.0, 5.0)), "revenue").reason == "no repeat customers"
    debt = pareto(rfm((1.0, 2.0, -5.0)), "revenue")
    assert debt.to_json() == {
        "base": "repeat", "measure": "revenue", "customers": 1, "total": -5.0, "reason": "the total is not positive",
    }  # fmt: skip


def customers(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    values = rng.normal(100, 20, n)
    return pd.DataFrame(
        {"group": rng.choice(["a", "b"], n), "net_value": values, "number_of_orders": rng.poisson(3, n) + 1.0}
    )


def test_profiles_hold_the_means_with_students_and_wilsons_intervals() -> None:
    table = customers()
    found = profiles(table, "group")
    assert found["customers"].sum() == 400
    assert found["net_value_total"].sum() == pytest.approx(table["net_value"].sum())
    for group, row in found.iterrows():
        own = table.loc[table["group"] == group, "net_value"]
        low, high = stats.t.interval(0.95, len(own) - 1, own.mean(), stats.sem(own))
        assert row[["net_value", "net_value_lower", "net_value_upper"]].tolist() == pytest.approx(
            [own.mean(), low, high]
        )
        share = stats.binomtest(len(own), 400).proportion_ci(method="wilson")
        assert row[["share_lower", "share_upper"]].tolist() == pytest.approx([share.low, share.high])


def test_a_group_of_one_has_a_mean_and_no_interval_and_the_unknown_are_left_out() -> None:
    table = pd.DataFrame({"group": ["a", "b", "b", None], "net_value": [1.0, 2.0, 4.0, 9.0], "p_alive": [np.nan] * 4})
    found = profiles(table, "group")
    assert found["customers"].to_dict() == {"b": 2, "a": 1}
    assert found.loc["a", ["net_value", "net_value_lower"]].isna().tolist() == [False, True]
    assert "p_alive" not in found
    assert profiles(table.iloc[:0], "group").empty


def test_the_two_definitions_of_about_to_dump_you_are_compared() -> None:
    groups = pd.Series(["About to dump you", "About to dump you", "Ex-lovers", "Lovers"])
    found = two_definitions(groups, pd.Series([100.0, 200.0, 300.0, 10.0]))
    assert found is not None
    assert found.to_json() == {"in_group": 2, "in_group_within_180_days": 1, "elsewhere_after_180_days": 1}
    assert two_definitions(pd.Series(["Loyal"]), pd.Series([1.0])) is None
