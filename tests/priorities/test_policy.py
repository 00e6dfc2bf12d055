"""What a policy allows, owes and limits, on whole plans."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cvo_ml.config.loader import config_dir, load_config
from cvo_ml.config.priorities import ContactCap, Holdout, PriorityPolicy
from cvo_ml.core.errors import DataError
from cvo_ml.core.scores import validate_scores
from cvo_ml.core.units import Horizon, midnight
from cvo_ml.crm.audiences import seed_list
from cvo_ml.priorities import ContactConstraints, contact_constraints, declared_effects, plan
from cvo_ml.report.text.plan import sentences
from tests.builders import SHOP_CUT, frame, shop_of
from tests.priorities.makers import CONSTRAINTS, action, crowd, planned, scored

CALL = action("call", cost=8.0, effect=0.3, low=0.2, channel="phone")
OFFER = action("offer", cost=1.0, effect=0.1, low=0.05)
NEWS = action("news", cost=0.1, effect=0.02, low=0.01, kind="growth")


def contacts(*rows: tuple[str, str, int]) -> ContactConstraints:
    """(customer, action, days before the cut)."""
    sent = [(who, what, midnight(SHOP_CUT) - pd.Timedelta(days=days)) for who, what, days in rows]
    return replace(CONSTRAINTS, treatments=frame("treatments", ["customer_id", "action", "sent_at"], sent))


class TestTheCatalogue:
    POLICY = load_config(config_dir() / "policies" / "priorities.yaml", PriorityPolicy)

    def test_every_group_of_both_vocabularies_but_those_that_are_over_has_an_action(self) -> None:
        """methods B5: eleven Reveal groups, Break-up with no action; B3: six Klaviyo groups, Inactive ~ Break-up."""
        cubes = config_dir().parent / "cvo_ml" / "segments" / "tables"
        groups: set[str] = set()
        for name in ("klaviyo_cube.csv", "reveal_cube.csv"):
            with (cubes / name).open(newline="") as file:
                groups |= {row["recommended"] for row in csv.DictReader(file)}
        assert len(groups) == 17
        assert {group for one in self.POLICY.actions for group in one.segments} == groups - {"Break-up", "Inactive"}

    def test_every_action_has_an_owner_words_and_an_honest_source(self) -> None:
        for one in self.POLICY.actions:
            assert one.owner
            assert one.about
            assert one.effect.source == "not measured"
            assert one.effect.low < one.effect.estimate


class TestTheEffectThatRanks:
    SCORES = scored(("a", 100, 1.0, 1.0))

    def test_the_low_end_by_default_and_the_middle_on_request(self) -> None:
        cautious, bold = planned(self.SCORES, CALL), planned(self.SCORES, CALL, rank_on="estimate")
        assert cautious.columns["expected_profit_of_action"].tolist() == pytest.approx([100 * 0.2 - 8])
        assert bold.columns["expected_profit_of_action"].tolist() == pytest.approx([100 * 0.3 - 8])
        assert (cautious.summary.rank_on, bold.summary.rank_on) == ("lower", "estimate")
        assert cautious.table["expected_profit_at_estimate"].tolist() == pytest.approx([22.0])

    def test_growth_acts_on_the_value_expected_in_its_window_even_of_those_without_a_churn_score(self) -> None:
        scores = scored(("a", 400, 1.0, np.nan)).assign(clv_horizon_days=360.0)
        found = planned(scores, NEWS, CALL)
        assert found.columns["expected_profit_of_action"].tolist() == pytest.approx([400 * 90 / 360 * 0.01 - 0.1])
        assert found.columns["next_action"].tolist() == ["news"]

    def test_value_is_after_costs_where_costs_are_known(self) -> None:
        found = planned(self.SCORES, CALL, constraints=replace(CONSTRAINTS, value_share=0.5))
        assert found.columns["expected_profit_of_action"].tolist() == pytest.approx([50 * 0.2 - 8])
        assert "value after costs: 50.0 % of revenue is left" in list(sentences(found.summary, "EUR"))

    def test_a_measured_effect_is_trusted_more_than_a_declared_one_and_an_uplift_estimate_most(self) -> None:
        policy = PriorityPolicy(actions=(CALL,), holdout=Holdout(share=0.0))
        scores = scored(("a", 100, 1.0, 1.0), ("b", 100, 1.0, 1.0), ("c", 100, 1.0, 1.0))
        rows = [
            (None, "call", 0.5, 0.4, "experiment", "spring"),
            ("b", "call", 0.7, 0.6, "uplift", "v7"),
            ("c", "call", 0.9, 0.8, "experiment", "spring"),
            ("stranger", "call", 0.9, 0.8, "uplift", "v7"),
        ]
        measured = pd.DataFrame(rows, columns=["customer_id", "action", "effect", "effect_lower", "source", "version"])
        for known in (measured, measured[::-1]):
            effects = pd.concat([known, declared_effects(policy)], ignore_index=True)
            table = plan(scores, effects, policy, CONSTRAINTS).table.set_index("customer_id").sort_index()
            assert table["effect_lower"].tolist() == [0.4, 0.6, 0.8]
            assert table["source"].tolist() == ["experiment", "uplift", "experiment"]
            assert table["version"].tolist() == ["spring", "v7", "spring"]

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ((None, "cal", 0.5, 0.4, "uplift", ""), "the policy has no action 'cal' (did you mean 'call'?)"),
            ((None, "call", 0.5, 0.4, "rumour", ""), "is no known source"),
            ((None, "call", np.inf, 0.4, "uplift", ""), "is not a finite number"),
            ((None, "call", 0.5, np.nan, "uplift", ""), "is missing or above the effect"),
            ((None, "call", 0.5, 0.6, "uplift", ""), "is missing or above the effect"),
            ((None, "call", 0.5, 0.4, "declared", ""), "the same customer, action and source stand twice"),
        ],
    )
    def test_effects_that_cannot_be_meant_are_refused(self, row: tuple[object, ...], message: str) -> None:
        policy = PriorityPolicy(actions=(CALL,))
        declared = declared_effects(policy)
        effects = pd.concat([declared, pd.DataFrame([row], columns=declared.columns)], ignore_index=True)
        with pytest.raises(DataError) as refused:
            plan(self.SCORES, effects, policy, CONSTRAINTS)
        assert message in str(refused.value)

    def test_an_infinite_value_is_refused(self) -> None:
        with pytest.raises(DataError, match=r"expected profit is infinite \(1 row"):
            planned(scored(("a", np.inf, 1.0, 1.0)), CALL)


class TestWhoMayGetWhat:
    def test_an_opted_out_customer_never_appears(self) -> None:
        people = frame(
            "customers", ["customer_id", "marketing_consent", "profiling_opt_out"],
            [("a", False, None), ("b", True, True), ("c", True, False), ("d", True, False), ("e", True, False)],
        )  # fmt: skip
        constraints = contact_constraints(shop_of([("1", "a", "2023-01-01", 5.0)], customers=people), SHOP_CUT)
        scores = scored(*[(name, 100, 1.0, 1.0) for name in "abcde"])
        found = planned(scores, CALL, OFFER, constraints=constraints, opted_out=("e",), holdout=Holdout(share=0.5))
        assert sorted(found.table["customer_id"]) == ["c", "d"]
        gone = found.columns.loc[list("abe")]
        assert gone[["next_action", "priority_rank", "expected_profit_of_action"]].isna().all(axis=None)
        assert set(gone["priority_reason"]) == {"opted_out"}

    def test_an_empty_consent_is_none_in_plans_as_in_audiences_unless_the_policy_says_so(self) -> None:
        people = frame("customers", ["customer_id"], [("a",), ("b",), ("c",)]).assign(
            marketing_consent=pd.array([True, None, False], dtype="boolean")
        )
        constraints = contact_constraints(shop_of([("1", "a", "2023-01-01", 5.0)], customers=people), SHOP_CUT)
        scores = scored(*[(name, 100, 1.0, 1.0) for name in "abc"])

        def contacted(**policy: str) -> list[str]:
            return sorted(planned(scores, CALL, constraints=constraints, **policy).table["customer_id"])

        assert contacted() == ["a"]
        assert contacted(unsaid_consent="yes") == ["a", "b"]
        addresses = people.assign(email=[f"{name}@example.org" for name in "abc"])
        listed = seed_list(addresses, pd.Series(1.0, index=pd.Index(list("abc"), name="customer_id")), "meta", 1.0)
        assert len(listed.table) == 1
        silent = contact_constraints(
            shop_of([("1", "a", "2023-01-01", 5.0)], customers=people[["customer_id"]]), SHOP_CUT
        )
        assert sorted(planned(scores, CALL, constraints=silent).table["customer_id"]) == ["a", "b", "c"]

    def test_actions_are_for_their_groups(self) -> None:
        found = planned(crowd(40), action("call", cost=0.1, segments=("Loyal",)))
        act = found.columns["next_action"].notna()
        assert (crowd(40)["rfm_group"][act] == "Loyal").all()
        assert act.any()
        assert set(found.columns["priority_reason"].dropna()) == {"no_action_for_group"}

    def test_cooldown_and_contact_cap(self) -> None:
        scores = scored(*[(name, 100, 1.0, 1.0) for name in "abcd"])
        constraints = contacts(("a", "call", 60), ("b", "offer", 20), ("c", "call", 100))
        found = planned(scores, CALL, OFFER, constraints=constraints).columns
        assert found["next_action"].fillna("").tolist() == ["offer", "", "call", "call"]
        assert found.loc["b", "priority_reason"] == "contacted_recently"
        cap = ContactCap(most=2, period=Horizon("30D"))
        assert (
            planned(scores, CALL, OFFER, constraints=constraints, contacts=cap).columns.loc["b", "next_action"]
            == "call"
        )

    def test_contacts_after_the_cut_and_decisions_not_to_contact_do_not_count(self) -> None:
        rows = [("a", "call", "2023-11-01"), ("b", "none", "2023-10-30"), ("c", "call", "2023-10-30")]
        sent = frame("treatments", ["customer_id", "action", "sent_at"], rows)
        constraints = contact_constraints(shop_of([("1", "a", "2023-01-01", 5.0)], treatments=sent), SHOP_CUT)
        found = planned(scored(*[(name, 100, 1.0, 1.0) for name in "abc"]), CALL, constraints=constraints).columns
        assert found["next_action"].notna().tolist() == [True, True, False]

    def test_effort_is_in_proportion_to_value(self) -> None:
        scores = scored(("rich", 1000, 1.0, 1.0), ("poor", 60, 1.0, 1.0))
        found = planned(scores, CALL, OFFER, effort_share=0.1).columns
        assert found["next_action"].to_dict() == {"rich": "call", "poor": "offer"}
        alone = planned(scores, CALL, effort_share=0.1).columns
        assert alone.loc["poor", "priority_reason"] == "effort_above_value"

    def test_costs_leave_a_share_of_value(self) -> None:
        orders = frame(
            "orders", ["order_id", "customer_id", "ordered_at", "net", "cost"],
            [(str(n), "a", f"{day}-01", 100.0, 50.0) for n, day in enumerate(("2023-01", "2023-02", "2024-02"))],
        )  # fmt: skip
        served = [("a", "2023-01-01", "support", 2.0, 5.0), ("a", "2024-01-01", "support", 2.0, 500.0)]
        costs = frame("costs_to_serve", ["customer_id", "period", "activity", "quantity", "unit_cost"], served)
        tables = shop_of([], [("0", "2023-01-05", 20.0, "a")])
        tables = replace(tables, frames={**tables.frames, "orders": orders, "costs_to_serve": costs})
        assert contact_constraints(tables, SHOP_CUT).value_share == pytest.approx(1 - (100 + 10) / (200 - 20))


class TestLimits:
    def test_budget_capacity_and_minimum_hold_and_are_said_in_words(self) -> None:
        scores = crowd(400)
        found = planned(
            scores, CALL, OFFER, NEWS, budget=150.0, capacities={"phone": 5}, minimum_per_segment={"At risk": 60}
        )
        validate_scores(scores.assign(**found.columns))
        act = found.table[found.table["planned"]]
        assert act["cost"].sum() <= 150
        assert (act["channel"] == "phone").sum() <= 5
        assert (scores.loc[act["customer_id"], "rfm_group"] == "At risk").sum() >= 60
        words = list(sentences(found.summary, "EUR"))
        assert words[0].startswith("budget: ")
        assert "one more EUR would earn" in words[0]
        assert words[1].startswith("phone: 5 of 5 contacts are made; one more contact would earn ")
        assert words[2].startswith("At risk: at least 60 contacts;")
        assert set(found.columns["priority_reason"].dropna()) <= {"beyond_the_limits", "does_not_pay"}

    @pytest.mark.parametrize("rules", [{"budget": 150.0}, {"budget": 150.0, "capacities": {"phone": 5}}])
    def test_the_same_inputs_in_any_order_give_the_same_list(self, rules: dict[str, object]) -> None:
        scores = crowd(300)
        first = planned(scores, CALL, OFFER, NEWS, **rules)
        second = planned(scores.sample(frac=1, random_state=3), CALL, OFFER, NEWS, **rules)
        pd.testing.assert_frame_equal(first.table, second.table)
        assert first.summary == second.summary

    def test_a_customer_worth_nothing_changes_nothing(self) -> None:
        scores = crowd(300)
        rules = {"budget": 150.0, "capacities": {"phone": 5}}
        more = pd.concat([scores, scored(("c00000x", 0, 1.0, 0.0), group="Loyal"), scored(("zz", np.nan, 1.0, 0.5))])
        alone, joined = planned(scores, CALL, OFFER, **rules), planned(more, CALL, OFFER, **rules)
        pd.testing.assert_series_equal(alone.columns["next_action"], joined.columns["next_action"].loc[scores.index])

    def test_more_budget_never_lowers_the_planned_profit(self) -> None:
        scores = crowd(1000)
        for capacities in ({}, {"phone": 20}):
            plans = [
                planned(scores, CALL, OFFER, NEWS, budget=b, capacities=capacities) for b in (0, 50, 200, 800, 5000)
            ]
            profit = [one.summary.expected_profit for one in plans]
            assert profit[0] == 0.0
            assert np.diff(profit).min() >= 0

    def test_the_curve_rises_and_passes_through_the_plan(self) -> None:
        for capacities in ({}, {"phone": 5}):
            found = planned(crowd(600), CALL, OFFER, NEWS, budget=200.0, capacities=capacities).summary
            spent, profit = np.array(found.curve.spent), np.array(found.curve.profit)
            assert (np.diff(spent) >= 0).all()
            assert (np.diff(profit) >= 0).all()
            assert np.interp(found.spent, spent, profit) == pytest.approx(found.expected_profit, rel=0.05)

    @pytest.mark.parametrize("size", [0, 1])
    def test_hardly_anybody(self, size: int) -> None:
        found = planned(crowd(size), CALL, budget=0.0, capacities={"phone": 0}, minimum_per_segment={"Loyal": 3})
        assert found.summary.contacts == found.summary.spent == found.summary.expected_profit == 0


class TestHoldout:
    RULE = Holdout(share=0.2)

    def test_the_budget_is_spent_on_those_who_are_not_held_out(self) -> None:
        found = planned(crowd(2000), CALL, OFFER, NEWS, budget=300.0, holdout=self.RULE)
        assert 295 < found.summary.spent <= 300
        assert found.summary.held_out > 50

    @pytest.mark.parametrize("rules", [{"budget": 300.0}, {"budget": 300.0, "capacities": {"phone": 10}}])
    def test_treated_and_held_out_are_chosen_by_one_rule(self, rules: dict[str, object]) -> None:
        table = planned(crowd(4000), CALL, OFFER, NEWS, holdout=self.RULE, **rules).table
        for name in ("offer", "news"):
            mine = table[table["planned"] & (table["action"] == name)]
            assert mine["holdout"].mean() == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / len(mine)))
            worth = mine.groupby("holdout")["value"].quantile([0.1, 0.9]).unstack()
            assert worth.loc[True].tolist() == pytest.approx(worth.loc[False].tolist(), rel=0.35)

    def test_equal_customers_are_held_out_in_the_same_proportion_as_they_are_treated(self) -> None:
        scores = scored(*[(f"c{n:05}", 100, 1.0, 1.0) for n in range(3000)])
        table = planned(scores, OFFER, budget=1000.0, holdout=self.RULE).table
        assert table[table["planned"]]["holdout"].mean() == pytest.approx(0.2, abs=0.04)

    def test_propensities_are_logged(self) -> None:
        table = planned(crowd(500), OFFER, holdout=self.RULE).table
        assert set(table.loc[table["planned"] & table["holdout"], "propensity"]) == {0.2}
        assert set(table.loc[table["planned"] & ~table["holdout"], "propensity"]) == {0.8}
        assert set(table.loc[~table["planned"], "propensity"]) == {1.0}
