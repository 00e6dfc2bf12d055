"""Google Analytics 4 export rows (JSON lines as BigQuery writes them): ``purchase`` and ``refund`` events.

* A customer is a ``user_pseudo_id``, which is a browser: where you set ``user_id``, map ``customer_id: user_id``.
* ``net`` is ``ecommerce.purchase_revenue``; the currency stands in ``event_params``.
* A purchase that was sent again on a reload has another time: its order id conflicts, and both rows are set aside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from cvo_ml.transactions.adapters.adapter import Adapter, Parts, base_of, json_part, lines_of, utc_text
from cvo_ml.transactions.sources.json_lines import JsonObjects, at

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


def unpack(objects: Sequence[JsonObjects], columns: Mapping[str, str]) -> Parts:
    """Orders, order lines and refunds of export rows."""
    base, rows = base_of(objects)
    events = [_event(row) for row in rows]
    names = np.array([row.get("event_name") for row in rows], dtype=object)
    is_order, is_refund = names == "purchase", names == "refund"
    left_out = {"refund event (read as a refund)": is_refund, "other event": ~is_order & ~is_refund}
    found, of, again = lines_of(events, is_order, "ecommerce.transaction_id", "items")
    lines = [{"ecommerce": {"transaction_id": order}, "items": product} for order, product in found]
    refunds = np.flatnonzero(is_refund)
    side = {name: list(config["columns"].values()) for name, config in _SIDES.items()}
    return {
        "orders": json_part(base, events, list(columns.values()), left_out=left_out),
        "order_lines": json_part(base, lines, side["order_lines"], chosen=of, left_out=again),
        "refunds": json_part(base, [events[place] for place in refunds], side["refunds"], chosen=refunds),
    }


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


ADAPTER: Final = Adapter(DECLARES, unpack=unpack, sides=_SIDES)
