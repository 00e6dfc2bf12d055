"""``cvo check`` of many orders in one CSV file, beside DuckDB's copy of that file to Parquet, which checks nothing.

    python benchmarks/ingest/checking.py [--orders 10000000] [--simulated FOLDER]

Each command runs in a process of its own: CPU is user and system seconds of that process and its threads, memory its
peak resident size. ``--simulated`` is a folder of ``cvo simulate shop FOLDER --size 50000`` (3.7 million rows in 13
tables); the sample that comes with the package is checked too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

BLOCK: Final = 1_000_000
COPY: Final = """
import duckdb, sys
connection = duckdb.connect()
connection.execute("SET threads=2")
types = {"order": "VARCHAR", "customer": "VARCHAR", "date": "TIMESTAMP", "amount": "DOUBLE"}
connection.execute(f"COPY (FROM read_csv('{sys.argv[1]}', header=true, columns={types})) TO '{sys.argv[2]}'")
"""
CHECK: Final = "import sys; sys.argv[0] = 'cvo'; from cvo_ml.cli import main; main()"
COLUMNS: Final = "order_id=order,customer_id=customer,ordered_at=date,net=amount"


def generate(path: Path, orders: int, seed: int = 1) -> None:
    """Write orders: an id, one of two million customers, an ISO day of four years, an amount of two decimals."""
    rng = np.random.default_rng(seed)
    with path.open("wb") as file:
        file.write(b"order,customer,date,amount\n")
        for start in range(0, orders, BLOCK):
            rows = min(BLOCK, orders - start)
            days = np.datetime64("2021-01-01", "D") + rng.integers(0, 1400, rows)
            block = {
                "order": _named("ORDER-", np.arange(start + 1, start + rows + 1), 12),
                "customer": _named("C", rng.integers(1, 2_000_000, rows), 8),
                "date": pc.strftime(pa.array(days), format="%Y-%m-%d"),
                "amount": pa.array(np.round(rng.gamma(2, 20, rows), 2)).cast(pa.string()),
            }
            plain = pacsv.WriteOptions(include_header=False, quoting_style="none")
            pacsv.write_csv(pa.table(block), file, plain)


def _named(prefix: str, numbers: np.ndarray, width: int) -> pa.Array:
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")
    return pc.binary_join_element_wise(prefix, digits, "")


def measured(program: str, *arguments: str) -> dict[str, float]:
    """CPU and wall seconds and peak resident gigabytes of a program of Python."""
    began = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-c", program, *arguments], stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{arguments} ended with {status}")
    return {
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "wall_seconds": round(time.perf_counter() - began, 2),
        "peak_gigabytes": round(used.ru_maxrss * 1024 / 1e9, 2),
    }


def main() -> None:
    """Generate, copy, check, print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000_000)
    parser.add_argument("--simulated", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.csv"
        generate(path, options.orders)
        copied = measured(COPY, str(path), str(Path(folder) / "copy.parquet"))
        checked = measured(CHECK, "check", str(path), "--columns", COLUMNS, "--currency", "EUR")
        found = {
            "megabytes": round(path.stat().st_size / 1e6), "copy": copied, "check": checked,
            "cpu_ratio": round(checked["cpu_seconds"] / copied["cpu_seconds"], 2), "sample": measured(CHECK, "check"),
        }  # fmt: skip
    if options.simulated is not None:
        found["simulated"] = measured(CHECK, "check", "--shop", str(options.simulated / "shop.yaml"))
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
