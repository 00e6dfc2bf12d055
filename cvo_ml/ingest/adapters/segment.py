"""Segment's track calls (JSON lines): ``Order Completed`` becomes an order with its lines, ``Order Refunded`` a refund.

* ``net`` is ``subtotal`` (after discounts, before tax and shipping); where a call has none, ``revenue``.
* Calls without ``userId`` are guests; other events are left out by rule.
* A call that was sent twice counts once, also where only its time differs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cvo_ml.config.shops import ShopConfig
from cvo_ml.ingest.adapters.adapter import Adapter, EventTables, Parts, base_of, event_parts
from cvo_ml.ingest.sources.json_lines import JsonObjects

_ORDER: Final = "Order Completed"
DECLARES: Final[dict[str, Any]] = {
    "rows": "orders",
    "guests": "exclude",
    "columns": {
        "order_id": "properties.order_id",
        "customer_id": "userId",
        "ordered_at": "timestamp",
        "net": "properties.subtotal",
        "currency": "properties.currency",
        "shipping": "properties.shipping",
        "tax": "properties.tax",
        "discount": "properties.discount",
        "discount_code": "properties.coupon",
        "channel": "context.campaign.source",
    },
}
_SIDES: Final[dict[str, dict[str, Any]]] = {
    "order_lines": {
        "columns": {
            "order_id": "properties.order_id",
            "product_id": "properties.products.product_id",
            "quantity": "properties.products.quantity",
            "unit_price": "properties.products.price",
            "category": "properties.products.category",
            "brand": "properties.products.brand",
        }
    },
    "refunds": {
        "columns": {
            "order_id": "properties.order_id",
            "customer_id": "userId",
            "refunded_at": "timestamp",
            "amount": "properties.total",
        }
    },
}


def unpack(objects: Sequence[JsonObjects], columns: Mapping[str, str], _shop: ShopConfig) -> Parts:
    """Orders, order lines and refunds of track calls."""
    base, calls = base_of(objects)
    names = [call.get("event") for call in calls]
    events = [_with_net(call) if name == _ORDER else call for call, name in zip(calls, names, strict=True)]
    return event_parts(base, events, names, _TABLES, columns)


def _line(order: Any, product: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {"order_id": order, "products": _with_id(product)}}


_TABLES: Final = EventTables(_ORDER, "Order Refunded", "properties.order_id", "properties.products", _line, _SIDES)


def _with_net(call: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = call.get("properties")
    if not isinstance(properties, dict) or properties.get("subtotal") is not None:
        return call
    return {**call, "properties": {**properties, "subtotal": properties.get("revenue")}}


def _with_id(product: Mapping[str, Any]) -> dict[str, Any]:
    return {**product, "product_id": product.get("product_id") or product.get("sku")}


ADAPTER: Final = Adapter(DECLARES, unpack=unpack, sides=_SIDES, resent=True)
