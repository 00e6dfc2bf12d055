"""What the tables hold: counts, spans, gaps, shares; all from rows before the cut that were known by then."""

# ruff: noqa: S608 (one query of two fixed texts)

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Ints
from cvo_ml.core.result import Result
from cvo_ml.core.sessions import table_session
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, midnight
from cvo_ml.ingest.reader import ReadResult
from cvo_ml.readiness.purchases import DAY, Purchases, all_or, gaps_of, moment_of


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


def contents(read: ReadResult, bought: Purchases, as_of: date, horizon: Horizon, giant_times_median: float) -> Contents:
    """What the tables of a shop hold before ``as_of``; shares of nothing are None, not 0.

    Parameters
    ----------
    bought:
        The orders of the same tables.
    """
    cut, chosen = moment_of(as_of), all_or(bought.seen(as_of))
    moments, values = bought.at[chosen], bought.net[chosen]
    first, last = (int(moments.min()), int(moments.max())) if len(moments) else (None, None)
    customer, day = bought.purchase_days(as_of)
    per_customer = np.bincount(customer, minlength=bought.customers)
    customers, repeaters = int((per_customer > 0).sum()), int((per_customer > 1).sum())
    gaps = np.bincount(gaps_of(customer, day)[1])
    silence, silence_from, after_silence = _silence(bought.day[chosen])
    positive = values[values > 0]
    giants = values > (giant_times_median * np.median(positive, overwrite_input=True) if len(positive) else np.inf)
    net = float(values.sum())
    refunds = _refunds(read.tables, as_of)
    known_until = (
        cut if read.extracted_at is None else int(pd.Timestamp(read.extracted_at).as_unit("us").asm8.astype(np.int64))
    )
    ledger = read.ledger
    return Contents(
        orders=len(values),
        customers=customers,
        refunds=refunds.rows,
        currency=read.tables.currency,
        net=net,
        first_order=_day(first),
        last_order=_day(last),
        span_days=_days_between(first, cut),
        repeat_customers=repeaters,
        repeat_share=_share(repeaters, customers),
        one_time_share=_share(customers - repeaters, customers),
        gap_median_days=_quantile(gaps, 0.5),
        gap_p90_days=_quantile(gaps, 0.9),
        longest_silence_days=silence,
        silence_from=silence_from,
        orders_after_silence=after_silence,
        value_cv=_value_cv(bought, as_of, horizon),
        zero_net_share=_share(int((values == 0).sum()), len(values)),
        giant_orders=int(giants.sum()),
        giant_value_share=_share(float(values[giants].sum()), net),
        refunded_share=_share(refunds.amount, net),
        refunds_without_order_share=_share(refunds.without_order, refunds.rows),
        days_since_last_order=None if last is None else _days_between(last, known_until),
        cost_share=None if bought.cost is None else _share(int((~np.isnan(bought.cost[chosen])).sum()), len(values)),
        rows_in=ledger.rows_in,
        quarantined_share=sum(ledger.quarantined.values()) / max(ledger.rows_in, 1),
        tables={name: read.tables.rows(name) for name in sorted(read.tables)},
    )


class _Refunds(NamedTuple):
    """Refunds that are seen: how many, how many of them name no order, and what they gave back."""

    rows: int
    without_order: int
    amount: float


def _refunds(tables: Tables, as_of: date) -> _Refunds:
    with table_session(tables, "refunds") as connection:
        known = (
            "coalesce(known_at, refunded_at)" if "known_at" in connection.sql("FROM refunds").columns else "refunded_at"
        )
        cut = [midnight(as_of).to_pydatetime()] * 2
        found = connection.execute(
            "SELECT count(*), count(*) - count(order_id), coalesce(fsum(amount), 0) FROM refunds "
            f"WHERE refunded_at < ? AND {known} <= ?",
            cut,
        ).fetchall()
    return _Refunds(*found[0])


def _quantile(counts: Ints, share: float) -> float | None:
    """A quantile of whole numbers from 0, of which ``counts`` says how often each stands; None of none."""
    rows = int(counts.sum())
    if not rows:
        return None
    place = share * (rows - 1)
    low, high = np.searchsorted(np.cumsum(counts), (math.floor(place), math.ceil(place)), side="right")
    return float(low + (high - low) * (place - math.floor(place)))


def _silence(day: Ints) -> tuple[int, str | None, int]:
    if not len(day):
        return 0, None, 0
    first = day.min()
    counts = np.bincount(day - first)
    days = np.flatnonzero(counts) + first
    if len(days) < 2:
        return 0, None, 0
    gaps = np.diff(days)
    longest = int(np.argmax(gaps))
    after = int(counts[days[longest + 1] - first :].sum())
    return int(gaps[longest]) - 1, _day(int(days[longest]) * DAY), after


def _value_cv(bought: Purchases, as_of: date, horizon: Horizon) -> float | None:
    start = as_of - horizon.delta
    known = np.zeros(bought.customers, dtype=np.bool_)
    known[bought.customer[bought.seen(start)]] = True
    window = bought.seen(as_of) & (bought.at >= moment_of(start))
    sums = np.bincount(bought.customer[window], weights=bought.net[window], minlength=bought.customers)
    values = sums[known]
    if len(values) < 2 or not values.mean() > 0:
        return None
    return float(values.std(ddof=1) / values.mean())


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _day(moment: int | None) -> str | None:
    return None if moment is None else str(np.datetime64(moment, "us").astype("datetime64[D]"))


def _days_between(first: int | None, last: int) -> float:
    return 0.0 if first is None else (last - first) / DAY
