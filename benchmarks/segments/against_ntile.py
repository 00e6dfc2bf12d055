"""RFM scores, groups of both vocabularies and value tiers of n customers, beside a bare DuckDB ``ntile`` query.

Each side reads the same Parquet file in a process of its own: wall and CPU seconds from before the read to the finished
table in memory, and the peak of resident memory of the process, libraries included. The query gives the three scores
alone; ours also cuts edges to keep, gives equal customers equal scores, and adds cell, two groups and a tier.

    python benchmarks/segments/against_ntile.py 1000000 10000000
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.measuring import Seconds, peak_memory

QUERY = """
CREATE TABLE scored AS
SELECT customer_id,
       ntile(5) OVER (ORDER BY days_since_last_order DESC) AS r,
       ntile(5) OVER (ORDER BY number_of_orders) AS f,
       ntile(5) OVER (ORDER BY net_value) AS m
FROM read_parquet('{path}')
"""


def customers(n: int, path: Path, seed: int = 0) -> None:
    """Write n customers: more than half bought once, money and gaps have long tails."""
    rng = np.random.default_rng(seed)
    orders = 1.0 + rng.negative_binomial(0.6, 0.3, n)
    columns = {
        "customer_id": np.arange(n),
        "days_since_last_order": np.floor(rng.exponential(200, n)),
        "number_of_orders": orders,
        "net_value": np.round(orders * rng.lognormal(3.5, 0.8, n), 2),
    }
    pq.write_table(pa.table(columns), path)


def ours(path: Path) -> int:
    """Both vocabularies by frozen edges; the number of customers with two groups."""
    import pandas as pd

    from cvo_ml.config.segments import SegmentPolicy
    from cvo_ml.segments import fit_edges, segment
    from cvo_ml.segments.rules.assign import value_tiers
    from cvo_ml.segments.rules.groups import group_table

    started = Seconds.now()
    rfm = pd.read_parquet(path).set_index("customer_id")
    edges = fit_edges(rfm, SegmentPolicy(scale=5, vocabulary="klaviyo"))
    levels = segment(rfm, edges)
    table = pd.DataFrame(
        {
            "r": levels.r,
            "f": levels.f,
            "m": levels.m,
            "cell": levels.cells(),
            "klaviyo": levels.groups(),
            "reveal": levels.groups(group_table(scale=5, vocabulary="reveal")),
            "tier": value_tiers(rfm, edges),
        },
        index=rfm.index,
    )
    say(started, int(table[["klaviyo", "reveal"]].notna().all(axis=1).sum()))
    return 0


def ntile(path: Path) -> int:
    """The bare query; the number of customers scored."""
    import duckdb

    started = Seconds.now()
    connection = duckdb.connect()
    connection.execute(QUERY.format(path=path))
    (count,) = connection.execute("SELECT count(*) FROM scored WHERE r + f + m > 0").fetchone() or (0,)
    say(started, count)
    return 0


def say(started: Seconds, count: int) -> None:
    """Print what the child measured."""
    taken = Seconds.now().since(started)
    print(json.dumps({**taken._asdict(), "peak_gib": peak_memory() / 2**30, "customers": count}))


def child(side: str, path: Path) -> dict[str, float]:
    """Run one side in a process of its own."""
    command = [sys.executable, __file__, side, str(path)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def main() -> None:
    """Measure each size given on the command line."""
    for n in map(int, sys.argv[1:] or ["1000000"]):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "customers.parquet"
            customers(n, path)
            measured = {side: child(side, path) for side in ("ntile", "ours")}
        print(f"{n:,} customers")
        for side, found in measured.items():
            assert found["customers"] == n
            print(f"  {side:6} {found['wall']:6.2f} s wall  {found['cpu']:6.2f} s CPU  {found['peak_gib']:5.2f} GiB")
        ratios = {name: measured["ours"][name] / measured["ntile"][name] for name in ("wall", "cpu", "peak_gib")}
        print("  ratio  " + "  ".join(f"{name} {ratio:.2f}x" for name, ratio in ratios.items()))


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] in ("ours", "ntile"):
        sys.exit({"ours": ours, "ntile": ntile}[sys.argv[1]](Path(sys.argv[2])))
    main()
