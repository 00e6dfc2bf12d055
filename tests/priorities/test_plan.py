"""The action list: the formula of DESIGN.md §4, its order, and the customers kept untreated."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvo_ml.config.priorities import Holdout, PriorityPolicy
from cvo_ml.core.scores import validate_scores
from cvo_ml.priorities import declared_effects, plan, value_at_risk
from cvo_ml.priorities.holdout import holdout
from tests.priorities.makers import CONSTRAINTS, NOBODY, action, scored


def policy(cost: float = 2.0, hold: Holdout = NOBODY) -> PriorityPolicy:
    return PriorityPolicy(actions=(action("call", cost=cost, effect=0.1, channel="phone"),), holdout=hold)


def planned(scores: pd.DataFrame, rules: PriorityPolicy | None = None) -> pd.DataFrame:
    rules = rules or policy()
    return plan(scores, declared_effects(rules), rules, CONSTRAINTS).columns


def test_value_at_stake_by_hand() -> None:
    # expected 80 in the horizon with p_alive .8 is 100 while active; lost with probability .3
    assert value_at_risk(scored(("a", 80, 0.8, 0.3))).tolist() == pytest.approx([30.0])


def test_value_at_stake_does_not_count_churn_twice() -> None:
    certain, doubtful = scored(("a", 100, 1.0, 0.5)), scored(("a", 50, 0.5, 0.5))
    assert value_at_risk(certain).tolist() == value_at_risk(doubtful).tolist() == [50.0]


@settings(max_examples=50)
@given(st.floats(0, 1e6), st.floats(1e-12, 1), st.floats(0, 1))
def test_nobody_has_more_at_stake_than_they_are_expected_to_bring(clv: float, p_alive: float, churn: float) -> None:
    # almost surely gone and very busy before: the value while active alone would top the list
    stake = value_at_risk(scored(("a", clv, p_alive, churn))).iloc[0]
    assert 0 <= stake <= clv * (1 + 1e-12)


def test_at_stake_is_the_value_of_the_window_in_which_they_may_leave() -> None:
    scores = scored(("a", 400, 1.0, 0.5)).assign(churn_horizon_days=90.0, clv_horizon_days=360.0)
    assert value_at_risk(scores).tolist() == [400 * 90 / 360 * 0.5]
    assert value_at_risk(scores.assign(clv_horizon_days=30.0)).tolist() == [400 * 0.5]


@pytest.mark.parametrize("row", [(80, 0.0, 0.3), (np.nan, 0.8, 0.3), (80, 0.8, np.nan)])
def test_without_one_of_its_parts_nothing_is_known_to_be_at_stake(row: tuple[float, float, float]) -> None:
    result = planned(scored(("a", *row), ("b", 80, 0.8, 0.9)))
    assert result.loc["a", ["expected_profit_of_action", "priority_rank", "next_action"]].isna().all()
    assert result.loc["a", "priority_reason"] == "no_value_at_stake"
    assert result.loc["b", "priority_rank"] == 1.0


def test_the_formula_clv_is_the_value_while_active_already() -> None:
    assert value_at_risk(scored(("a", 80, np.nan, 0.5))).tolist() == [40.0]


def test_expected_profit_is_value_at_stake_times_save_rate_less_cost() -> None:
    result = planned(scored(("a", 80, 0.8, 0.3), ("b", 100, 1.0, 0.5)))
    assert result["expected_profit_of_action"].tolist() == pytest.approx([30 * 0.1 - 2, 50 * 0.1 - 2])
    assert result["priority_rank"].tolist() == [2.0, 1.0]
    assert result[["next_action", "channel"]].drop_duplicates().to_numpy().tolist() == [["call", "phone"]]
    assert result["priority_reason"].isna().all()


def test_an_effect_of_the_customers_own_counts_and_an_unknown_one_is_not_invented() -> None:
    scores = scored(("a", 100, 1.0, 0.5), ("b", 100, 1.0, 0.5))
    own = {"action": "call", "effect": 0.2, "effect_lower": 0.2, "source": "uplift", "version": "1"}
    result = plan(scores, pd.DataFrame([{"customer_id": "b", **own}]), policy(), CONSTRAINTS).columns
    assert result.loc["b", "expected_profit_of_action"] == pytest.approx(50 * 0.2 - 2)
    assert result.loc["a", "priority_reason"] == "no_value_at_stake"


def test_equal_profit_ranks_by_customer_id_in_any_row_order() -> None:
    rows = [(name, 100, 1.0, 0.5) for name in ("b", "a10", "a9", "Ä")]
    for order in (rows, rows[::-1]):
        assert planned(scored(*order))["priority_rank"].to_dict() == {"a10": 1.0, "a9": 2.0, "b": 3.0, "Ä": 4.0}


ROWS = st.lists(
    st.tuples(st.floats(-100, 1000), st.sampled_from([0.0, 0.25, 1.0, np.nan]), st.floats(0, 1)),
    min_size=1,
    max_size=25,
)


@settings(max_examples=20)
@given(ROWS, st.floats(0, 20), st.floats(0, 0.9))
def test_ranks_are_1_to_n_by_profit_and_every_row_explains_its_nulls(
    rows: list[tuple[float, float, float]], cost: float, share: float
) -> None:
    scores = scored(*[(f"c{number:02}", *row) for number, row in enumerate(rows)])
    result = planned(scores, policy(cost, Holdout(share=share)))
    ranked = result[result["priority_rank"].notna()].sort_values("priority_rank")
    assert ranked["priority_rank"].tolist() == list(range(1, len(ranked) + 1))
    assert (np.diff(ranked["expected_profit_of_action"]) <= 0).all()
    assert (result["expected_profit_of_action"].notna() == result["priority_rank"].notna()).all()
    act = result["next_action"].notna()
    assert (result.loc[act, "expected_profit_of_action"] > 0).all()
    assert not result.loc[act, "holdout"].any()
    assert (act == result["priority_reason"].isna()).all()
    validate_scores(scores.assign(**result))


def test_where_nothing_pays_everybody_is_ranked_and_nobody_contacted() -> None:
    result = planned(scored(("a", 10, 1.0, 0.1), ("b", 20, 1.0, 0.1), ("c", 20, 1.0, 1.0)))
    assert result["expected_profit_of_action"].tolist() == pytest.approx([-1.9, -1.8, 0.0])
    assert result["priority_rank"].tolist() == [3.0, 2.0, 1.0]
    assert result["next_action"].isna().all()
    assert set(result["priority_reason"]) == {"does_not_pay"}


def test_nobody_is_a_list_too() -> None:
    assert len(planned(scored())) == 0


def test_the_held_out_keep_rank_and_profit_and_get_no_action() -> None:
    scores = scored(*[(f"c{number:03}", 1000 - number, 1.0, 0.5) for number in range(200)])
    rule = Holdout(share=0.3)
    free, held = planned(scores), planned(scores, policy(hold=rule))
    kept = ["expected_profit_of_action", "priority_rank"]
    pd.testing.assert_frame_equal(free[kept], held[kept])
    out = held["holdout"].astype(bool)
    assert 30 < out.sum() < 90
    assert held.loc[out, ["next_action", "channel"]].isna().all(axis=None)
    assert set(held.loc[out, "priority_reason"]) == {"holdout"}
    assert (held.loc[~out, "next_action"] == "call").all()


CUSTOMERS = pd.Index([f"customer {number}" for number in range(20_000)], dtype="str")


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_the_holdout_holds_its_share(share: float) -> None:
    drawn = holdout(CUSTOMERS, Holdout(share=share)).mean()
    assert drawn == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / len(CUSTOMERS)))


def test_the_holdout_is_sticky_whoever_else_is_there_and_grows_by_adding() -> None:
    small, large = holdout(CUSTOMERS, Holdout(share=0.1)), holdout(CUSTOMERS, Holdout(share=0.2))
    assert holdout(CUSTOMERS[:7][::-1], Holdout(share=0.1)).to_dict() == small[:7].to_dict()
    assert large[small].all()


def test_another_salt_draws_others_independently() -> None:
    one, other = holdout(CUSTOMERS, Holdout(share=0.2)), holdout(CUSTOMERS, Holdout(share=0.2, salt="next year"))
    assert (one & other).mean() == pytest.approx(0.04, abs=0.006)


def test_the_holdout_is_the_same_on_every_machine() -> None:
    # SHA-256 of "cvo", a null byte and the id: the first four bytes as a share of 2^32
    shares = [int(hashlib.sha256(f"cvo\0{name}".encode()).hexdigest()[:8], 16) / 2**32 for name in CUSTOMERS[:8]]
    assert holdout(CUSTOMERS[:8], Holdout(share=0.5)).tolist() == [share < 0.5 for share in shares]


def test_a_share_of_zero_holds_nobody() -> None:
    assert not holdout(CUSTOMERS, NOBODY).any()
