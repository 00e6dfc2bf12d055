"""A CSV larger than memory, read strictly in batches, beside a plain DuckDB read of the same file.

    python benchmarks/ingest/larger_than_memory.py [--gigabytes 1] [--memory-limit 1GB] [--folder DIR]

The file is generated (orders of invented customers, a few faulty rows among them). Each reader runs in a process
of its own; time is wall and CPU seconds, memory the peak resident size of the process. The plain read declares the
same columns, casts them, and writes the same rows to Parquet: it checks nothing.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from benchmarks.measuring import peak_memory, timed

COLUMNS: Final = {
    "order_id": "order",
    "customer_id": "customer",
    "ordered_at": "date",
    "net": "amount",
    "channel": "channel",
}
BLOCK: Final = 1_000_000


def generate(path: Path, size: int, seed: int = 1) -> int:
    """Write orders until the file has ``size`` bytes; one row in 100,000 is ragged or has no amount."""
    rng, rows = np.random.default_rng(seed), 0
    with path.open("wb") as file:
        file.write((",".join(COLUMNS.values()) + "\n").encode())
        while file.tell() < size:
            pacsv.write_csv(_block(rng, rows), file, pacsv.WriteOptions(include_header=False, quoting_style="none"))
            faulty = [
                f"R{rows + n},C1,2023-01-01T00:00:00" + (",,web\n" if n % 2 else "\n") for n in range(BLOCK // 100_000)
            ]
            file.write("".join(faulty).encode())
            rows += BLOCK + len(faulty)
    return rows


def _block(rng: np.random.Generator, start: int) -> pa.Table:
    moments = np.datetime64("2022-01-01", "s") + rng.integers(0, 86_400 * 700, BLOCK).astype("timedelta64[s]")
    customers = np.minimum(rng.geometric(2e-7, BLOCK), 20_000_000)

    def named(prefix: str, numbers: np.ndarray) -> pa.Array:
        return pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), "")

    return pa.table(
        {
            "order": named("A", np.arange(start + 1, start + BLOCK + 1)),
            "customer": named("C", customers),
            "date": pc.strftime(pa.array(moments), "%Y-%m-%dT%H:%M:%S"),
            "amount": pa.array(np.round(rng.gamma(2, 20, BLOCK), 2)),
            "channel": pa.array(rng.choice(["web", "shop", "app"], BLOCK)),
        }
    )


def strict(path: Path, folder: Path, memory_limit: str) -> dict[str, Any]:
    """Read by the product; says how many rows were used and set aside."""
    from cvo_ml.config.shops import ShopConfig
    from cvo_ml.ingest.large import read_large

    shop = ShopConfig.model_validate(
        {"name": "benchmark", "currency": "EUR", "source": {"path": str(path)}, "columns": COLUMNS}
    )
    ledger = read_large(shop, folder / "tables", memory_limit=memory_limit).ledger
    return {"rows": ledger.rows_in, "used": ledger.used, "quarantined": sum(ledger.quarantined.values())}


def plain(path: Path, folder: Path, memory_limit: str) -> dict[str, Any]:
    """Read by DuckDB alone, with the same declared columns; what it cannot split or cast it leaves out."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET memory_limit=?", [memory_limit])
    connection.execute("SET temp_directory=?", [str(folder / "spill")])
    connection.execute("SET threads=2")
    texts = ", ".join(f"'{header}': 'VARCHAR'" for header in COLUMNS.values())
    connection.execute(
        f"""COPY (SELECT "order", customer, TRY_CAST("date" AS TIMESTAMP) AS "date",
        TRY_CAST(amount AS DOUBLE) AS amount, channel
        FROM read_csv('{path}', auto_detect=false, header=true, delim=',', quote='"', escape='"',
        columns={{{texts}}}, ignore_errors=true)) TO '{folder / "plain.parquet"}' (FORMAT parquet)"""
    )
    ((used,),) = connection.execute(f"SELECT count(*) FROM '{folder / 'plain.parquet'}'").fetchall()
    return {"used": used}


def measured(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Run in a fresh process: what it says, wall and CPU seconds, peak resident memory in GB."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_measure, (work, arguments))


def _measure(work: Callable[..., dict[str, Any]], arguments: tuple[Any, ...]) -> dict[str, Any]:
    said, taken = timed(lambda: work(*arguments))
    return {
        **said,
        "wall_seconds": round(taken.wall, 1),
        "cpu_seconds": round(taken.cpu, 1),
        "peak_gigabytes": round(peak_memory() / 1e9, 2),
    }


def main() -> None:
    """Generate, read twice, print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--memory-limit", default="1GB")
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        path = Path(folder) / "orders.csv"
        rows = generate(path, int(options.gigabytes * 1e9))
        size = path.stat().st_size / 1e6
        found = {work.__name__: measured(work, path, Path(folder), options.memory_limit) for work in (plain, strict)}
        for numbers in found.values():
            numbers["megabytes_per_second"] = round(size / numbers["wall_seconds"], 1)
        ratio = found["strict"]["cpu_seconds"] / found["plain"]["cpu_seconds"]
        print(json.dumps({"megabytes": round(size), "rows": rows, **found, "cpu_ratio": round(ratio, 1)}, indent=2))


if __name__ == "__main__":
    main()
