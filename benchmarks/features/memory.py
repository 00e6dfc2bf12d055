"""All features of millions of orders under a 1 GB DuckDB limit: seconds and peak memory, each size in a fresh process.

python benchmarks/features/memory.py [--orders 1000000 10000000]
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from engines import AS_OF, CONFIG

from cvo_ml.features import ParquetTables, write_snapshots
from cvo_ml.simulate import write_shop

ORDERS_PER_CUSTOMER = 3.8


def run(folder: str, dates: int) -> tuple[int, float, float, float]:
    """Rows written, wall and CPU seconds, peak resident memory in GB."""
    begin, begin_cpu = time.perf_counter(), time.process_time()
    days = [AS_OF - timedelta(days=30 * back) for back in range(dates)]
    shop = ParquetTables(Path(folder) / "shop" / "tables", memory_limit="1GB", threads=2)
    rows = write_snapshots(shop, days, Path(folder) / "features.parquet")
    wall, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
    return rows, wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


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
                rows, wall, cpu, peak = pool.apply(run, (folder, chosen.dates))
        seconds.append(cpu)
        times = f"{wall:.1f} s wall, {cpu:.1f} s CPU ({cpu / seconds[0]:.1f} x first)"
        print(f"{orders:>12,} orders: {rows:,} rows in {times}, peak {peak:.2f} GB")


if __name__ == "__main__":
    main()
