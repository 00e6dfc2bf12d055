"""Features of orders, purchase days and refunds."""

from __future__ import annotations

from typing import Any

import ibis

from cvo_ml.features.catalogue import WINDOWS, feature
from cvo_ml.features.exact import units

DAYS = tuple(window for window in WINDOWS if window is not None)


@feature("orders", unit="orders")
def number_of_orders(rows: Any, inside: Any) -> Any:
    """Orders so far, wholly refunded ones left out."""
    return rows.kept.sum()


@feature("orders", unit="currency")
def average_order_value(rows: Any, inside: Any) -> Any:
    """Net of the orders left over the number of those with a net above 0, before refunds."""
    return units(rows.net.sum(where=rows.kept)) / (rows.kept & (rows.net > 0)).sum().nullif(0)


@feature("orders", unit="currency")
def last_order_value(rows: Any, inside: Any) -> Any:
    """What is left of the last order; of the largest id where two share the moment."""
    placed = ibis.struct({"at": rows.ordered_at, "id": rows.order_id, "left": rows.remaining})
    return units(placed.max(where=rows.kept)["left"])


@feature("orders", unit="currency")
def largest_order_value(rows: Any, inside: Any) -> Any:
    """What is left of the largest order."""
    return units(rows.remaining.max(where=rows.kept))


@feature("orders", unit="currency")
def first_order_net(rows: Any, inside: Any) -> Any:
    """Net of the first order as ordered, refunded or not."""
    return units(ibis.struct({"at": rows.ordered_at, "id": rows.order_id, "net": rows.net}).min()["net"])


@feature("orders", unit="currency")
def gross_value(rows: Any, inside: Any) -> Any:
    """Net of all orders, the wholly refunded included: what refunds are taken from."""
    return units(rows.net.sum())


@feature("orders", unit="days")
def days_since_last_order(rows: Any, inside: Any) -> Any:
    """Days from the last order's day to the date."""
    return rows.age.min(where=rows.kept)


@feature("orders", unit="days")
def days_since_first_order(rows: Any, inside: Any) -> Any:
    """Days from the first order's day to the date."""
    return rows.age.max(where=rows.kept)


@feature("orders", unit="orders", windows=DAYS, empty=0)
def orders(rows: Any, inside: Any) -> Any:
    """Orders {window}, wholly refunded ones left out."""
    return (rows.kept & inside).sum()


@feature("orders", unit="currency", windows=WINDOWS, empty=0)
def net(rows: Any, inside: Any) -> Any:
    """What is left of the orders {window} after refunds known by then."""
    return units(rows.remaining.sum(where=rows.kept & inside)).coalesce(0.0)


@feature("orders", unit="currency", windows=WINDOWS, columns=("cost",), empty=0)
def margin(rows: Any, inside: Any) -> Any:
    """What is left of the orders {window} less their cost, for orders whose cost is known."""
    return units((rows.remaining - rows.cost).sum(where=rows.kept & inside)).coalesce(0.0)


@feature("orders", unit="currency", windows=WINDOWS, columns=("discount",), empty=0)
def discount(rows: Any, inside: Any) -> Any:
    """Discounts on the orders {window}."""
    return units(rows.discount.sum(where=rows.kept & inside)).coalesce(0.0)


@feature("orders", unit="share", windows=WINDOWS, columns=("discount",))
def discount_share(rows: Any, inside: Any) -> Any:
    """Discounts over net plus discounts of the orders {window}; null without any value."""
    where = rows.kept & inside
    given, paid = units(rows.discount.sum(where=where)), units(rows.net.sum(where=where))
    return given / (given + paid).nullif(0)


@feature("orders", unit="share", windows=WINDOWS, columns=("discount",))
def discounted_orders_share(rows: Any, inside: Any) -> Any:
    """Share of the orders {window} that had a discount; null without orders."""
    where = rows.kept & inside
    return (where & (rows.discount > 0)).sum() / where.sum().nullif(0)


@feature("days", table="orders", unit="days")
def frequency(rows: Any, inside: Any) -> Any:
    """Repeat purchase days (Fader, Hardie & Lee 2005)."""
    return rows.count() - 1


@feature("days", table="orders", unit="days")
def recency(rows: Any, inside: Any) -> Any:
    """Days from the first to the last purchase day."""
    return rows.age.max() - rows.age.min()


@feature("days", table="orders", unit="days")
def T(rows: Any, inside: Any) -> Any:  # noqa: N802 (the field's name)
    """Days from the first purchase day to the day before the date."""
    return rows.age.max() - 1


@feature("days", table="orders", unit="currency")
def monetary_value(rows: Any, inside: Any) -> Any:
    """Mean value of the repeat purchase days; 0 without any."""
    return mean_repeat_value(rows)


def mean_repeat_value(days: Any) -> Any:
    """The mean of ``value`` (millionths) over all days but the first, in units; 0 without any."""
    repeat = days.value.sum().cast("int64") - days.value.argmin(days.day)
    return (units(repeat) / (days.count() - 1).nullif(0)).coalesce(0.0)


@feature("days", table="orders", unit="days", windows=WINDOWS, empty=0)
def purchase_days(rows: Any, inside: Any) -> Any:
    """Days with an order {window}."""
    return inside.sum()


@feature("days", table="orders", unit="days")
def median_gap_days(rows: Any, inside: Any) -> Any:
    """Median number of days between purchase days; null with one purchase day."""
    return rows.gap.median()


@feature("days", table="orders", unit="days")
def longest_gap_days(rows: Any, inside: Any) -> Any:
    """Longest time between purchase days; null with one purchase day."""
    return rows.gap.max()


@feature("days", table="orders", unit="days")
def last_gap_days(rows: Any, inside: Any) -> Any:
    """Days between the last two purchase days; null with one purchase day."""
    # the last day has the smallest age; a first and only day has no gap
    return rows.gap.argmin(rows.age, where=rows.gap.notnull())


@feature("days", table="orders", unit="days")
def gap_deviation_days(rows: Any, inside: Any) -> Any:
    """Standard deviation of the days between purchase days; null with fewer than three purchase days."""
    n, total, squares = rows.gap.count(), rows.gap.sum(), (rows.gap * rows.gap).sum()
    # whole numbers, so the difference is exact
    variance = (n * squares - total * total).cast("float64") / (n * (n - 1)).nullif(0)
    return variance.sqrt()


@feature("refunds", unit="refunds", empty=0)
def number_of_refunds(rows: Any, inside: Any) -> Any:
    """Refunds known so far, of any order."""
    return rows.count()


@feature("refunds", unit="currency", empty=0)
def refunded_total(rows: Any, inside: Any) -> Any:
    """Amount of all refunds known so far."""
    return units(rows.millionths.sum())


@feature("refunds", unit="refunds", windows=DAYS, empty=0)
def refunds(rows: Any, inside: Any) -> Any:
    """Refunds {window} known by then."""
    return inside.sum()


@feature("refunds", unit="currency", windows=DAYS, empty=0)
def refunded(rows: Any, inside: Any) -> Any:
    """Amount of the refunds {window} known by then."""
    return units(rows.millionths.sum(where=inside)).coalesce(0.0)
