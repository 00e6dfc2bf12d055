"""Expected profit of each action for each customer, and who may get which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.core.arrays import Flags, Floats, Ints
from cvo_ml.core.errors import DataError
from cvo_ml.priorities.allocation.knapsack import NONE
from cvo_ml.priorities.allocation.prices import Limits
from cvo_ml.priorities.constraints import ContactConstraints
from cvo_ml.priorities.effects import Effects
from cvo_ml.priorities.value_at_risk import values_of

#: why a customer has no action at all, the first that holds
NO_VALUE: Final = "no_value_at_stake"
OPTED_OUT: Final = "opted_out"
NO_ACTION_FOR_GROUP: Final = "no_action_for_group"
TOO_COSTLY: Final = "effort_above_value"
CONTACTED: Final = "contacted_recently"


@dataclass(frozen=True)
class ActionProfits:
    """What every action would bring; arrays of shape (customers, actions) unless said.

    ``value`` is what the action acts on; ``profit`` (by the effect that ranks) and ``at_estimate`` (by
    its middle) are after the action's cost, nan where the action is not allowed. ``reason`` (customers,)
    says why a customer has no action at all, null where there is one.
    """

    value: Floats
    profit: Floats
    at_estimate: Floats
    reason: pd.Series


def action_profits(
    scores: pd.DataFrame, effects: Effects, policy: PriorityPolicy, constraints: ContactConstraints
) -> ActionProfits:
    """Expected profit = effect x value - cost, where the policy and the customer allow the action.

    Raises
    ------
    DataError
        If a profit comes out infinite: a score or an effect is.
    """
    value, profit, at_estimate = unrestricted(scores, effects, policy, constraints)
    reason = pd.Series(None, index=scores.index, dtype="str")
    shut = np.zeros(profit.shape, dtype=bool)
    for name, rule in closing_rules(scores, profit, policy, constraints):
        shut |= rule
        reason = reason.mask(shut.all(axis=1) & reason.isna().to_numpy(), name)
    return ActionProfits(
        value, np.where(shut, np.nan, profit), np.where(shut, np.nan, at_estimate), reason.astype("str")
    )


def unrestricted(
    scores: pd.DataFrame, effects: Effects, policy: PriorityPolicy, constraints: ContactConstraints
) -> tuple[Floats, Floats, Floats]:
    """Value, profit and profit at the middle effect as if everything were allowed; each (customers, actions).

    Raises
    ------
    DataError
        If a profit comes out infinite.
    """
    value = values_of(scores, policy.actions, constraints.value_share)
    cost = np.array([action.cost for action in policy.actions])
    profit = effects.ranking(policy.rank_on) * value - cost
    if np.isinf(profit).any():
        rows = np.flatnonzero(np.isinf(profit).any(axis=1))
        raise DataError(
            "expected profit is infinite", "look at predicted_clv and the effects of these customers",
            file="scores", count=len(rows), first_rows=(rows[:3] + 1).tolist(),
        )  # fmt: skip
    return value, profit, effects.estimate * value - cost


def closing_rules(
    scores: pd.DataFrame, profit: Floats, policy: PriorityPolicy, constraints: ContactConstraints
) -> list[tuple[str, Flags]]:
    """What forbids actions, in the order in which it is named: each rule with whom it forbids what."""
    unsaid = constraints.unsaid if policy.unsaid_consent == "no" else frozenset[str]()
    out = scores.index.isin([*constraints.opted_out, *unsaid, *policy.opted_out])
    return [
        (OPTED_OUT, np.repeat(out[:, None], len(policy.actions), axis=1)),
        (NO_VALUE, np.isnan(profit)),
        (NO_ACTION_FOR_GROUP, ~in_segments(scores, policy)),
        (TOO_COSTLY, too_costly(scores, policy, constraints.value_share)),
        (CONTACTED, constraints.recently(scores.index, policy.actions, policy.contacts)),
    ]


def in_segments(scores: pd.DataFrame, policy: PriorityPolicy) -> Flags:
    """Whose RFM group each action is for, shape (customers, actions)."""
    groups = scores["rfm_group"]
    return np.column_stack(
        [groups.isin(action.segments).to_numpy() | (not action.segments) for action in policy.actions]
    )


def too_costly(scores: pd.DataFrame, policy: PriorityPolicy, value_share: float) -> Flags:
    """Where an action costs more than the policy's share of the expected value (methods J6)."""
    cost = np.array([action.cost for action in policy.actions])
    if policy.effort_share is None:
        return np.zeros((len(scores), len(cost)), dtype=bool)
    most = policy.effort_share * value_share * scores["predicted_clv"].to_numpy(dtype=np.float64)
    return cost[None, :] > most[:, None]


def limits_of(scores: pd.DataFrame, policy: PriorityPolicy) -> tuple[Limits, tuple[str, ...], tuple[str, ...]]:
    """The policy's limits as arrays, with the names of the resources and of the segments with a minimum."""
    uses: list[Floats] = []
    most: list[float] = []
    resources: list[str] = []
    if policy.budget is not None:
        uses.append(np.array([action.cost for action in policy.actions]))
        most.append(policy.budget)
        resources.append("budget")
    for channel, capacity in policy.capacities.items():
        uses.append(np.array([float(action.channel == channel) for action in policy.actions]))
        most.append(float(capacity))
        resources.append(channel)
    owed = {name: count for name, count in policy.minimum_per_segment.items() if count}
    group: Ints = pd.Index(list(owed)).get_indexer(pd.Index(scores["rfm_group"])).astype(np.int64)
    limits = Limits(
        np.array(uses).reshape(len(most), len(policy.actions)),
        np.array(most),
        np.where(group < 0, NONE, group),
        np.array(list(owed.values()), dtype=np.int64),
    )
    return limits, tuple(resources), tuple(owed)
