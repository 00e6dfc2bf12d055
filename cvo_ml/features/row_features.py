"""Features that follow from other columns of the same row, and from the date."""

from __future__ import annotations

import math
from typing import Any

import ibis

from cvo_ml.features.catalogue import feature

YEAR = 365.25


@feature("row", table="orders", unit="days")
def mean_gap_days(row: Any) -> Any:
    """Days from first to last order over the number of orders less one; null with one order."""
    span = row.days_since_first_order - row.days_since_last_order
    return span / (row.number_of_orders - 1).nullif(0)


@feature("row", table="orders", unit="gaps")
def gaps_since_last_order(row: Any) -> Any:
    """Days since the last order over the mean gap (at least a day)."""
    gap = mean_gap_days(row)
    return gap.notnull().ifelse(row.days_since_last_order / ibis.greatest(gap, 1.0), ibis.null("float64"))


@feature("row", table="refunds", unit="currency")
def net_value(row: Any) -> Any:
    """Net of all orders less all refunds known by then: the historic value."""
    return row.gross_value - row.refunded_total


@feature("row", table="refunds", unit="share")
def refunded_share(row: Any) -> Any:
    """All refunds known by then over the net of all orders; null without value."""
    return row.refunded_total / (row.gross_value > 0).ifelse(row.gross_value, ibis.null("float64"))


@feature("row", table="orders", unit="orders a day")
def trend_orders(row: Any) -> Any:
    """Pace of the last 90 days less the pace of the whole life."""
    return row.orders_90d / 90 - row.number_of_orders / _life(row)


@feature("row", table="orders", unit="currency a day")
def trend_net(row: Any) -> Any:
    """Money a day in the last 90 days less money a day in the whole life."""
    return row.net_90d / 90 - row.net_lifetime / _life(row)


@feature("row", table="orders", unit="orders")
def trend_orders_half_year(row: Any) -> Any:
    """Orders of the last 90 days less those of the 90 days before."""
    return 2 * row.orders_90d - row.orders_180d


@feature("row", table="orders", unit="currency")
def trend_net_half_year(row: Any) -> Any:
    """Money of the last 90 days less that of the 90 days before."""
    return 2 * row.net_90d - row.net_180d


@feature("row", table="orders", unit="days")
def trend_gap_days(row: Any) -> Any:
    """The last gap less the mean gap: positive where a customer slows down."""
    return row.last_gap_days - mean_gap_days(row)


@feature("row", table="orders", unit="date")
def first_order_day(row: Any) -> Any:
    """Day of the first order left."""
    return row.as_of.date() - ibis.interval(days=1) * row.days_since_first_order.cast("int32")


@feature("row", table="orders", unit="date")
def last_order_day(row: Any) -> Any:
    """Day of the last order left."""
    return row.as_of.date() - ibis.interval(days=1) * row.days_since_last_order.cast("int32")


@feature("row", table="milestones", unit="milestones")
def milestones_per_90_days(row: Any) -> Any:
    """Milestones reached so far per 90 days since the first order, of which at least 90 count: fast progress."""
    return 90 * row.milestones_lifetime / ibis.greatest(row.days_since_first_order, 90.0)


@feature("row", table="calendar", unit="sine")
def season_sine(row: Any) -> Any:
    """Season of the date: sine of its place in the year."""
    return _angle(row).sin()


@feature("row", table="calendar", unit="cosine")
def season_cosine(row: Any) -> Any:
    """Season of the date: cosine of its place in the year."""
    return _angle(row).cos()


def _life(row: Any) -> Any:
    return ibis.greatest(row.days_since_first_order, 1.0)


def _angle(row: Any) -> Any:
    return row.as_of.day_of_year() * (2 * math.pi / YEAR)
