"""All features of millions of orders under a 1 GB DuckDB limit: seconds and peak memory, each size in a fresh process.

python benchmarks/features/memory.py [--orders 1000000 10000000]
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from datetime import timedelta
from pathlib import Path

from benchmarks.features.engines import AS_OF, CONFIG
from benchmarks.measuring import Seconds, peak_memory, timed
from cvo_ml.features import ParquetTables, write_snapshots
from cvo_ml.simulate import write_shop

ORDERS_PER_CUSTOMER = 3.8


def run(folder: str, dates: int) -> tuple[int, Seconds, int]:
    """Rows written, seconds, and peak resident memory in bytes."""
    days = [AS_OF - timedelta(days=30 * back) for back in range(dates)]
    shop = ParquetTables(Path(folder) / "shop" / "tables", memory_limit="1GB", threads=2)
    rows, taken = timed(lambda: write_snapshots(shop, days, Path(folder) / "features.parquet"))
    return rows, taken, peak_memory()


def main() -> None:
    """Print one line per size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--dates", type=int, default=1)
    chosen = parser.parse_args()
    seconds = []
    for orders in chosen.orders:
        with tempfile.TemporaryDirectory() as folder:
            write_shop(Path(folder) / "shop", CONFIG, int(orders / ORDERS_PER_CUSTOMER), tables=["orders"])
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                rows, taken, peak = pool.apply(run, (folder, chosen.dates))
        seconds.append(taken.cpu)
        times = f"{taken.wall:.1f} s wall, {taken.cpu:.1f} s CPU ({taken.cpu / seconds[0]:.1f} x first)"
        print(f"{orders:>12,} orders: {rows:,} rows in {times}, peak {peak / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
