"""RFM summary from Parquet beside lifetimes, plain pandas and hand-written DuckDB SQL, and six snapshots beside one.

    python benchmarks/features/engines.py [--customers 1000000] [--lifetimes]

Orders of a simulated BG/NBD shop (about 3.8 per customer). Each figure is the best of a few runs in one process; ratios
are what counts. polars is measured where it is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from cvo_ml.config.simulation import Beta, Dropout, Population, Renewal, ShopConfig, Spend
from cvo_ml.features import ParquetTables, rfm_summary, snapshots
from cvo_ml.simulate import write_shop

AS_OF = date(2021, 5, 1)
CONFIG = ShopConfig(
    name="benchmark",
    about="one cohort, BG/NBD and Gamma-Gamma",
    seed=1,
    start=date(2020, 1, 1),
    acquired_until=date(2020, 7, 1),
    end=date(2021, 6, 30),
    populations=(
        Population(
            name="all",
            purchase=Renewal(r=0.55, alpha=6.0),
            dropout=Dropout(per_order=Beta(a=0.8, b=4.5)),
            spend=Spend(p=6.25, q=3.74, v=15.44),
        ),
    ),
)
SQL = """
SELECT customer_id, (count(*) - 1)::DOUBLE AS frequency, (max(day) - min(day))::DOUBLE AS recency,
  (DATE '{last}' - min(day))::DOUBLE AS T,
  coalesce((sum(value) - arg_min(value, day)) / nullif(count(*) - 1, 0), 0) AS monetary_value
FROM (SELECT customer_id, ordered_at::DATE AS day, sum(net) AS value FROM '{path}'
      WHERE ordered_at < TIMESTAMP '{as_of}' GROUP BY ALL) GROUP BY customer_id ORDER BY customer_id
"""


def by_sql(path: Path) -> pd.DataFrame:
    """The same two groupings as ours, floats summed as they come."""
    query = SQL.format(last=AS_OF - timedelta(days=1), as_of=AS_OF, path=path)
    return duckdb.connect().execute(query).df().set_index("customer_id")


def by_pandas(path: Path) -> pd.DataFrame:
    """The same in plain pandas."""
    orders = pd.read_parquet(path, columns=["customer_id", "ordered_at", "net"])
    orders = orders[orders["ordered_at"] < pd.Timestamp(AS_OF)]
    orders["day"] = orders["ordered_at"].dt.normalize()
    days = orders.groupby(["customer_id", "day"])["net"].sum().reset_index()
    grouped = days.groupby("customer_id")
    first, last, n = grouped["day"].min(), grouped["day"].max(), grouped.size()
    repeat = grouped["net"].sum() - grouped["net"].first()
    frame = pd.DataFrame({"frequency": (n - 1).astype(float), "recency": (last - first).dt.days.astype(float)})
    frame["T"] = (pd.Timestamp(AS_OF) - first).dt.days - 1.0
    return frame.assign(monetary_value=(repeat / (n - 1).where(n > 1)).fillna(0.0))


def by_lifetimes(path: Path) -> pd.DataFrame:
    """The field's own summary."""
    from lifetimes.utils import summary_data_from_transaction_data

    orders = pd.read_parquet(path, columns=["customer_id", "ordered_at", "net"])
    orders = orders[orders["ordered_at"] < pd.Timestamp(AS_OF)]
    end = pd.Timestamp(AS_OF) - pd.Timedelta(days=1)
    return summary_data_from_transaction_data(orders, "customer_id", "ordered_at", "net", observation_period_end=end)


def by_polars(path: Path) -> pd.DataFrame:
    """The same in polars."""
    import polars as pl

    days = (
        pl.scan_parquet(path)
        .filter(pl.col("ordered_at") < AS_OF)
        .group_by("customer_id", pl.col("ordered_at").dt.date().alias("day"))
        .agg(pl.col("net").sum())
    )
    first = pl.col("net").sort_by("day").first()
    found = days.group_by("customer_id").agg(
        frequency=(pl.len() - 1).cast(pl.Float64),
        recency=(pl.col("day").max() - pl.col("day").min()).dt.total_days().cast(pl.Float64),
        T=(pl.lit(AS_OF) - pl.col("day").min()).dt.total_days().cast(pl.Float64) - 1,
        monetary_value=pl.when(pl.len() > 1).then((pl.col("net").sum() - first) / (pl.len() - 1)).otherwise(0.0),
    )
    return found.sort("customer_id").collect().to_pandas().set_index("customer_id")


def measured(run: Callable[[], pd.DataFrame], repeats: int) -> tuple[float, pd.DataFrame]:
    """Best wall seconds, and the result."""
    best = np.inf
    for _ in range(repeats):
        begin = time.perf_counter()
        result = run()
        best = min(best, time.perf_counter() - begin)
    return best, result


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=2)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write_shop(Path(name) / "shop", CONFIG, chosen.customers, tables=["orders"])
        folder = Path(name) / "shop" / "tables"
        path, shop = folder / "orders.parquet", ParquetTables(folder)
        peers: dict[str, Callable[[], pd.DataFrame]] = {
            "DuckDB SQL by hand": lambda: by_sql(path),
            "pandas": lambda: by_pandas(path),
            "lifetimes": lambda: by_lifetimes(path),
        }
        if importlib.util.find_spec("polars"):
            peers["polars"] = lambda: by_polars(path)
        ours, summary = measured(lambda: rfm_summary(shop, as_of=AS_OF), chosen.repeats)
        ((orders,),) = duckdb.sql(f"SELECT count(*) FROM '{path}'").fetchall()
        print(f"RFM summary of {orders:,} orders, {len(summary):,} customers")
        print(f"{'ours (Ibis on DuckDB)':24} {ours:6.2f} s")
        for peer, run in peers.items():
            seconds, theirs = measured(run, chosen.repeats)
            theirs = theirs.sort_index()[list(summary)]
            pd.testing.assert_frame_equal(
                summary, theirs, check_dtype=False, check_index_type=False, check_names=False, rtol=1e-9, atol=1e-9
            )
            print(f"{peer:24} {seconds:6.2f} s  {seconds / ours:5.2f} x ours")
        del summary, theirs
        dates = [AS_OF - timedelta(days=30 * back) for back in range(6)]
        one, _ = measured(lambda: snapshots(shop, dates[:1]), 1)
        six, _ = measured(lambda: snapshots(shop, dates), 1)
        print(f"all features: one date {one:.2f} s, six in one call {six:.2f} s, {six / one:.2f} x one")


if __name__ == "__main__":
    main()
