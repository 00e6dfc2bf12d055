"""Did it pay: known effects are found as often as the interval says, and broken experiments are named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cvo_ml.config.priorities import Holdout, PriorityPolicy
from cvo_ml.priorities import declared_effects, plan
from cvo_ml.priorities.evaluation import Difference, NotCompared, PolicyEstimate, TreatedComparison, evaluate, verdict
from cvo_ml.stats.intervals import Interval
from tests.priorities.makers import CONSTRAINTS, action, crowd, planned

RULE = Holdout(share=0.3)
OFFER = action("offer", cost=1.0, effect=0.2, stop_after=100)
POLICY = PriorityPolicy(actions=(OFFER,), holdout=RULE)
TABLE = planned(crowd(1500), OFFER, holdout=RULE).table


def outcome(rng: np.random.Generator, effect: float) -> pd.DataFrame:
    """Treated customers keep ``effect`` of the value at stake; half of the noise was seen before."""
    treated = (TABLE["planned"] & ~TABLE["holdout"]).to_numpy()
    before = rng.normal(0, 30, len(TABLE))
    value = 50 + before + rng.normal(0, 30, len(TABLE)) + effect * TABLE["value"].to_numpy() * treated
    return pd.DataFrame({"value": value, "before": before}, index=pd.Index(TABLE["customer_id"]))


def measured(comparison: TreatedComparison) -> Difference:
    assert isinstance(comparison.difference, Difference)
    return comparison.difference


def test_the_true_effect_is_inside_the_interval_as_often_as_it_says() -> None:
    planned_rows = TABLE[TABLE["planned"]]
    rng, inside, low = np.random.default_rng(0), 0, 0
    truth = 0.2 * planned_rows.loc[~planned_rows["holdout"], "value"].mean()
    for _ in range(150):
        found = measured(evaluate(TABLE, outcome(rng, 0.2), POLICY, "t").actions["offer"])
        inside += found.extra_value.lower <= truth <= found.extra_value.upper
        assert found.effect is not None
        low += found.effect.lower <= truth / planned_rows["value"].mean()
    assert 0.91 <= inside / 150 <= 0.99
    assert 0.83 <= low / 150 <= 0.97  # the 10 % quantile
    assert found.variance_kept == pytest.approx(0.5, abs=0.1)


def test_profit_is_extra_value_less_cost_and_measured_effects_come_back_into_a_plan() -> None:
    found = evaluate(TABLE, outcome(np.random.default_rng(1), 0.5), POLICY, "spring")
    offer = found.actions["offer"]
    result = measured(offer)
    assert result.profit_per_contact.estimate == pytest.approx(result.extra_value.estimate - 1.0)
    assert result.profit.estimate == pytest.approx(result.profit_per_contact.estimate * offer.treated)
    assert offer.verdict == "keep"
    effects = pd.concat([declared_effects(POLICY), found.effects_table()], ignore_index=True)
    again = plan(crowd(50), effects, POLICY, CONSTRAINTS).table
    assert set(again["source"]) == {"experiment"}
    assert result.effect is not None
    assert again["effect_lower"].unique().tolist() == [result.effect.lower]


def test_a_broken_parting_is_named_and_gives_no_effects() -> None:
    lost = TABLE["holdout"] & (np.arange(len(TABLE)) % 2 == 0)
    found = evaluate(TABLE[~lost], outcome(np.random.default_rng(2), 0.5), POLICY, "t")
    assert found.together.suspicious
    assert found.actions["offer"].verdict == "go on"
    assert found.effects == ()
    assert found.effects_table().empty


def test_too_few_held_out_customers_say_nothing() -> None:
    found = evaluate(TABLE.head(40), outcome(np.random.default_rng(3), 0.5), POLICY, "t")
    assert found.together.difference == NotCompared("fewer than 30 treated or held out")
    assert found.together.to_json()["reason"] == "fewer than 30 treated or held out"


@pytest.mark.parametrize(
    ("treated", "lower", "upper", "said"),
    [(500, -3, -1, "stop"), (50, -3, -1, "go on"), (500, -1, 1, "go on"), (50, 1, 2, "keep")],
)
def test_the_stop_rule(treated: int, lower: float, upper: float, said: str) -> None:
    profit = Interval((lower + upper) / 2, lower, upper)
    difference = Difference(profit, profit, 1.0, 0.5, profit_per_contact=profit, profit=profit)
    assert verdict(TreatedComparison(treated, 100, 0.5, False, difference), 100) == said


def test_other_policies_are_estimated_from_the_log() -> None:
    found = evaluate(TABLE, outcome(np.random.default_rng(4), 0.5), POLICY, "t").policies
    assert set(found) == {"nobody", "the plan", "its first half"}
    nobody, whole = found["nobody"], found["the plan"]
    assert isinstance(nobody, PolicyEstimate)
    assert isinstance(whole, PolicyEstimate)
    gain = 0.5 * TABLE.loc[TABLE["planned"], "value"].mean() - 1.0
    spread = whole.snips.upper - whole.snips.lower + nobody.snips.upper - nobody.snips.lower
    assert whole.snips.estimate - nobody.snips.estimate == pytest.approx(gain, abs=spread)


def test_its_json_has_each_comparison_flat() -> None:
    """As ``evaluation.json`` has always had it."""
    document = evaluate(TABLE, outcome(np.random.default_rng(1), 0.5), POLICY, "spring").to_json()
    assert list(document) == ["share", "all", "actions", "effects", "policies"]
    assert set(document["all"]) == {
        "treated", "held_out", "sample_ratio_p", "suspicious", "extra_value", "extra_value_unadjusted",
        "variance_kept", "p_value", "profit_per_contact", "profit", "effect",
    }  # fmt: skip
    assert set(document["actions"]["offer"]) == {*document["all"], "verdict"}
    assert set(document["policies"]["the plan"]) == {"ips", "snips", "effective_sample_size"}
    assert document["effects"][0] | {"effect": 0, "effect_lower": 0} == {
        "customer_id": None, "action": "offer", "effect": 0, "effect_lower": 0, "source": "experiment",
        "version": "spring",
    }  # fmt: skip
