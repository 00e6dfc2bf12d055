"""What the tables hold: counts, spans, gaps, shares; all from rows before the cut that were known by then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from cvo_ml.core.result import Result
from cvo_ml.core.units import Horizon, midnight
from cvo_ml.core.visibility import visible, visible_table
from cvo_ml.ingest.reader import ReadResult


@dataclass(frozen=True)
class Contents(Result):
    """What the orders before ``as_of`` hold.

    Parameters
    ----------
    span_days:
        From the first order to ``as_of``.
    repeat_customers, repeat_share, one_time_share:
        Customers with orders on more than one day, and their share; the rest ordered on one day only.
    gap_median_days, gap_p90_days:
        Between a customer's consecutive order days; None without any.
    longest_silence_days, silence_from, orders_after_silence:
        The most days in a row without any order of the shop, the last day before them, and the orders after them.
    value_cv:
        Standard deviation / mean of the customers' value in the last window before ``as_of``, over those who
        had ordered before it; None where no such window exists or no value came.
    giant_orders, giant_value_share:
        Orders far above the median, and their share of all value.
    days_since_last_order:
        Until ``extracted_at``, else until ``as_of``.
    cost_share:
        Share of orders that carry a cost.
    """

    orders: int
    customers: int
    refunds: int
    currency: str
    net: float
    first_order: str | None
    last_order: str | None
    span_days: float
    repeat_customers: int
    repeat_share: float | None
    one_time_share: float | None
    gap_median_days: float | None
    gap_p90_days: float | None
    longest_silence_days: int
    silence_from: str | None
    orders_after_silence: int
    value_cv: float | None
    zero_net_share: float | None
    giant_orders: int
    giant_value_share: float | None
    refunded_share: float | None
    refunds_without_order_share: float | None
    days_since_last_order: float | None
    cost_share: float | None
    rows_in: int
    quarantined_share: float
    tables: dict[str, int]


def contents(read: ReadResult, as_of: date, horizon: Horizon, giant_times_median: float) -> Contents:
    """What the tables of a shop hold before ``as_of``; shares of nothing are None, not 0."""
    cut = midnight(as_of)
    orders, refunds = (visible_table(read.tables, name, as_of) for name in ("orders", "refunds"))
    first, last = (orders["ordered_at"].min(), orders["ordered_at"].max()) if len(orders) else (None, None)
    days = purchase_days(orders)
    per_customer = days["customer_id"].value_counts()
    repeaters = int((per_customer > 1).sum())
    gaps = days.groupby("customer_id")["day"].diff().dropna().dt.days
    silence, silence_from, after_silence = _silence(orders)
    giants = orders["net"] > giant_times_median * orders.loc[orders["net"] > 0, "net"].median()
    net = float(orders["net"].sum())
    seen = pd.Timestamp(read.extracted_at) if read.extracted_at else cut
    ledger = read.ledger
    return Contents(
        orders=len(orders),
        customers=len(per_customer),
        refunds=len(refunds),
        currency=read.tables.currency,
        net=net,
        first_order=_day(first),
        last_order=_day(last),
        span_days=_days_between(first, cut),
        repeat_customers=repeaters,
        repeat_share=_share(repeaters, len(per_customer)),
        one_time_share=_share(len(per_customer) - repeaters, len(per_customer)),
        gap_median_days=float(gaps.median()) if len(gaps) else None,
        gap_p90_days=float(gaps.quantile(0.9)) if len(gaps) else None,
        longest_silence_days=silence,
        silence_from=silence_from,
        orders_after_silence=after_silence,
        value_cv=_value_cv(orders, as_of, horizon),
        zero_net_share=_share(int((orders["net"] == 0).sum()), len(orders)),
        giant_orders=int(giants.sum()),
        giant_value_share=_share(float(orders.loc[giants, "net"].sum()), net),
        refunded_share=_share(float(refunds["amount"].sum()), net),
        refunds_without_order_share=_share(int(refunds["order_id"].isna().sum()), len(refunds)),
        days_since_last_order=None if last is None else _days_between(last, seen),
        cost_share=_share(int(orders["cost"].notna().sum()), len(orders)) if "cost" in orders else None,
        rows_in=ledger.rows_in,
        quarantined_share=sum(ledger.quarantined.values()) / max(ledger.rows_in, 1),
        tables={name: len(frame) for name, frame in sorted(read.tables.frames.items())},
    )


def purchase_days(orders: pd.DataFrame) -> pd.DataFrame:
    """One row per customer and day with an order, sorted: ``customer_id``, ``day``."""
    days = orders[["customer_id"]].assign(day=orders["ordered_at"].dt.normalize())
    return days.drop_duplicates().sort_values(["customer_id", "day"], ignore_index=True)


def _silence(orders: pd.DataFrame) -> tuple[int, str | None, int]:
    days = pd.Series(np.sort(orders["ordered_at"].dt.normalize().unique()))
    gaps = days.diff().dt.days
    if len(days) < 2:
        return 0, None, 0
    longest = int(gaps.idxmax())
    after = int((orders["ordered_at"] >= days[longest]).sum())
    return int(gaps[longest]) - 1, _day(days[longest - 1]), after


def _value_cv(orders: pd.DataFrame, as_of: date, horizon: Horizon) -> float | None:
    start = midnight(as_of - horizon.delta)
    known = visible(orders, as_of - horizon.delta, "ordered_at")["customer_id"].unique()
    window = orders[orders["ordered_at"] >= start]
    values = window.groupby("customer_id")["net"].sum().reindex(known, fill_value=0.0)
    if len(values) < 2 or not values.mean() > 0:
        return None
    return float(values.std(ddof=1) / values.mean())


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _day(moment: pd.Timestamp | None) -> str | None:
    return None if moment is None or pd.isna(moment) else str(pd.Timestamp(moment).date())


def _days_between(first: pd.Timestamp | None, last: pd.Timestamp) -> float:
    return 0.0 if first is None else (last - first).total_seconds() / 86_400
