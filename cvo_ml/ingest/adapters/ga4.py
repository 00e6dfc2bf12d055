"""Google Analytics 4 export rows (JSON lines as BigQuery writes them): ``purchase`` and ``refund`` events.

* A customer is a ``user_pseudo_id``, which is a browser: where you set ``user_id``, map ``customer_id: user_id``.
* ``net`` is ``ecommerce.purchase_revenue``; the currency stands in ``event_params``.
* A purchase that was sent again on a reload, with another time and the same in all else, counts once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cvo_ml.config.shops import ShopConfig
from cvo_ml.ingest.adapters.adapter import Adapter, EventTables, Parts, base_of, event_parts, utc_text
from cvo_ml.ingest.sources.json_lines import JsonObjects, at

_NOT_SET: Final = "(not set)"
DECLARES: Final[dict[str, Any]] = {
    "rows": "orders",
    "guests": "exclude",
    "columns": {
        "order_id": "ecommerce.transaction_id",
        "customer_id": "user_pseudo_id",
        "ordered_at": "event_timestamp",
        "net": "ecommerce.purchase_revenue",
        "currency": "currency",
        "shipping": "ecommerce.shipping_value",
        "tax": "ecommerce.tax_value",
        "channel": "traffic_source.source",
        "country": "geo.country",
        "city": "geo.city",
    },
}
_SIDES: Final[dict[str, dict[str, Any]]] = {
    "order_lines": {
        "columns": {
            "order_id": "ecommerce.transaction_id",
            "product_id": "items.item_id",
            "quantity": "items.quantity",
            "unit_price": "items.price",
            "category": "items.item_category",
            "brand": "items.item_brand",
        }
    },
    "refunds": {
        "columns": {
            "order_id": "ecommerce.transaction_id",
            "customer_id": "user_pseudo_id",
            "refunded_at": "event_timestamp",
            "amount": "ecommerce.refund_value",
        }
    },
}


def unpack(objects: Sequence[JsonObjects], columns: Mapping[str, str], _shop: ShopConfig) -> Parts:
    """Orders, order lines and refunds of export rows."""
    base, rows = base_of(objects)
    names = [row.get("event_name") for row in rows]
    return event_parts(base, [_event(row) for row in rows], names, _TABLES, columns)


def _line(order: Any, product: dict[str, Any]) -> dict[str, Any]:
    return {"ecommerce": {"transaction_id": order}, "items": product}


_TABLES: Final = EventTables("purchase", "refund", "ecommerce.transaction_id", "items", _line, _SIDES)


def _event(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its time as text, its currency, and null where Google writes ``(not set)``."""
    ecommerce = row.get("ecommerce")
    known = (
        {key: None if value == _NOT_SET else value for key, value in ecommerce.items()}
        if isinstance(ecommerce, dict)
        else {}
    )
    time = utc_text(row.get("event_timestamp"), per_second=1_000_000)
    return {**row, "event_timestamp": time, "currency": _currency(row), "ecommerce": known}


def _currency(row: Mapping[str, Any]) -> Any:
    parameters = row.get("event_params")
    for parameter in parameters if isinstance(parameters, list) else []:
        if isinstance(parameter, dict) and parameter.get("key") == "currency":
            return at(parameter, "value.string_value")
    return row.get("currency")


ADAPTER: Final = Adapter(DECLARES, unpack=unpack, sides=_SIDES, resent=True)
