"""Features of what is bought: variety, and the first basket."""

from __future__ import annotations

from typing import Any

from cvo_ml.features.catalogue import WINDOWS, feature
from cvo_ml.features.integer_sums import if_true, number, units


@feature("categories", table="order_lines", unit="categories", windows=WINDOWS, columns=("category",), empty=0)
def categories(rows: Any, inside: Any) -> Any:
    """Different categories bought {window}."""
    return number(inside)


@feature("brands", table="order_lines", unit="brands", windows=WINDOWS, columns=("brand",), empty=0)
def brands(rows: Any, inside: Any) -> Any:
    """Different brands bought {window}."""
    return number(inside)


@feature("lines", table="order_lines", unit="units", windows=WINDOWS, empty=0)
def quantity(rows: Any, inside: Any) -> Any:
    """Units bought {window}."""
    return units(if_true(inside, rows.quantity).sum()).coalesce(0.0)


@feature("first_basket", table="order_lines", unit="lines")
def first_basket_lines(rows: Any, inside: Any) -> Any:
    """Lines of the first order."""
    return rows.count()


@feature("first_basket", table="order_lines", unit="units")
def first_basket_quantity(rows: Any, inside: Any) -> Any:
    """Units in the first order."""
    return units(rows.quantity.sum())


@feature("first_basket", table="order_lines", unit="products")
def first_basket_products(rows: Any, inside: Any) -> Any:
    """Different products in the first order."""
    return rows.product_id.nunique()


@feature("first_basket", table="order_lines", unit="categories", columns=("category",))
def first_basket_categories(rows: Any, inside: Any) -> Any:
    """Different categories in the first order."""
    return rows.category.nunique()


@feature("first_basket", table="order_lines", unit="currency", columns=("unit_price",))
def first_basket_mean_price(rows: Any, inside: Any) -> Any:
    """Mean unit price over the lines of the first order."""
    return units(rows.unit_price.sum()) / rows.unit_price.count().nullif(0)
