"""The best set of actions within budget, channel capacities and minima per segment.

Maximise sum_i p_i(x_i) with at most one action for each customer i, subject to what the actions take of
each resource and to a minimum of contacts per segment, which is met as far as it can be.

Prices make the limits soft (Fisher 1981, The Lagrangian Relaxation Method for Solving Integer
Programming Problems): at given prices each customer chooses alone. For one resource the price is a slope
of the path (``knapsack``), for several it is the minimum of the dual. Then the customers close to
indifference are decided exactly by HiGHS, and the dual value at the prices bounds what any plan can earn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cvo_ml.core.arrays import Floats, Ints
from cvo_ml.priorities.allocation.integer_program import Classes, choices, relaxed_prices
from cvo_ml.priorities.allocation.knapsack import NONE, path
from cvo_ml.priorities.allocation.prices import Limits, Prices, dual_prices, dual_value, penalty, responses

#: so many different customers are one integer program, solved to the end
EXACT: Final = 150
#: of more, so many stay undecided at the best prices; the larger number if the smaller is not good enough
CORES: Final = (60, 240)
#: a plan this close to its bound is not improved further
GOOD_ENOUGH: Final = 3e-4
#: the search for prices starts at those of so many customers
SAMPLE: Final = 2_000
LARGE_SAMPLE: Final = 50_000
POLISHES: Final = 4


@dataclass(frozen=True)
class Allocation:
    """A plan: who gets which action, what it earns, and how much more any plan could earn.

    Parameters
    ----------
    choice:
        (customers,), the action's number or -1.
    bound:
        No plan with this shortage, within the limits, earns more.
    used:
        (resources,), what the plan takes of each.
    shortage:
        (segments,), contacts missing to each minimum: nobody else there pays, or the limits forbid it.
    """

    choice: Ints
    profit: float
    bound: float
    prices: Prices
    used: Floats
    shortage: Ints

    @property
    def gap(self) -> float:
        """The optimality gap, (bound - profit) / bound; 0 where nothing can be earned."""
        return max(0.0, (self.bound - self.profit) / self.bound) if self.bound > 0 else 0.0


def allocate(profit: Floats, limits: Limits) -> Allocation:
    """Choose at most one action per customer.

    Parameters
    ----------
    profit:
        (customers, actions): expected profit; nan or -inf where the action is not allowed. Actions
        that do not earn more than nothing are never chosen, whatever the minima say.
    limits:
        What the plan may use.

    Returns
    -------
    Allocation
        Up to ``EXACT`` different customers the best plan there is, so that a larger budget never earns
        less; beyond, optimal to ``gap``.
    """
    paying = np.where(profit > 0, profit, -np.inf)
    rows = np.flatnonzero((paying > 0).any(axis=1))
    choice = np.full(len(profit), NONE, dtype=np.int64)
    part = _solve(paying[rows], limits.of(rows))
    choice[rows] = part.choice
    return replace(part, choice=choice)


def _solve(profit: Floats, limits: Limits) -> Allocation:
    nothing = Prices.nothing(limits)
    if not len(profit):
        return _described(np.zeros(0, np.int64), profit, limits, nothing)
    free = profit.argmax(axis=1).astype(np.int64)
    if not limits.excess(free).any():
        return _described(free, profit, limits, nothing)
    classes = Classes.of(profit, limits)
    few = len(classes.size) <= EXACT
    if limits.one_resource:
        prices = _price_on_the_path(profit, limits)
    elif few:
        prices = relaxed_prices(classes, limits)
    else:
        prices = _polished(profit, limits, _near_prices(profit, limits))
    if few:
        return _described(choices(classes, limits), profit, limits, prices)
    return _by_prices(profit, limits, prices)


def _price_on_the_path(profit: Floats, limits: Limits) -> Prices:
    steps = path(profit, limits.use[0])
    price = steps.price_after(steps.steps_within(float(limits.limit[0])))
    return Prices(np.array([price]), np.zeros(0))


def _by_prices(profit: Floats, limits: Limits, prices: Prices) -> Allocation:
    """Who chooses clearly at the prices is fixed; the rest is decided exactly, more of it until it is good enough."""
    choice, margin = responses(profit, limits, prices)
    plans: list[Allocation] = []
    for size in CORES:
        plans.append(_with_core(profit, limits, prices, choice, _least_certain(margin, size)))
        if plans[-1].gap <= GOOD_ENOUGH:
            break
    return min(plans, key=lambda plan: plan.gap)


def _polished(profit: Floats, limits: Limits, prices: Prices) -> Prices:
    """The prices of the linear program in which only the least certain customers still choose, while that helps."""
    lowest = dual_value(profit, limits, prices)
    for _ in range(POLISHES):
        choice, margin = responses(profit, limits, prices)
        core = _least_certain(margin, SAMPLE)
        choice[core] = NONE
        left = limits.left_for(core, choice)
        better = relaxed_prices(Classes.of(profit[core], left), left)
        value = dual_value(profit, limits, better)
        if value >= lowest:
            break
        prices, lowest = better, value
    return prices


def _least_certain(margin: Floats, size: int) -> Ints:
    """The customers closest to indifference: so many, and all who tie with the last."""
    place = min(size, len(margin)) - 1
    return np.flatnonzero(margin <= np.partition(margin, place)[place])


def _with_core(profit: Floats, limits: Limits, prices: Prices, response: Ints, core: Ints) -> Allocation:
    choice = response.copy()
    choice[core] = NONE
    choice = relieved(choice, profit, limits)
    left, part = limits.left_for(core, choice), profit[core]
    bound = dual_value(part, left, prices)
    tolerance = GOOD_ENOUGH / 2 * dual_value(profit, limits, prices) / bound if bound > 0 else 0.0
    choice[core] = choices(Classes.of(part, left), left, min(tolerance, 0.01))
    return _described(choice, profit, limits, prices)


def relieved(choice: Ints, profit: Floats, limits: Limits) -> Ints:
    """The plan without the contacts that earn least per unit of an exceeded resource."""
    choice = choice.copy()
    for number, over in enumerate(limits.excess(choice)):
        if over <= 0:
            continue
        takes = np.where(choice == NONE, 0.0, limits.use[number][choice])
        who = np.flatnonzero(takes > 0)
        worth = profit[who, choice[who]] / takes[who]
        who = who[np.argsort(worth, kind="stable")]
        still_over = limits.excess(choice)[number]
        choice[who[: 1 + int(np.searchsorted(np.cumsum(takes[who]), still_over))]] = NONE
    return choice


def _near_prices(profit: Floats, limits: Limits) -> Prices:
    """Prices near the best: those of a small sample exactly, then of a larger one and of all with less smoothing."""
    small = _sample(profit, limits, SAMPLE)
    prices = relaxed_prices(Classes.of(*small), small[1])
    prices = dual_prices(*_sample(profit, limits, LARGE_SAMPLE), prices, 0.03)
    return dual_prices(profit, limits, prices, 0.003)


def _sample(profit: Floats, limits: Limits, size: int) -> tuple[Floats, Limits]:
    """Every k-th customer, with a like part of the limits."""
    rows = np.arange(0, len(profit), max(1, len(profit) // size))
    share = len(rows) / len(profit)
    minimum = np.round(limits.minimum * share).astype(np.int64)
    return profit[rows], replace(limits.of(rows), limit=limits.limit * share, minimum=minimum)


def _described(choice: Ints, profit: Floats, limits: Limits, prices: Prices) -> Allocation:
    choice = relieved(choice, profit, limits)
    who = np.flatnonzero(choice != NONE)
    earned = float(profit[who, choice[who]].sum())
    shortage = limits.shortage(choice)
    bound = earned
    if len(profit):
        bound = dual_value(profit, limits, prices) + penalty(profit, limits) * float(shortage.sum())
    return Allocation(choice, earned, max(bound, earned), prices, limits.used(choice), shortage)
