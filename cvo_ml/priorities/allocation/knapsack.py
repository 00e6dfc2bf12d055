"""One action per customer under one budget: the multiple-choice knapsack by slopes.

Of each customer's actions only those on the upper hull of (cost, profit) can be part of an optimal
plan of the relaxed problem; the steps between them, sorted by profit per euro, are the path that the
plan takes as the budget grows (Sinha & Zoltners 1979, The Multiple-Choice Knapsack Problem, §2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from cvo_ml.core.arrays import Floats, Ints

NONE: Final = -1
#: money is compared to this relative tolerance: far below a cent, far above rounding
MONEY_TOLERANCE: Final = 1e-9


@dataclass(frozen=True)
class Path:
    """Steps in the order in which a growing budget takes them; arrays of shape (steps,).

    ``slope`` is the profit per unit of money of the step and never rises along the path;
    ``spent`` and ``profit`` are the totals after the step.
    """

    customer: Ints
    action: Ints
    slope: Floats
    spent: Floats
    profit: Floats

    def steps_within(self, budget: float) -> int:
        """How many steps the budget pays for."""
        return int(np.searchsorted(self.spent, budget + MONEY_TOLERANCE * abs(budget), side="right"))

    def price_after(self, steps: int) -> float:
        """What one more unit of money would earn: the slope of the first step not taken; 0 at the end."""
        return float(self.slope[steps]) if steps < len(self.slope) else 0.0


def path(profit: Floats, cost: Floats) -> Path:
    """The path of the relaxed problem.

    Parameters
    ----------
    profit:
        (customers, actions); what is not above 0 (-inf: not allowed) is never chosen.
    cost:
        (actions,), >= 0.

    Examples
    --------
    The published path of two actions at 3 and 6 with gains of 30/10, 40/50, 10/55 (Alice, Bob, Eve):

    >>> steps = path(np.array([[30.0, 10.0], [40.0, 50.0], [10.0, 55.0]]), np.array([3.0, 6.0]))
    >>> steps.customer.tolist(), steps.action.tolist(), steps.spent.tolist()
    ([1, 0, 2, 1], [0, 0, 1, 1], [3.0, 6.0, 12.0, 15.0])
    """
    steps = _hull_steps(profit, cost)
    customer, number, action, slope = (np.concatenate([step[place] for step in steps]) for place in range(4))
    # ties go by customer, and a customer's own steps stay in their order
    order = np.lexsort((number, customer, -slope))
    customer, action, slope, number = customer[order], action[order], slope[order], number[order]
    before = _action_before(customer, number, action)
    paid = np.where(before == NONE, 0.0, cost[before])
    had = np.where(before == NONE, 0.0, profit[customer, before])
    return Path(
        customer,
        action,
        slope,
        spent=np.cumsum(cost[action] - paid),
        profit=np.cumsum(profit[customer, action] - had),
    )


def _hull_steps(profit: Floats, cost: Floats) -> list[tuple[Ints, Ints, Ints, Floats]]:
    """Rounds of steps: customer, number of the step, action it leads to, slope."""
    who = np.flatnonzero((profit > 0).any(axis=1))
    had, paid = np.zeros(len(who)), np.zeros(len(who))
    rounds: list[tuple[Ints, Ints, Ints, Floats]] = [
        (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    ]
    while len(who):
        gain = profit[who] - had[:, None]
        extra = cost[None, :] - paid[:, None]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            slope = np.where(gain > 0, np.where(extra > 0, gain / extra, np.inf), -np.inf)
        action, best = _steepest(slope, gain, extra)
        rises = best > 0
        who, action, best = who[rises], action[rises], best[rises]
        rounds.append((who, np.full(len(who), len(rounds), dtype=np.int64), action, best))
        had, paid = profit[who, action], cost[action]
    return rounds


def _steepest(slope: Floats, gain: Floats, extra: Floats) -> tuple[Ints, Floats]:
    """The action of the steepest slope: of equal ones the cheapest, of those without cost the most profitable."""
    best = slope.max(axis=1)
    free = np.isinf(best) & (best > 0)
    preference = np.where(free[:, None], gain, -extra)
    return np.where(slope == best[:, None], preference, -np.inf).argmax(axis=1), best


def _action_before(customer: Ints, number: Ints, action: Ints) -> Ints:
    """The action that each step replaces, -1 where it is the customer's first."""
    order = np.lexsort((number, customer))
    before = np.full(len(customer), NONE, dtype=np.int64)
    follows = number[order][1:] > 1
    before[order[1:][follows]] = action[order[:-1][follows]]
    return before
