"""All shapes of export, each registered by the module that writes it."""

from tests.exports import (
    accounting,
    countries,
    events_and_databases,
    marketplaces,
    shop_systems,
    spreadsheets,
)
from tests.exports.shape import SHAPES, Shape

__all__ = ["SHAPES", "Shape", "accounting", "countries", "events_and_databases", "marketplaces", "shop_systems",
           "spreadsheets"]  # fmt: skip
