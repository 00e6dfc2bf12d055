"""The features of DESIGN.md §4 and §5 once more, in plain loops over one customer's rows: the oracle of the engine."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from cvo_ml.core.tables import Tables

NAN = float("nan")
DAY = pd.Timedelta(days=1)


def known_rows(rows: pd.DataFrame, event_time: str, as_of: pd.Timestamp) -> pd.DataFrame:
    """Rows that happened before ``as_of`` and were known by then."""
    known_at = rows["known_at"].fillna(rows[event_time]) if "known_at" in rows else rows[event_time]
    return rows[(rows[event_time] < as_of) & (known_at <= as_of)]


def orders_left(tables: Tables, as_of: pd.Timestamp) -> pd.DataFrame:
    """Known orders that are not wholly refunded, with what is left of each, in order of time and id."""
    orders = known_rows(tables.orders, "ordered_at", as_of)
    refunds = known_rows(tables.refunds, "refunded_at", as_of)
    back = orders["order_id"].map(refunds.groupby("order_id")["amount"].sum()).fillna(0.0).astype("float64")
    orders = orders.assign(left=np.maximum(orders["net"] - back, 0.0))
    return orders[(back == 0) | (orders["left"] > 0.005)].sort_values(["ordered_at", "order_id"])


def snapshot_by_hand(tables: Tables, as_of: str) -> pd.DataFrame:
    """The snapshot, one customer at a time."""
    cut = pd.Timestamp(as_of)
    left = orders_left(tables, cut)
    known = known_rows(tables.orders, "ordered_at", cut)
    refunds = known_rows(tables.refunds, "refunded_at", cut)
    owner = known.set_index("order_id")["customer_id"]
    owners = refunds["customer_id"].fillna(refunds["order_id"].map(owner).astype("str"))
    rows = {
        customer: one_customer(own, known[known["customer_id"] == customer], refunds[owners == customer], cut)
        for customer, own in left.groupby("customer_id")
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("customer_id")


def one_customer(own: pd.DataFrame, known: pd.DataFrame, refunds: pd.DataFrame, cut: pd.Timestamp) -> dict[str, Any]:
    """The features of a customer with at least one order left."""
    days = sorted(set(own["ordered_at"].dt.normalize()))
    per_day = own.groupby(own["ordered_at"].dt.normalize())["left"].sum()
    repeat = per_day[per_day.index > days[0]]
    gaps = [(after - before) / DAY for before, after in pairwise(days)]
    span, n = (days[-1] - days[0]) / DAY, len(own)
    since_last, since_first = (cut - days[-1]) / DAY, (cut - days[0]) / DAY
    mean_gap = span / (n - 1) if n > 1 else NAN
    gross, refunded = known["net"].sum(), refunds["amount"].sum()
    valued = (own["net"] > 0).sum()
    row = {
        "frequency": float(len(days) - 1),
        "recency": span,
        "T": since_first - 1,
        "monetary_value": repeat.mean() if len(repeat) else 0.0,
        "number_of_orders": float(n),
        "average_order_value": own["net"].sum() / valued if valued else NAN,
        "last_order_value": own["left"].iloc[-1],
        "days_since_last_order": since_last,
        "days_since_first_order": since_first,
        "mean_gap_days": mean_gap,
        "median_gap_days": float(np.median(gaps)) if gaps else NAN,
        "gaps_since_last_order": since_last / max(mean_gap, 1) if n > 1 else NAN,
        "gross_value": gross,
        "refunded_total": refunded,
        "net_value": gross - refunded,
        "number_of_refunds": float(len(refunds)),
        "refunded_share": refunded / gross if gross > 0 else NAN,
    }
    for width in (30, 90, 180):
        inside = own[own["ordered_at"] >= cut - width * DAY]
        row |= {f"orders_{width}d": float(len(inside)), f"net_{width}d": inside["left"].sum()}
    row["trend_orders"] = row["orders_90d"] / 90 - n / max(since_first, 1)
    return row


def window_by_hand(tables: Tables, start: pd.Timestamp, end: pd.Timestamp, customers: pd.Index) -> pd.DataFrame:
    """Orders, purchase days and value left in [start, end), as known at its end."""
    left = orders_left(tables, end)
    inside = left[left["ordered_at"] >= start]
    rows = {
        customer: {
            "orders": float((inside["customer_id"] == customer).sum()),
            "purchase_days": float(
                inside.loc[inside["customer_id"] == customer, "ordered_at"].dt.normalize().nunique()
            ),
            "value": inside.loc[inside["customer_id"] == customer, "left"].sum(),
        }
        for customer in customers
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("customer_id")


def value_by_age_by_hand(tables: Tables, as_of: str, days: int) -> dict[str, float]:
    """Value left of the orders in [first order, first order + days), as known at that age; closed windows only."""
    cut = pd.Timestamp(as_of)
    found = {}
    for customer, own in known_rows(tables.orders, "ordered_at", cut).groupby("customer_id"):
        end = own["ordered_at"].min() + days * DAY
        if end > cut:
            continue
        refunds = known_rows(tables.refunds, "refunded_at", cut)
        known_at = refunds["known_at"].fillna(refunds["refunded_at"])
        total = 0.0
        for order in own[own["ordered_at"] < end].itertuples():
            back = refunds.loc[(refunds["order_id"] == order.order_id) & (known_at <= end), "amount"].sum()
            total += max(order.net - back, 0.0) if order.net - back > 0.005 else 0.0
        found[str(customer)] = total
    return found
