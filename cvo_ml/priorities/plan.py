"""The plan: who gets which action, in which order, within the limits, and what it should earn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.core.arrays import Flags, Floats, Ints
from cvo_ml.core.score_cells import null_columns
from cvo_ml.core.scores import columns_of
from cvo_ml.priorities.allocation import allocate
from cvo_ml.priorities.allocation.knapsack import NONE
from cvo_ml.priorities.constraints import ContactConstraints
from cvo_ml.priorities.effects import Effects, resolve
from cvo_ml.priorities.holdout import holdout, intended
from cvo_ml.priorities.profit import ActionProfits, action_profits, limits_of
from cvo_ml.priorities.summary import PlanSummary, summarize

DOES_NOT_PAY: Final = "does_not_pay"
BEYOND_LIMITS: Final = "beyond_the_limits"
HELD_OUT: Final = "holdout"


@dataclass(frozen=True)
class Plan:
    """A plan and what it rests on.

    Parameters
    ----------
    columns:
        The priority columns of Scores and ``priority_reason``, indexed by customer.
    table:
        One row per customer with a possible action, by rank: the log that an evaluation needs later.
        ``action`` is what is done, what would have been done to a held-out customer, or the best that
        was not done; ``planned`` says whether the plan holds it, ``propensity`` how probable it was
        that what happens to the customer (the action, or nothing) happens.
    summary:
        Totals, limits with their prices, actions, the profit-against-budget curve.
    """

    columns: pd.DataFrame
    table: pd.DataFrame
    summary: PlanSummary


def plan(scores: pd.DataFrame, effects: pd.DataFrame, policy: PriorityPolicy, constraints: ContactConstraints) -> Plan:
    """Choose actions within the policy's limits.

    Parameters
    ----------
    scores:
        Indexed by ``customer_id``, with CLV, churn and segment columns.
    effects:
        What the actions do (``effects`` module); several sources may speak, the most trusted counts.
    constraints:
        Opt-outs, past contacts, costs.

    Returns
    -------
    Plan
        Rank 1 has the highest expected profit; ties go by customer id. The held out keep rank and
        profit but get no action. The order of the rows in ``scores`` does not matter.

    Raises
    ------
    DataError
        If the effects cannot be meant, or a profit is infinite.
    """
    ordered = scores.iloc[np.argsort(scores.index.astype("str").to_numpy(dtype=object), kind="stable")]
    resolved = resolve(effects, ordered.index, policy)
    profits = action_profits(ordered, resolved, policy, constraints)
    held = holdout(ordered.index, policy.holdout).to_numpy()
    treated = np.flatnonzero(~held)
    limits, resources, segments = limits_of(ordered, policy)
    allocation = allocate(profits.profit[treated], limits.of(treated))
    choice = np.full(len(ordered), NONE, dtype=np.int64)
    choice[treated] = allocation.choice
    choice[held] = intended(profits.profit, limits, held, allocation)
    columns = _columns(ordered, profits, choice, held, policy)
    table = _table(columns, profits, resolved, choice, policy)
    summary = replace(
        summarize(table, profits.profit[treated], limits.of(treated), allocation, resources, segments, policy),
        value_share=constraints.value_share,
        reasons=_counted(columns["priority_reason"]),
    )
    return Plan(columns.reindex(scores.index), table, summary)


def _counted(reasons: pd.Series) -> dict[str, int]:
    return {str(name): int(count) for name, count in reasons.value_counts().sort_index().items()}


def _columns(
    scores: pd.DataFrame, profits: ActionProfits, choice: Ints, held: Flags, policy: PriorityPolicy
) -> pd.DataFrame:
    shown = _shown(profits.profit, choice)
    possible = shown != NONE
    profit = _taken(profits.profit, shown)
    planned, act = choice != NONE, (choice != NONE) & ~held
    columns = null_columns(scores.index, "priority", DOES_NOT_PAY)
    columns["expected_profit_of_action"] = profit
    columns["priority_rank"] = _ranks(columns["expected_profit_of_action"])
    columns["holdout"] = pd.array(held, dtype="boolean")
    for name in ("name", "channel"):
        words = np.array([getattr(action, name) for action in policy.actions], dtype=object)
        column = pd.Series(words[shown], index=scores.index, dtype="str")
        columns["next_action" if name == "name" else name] = column.where(act)
    reason = columns["priority_reason"].mask(profit > 0, BEYOND_LIMITS).mask(planned & held, HELD_OUT)
    reason = reason.mask(act, None).where(possible, profits.reason)
    columns["priority_reason"] = reason.astype("str")
    return columns[[*columns_of("priority"), "priority_reason"]]


def _table(
    columns: pd.DataFrame, profits: ActionProfits, resolved: Effects, choice: Ints, policy: PriorityPolicy
) -> pd.DataFrame:
    shown = _shown(profits.profit, choice)
    next_best, next_profit = _runner_up(profits.profit, shown)
    names = np.array([*(action.name for action in policy.actions), None], dtype=object)
    channels = np.array([*(action.channel for action in policy.actions), None], dtype=object)
    kinds = np.array([*(action.kind for action in policy.actions), None], dtype=object)
    origin = resolved.origin[np.arange(len(shown)), shown]
    sources = np.array([*(source for source, _ in resolved.origins), None], dtype=object)
    versions = np.array([*(version for _, version in resolved.origins), None], dtype=object)
    planned, held = choice != NONE, columns["holdout"].to_numpy(dtype=bool)
    share = policy.holdout.share
    table = pd.DataFrame(
        {
            "priority_rank": columns["priority_rank"],
            "action": pd.Series(names[shown], index=columns.index, dtype="str"),
            "channel": pd.Series(channels[shown], index=columns.index, dtype="str"),
            "kind": pd.Series(kinds[shown], index=columns.index, dtype="str"),
            "planned": planned,
            "holdout": held,
            "propensity": np.where(planned, np.where(held, share, 1 - share), 1.0),
            "cost": np.array([action.cost for action in policy.actions])[shown],
            "value": _taken(profits.value, shown),
            "effect": _taken(resolved.estimate, shown),
            "effect_lower": _taken(resolved.lower, shown),
            "source": pd.Series(sources[origin], index=columns.index, dtype="str"),
            "version": pd.Series(versions[origin], index=columns.index, dtype="str"),
            "expected_profit": columns["expected_profit_of_action"],
            "expected_profit_at_estimate": _taken(profits.at_estimate, shown),
            "next_best": pd.Series(names[next_best], index=columns.index, dtype="str"),
            "next_best_profit": next_profit,
        }
    )
    table.insert(0, "customer_id", columns.index.astype("str"))
    listed: pd.DataFrame = table[shown != NONE].sort_values("priority_rank", ignore_index=True)
    return listed


def _shown(profit: Floats, choice: Ints) -> Ints:
    """What was chosen, else the best there is, -1 where nothing is allowed."""
    best = np.where(np.isnan(profit), -np.inf, profit).argmax(axis=1)
    return np.where(choice != NONE, choice, np.where(np.isnan(profit).all(axis=1), NONE, best))


def _runner_up(profit: Floats, shown: Ints) -> tuple[Ints, Floats]:
    """The best other action and its profit; -1 and nan where there is none."""
    others = np.where(np.isnan(profit), -np.inf, profit)
    others[np.arange(len(shown)), shown] = -np.inf
    place = others.argmax(axis=1)
    value = others[np.arange(len(shown)), place]
    return np.where(np.isfinite(value), place, NONE), np.where(np.isfinite(value), value, np.nan)


def _taken(values: Floats, place: Ints) -> Floats:
    """The value at each row's place; nan where the place is -1."""
    return np.where(place == NONE, np.nan, values[np.arange(len(place)), place])


def _ranks(profit: pd.Series) -> pd.Series:
    ranked = profit.dropna().to_frame("profit")
    ranked["customer"] = ranked.index.astype("str")
    ordered = ranked.sort_values(["profit", "customer"], ascending=[False, True], kind="stable").index
    ranks = pd.Series(np.arange(1, len(ordered) + 1, dtype=float), index=ordered)
    return ranks.reindex(profit.index)
