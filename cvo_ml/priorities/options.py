"""One customer's choice in a plan: what each action would earn, what forbids it, and why another one was taken."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.core.explanation import ActionOption, NextAction
from cvo_ml.priorities.constraints import ContactConstraints
from cvo_ml.priorities.effects import resolve
from cvo_ml.priorities.plan import BEYOND_LIMITS, DOES_NOT_PAY, HELD_OUT
from cvo_ml.priorities.profit import closing_rules, unrestricted
from cvo_ml.priorities.summary import PlanSummary

CHOSEN: Final = "chosen"
EXCLUDED: Final = "excluded"
ANOTHER: Final = "another_earns_more"
#: Money: an effect that was stored and one that is computed again agree to this.
_SAME: Final = 1e-9


def next_action(
    scores: pd.DataFrame,
    planned: pd.DataFrame,
    summary: PlanSummary,
    effects: pd.DataFrame,
    policy: PriorityPolicy,
    constraints: ContactConstraints,
    run: str = "",
) -> NextAction:
    """What a plan does with one customer, and every action of the policy beside it.

    Parameters
    ----------
    scores:
        The customer's row of Scores with its priority columns, indexed by ``customer_id``.
    planned:
        The plan's table: rows of everybody with a possible action.
    summary, effects, policy, constraints:
        What the plan was made with.
    run:
        The stored run that the plan is of.

    Raises
    ------
    DataError
        If the effects cannot be meant.
    """
    row = scores.iloc[0]
    resolved = resolve(effects, scores.index, policy)
    value, profit, at_estimate = (array[0] for array in unrestricted(scores, resolved, policy, constraints))
    rules = closing_rules(scores, profit[None, :], policy, constraints)
    mine = planned[planned["customer_id"] == row["customer_id"]]
    taken = str(mine["action"].iloc[0]) if len(mine) and bool(mine["planned"].iloc[0]) else None
    held = bool(row["holdout"])
    prices = _prices(policy, summary, str(row["rfm_group"]))
    options = []
    for place, action in enumerate(policy.actions):
        excluded = tuple(name for name, rule in rules if rule[0, place])
        source, version = resolved.origins[resolved.origin[0, place]] if resolved.origin[0, place] >= 0 else ("", "")
        options.append(
            ActionOption(
                action=action.name,
                channel=action.channel,
                kind=action.kind,
                cost=action.cost,
                value=_number(value[place]),
                effect=_number(resolved.estimate[0, place]),
                effect_lower=_number(resolved.lower[0, place]),
                source=f"{source}: {version}" if version else source,
                expected_profit=_number(profit[place]),
                at_estimate=_number(at_estimate[place]),
                price=prices[place],
                excluded_by=excluded,
                verdict=_verdict(action.name, excluded, float(profit[place]), taken, held),
            )
        )
    return NextAction(
        run=run,
        action=row["next_action"] if isinstance(row["next_action"], str) else None,
        reason=row["priority_reason"] if isinstance(row["priority_reason"], str) else None,
        holdout=held,
        rank=None if pd.isna(row["priority_rank"]) else int(row["priority_rank"]),
        ranked=len(planned),
        rank_on=policy.rank_on,
        options=tuple(sorted(options, key=_by_profit)),
        last_contact=_last_contact(constraints, str(row["customer_id"])),
        notes=_doubts(mine, options),
    )


def _verdict(name: str, excluded: tuple[str, ...], profit: float, taken: str | None, held: bool) -> str:
    if name == taken:
        return HELD_OUT if held else CHOSEN
    if excluded:
        return EXCLUDED
    if not profit > 0:
        return DOES_NOT_PAY
    return BEYOND_LIMITS if taken is None else ANOTHER


def _prices(policy: PriorityPolicy, summary: PlanSummary, group: str) -> list[float]:
    """What the plan's limits charge for each action, less what the group's minimum pays for a contact."""
    price = {limit.name: limit.price for limit in summary.limits}
    reward = sum(owed.price for owed in summary.minima if owed.segment == group)
    return [
        price.get("budget", 0.0) * action.cost
        + (price.get(action.channel, 0.0) if action.channel in policy.capacities else 0.0)
        - reward
        for action in policy.actions
    ]


def _by_profit(option: ActionOption) -> tuple[bool, bool, float]:
    """The plan's choice, then what is allowed, then what earns most."""
    profit = -np.inf if option.expected_profit is None else option.expected_profit
    return option.verdict not in (CHOSEN, HELD_OUT), bool(option.excluded_by), -profit


def _last_contact(constraints: ContactConstraints, customer: str) -> date | None:
    sent = constraints.treatments
    times = sent.loc[sent["customer_id"] == customer, "sent_at"]
    return times.max().date() if len(times) else None


def _doubts(mine: pd.DataFrame, options: list[ActionOption]) -> tuple[str, ...]:
    """What the stored plan says otherwise than the same computation today."""
    if mine.empty:
        return ()
    planned = mine.iloc[0]
    same = next((option for option in options if option.action == planned["action"]), None)
    if same is None or same.expected_profit is None:
        return ()
    if abs(same.expected_profit - planned["expected_profit"]) <= _SAME * max(1.0, abs(planned["expected_profit"])):
        return ()
    return (
        f"the plan expected {planned['expected_profit']:,.2f} of {same.action}: its effects or the rows have changed "
        "since, plan anew (cvo plan)",
    )


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
