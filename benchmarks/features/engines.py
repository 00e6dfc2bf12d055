"""RFM summary from Parquet beside lifetimes, plain pandas and hand-written DuckDB SQL, and six snapshots beside one.

    python benchmarks/features/engines.py [--customers 1000000] [--repeats 3]

Orders of a simulated BG/NBD shop (about 4 per customer), and a shop with every table. All candidates run once per round
and each ratio is the median over the rounds of two figures of the same round, with the least and the greatest behind
it, because a shared machine slows down by the minute. polars is measured where it is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pandas as pd

from benchmarks.cohort import cohort
from benchmarks.measuring import measured
from cvo_ml.features import ParquetTables, rfm_summary, snapshots
from cvo_ml.simulate import write_shop

AS_OF = date(2021, 5, 1)
CONFIG = cohort(acquired_until=date(2020, 7, 1))
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
    summary: pd.DataFrame = summary_data_from_transaction_data(
        orders, "customer_id", "ordered_at", "net", observation_period_end=end
    )
    return summary


def same(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Raise unless both hold the same numbers."""
    pd.testing.assert_frame_equal(
        ours[list(theirs)], theirs.sort_index(),
        check_dtype=False, check_index_type=False, check_names=False, rtol=1e-9, atol=1e-7,
    )  # fmt: skip


def summaries(folder: Path, rounds: int) -> None:
    """The RFM summary by everybody, and the features of orders by polars."""
    path, shop = folder / "orders.parquet", ParquetTables(folder)
    candidates: dict[str, Callable[[], pd.DataFrame]] = {
        "ours (Ibis on DuckDB)": lambda: rfm_summary(shop, as_of=AS_OF),
        "DuckDB SQL by hand": lambda: by_sql(path),
        "pandas": lambda: by_pandas(path),
        "lifetimes": lambda: by_lifetimes(path),
    }
    features: dict[str, Callable[[], pd.DataFrame]] = {"ours": lambda: snapshots(shop, [AS_OF])}
    if importlib.util.find_spec("polars"):
        from benchmarks.features import in_polars

        candidates["polars"] = lambda: in_polars.rfm(path, AS_OF)
        features["polars"] = lambda: in_polars.order_features(path, AS_OF)
    summary = rfm_summary(shop, as_of=AS_OF)
    for peer in list(candidates.values())[1:]:
        same(summary, peer()[list(summary)])
    ((orders,),) = duckdb.connect().execute(f"SELECT count(*) FROM '{path}'").fetchall()
    print(f"RFM summary of {orders:,} orders, {len(summary):,} customers")
    measured(candidates, rounds).report("ours (Ibis on DuckDB)")
    if "polars" in features:
        same(features["ours"]().droplevel("as_of"), features["polars"]())
        print("\nthe features of orders at one date")
        measured(features, rounds).report("ours")


def six_dates(folder: Path, last: date, rounds: int) -> None:
    """Six snapshots in one call beside one."""
    dates, shop = [last - timedelta(days=30 * back) for back in range(6)], ParquetTables(folder)
    one, six = "one date", "six dates in one call"
    measured({one: lambda: snapshots(shop, dates[:1]), six: lambda: snapshots(shop, dates)}, rounds).report(one)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_shop(root / "large", CONFIG, chosen.customers, tables=["orders"])
        summaries(root / "large" / "tables", chosen.repeats)
        small = chosen.customers // 16
        write_shop(root / "small", CONFIG, small, tables=["orders"])
        print(f"\nall features, orders only, {small:,} customers")
        six_dates(root / "small" / "tables", AS_OF, chosen.repeats)
        full = chosen.customers // 50
        write_shop(root / "full", "shop", full)
        print(f"\nall features, a shop with every table, {full:,} customers")
        six_dates(root / "full" / "tables", date(2023, 6, 1), chosen.repeats)


if __name__ == "__main__":
    main()
