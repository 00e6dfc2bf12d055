"""What is known at a customer's first order, and what the customer brought by a fixed age."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import ibis
import pandas as pd

from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.features.engine import Engine, engine, run
from cvo_ml.features.exact import exact_mean, exact_sum, micro, units
from cvo_ml.features.known import known_profile
from cvo_ml.features.order_relations import CENT

#: What lookalike models read, in their order.
FIRST_ORDER_FEATURES: Final[tuple[str, ...]] = (
    "first_order_value",
    "first_order_lines",
    "first_order_units",
    "first_order_products",
    "first_order_mean_price",
    "first_order_max_quantity",
    "first_order_hour",
    "first_order_weekday",
)


def first_order_features(tables: Tables, as_of: str | date) -> pd.DataFrame:
    """The first order of each customer who had one before ``as_of``, as it stood when ordered.

    Refunds are later news, so they do not touch these columns.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``customer_id``: ``first_ordered_at``, the columns of ``FIRST_ORDER_FEATURES``
        (null where the shop has no order lines), and ``country`` where known.
    """
    day = parse_as_of(as_of)
    with engine(tables) as opened:
        frame = run(with_basket(opened, first_orders(opened, day), day))
    return frame.join(known_profile(tables, day))


def value_by_age(tables: Tables, as_of: str | date, age: Horizon) -> pd.DataFrame:
    """What each customer had brought ``age`` after the first order, where that lies before ``as_of``.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``customer_id``: ``first_ordered_at`` and ``value`` = net of the orders in
        [first order, first order + age) less their refunds known by then. Customers whose window
        is not closed at ``as_of`` are left out.
    """
    day = parse_as_of(as_of)
    with engine(tables) as opened:
        first = first_orders(opened, day).select("customer_id", first_ordered_at="ordered_at")
        orders = opened.known("orders", day)
        joined = orders.inner_join(first, "customer_id")
        end = joined.first_ordered_at + ibis.interval(days=age.whole_days)
        window = joined.filter(joined.ordered_at < end, end <= ibis.literal(pd.Timestamp(day).to_pydatetime()))
        window = window.mutate(window_end=window.first_ordered_at + ibis.interval(days=age.whole_days))
        refunds = opened.known("refunds", day)
        back = window.left_join(refunds, window.order_id == refunds.order_id)
        back = back.mutate(counted=(back.known_at_right <= back.window_end).ifelse(micro(back.amount), 0).coalesce(0))
        per_order = back.group_by("customer_id", "order_id", "first_ordered_at", "net").agg(back=back.counted.sum())
        left = ibis.greatest(micro(per_order.net) - per_order.back.cast("int64"), 0)
        return run(
            per_order.group_by("customer_id").agg(
                first_ordered_at=per_order.first_ordered_at.min(),
                value=units(left.sum(where=left > CENT)).coalesce(0.0),
            )
        )


def first_orders(engine: Engine, as_of: date) -> Any:
    """One row per customer: the earliest order known, ties broken by order id."""
    orders = engine.known("orders", as_of)
    place = ibis.row_number().over(
        ibis.window(group_by=orders.customer_id, order_by=[orders.ordered_at, orders.order_id])
    )
    ranked = orders.mutate(place=place)
    return ranked.filter(ranked.place == 0)


def with_basket(engine: Engine, first: Any, as_of: date) -> Any:
    """First orders with the columns of ``FIRST_ORDER_FEATURES``."""
    lines = engine.known("order_lines", as_of)
    if "unit_price" not in lines.columns:
        lines = lines.mutate(unit_price=ibis.null("float64"))
    basket = lines.group_by(basket_order=lines.order_id).agg(
        first_order_lines=lines.count().cast("float64"),
        first_order_units=exact_sum(lines.quantity),
        first_order_products=lines.product_id.nunique().cast("float64"),
        first_order_mean_price=exact_mean(lines.unit_price),
        first_order_max_quantity=lines.quantity.max(),
    )
    joined = first.left_join(basket, first.order_id == basket.basket_order)
    return joined.select(
        "customer_id",
        first_ordered_at=joined.ordered_at,
        first_order_value=joined.net,
        first_order_lines=joined.first_order_lines,
        first_order_units=joined.first_order_units,
        first_order_products=joined.first_order_products,
        first_order_mean_price=joined.first_order_mean_price,
        first_order_max_quantity=joined.first_order_max_quantity,
        first_order_hour=joined.ordered_at.hour().cast("float64"),
        first_order_weekday=joined.ordered_at.day_of_week.index().cast("float64"),
    )
