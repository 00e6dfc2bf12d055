"""Limits of a plan, and the prices at which customers, each choosing alone, keep to them.

The dual of the allocation: D(price, reward) = sum_i max(0, max_j p_ij - price . use_j + reward_g(i))
+ price . limit - reward . minimum. It is convex and bounds every plan from above.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from scipy.optimize import minimize

from cvo_ml.core.arrays import Floats, Ints
from cvo_ml.priorities.allocation.knapsack import MONEY_TOLERANCE, NONE

MOST_STEPS: Final = 60


@dataclass(frozen=True)
class Limits:
    """What a plan may use, and what it owes to segments.

    Parameters
    ----------
    use:
        (resources, actions), >= 0: what one contact takes of each resource, such as money, or one
        contact of a channel.
    limit:
        (resources,), finite, >= 0.
    group:
        (customers,): the segment with a minimum that each customer belongs to, -1 for none.
    minimum:
        (segments,): the fewest contacts in each. A minimum that cannot be met is met as far as possible.
    """

    use: Floats
    limit: Floats
    group: Ints
    minimum: Ints

    @property
    def one_resource(self) -> bool:
        """Whether a single resource is all that limits the plan."""
        return len(self.limit) == 1 and len(self.minimum) == 0

    @cached_property
    def steepest(self) -> float:
        """The largest ratio of two positive uses of one resource, summed over the resources."""
        used = [row[row > 0] for row in self.use]
        return float(sum(row.max() / row.min() for row in used if len(row)))

    def used(self, choice: Ints) -> Floats:
        """(resources,): what the chosen actions take in all."""
        counts = np.bincount(choice[choice != NONE], minlength=self.use.shape[1])
        used: Floats = self.use @ counts
        return used

    def served(self, choice: Ints) -> Ints:
        """(segments,): contacts in each segment with a minimum."""
        members = self.group[(choice != NONE) & (self.group != NONE)]
        return np.asarray(np.bincount(members, minlength=len(self.minimum)), dtype=np.int64)

    def excess(self, choice: Ints) -> Floats:
        """(resources,): how far each limit is exceeded; rounding of sums does not count."""
        over = self.used(choice) - self.limit
        return np.where(over > MONEY_TOLERANCE * np.abs(self.limit), over, 0.0)

    def shortage(self, choice: Ints) -> Ints:
        """(segments,): contacts missing to each minimum."""
        return np.asarray(np.maximum(self.minimum - self.served(choice), 0), dtype=np.int64)

    def of(self, rows: Ints) -> Limits:
        """The same limits for some of the customers."""
        return replace(self, group=self.group[rows])

    def left_for(self, rows: Ints, choice: Ints) -> Limits:
        """What the others' choices leave to the customers in ``rows``, whose own choices must be -1."""
        limit = np.maximum(self.limit - self.used(choice), 0.0)
        return replace(self, limit=limit, minimum=self.shortage(choice), group=self.group[rows])


@dataclass(frozen=True)
class Prices:
    """What one more unit of each resource earns, and what one contact in each segment's minimum costs; >= 0."""

    resource: Floats
    reward: Floats

    @classmethod
    def nothing(cls, limits: Limits) -> Prices:
        """Prices where no limit binds."""
        return cls(np.zeros(len(limits.limit)), np.zeros(len(limits.minimum)))

    @property
    def vector(self) -> Floats:
        """Both, one after the other."""
        return np.concatenate([self.resource, self.reward])


def penalty(profit: Floats, limits: Limits) -> float:
    """What one contact missing to a minimum counts: more than any exchange of contacts could earn."""
    return float(profit.max(initial=0.0)) * (1.0 + limits.steepest)


def net_values(profit: Floats, limits: Limits, prices: Prices) -> Floats:
    """(customers, actions): profit less the price of what it takes, plus the reward of the segment."""
    reward = np.append(prices.reward, 0.0)[limits.group]  # -1 is the last: none
    net: Floats = profit - prices.resource @ limits.use
    net += reward[:, None]
    return net


def responses(profit: Floats, limits: Limits, prices: Prices) -> tuple[Ints, Floats]:
    """What each customer chooses at the prices (-1 for none), and by how much it beats the next best."""
    net = net_values(profit, limits, prices)
    choice = net.argmax(axis=1).astype(np.int64)
    rows = np.arange(len(net))
    best = net[rows, choice]
    net[rows, choice] = -np.inf
    second = np.maximum(net.max(axis=1, initial=-np.inf), 0.0)
    margin = np.where(best > 0, best - second, -best)
    return np.where(best > 0, choice, NONE), margin


def dual_value(profit: Floats, limits: Limits, prices: Prices) -> float:
    """D at the prices: no plan earns more, less the penalty of its shortage."""
    best = net_values(profit, limits, prices).max(axis=1)
    taken = float(np.maximum(best, 0.0).sum())
    return taken + float(prices.resource @ limits.limit) - float(prices.reward @ limits.minimum)


def dual_prices(profit: Floats, limits: Limits, start: Prices, temperature: float) -> Prices:
    """The prices that minimise the dual, smoothed so that its gradient is continuous.

    Parameters
    ----------
    start:
        Prices of the right order of size.
    temperature:
        Each max(0, v_1, ...) becomes T log(1 + sum_j exp(v_j / T)), with T this share of the mean best
        profit (Nesterov 2005, Smooth minimization of non-smooth functions). Lower is closer, and slower.
    """
    resources, customers = len(limits.limit), len(profit)
    heat = temperature * float(profit.max(axis=1).mean())
    slope = np.concatenate([limits.limit, -limits.minimum.astype(np.float64)])
    scale = np.maximum(start.vector, 0.05 * float(start.vector.max(initial=0.0)))
    scale = np.where(scale > 0, scale, 1.0)
    highest = np.concatenate([np.full(resources, np.inf), np.full(len(limits.minimum), penalty(profit, limits))])

    def smoothed(scaled: Floats) -> tuple[float, Floats]:
        point = scaled * scale
        net = net_values(profit, limits, Prices(point[:resources], point[resources:])) / heat
        best = np.maximum(net.max(axis=1), 0.0)
        net -= best[:, None]
        chance = np.exp(net, out=net)
        total = chance.sum(axis=1) + np.exp(-best)
        value = heat * float((best + np.log(total)).sum()) + float(slope @ point)
        chance /= total[:, None]
        members = np.bincount(limits.group + 1, weights=chance.sum(axis=1), minlength=len(limits.minimum) + 1)[1:]
        gradient = np.concatenate([-limits.use @ chance.sum(axis=0), members]) + slope
        return value / customers, gradient * scale / customers

    bounds = list(zip(np.zeros_like(scale), highest / scale, strict=True))
    minimum = minimize(
        smoothed, np.minimum(start.vector, highest) / scale, jac=True, method="L-BFGS-B", bounds=bounds,
        options={"maxiter": MOST_STEPS},
    )  # fmt: skip
    best = np.asarray(minimum.x * scale, dtype=np.float64)
    return Prices(best[:resources], best[resources:])
