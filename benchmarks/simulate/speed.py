"""Speed of the simulator beside lifetimes and beside bare numpy, in one run.

    python benchmarks/simulate/speed.py [--customers 1000000] [--lifetimes 20000]

One BG/NBD shop of about 4 orders per customer, followed for 78 weeks. The peer makes a summary per
customer only (frequency, recency, T, lambda, p, alive); ours also has every order's time, value and id.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import date

import numpy as np
from lifetimes.generate_data import beta_geometric_nbd_model

from benchmarks.cohort import ALPHA, A, B, P, Q, R, cohort
from benchmarks.measuring import timed
from cvo_ml.simulate import simulate_shop
from cvo_ml.simulate.random_streams import blocks
from cvo_ml.simulate.shop import population, purchases
from cvo_ml.simulate.shop.clock import Clock
from cvo_ml.simulate.shop.shop import shop_simulation

WEEKS = 78
CONFIG = cohort(acquired_until=date(2020, 1, 2))


def bare_draws(customers: int, orders: int) -> None:
    """The random numbers alone: two traits per customer; gap, coin and value per order."""
    rng = np.random.Generator(np.random.SFC64(1))
    rng.standard_gamma(R, customers)
    rng.beta(A, B, customers)
    rng.standard_gamma(Q, customers)
    rng.standard_exponential(orders)
    rng.random(orders)
    rng.standard_gamma(P, orders)


def process_only(customers: int) -> int:
    """Profile, traits, every order time and life as arrays: what the peer makes, and more. Number of orders."""
    clock, orders = Clock.of(CONFIG.season, CONFIG.start, CONFIG.end), 0
    for block in blocks(CONFIG.seed, customers, CONFIG.customers_per_block):
        profile = population.draw_profile(CONFIG, clock, block)
        traits = population.draw_traits(CONFIG, profile, clock, block)
        rng = block.stream("purchases")
        process = purchases.begin(traits.personal_clock(clock), traits, profile.born, rng)
        purchases.advance(process, CONFIG.days, rng)
        orders += len(purchases.orders_of(process)[0]) + block.size
        purchases.lives_of(process, profile.born)
    return orders


def arrow_tables(customers: int) -> None:
    """Orders with ids, times, money, and the truth, as Arrow tables block by block (what is streamed to Parquet)."""
    for _ in shop_simulation(CONFIG, customers).parts(frozenset({"orders"})):
        pass


def seconds(run: Callable[[], object], repeats: int = 3) -> float:
    """Best wall time of a few runs."""
    return min(timed(run)[1].wall for _ in range(repeats))


def main() -> None:
    """Print the table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--customers", type=int, default=1_000_000)
    arguments.add_argument("--lifetimes", type=int, default=20_000)
    chosen = arguments.parse_args()
    orders = process_only(chosen.customers)
    np.random.seed(1)
    peer = seconds(lambda: beta_geometric_nbd_model(WEEKS, R, ALPHA, A, B, chosen.lifetimes)) / chosen.lifetimes
    rows = {
        "bare numpy draws": seconds(lambda: bare_draws(chosen.customers, orders)),
        "purchase process (peer's scope)": seconds(lambda: process_only(chosen.customers)),
        "orders + truth as Arrow": seconds(lambda: arrow_tables(chosen.customers)),
        "orders + truth as checked frames": seconds(
            lambda: simulate_shop(CONFIG, chosen.customers, tables=["orders"]), repeats=1
        ),
    }
    print(f"{chosen.customers:,} customers, {orders:,} orders; lifetimes {peer * 1e6:.1f} us per customer")
    bare = rows["bare numpy draws"]
    for name, taken in rows.items():
        ratio = peer * chosen.customers / taken
        print(f"{name:34} {taken:7.2f} s  {ratio:7.1f} x faster than lifetimes  {taken / bare:5.1f} x bare draws")


if __name__ == "__main__":
    main()
