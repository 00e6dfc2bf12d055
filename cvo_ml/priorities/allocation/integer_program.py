"""The allocation as a linear and an integer program, solved by HiGHS (Huangfu & Hall 2018).

Customers with the same profits and segment are one class with an integer number for each action, so
that a million equal customers are one row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array, hstack, vstack

from cvo_ml.core.arrays import Floats, Ints
from cvo_ml.priorities.allocation.knapsack import NONE
from cvo_ml.priorities.allocation.prices import Limits, Prices, penalty

#: nodes and not seconds: the same on every machine
MOST_NODES: Final = 500


@dataclass(frozen=True)
class Classes:
    """Customers that differ in nothing: profits (classes, actions), sizes, segments, and each customer's class."""

    profit: Floats
    size: Ints
    group: Ints
    member_of: Ints

    @classmethod
    def of(cls, profit: Floats, limits: Limits) -> Classes:
        """Group customers of equal rows; classes stand in the order of their first customer."""
        rows = np.column_stack([np.where(profit > 0, profit, -np.inf), limits.group.astype(np.float64)])
        keys = np.ascontiguousarray(rows + 0.0).view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
        _, first, inverse, size = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
        order = np.argsort(first, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        return cls(rows[first[order], :-1], size[order], limits.group[first[order]], place[inverse.ravel()])


def relaxed_prices(classes: Classes, limits: Limits) -> Prices:
    """The prices of the linear relaxation: its dual values."""
    matrix, right, gain, upper = _program(classes, limits)
    solution = linprog(-gain, A_ub=matrix, b_ub=right, bounds=[(0.0, float(most)) for most in upper])
    marginal = np.maximum(-np.asarray(solution.ineqlin.marginals), 0.0)
    resources, segments = len(limits.limit), len(limits.minimum)
    return Prices(marginal[:resources], marginal[resources : resources + segments])


def choices(classes: Classes, limits: Limits, tolerance: float = 0.0) -> Ints:
    """The best plan in whole contacts; in a class the actions go to its customers in their order.

    Parameters
    ----------
    tolerance:
        Relative gap at which the search may end; 0 proves the plan the best.
    """
    pairs = np.argwhere(np.isfinite(classes.profit))
    count = np.zeros(classes.profit.shape, dtype=np.int64)
    if len(pairs):
        matrix, right, gain, upper = _program(classes, limits)
        whole = np.concatenate([np.ones(len(pairs)), np.zeros(len(limits.minimum))])
        # HiGHS 1.12 may print a debugging line past its log switch: the command line keeps it from its output
        solution = milp(
            -gain,
            integrality=whole,
            bounds=Bounds(np.zeros_like(upper), upper),
            constraints=LinearConstraint(matrix, -np.inf, right),
            options={"mip_rel_gap": tolerance, "node_limit": MOST_NODES},
        )
        if solution.x is not None:
            count[tuple(pairs.T)] = np.round(solution.x[: len(pairs)]).astype(np.int64)
    return _handed_out(count, classes)


def _program(classes: Classes, limits: Limits) -> tuple[Any, Floats, Floats, Floats]:
    """Matrix, right side, gain and upper bounds; rows: resources, minima, classes; columns: contacts, shortages."""
    who, action = np.argwhere(np.isfinite(classes.profit)).T
    segments = len(limits.minimum)
    columns = np.arange(len(who))
    member = classes.group[who] != NONE
    served = csr_array(
        (-np.ones(member.sum()), (classes.group[who][member], columns[member])), shape=(segments, len(who))
    )
    once = csr_array((np.ones(len(who)), (who, columns)), shape=(len(classes.size), len(who)))
    contacts = vstack([csr_array(limits.use[:, action]), served, once])
    missing = vstack(
        [
            csr_array((len(limits.limit), segments)),
            -csr_array(np.eye(segments)),
            csr_array((len(classes.size), segments)),
        ]
    )
    right = np.concatenate([limits.limit, -limits.minimum, classes.size])
    lost = penalty(classes.profit, limits)
    gain = np.concatenate([classes.profit[who, action], np.full(segments, -lost)])
    upper = np.concatenate([classes.size[who], limits.minimum]).astype(np.float64)
    return hstack([contacts, missing]).tocsr(), right.astype(np.float64), gain, upper


def _handed_out(count: Ints, classes: Classes) -> Ints:
    """(customers,): the first members of a class get its first action, the next its second, the rest none."""
    order = np.argsort(classes.member_of, kind="stable")
    starts = np.cumsum(classes.size) - classes.size
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order)) - starts[classes.member_of[order]]
    until = np.cumsum(count, axis=1)[classes.member_of]
    number = (place[:, None] >= until).sum(axis=1)
    return np.where(number < count.shape[1], number, NONE)
