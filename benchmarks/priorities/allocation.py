"""Allocation of a million customers and five actions under a budget and three channel capacities; and the gap to HiGHS.

python benchmarks/priorities/allocation.py [--customers 1000000] [--against-highs 20000]
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, identity, kron, vstack

from cvo_ml.priorities.allocation import allocate
from cvo_ml.priorities.knapsack import NONE, Floats
from cvo_ml.priorities.prices import Limits


def problem(customers: int, seed: int, capacities: bool) -> tuple[Floats, Limits]:
    """Log-normal stakes and effects; all limits bind."""
    rng = np.random.default_rng(seed)
    effect = np.array([0.03, 0.05, 0.08, 0.12, 0.2]) * rng.lognormal(0, 0.4, (customers, 5))
    cost = np.array([0.3, 1.0, 2.5, 4.0, 9.0])
    profit = rng.lognormal(3, 1.2, customers)[:, None] * effect - cost
    use, most = [cost], [0.5 * customers]
    if capacities:
        use += [np.array(row, dtype=float) for row in ([1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1])]
        most += [0.25 * customers, 0.08 * customers, 0.01 * customers]
    return profit, Limits(np.array(use), np.array(most), np.full(customers, NONE), np.zeros(0, np.int64))


def by_highs(profit: Floats, limits: Limits) -> float:
    """One binary variable for each customer and action, to a gap of 1e-4."""
    n, k = profit.shape
    rows = vstack([csr_array(np.tile(limits.use, n)), kron(identity(n), np.ones((1, k)))]).tocsr()
    found = milp(
        -np.where(profit > 0, profit, 0.0).ravel(), integrality=1, bounds=Bounds(0, (profit > 0).ravel().astype(float)),
        constraints=LinearConstraint(rows, -np.inf, np.concatenate([limits.limit, np.ones(n)])),
        options={"mip_rel_gap": 1e-4},
    )  # fmt: skip
    return -float(found.fun)


def timed(customers: int, capacities: bool, against_highs: bool) -> str:
    """One line of the table."""
    profit, limits = problem(customers, 0, capacities)
    wall, cpu = time.perf_counter(), time.process_time()
    done = allocate(profit, limits)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    line = f"| {customers:,} | {len(limits.limit)} | {wall:.1f} s | {cpu:.1f} s | {peak:.2f} GiB | {done.gap:.1e} |"
    if against_highs:
        wall = time.perf_counter()
        best = by_highs(profit, limits)
        line += f" {(best - done.profit) / best:+.1e} in {time.perf_counter() - wall:.0f} s |"
    return line


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--customers", type=int, default=1_000_000)
    options.add_argument("--against-highs", type=int, default=20_000)
    chosen = options.parse_args()
    print("| customers x 5 | limits | wall | CPU | peak of the process | gap to the bound | HiGHS earns more by |")
    print("|---|---|---|---|---|---|---|")
    for with_capacities in (False, True):
        print(timed(chosen.customers, with_capacities, against_highs=False), flush=True)
        if chosen.against_highs:
            print(timed(chosen.against_highs, with_capacities, against_highs=True), flush=True)
