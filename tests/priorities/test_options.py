"""One customer's choice: what forbids each action, and the price of the limits where one that pays is not taken."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from cvo_ml.config.priorities import Action, ContactCap, Holdout, PriorityPolicy
from cvo_ml.core.explanation import NextAction
from cvo_ml.core.units import Horizon
from cvo_ml.priorities import ContactConstraints, declared_effects, plan
from cvo_ml.priorities.options import next_action
from tests.builders import SHOP_CUT, frame
from tests.priorities.makers import CONSTRAINTS, NOBODY, action, scored

CALL = action("call", cost=5.0, effect=0.2, channel="phone", segments=("Loyal",))
MAIL = action("mail", cost=1.0, effect=0.1)
ADVERT = action("advert", cost=500.0, effect=0.1)


def chosen_for(
    customer: str, scores: pd.DataFrame, *actions: Action, constraints: ContactConstraints = CONSTRAINTS, **rules: Any
) -> NextAction:
    policy = PriorityPolicy(actions=actions, **{"holdout": NOBODY, **rules})
    effects = declared_effects(policy)
    found = plan(scores, effects, policy, constraints)
    row = scores.drop(columns=list(found.columns)).join(found.columns).loc[[customer]]
    return next_action(row, found.table, found.summary, effects, policy, constraints, "run")


def verdicts(action: NextAction) -> dict[str, str]:
    return {option.action: option.verdict for option in action.options}


def test_the_one_that_earns_most_is_chosen_and_the_others_say_why_not() -> None:
    people = scored(("a", 100.0, 1.0, 0.5), ("b", 80.0, 1.0, 0.5), group="Loyal")
    found = chosen_for("a", people, CALL, MAIL, ADVERT)
    assert (found.action, found.rank, found.ranked, found.run) == ("call", 1, 2, "run")
    assert verdicts(found) == {"call": "chosen", "mail": "another_earns_more", "advert": "does_not_pay"}
    call = found.options[0]
    assert (call.value, call.effect, call.expected_profit) == (50.0, 0.2, pytest.approx(0.2 * 50.0 - 5.0))
    assert call.source == "declared: assumed"


def test_each_rule_that_forbids_is_named() -> None:
    people = scored(("a", 100.0, 1.0, 0.5), ("b", 80.0, 1.0, 0.5), ("c", float("nan"), 1.0, 0.5), group="At risk")
    sent = frame(
        "treatments", ["customer_id", "action", "sent_at"], [("a", "mail", "2023-10-20"), ("a", "none", "2023-10-30")]
    )
    told = ContactConstraints(SHOP_CUT, frozenset({"b"}), sent[sent["action"] != "none"])
    rules: dict[str, Any] = {"effort_share": 0.02, "contacts": ContactCap(most=2, period=Horizon("30D"))}
    of_a = chosen_for("a", people, CALL, MAIL, constraints=told, **rules)
    excluded = {option.action: option.excluded_by for option in of_a.options}
    assert excluded == {"call": ("no_action_for_group", "effort_above_value"), "mail": ("contacted_recently",)}
    assert str(of_a.last_contact) == "2023-10-20"
    of_b = chosen_for("b", people, MAIL, constraints=told)
    assert (of_b.action, of_b.reason, of_b.options[0].excluded_by) == (None, "opted_out", ("opted_out",))
    of_c = chosen_for("c", people, MAIL, constraints=told)
    assert of_c.options[0].excluded_by == ("no_value_at_stake",)
    assert of_c.options[0].expected_profit is None


def test_who_is_left_out_by_a_budget_is_told_the_price_of_it() -> None:
    people = scored(("a", 100.0, 1.0, 0.5), ("b", 80.0, 1.0, 0.5), ("c", 60.0, 1.0, 0.5), group="Loyal")
    left_out = chosen_for("c", people, MAIL, budget=2.0)
    (mail,) = left_out.options
    assert (left_out.action, left_out.reason, mail.verdict) == (None, "beyond_the_limits", "beyond_the_limits")
    assert mail.expected_profit == pytest.approx(2.0)
    assert mail.price >= mail.expected_profit - 1e-9
    taken = chosen_for("a", people, MAIL, budget=2.0)
    assert taken.options[0].price <= taken.options[0].expected_profit + 1e-9


def test_the_held_out_are_told_what_they_would_have_got() -> None:
    people = scored(*((f"c{n}", 100.0 + n, 1.0, 0.5) for n in range(60)), group="Loyal")
    policy = PriorityPolicy(actions=(MAIL,), holdout=Holdout(share=0.3))
    found = plan(people, declared_effects(policy), policy, CONSTRAINTS)
    held = found.columns.index[found.columns["holdout"].astype(bool)][0]
    action = chosen_for(held, people, MAIL, holdout=Holdout(share=0.3))
    assert (action.action, action.reason, action.holdout) == (None, "holdout", True)
    assert verdicts(action) == {"mail": "holdout"}


def test_a_plan_whose_effects_are_not_these_says_so() -> None:
    people = scored(("a", 100.0, 1.0, 0.5), group="Loyal")
    policy = PriorityPolicy(actions=(MAIL,), holdout=NOBODY)
    effects = declared_effects(policy)
    found = plan(people, effects.assign(effect=0.3, effect_lower=0.3), policy, CONSTRAINTS)
    row = people.drop(columns=list(found.columns)).join(found.columns)
    assert (
        "the plan expected 14.00 of mail"
        in next_action(row, found.table, found.summary, effects, policy, CONSTRAINTS).notes[0]
    )
