"""Features of orders, purchase days and refunds."""

from __future__ import annotations

from typing import Any

from cvo_ml.features.catalogue import WINDOWS, feature
from cvo_ml.features.integer_sums import if_true, number, units, value_at_least, value_at_most

DAYS = tuple(window for window in WINDOWS if window is not None)


@feature("orders", unit="orders")
def number_of_orders(rows: Any, inside: Any) -> Any:
    """Orders so far, wholly refunded ones left out."""
    return number(rows.kept)


@feature("orders", unit="currency")
def average_order_value(rows: Any, inside: Any) -> Any:
    """Net of the orders left over the number of those with a net above 0, before refunds."""
    return units(if_true(rows.kept, rows.net).sum()) / number(rows.kept & (rows.net > 0)).nullif(0)


@feature("orders", unit="currency")
def last_order_value(rows: Any, inside: Any) -> Any:
    """What is left of the last order; of the largest id where two share the moment."""
    return units(value_at_most(rows.remaining, if_true(rows.kept, rows.place)))


@feature("orders", unit="currency")
def largest_order_value(rows: Any, inside: Any) -> Any:
    """What is left of the largest order."""
    return units(if_true(rows.kept, rows.remaining).max())


@feature("orders", unit="currency")
def first_order_net(rows: Any, inside: Any) -> Any:
    """Net of the first order as ordered, refunded or not."""
    return units(value_at_least(rows.net, rows.place))


@feature("orders", unit="currency")
def gross_value(rows: Any, inside: Any) -> Any:
    """Net of all orders, the wholly refunded included: what refunds are taken from."""
    return units(rows.net.sum())


@feature("orders", unit="days")
def days_since_last_order(rows: Any, inside: Any) -> Any:
    """Days from the last order's day to the date."""
    return if_true(rows.kept, rows.age).min()


@feature("orders", unit="days")
def days_since_first_order(rows: Any, inside: Any) -> Any:
    """Days from the first order's day to the date."""
    return if_true(rows.kept, rows.age).max()


@feature("orders", unit="orders", windows=DAYS, empty=0)
def orders(rows: Any, inside: Any) -> Any:
    """Orders {window}, wholly refunded ones left out."""
    return number(rows.kept & inside)


@feature("orders", unit="currency", windows=WINDOWS, empty=0)
def net(rows: Any, inside: Any) -> Any:
    """What is left of the orders {window} after refunds known by then."""
    return units(if_true(rows.kept & inside, rows.remaining).sum()).coalesce(0.0)


@feature("orders", unit="currency", windows=WINDOWS, columns=("cost",), empty=0)
def margin(rows: Any, inside: Any) -> Any:
    """What is left of the orders {window} less their cost, for orders whose cost is known."""
    return units(if_true(rows.kept & inside, rows.remaining - rows.cost).sum()).coalesce(0.0)


@feature("orders", unit="currency", windows=WINDOWS, columns=("discount",), empty=0)
def discount(rows: Any, inside: Any) -> Any:
    """Discounts on the orders {window}."""
    return units(if_true(rows.kept & inside, rows.discount).sum()).coalesce(0.0)


@feature("orders", unit="share", windows=WINDOWS, columns=("discount",))
def discount_share(rows: Any, inside: Any) -> Any:
    """Discounts over net plus discounts of the orders {window}; null without any value."""
    where = rows.kept & inside
    given, paid = units(if_true(where, rows.discount).sum()), units(if_true(where, rows.net).sum())
    return given / (given + paid).nullif(0)


@feature("orders", unit="share", windows=WINDOWS, columns=("discount",))
def discounted_orders_share(rows: Any, inside: Any) -> Any:
    """Share of the orders {window} that had a discount; null without orders."""
    where = rows.kept & inside
    return number(where & (rows.discount > 0)) / number(where).nullif(0)


@feature("orders", unit="days")
def frequency(rows: Any, inside: Any) -> Any:
    """Repeat purchase days (Fader, Hardie & Lee 2005)."""
    return number(rows.opens_day) - 1


@feature("orders", unit="days")
def recency(rows: Any, inside: Any) -> Any:
    """Days from the first to the last purchase day."""
    return days_since_first_order(rows, inside) - days_since_last_order(rows, inside)


@feature("orders", unit="days")
def T(rows: Any, inside: Any) -> Any:  # noqa: N802 (the field's name)
    """Days from the first purchase day to the day before the date."""
    return days_since_first_order(rows, inside) - 1


@feature("orders", unit="currency")
def monetary_value(rows: Any, inside: Any) -> Any:
    """Mean value of the repeat purchase days; 0 without any."""
    repeat = if_true(rows.kept & ~rows.on_first_day, rows.remaining).sum()
    return (units(repeat) / frequency(rows, inside).nullif(0)).coalesce(0.0)


@feature("orders", unit="days", windows=WINDOWS, empty=0)
def purchase_days(rows: Any, inside: Any) -> Any:
    """Days with an order {window}."""
    return number(rows.opens_day & inside)


@feature("orders", unit="days")
def median_gap_days(rows: Any, inside: Any) -> Any:
    """Median number of days between purchase days; null with one purchase day."""
    return rows.gap.median()


@feature("orders", unit="days")
def longest_gap_days(rows: Any, inside: Any) -> Any:
    """Longest time between purchase days; null with one purchase day."""
    return rows.gap.max()


@feature("orders", unit="days")
def last_gap_days(rows: Any, inside: Any) -> Any:
    """Days between the last two purchase days; null with one purchase day."""
    return value_at_most(rows.gap, if_true(rows.gap.notnull(), rows.place))


@feature("orders", unit="days")
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
    return number(inside)


@feature("refunds", unit="currency", windows=DAYS, empty=0)
def refunded(rows: Any, inside: Any) -> Any:
    """Amount of the refunds {window} known by then."""
    return units(if_true(inside, rows.millionths).sum()).coalesce(0.0)
