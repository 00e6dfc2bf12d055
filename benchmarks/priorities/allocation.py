"""Allocation of a million customers and five actions under a budget and three channel capacities; and the gap to HiGHS.

python benchmarks/priorities/allocation.py [--customers 1000000] [--against-highs 20000]
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, eye_array, kron, vstack

from benchmarks.measuring import peak_memory, timed
from cvo_ml.core.arrays import Floats
from cvo_ml.priorities.allocation import allocate
from cvo_ml.priorities.allocation.knapsack import NONE
from cvo_ml.priorities.allocation.prices import Limits


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
    once = kron(eye_array(n), np.ones((1, k)), format="csr")
    rows = vstack([csr_array(np.tile(limits.use, n)), once], format="csr")
    found = milp(
        -np.where(profit > 0, profit, 0.0).ravel(), integrality=np.ones(n * k),
        bounds=Bounds(0, (profit > 0).ravel().astype(float)),
        constraints=LinearConstraint(rows, -np.inf, np.concatenate([limits.limit, np.ones(n)])),
        options={"mip_rel_gap": 1e-4},
    )  # fmt: skip
    if found.fun is None:
        raise RuntimeError(f"HiGHS found no plan: {found.message}")
    return -float(found.fun)


def line(customers: int, capacities: bool, against_highs: bool) -> str:
    """One line of the table."""
    profit, limits = problem(customers, 0, capacities)
    done, taken = timed(lambda: allocate(profit, limits))
    seconds, peak = f"{taken.wall:.1f} s | {taken.cpu:.1f} s", peak_memory() / 2**30
    found = f"| {customers:,} | {len(limits.limit)} | {seconds} | {peak:.2f} GiB | {done.gap:.1e} |"
    if against_highs:
        best, taken = timed(lambda: by_highs(profit, limits))
        found += f" {(best - done.profit) / best:+.1e} in {taken.wall:.0f} s |"
    return found


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--customers", type=int, default=1_000_000)
    options.add_argument("--against-highs", type=int, default=20_000)
    chosen = options.parse_args()
    print("| customers x 5 | limits | wall | CPU | peak of the process | gap to the bound | HiGHS earns more by |")
    print("|---|---|---|---|---|---|---|")
    for with_capacities in (False, True):
        print(line(chosen.customers, with_capacities, against_highs=False), flush=True)
        if chosen.against_highs:
            print(line(chosen.against_highs, with_capacities, against_highs=True), flush=True)
