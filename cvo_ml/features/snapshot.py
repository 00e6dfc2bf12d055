"""The feature table: one row per customer with what was known on a date."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

import ibis
import pandas as pd

from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.features.engine import Engine, cut, engine, run
from cvo_ml.features.known import customer_refunds, gross_value, known_profile, remaining_orders
from cvo_ml.features.rfm import rfm_expression

WINDOWS: Final = (30, 90, 180)

#: What churn models read, in their order.
FEATURES: Final[tuple[str, ...]] = (
    "days_since_last_order",
    "days_since_first_order",
    "number_of_orders",
    "frequency",
    "recency",
    "mean_gap_days",
    "median_gap_days",
    "gaps_since_last_order",
    "average_order_value",
    "last_order_value",
    "net_value",
    *(f"orders_{days}d" for days in WINDOWS),
    *(f"net_{days}d" for days in WINDOWS),
    "trend_orders",
    "number_of_refunds",
    "refunded_share",
)


def snapshot(tables: Tables, as_of: str | date) -> pd.DataFrame:
    """Everything known of each customer at ``as_of``.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``customer_id`` (customers with an order left by then). The RFM summary
        (days), money in the shop's currency, counts, gaps in days, the columns of ``FEATURES``,
        and ``country`` where customers carry one.
    """
    day = parse_as_of(as_of)
    with engine(tables) as opened:
        frame = run(rfm_expression(opened, day))
        for expression in (_totals, _gaps, gross_value, customer_refunds):
            frame = frame.join(run(expression(opened, day)))
    frame = frame.fillna({"n_refunds": 0, "refunded_total": 0.0})
    frame = _derived(frame, day)
    return frame.join(known_profile(tables, day))


def _totals(engine: Engine, as_of: date) -> Any:
    """Counts and money over a customer's life and over the last windows."""
    orders = remaining_orders(engine, as_of)
    recent = {}
    for days in WINDOWS:
        inside = orders.ordered_at >= cut(as_of - timedelta(days=days))
        recent[f"orders_{days}d"] = inside.sum().cast("float64")
        recent[f"net_{days}d"] = orders.remaining.sum(where=inside).coalesce(0.0)
    valued = orders.net > 0
    return orders.group_by("customer_id").agg(
        number_of_orders=orders.count().cast("float64"),
        average_order_value=(orders.net.sum() / valued.sum().nullif(0)).cast("float64"),
        last_order_value=orders.remaining.last(order_by=[orders.ordered_at, orders.order_id]),
        first_order_day=orders.ordered_at.date().min(),
        last_order_day=orders.ordered_at.date().max(),
        **recent,
    )


def _gaps(engine: Engine, as_of: date) -> Any:
    """The median number of days between a customer's purchase days; no row for one-day buyers."""
    orders = remaining_orders(engine, as_of)
    days = orders.select("customer_id", day=orders.ordered_at.date()).distinct()
    before = days.day.lag().over(ibis.window(group_by=days.customer_id, order_by=days.day))
    gaps = days.mutate(gap=days.day.delta(before, unit="day"))
    gaps = gaps.filter(gaps.gap.notnull())
    return gaps.group_by("customer_id").agg(median_gap_days=gaps.gap.median().cast("float64"))


def _derived(frame: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """Columns that follow from others of the same row."""
    last = pd.to_datetime(frame["last_order_day"])
    first = pd.to_datetime(frame["first_order_day"])
    cut_day = pd.Timestamp(as_of)
    frame["days_since_last_order"] = (cut_day - last).dt.days.astype("float64")
    frame["days_since_first_order"] = (cut_day - first).dt.days.astype("float64")
    repeats = (frame["number_of_orders"] - 1).where(frame["number_of_orders"] > 1)
    frame["mean_gap_days"] = (last - first).dt.days / repeats
    frame["gaps_since_last_order"] = frame["days_since_last_order"] / frame["mean_gap_days"].clip(lower=1)
    frame["net_value"] = frame["gross_value"] - frame["refunded_total"]
    frame["number_of_refunds"] = frame.pop("n_refunds").astype("float64")
    frame["refunded_share"] = (frame["refunded_total"] / frame["gross_value"]).where(frame["gross_value"] > 0)
    # orders of the last 90 days against the pace of the whole life, at equal length
    pace = frame["number_of_orders"] / frame["days_since_first_order"].clip(lower=1)
    frame["trend_orders"] = frame["orders_90d"] / 90 - pace
    return frame


def is_gone(features: pd.DataFrame, horizon: Horizon) -> pd.Series:
    """Who is gone already: days since the last order > max(2 x horizon, 3 x own median gap).

    Such a customer keeps CLV and RFM and is not eligible for churn (DESIGN.md §4).
    """
    own = (3 * features["median_gap_days"]).fillna(0.0)
    return features["days_since_last_order"] > own.clip(lower=2 * horizon.days)
