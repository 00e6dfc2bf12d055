"""What is known at a customer's first order."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import ibis
import pandas as pd

from cvo_ml.core.units import parse_as_of
from cvo_ml.features.engine import Engine, Source, engine
from cvo_ml.features.integer_sums import exact_mean, exact_sum
from cvo_ml.features.profile_columns import known_profile
from cvo_ml.features.value_at_age import first_orders

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
    "first_order_discount_share",
    "first_order_code",
)
#: Those that the lines of the order tell.
LINE_FEATURES: Final[tuple[str, ...]] = FIRST_ORDER_FEATURES[1:6]
#: Texts of the first order that they read.
FIRST_ORDER_TEXTS: Final[tuple[str, ...]] = ("first_order_channel",)


def first_order_features(tables: Source, as_of: str | date) -> pd.DataFrame:
    """The first order of each customer who had one before ``as_of``, as it stood when ordered.

    Refunds are later news, so they do not touch these columns.

    Returns
    -------
    pandas.DataFrame
        Indexed by ``customer_id``: ``first_ordered_at``, the columns of ``FIRST_ORDER_FEATURES`` and
        ``FIRST_ORDER_TEXTS`` (null where the shop does not tell), and the profile columns of the
        customers, ``country`` among them, where known.
    """
    day = parse_as_of(as_of)
    with engine(tables) as opened:
        frame = opened.run(with_basket(opened, first_orders(opened, day), day))
        profile = known_profile(opened.tables, day, None)
    return frame.join(profile[[name for name in profile if name not in frame]])


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
    has = set(first.columns)
    discount = joined.discount if "discount" in has else ibis.null("float64")
    code = joined.discount_code.notnull().cast("float64") if "discount_code" in has else ibis.null("float64")
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
        first_order_discount_share=discount / (joined.net + discount).nullif(0),
        first_order_code=code,
        first_order_channel=joined.channel if "channel" in has else ibis.null("string"),
    )
