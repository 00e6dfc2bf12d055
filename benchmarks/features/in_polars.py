"""The RFM summary and the features of orders once more in polars, for the comparison of backends (decision 0007)."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import polars as pl

WINDOWS = {"7d": 7, "30d": 30, "90d": 90, "180d": 180, "365d": 365, "lifetime": 10**6}


def rfm(path: Path, as_of: date) -> pd.DataFrame:
    """Two groupings, floats summed as they come."""
    days = (
        pl.scan_parquet(path)
        .filter(pl.col("ordered_at") < as_of)
        .group_by("customer_id", pl.col("ordered_at").dt.date().alias("day"))
        .agg(pl.col("net").sum())
    )
    first = pl.col("net").sort_by("day").first()
    found = days.group_by("customer_id").agg(
        frequency=(pl.len() - 1).cast(pl.Float64),
        recency=(pl.col("day").max() - pl.col("day").min()).dt.total_days().cast(pl.Float64),
        T=(pl.lit(as_of) - pl.col("day").min()).dt.total_days().cast(pl.Float64) - 1,
        monetary_value=pl.when(pl.len() > 1).then((pl.col("net").sum() - first) / (pl.len() - 1)).otherwise(0.0),
    )
    frame: pd.DataFrame = found.sort("customer_id").collect().to_pandas().set_index("customer_id")
    return frame


def order_features(path: Path, as_of: date) -> pd.DataFrame:
    """The features of the relation ``orders`` of a shop without refunds, by customer."""
    age = (pl.lit(as_of) - pl.col("ordered_at").dt.date()).dt.total_days()
    last_age = pl.col("age").shift(1).over("customer_id")
    orders = (
        pl.scan_parquet(path)
        .filter(pl.col("ordered_at") < as_of)
        .select("customer_id", "order_id", "ordered_at", "net", "cost", age=age)
        .sort("customer_id", "ordered_at", "order_id")
        .with_columns(gap=last_age - pl.col("age"))
        .with_columns(opens=pl.col("gap").is_null() | (pl.col("gap") > 0), gap=pl.when(pl.col("gap") > 0).then("gap"))
    )
    first_day = pl.col("age") == pl.col("age").max()
    repeat_days = pl.col("opens").sum() - 1
    chosen = {
        "number_of_orders": pl.len(),
        "average_order_value": pl.col("net").sum() / (pl.col("net") > 0).sum(),
        "last_order_value": pl.col("net").last(),
        "largest_order_value": pl.col("net").max(),
        "first_order_net": pl.col("net").first(),
        "gross_value": pl.col("net").sum(),
        "days_since_last_order": pl.col("age").min(),
        "days_since_first_order": pl.col("age").max(),
        "frequency": repeat_days,
        "recency": pl.col("age").max() - pl.col("age").min(),
        "T": pl.col("age").max() - 1,
        "monetary_value": pl.when(repeat_days > 0)
        .then(pl.col("net").filter(~first_day).sum() / repeat_days)
        .otherwise(0.0),
        "median_gap_days": pl.col("gap").median(),
        "longest_gap_days": pl.col("gap").max(),
        "last_gap_days": pl.col("gap").drop_nulls().last(),
        "gap_deviation_days": pl.col("gap").cast(pl.Float64).std(),
    }
    for name, days in WINDOWS.items():
        inside = pl.col("age") <= days
        chosen[f"orders_{name}"] = inside.sum()
        chosen[f"net_{name}"] = pl.col("net").filter(inside).sum()
        chosen[f"margin_{name}"] = (pl.col("net") - pl.col("cost")).filter(inside).sum()
        chosen[f"purchase_days_{name}"] = (pl.col("opens") & inside).sum()
    del chosen["orders_lifetime"]
    found = orders.group_by("customer_id").agg(**{name: value.cast(pl.Float64) for name, value in chosen.items()})
    frame: pd.DataFrame = found.sort("customer_id").collect().to_pandas().set_index("customer_id")
    return frame
