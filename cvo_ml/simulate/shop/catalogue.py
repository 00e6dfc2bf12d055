"""What the shop sells: products with brands, categories, popularity, and planted toxic and sticky ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cvo_ml.config.simulation import Catalogue
from cvo_ml.core.arrays import Numbers

_GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class Products:
    """Attributes of each product, shape (products,)."""

    share: Numbers  # popularity, adds up to 1
    brand: Numbers
    category: Numbers
    price_level: Numbers  # relative price, about 0.4 to 2.5
    toxic: Numbers
    sticky: Numbers


def products(catalogue: Catalogue | None) -> Products:
    """The products of a catalogue; one plain product where there is none."""
    if catalogue is None:
        zero = np.zeros(1, np.int64)
        return Products(np.ones(1), zero, zero, np.ones(1), np.zeros(1, bool), np.zeros(1, bool))
    number = np.arange(catalogue.products)
    weight = (number + 1.0) ** -catalogue.zipf
    return Products(
        share=weight / weight.sum(),
        brand=number % catalogue.brands,
        category=(number // 3) % len(catalogue.categories),
        price_level=0.4 * 6.25 ** ((number * _GOLDEN) % 1.0),  # evenly spread, without randomness
        toxic=np.isin(number, toxic_numbers(catalogue)),
        sticky=np.isin(number, sticky_numbers(catalogue)),
    )


def toxic_numbers(catalogue: Catalogue) -> Numbers:
    """Numbers of the toxic products: spread over the middle ranks, so that each has buyers.

    Examples
    --------
    >>> toxic_numbers(Catalogue(products=100, toxic_products=3)).tolist()
    [10, 30, 50]
    """
    if catalogue.toxic_products == 0:
        return np.zeros(0, np.int64)
    spread = np.linspace(catalogue.products // 10, catalogue.products // 2, catalogue.toxic_products)
    return np.unique(spread.astype(np.int64))


def sticky_numbers(catalogue: Catalogue) -> Numbers:
    """Numbers of the sticky products: spread over the same ranks, between the toxic ones.

    Examples
    --------
    >>> sticky_numbers(Catalogue(products=100, toxic_products=3, sticky_products=3)).tolist()
    [12, 32, 52]
    """
    if catalogue.sticky_products == 0:
        return np.zeros(0, np.int64)
    begin, end = catalogue.products // 10, catalogue.products // 2
    spread = np.unique(np.linspace(begin, end, catalogue.sticky_products).astype(np.int64)) + 2
    return np.setdiff1d(np.minimum(spread, catalogue.products - 1), toxic_numbers(catalogue))
