"""Segment's calls (JSON lines): orders of its e-commerce events, refunds, cancellations, and arrivals.

Events: https://segment.com/docs/connections/spec/ecommerce/v2/. Fields of every call:
https://segment.com/docs/connections/spec/common/

* ``net`` is ``subtotal`` (after discounts, before tax and shipping); without one, ``total`` less shipping and tax where
  a call has the three, else ``revenue``, else ``total`` less what is known of shipping and tax.
* ``Order Updated`` is a later state of an order: the last one is what it is worth, at the time of ``Order Completed``.
  An update of an order that was never completed is none.
* ``Order Refunded`` counts ``total`` as the order's does, with tax and shipping: net goes back in proportion. One that
  only lists products gives back what these cost, one with neither the whole order. ``Order Cancelled`` gives back the
  whole order, or what is left of it. Whose it is, the order says.
* A product without a ``product_id`` goes by its ``sku``, one without a quantity was sold once.
* Calls without ``userId`` are guests; other events are left out by rule.
* A call that was sent twice counts once (``messageId``), also where only its time differs.
* A call with a campaign is a touch, the first of each visit; its channel follows the rules of Google Analytics
  (:mod:`~cvo_ml.ingest.adapters.channels`). One of an ``anonymousId`` is of the user with whom that stands elsewhere,
  where it is one user; else it is left out by rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from cvo_ml.ingest.adapters.adapter import Adapter
from cvo_ml.ingest.adapters.channels import channel_of
from cvo_ml.ingest.adapters.event_format import EventFormat, EventKind, Refunded, number, worth_of_product
from cvo_ml.ingest.sources.event_lines import EventChoice
from cvo_ml.ingest.sources.json_lines import at, text_of

_CANCELLED: Final = "Order Cancelled"
#: The names of version 1 of the events too.
_KINDS: Final[Mapping[str, EventKind]] = {
    "Order Completed": "order",
    "Completed Order": "order",
    "Order Updated": "update",
    "Updated Order": "update",
    "Order Refunded": "refund",
    _CANCELLED: "refund",
}
_CAMPAIGN: Final = tuple(f"context.campaign.{part}" for part in ("source", "medium", "name"))
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
            "reason": "reason",
        }
    },
    "touchpoints": {
        "columns": {
            "customer_id": "userId",
            "at": "timestamp",
            "channel": "touch.channel",
            "source": _CAMPAIGN[0],
            "medium": _CAMPAIGN[1],
            "campaign": _CAMPAIGN[2],
            "kind": "touch.kind",
        }
    },
}


def _kind(call: Mapping[str, Any]) -> EventKind | None:
    name = call.get("event")
    if isinstance(name, str) and name in _KINDS:
        return _KINDS[name]
    if any(at(call, path) for path in _CAMPAIGN):
        return "touch"
    return "link" if call.get("type") == "identify" else None


def _row(call: Mapping[str, Any], kind: EventKind, _columns: Mapping[str, str]) -> Mapping[str, Any]:
    row = {**call, "userId": call.get("userId") or None}
    if kind == "touch":
        origin = [text_of(at(call, path)) or None for path in _CAMPAIGN]
        return {**row, "touch": {"channel": channel_of(*origin), "kind": call.get("event") or call.get("type")}}
    properties = call.get("properties")
    if not isinstance(properties, dict):
        return row
    if kind == "refund":
        return {**row, "reason": "cancellation" if call.get("event") == _CANCELLED else "refund"}
    return {**row, "properties": {**properties, "subtotal": _net(properties)}}


def _net(properties: Mapping[str, Any]) -> Any:
    """What an order is worth before tax and shipping."""
    subtotal, revenue, total = (properties.get(name) for name in ("subtotal", "revenue", "total"))
    if subtotal is not None:
        return subtotal
    parts = [number(properties.get(name)) for name in ("total", "shipping", "tax")]
    if total is None or parts[0] is None or (revenue is not None and None in parts):
        return revenue
    return f"{parts[0] - sum(part or 0.0 for part in parts[1:]):.6f}"


def _gross(row: Mapping[str, Any], net: float) -> float:
    """What was paid: the total, else net with shipping and tax."""
    total = number(at(row, "properties.total"))
    if total is not None:
        return total
    return net + sum(number(at(row, f"properties.{part}")) or 0.0 for part in ("shipping", "tax"))


def _refunded(row: Mapping[str, Any]) -> Refunded:
    message, products = text_of(row.get("messageId")), at(row, "properties.products")
    listed = [product for product in products if isinstance(product, dict)] if isinstance(products, list) else []
    value = number(at(row, "properties.total"))
    if row.get("event") == _CANCELLED or (value is None and not listed):
        return Refunded(None, None, message)
    return Refunded(value, sum(map(worth_of_product, listed)) or None, message)


def _line(order: Any, product: dict[str, Any]) -> dict[str, Any]:
    quantity = product.get("quantity")
    whole = {
        **product,
        "product_id": product.get("product_id") or product.get("sku"),
        "quantity": "1" if quantity is None else quantity,
    }
    return {"properties": {"order_id": order, "products": whole}}


ADAPTER: Final = Adapter(
    DECLARES,
    sides=_SIDES,
    beside=("touchpoints",),
    events=EventFormat(
        choice=EventChoice(("event", "type"), frozenset(_KINDS) | {"identify"}, _CAMPAIGN),
        kind=_kind,
        row=_row,
        order_id="properties.order_id",
        at="timestamp",
        products="properties.products",
        device="anonymousId",
        visit=None,
        line=_line,
        gross=_gross,
        refunded=_refunded,
    ),
    resent=True,
)
