"""What lists would have earned: by hand, and as properties."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvo_ml.core.units import Horizon
from cvo_ml.monitoring.earnings import CONTACTED, OURS, contacts, earnings
from tests.builders import null_scores

SPAN = Horizon("30D")


def population(n: int = 20, seed: int = 3) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(seed)
    scores = null_scores([f"c{number:03}" for number in range(n)]).assign(
        churn_probability=rng.uniform(size=n), predicted_clv=rng.uniform(0, 100, n),
        priority_rank=rng.permutation(n) + 1.0,
    )  # fmt: skip
    features = pd.DataFrame(
        {
            "net_value": rng.uniform(0, 1000, n),
            "days_since_first_order": rng.integers(1, 300, n).astype(float),
            "days_since_last_order": rng.integers(0, 90, n).astype(float),
        },
        index=scores.index,
    )
    return scores, features, pd.Series(rng.uniform(size=n) < 0.5, index=scores.index)


def test_a_contact_earns_the_usual_value_of_who_left_and_costs_its_cost() -> None:
    scores, features, _ = population(2)
    features = features.assign(net_value=[300.0, 300.0], days_since_first_order=[60.0, 60.0])
    listed = contacts(scores, features, pd.Series([True, False], index=scores.index), SPAN, save_rate=0.1, cost=2.0)
    # 300 in 60 days are 150 in 30; a tenth of it is kept
    assert listed["earned"].tolist() == pytest.approx([0.1 * 150 - 2, -2])


def test_every_list_contacts_the_same_number_of_eligible_customers() -> None:
    scores, features, churned = population(100)
    scores.loc[scores.index[:40], "churn_probability"] = np.nan
    listed = contacts(scores, features, churned, SPAN, save_rate=0.1, cost=1.0)
    assert len(listed) == 60
    assert set(listed.drop(columns="earned").sum()) == {round(CONTACTED * 60)}
    ranked = scores.loc[listed.index, "priority_rank"].nsmallest(6).index
    assert set(listed.index[listed[OURS]]) == set(ranked)


def test_a_list_that_knows_who_leaves_leads_the_others_for_certain() -> None:
    windows = {}
    for seed in range(3):
        scores, features, churned = population(400, seed)
        usual = features["net_value"] / features["days_since_first_order"]
        scores["priority_rank"] = (-(usual * churned)).rank(method="first")
        windows[str(seed)] = contacts(scores, features, churned, SPAN, save_rate=0.1, cost=1.0)
    found = earnings(windows)
    assert found[0].ranking == OURS
    assert all(line.lead.lower > 0 for line in found[1:])
    for line in found:
        assert sum(line.by_window.values()) == pytest.approx(line.earned.estimate)


@settings(max_examples=15)
@given(st.floats(0.1, 10), st.integers(0, 5))
def test_money_in_other_units_changes_the_earnings_alone(k: float, seed: int) -> None:
    scores, features, churned = population(50, seed)
    scaled = features.assign(net_value=features["net_value"] * k)
    one = earnings({"a": contacts(scores, features, churned, SPAN, save_rate=0.2, cost=1.0)})
    other = earnings({"a": contacts(scores, scaled, churned, SPAN, save_rate=0.2, cost=k)})
    by_list = {line.ranking: line.earned.estimate for line in other}
    assert all(by_list[line.ranking] == pytest.approx(k * line.earned.estimate) for line in one)


def test_without_a_window_nothing_was_earned() -> None:
    assert earnings({}) == ()
