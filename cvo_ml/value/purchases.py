"""Purchases as the analyses read them: one row per order that counts, with its value in the basis of the run."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import ibis

from cvo_ml.core.value_basis import ValueBasis
from cvo_ml.features.economics import order_money
from cvo_ml.features.engine import Engine


def purchases(data: Engine, as_of: date, basis: ValueBasis) -> Any:
    """Purchases known at ``as_of`` by customer and time.

    Returns
    -------
    Ibis rows of order_id, customer_id, ordered_at, day, ``month`` (months since year 0), ``place`` (0 = the customer's
    first), ``first_month``, ``since_first`` (days since the first) and ``value`` in millionths: what is left of the
    order, less its goods for gross margin, less its payment and parcel too for contribution (before costs to serve).
    """
    return data.kept(f"purchases_{basis}_{as_of:%Y%m%d}", lambda: _purchases(data, as_of, basis))


def _purchases(data: Engine, as_of: date, basis: ValueBasis) -> Any:
    rows = order_money(data, as_of)
    column = {"revenue": "left", "gross_margin": "gross_margin", "contribution": "contribution"}[basis]
    rows = rows.filter(rows.is_purchase)
    rows = rows.select("order_id", "customer_id", "ordered_at", "left", value=column)
    in_time = {"group_by": rows.customer_id, "order_by": [rows.ordered_at, rows.order_id]}
    day = rows.ordered_at.date()
    rows = rows.mutate(day=day, month=month_number(day), place=ibis.row_number().over(ibis.window(**in_time)))
    whole = ibis.window(group_by=rows.customer_id)
    return rows.mutate(
        first_month=rows.month.min().over(whole), since_first=rows.day.delta(rows.day.min().over(whole), unit="day")
    )


def month_number(day: Any) -> Any:
    """Months since year 0, so that months can be counted in."""
    return (day.year() * 12 + day.month() - 1).cast("int64")


def month_of(day: date) -> int:
    """The same of a date.

    Examples
    --------
    >>> month_of(date(2024, 3, 9)), month_name(month_of(date(2024, 3, 9)))
    (24290, '2024-03')
    """
    return day.year * 12 + day.month - 1


def month_name(month: int) -> str:
    """Year and month of a number of ``month_number``."""
    return f"{month // 12:04}-{month % 12 + 1:02}"


def last_whole_month(as_of: date) -> int:
    """The last month of which every day is past at ``as_of``."""
    last = as_of - timedelta(days=1)
    whole = (last + timedelta(days=1)).month != last.month
    return month_of(last) if whole else month_of(last) - 1
