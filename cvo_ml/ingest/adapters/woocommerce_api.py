"""Orders as WooCommerce's REST API gives them (JSON: an array, or an object a line).

Of https://woocommerce.github.io/woocommerce-rest-api-docs/#order-properties (version 3):

* ``net`` is what WooCommerce's own reports call net sales: ``total`` less ``total_tax`` and ``shipping_total``, which
  is without tax, whether prices include tax or not (``prices_include_tax``).
* Each of ``refunds`` is a refund. Its ``total`` is below zero and holds tax and shipping: it gives back as much of
  ``net`` as of ``total``. It has no time, so it counts from when the order was last changed, which is never earlier;
  ``refunds`` that were fetched for themselves have their own (``date_created_gmt``).
* Guests have the ``customer_id`` 0: they are known by ``billing.email``, as the customer who has it elsewhere, if
  there is one.
* An order that was fetched several times counts as it was last changed. Times ending in ``_gmt`` are in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.arrays import Flags
from cvo_ml.core.currencies import decimals
from cvo_ml.core.result import Json
from cvo_ml.ingest.adapters.adapter import Adapter, Parts, base_of, json_part
from cvo_ml.ingest.adapters.guests_by_address import people
from cvo_ml.ingest.sources.json_lines import JsonObjects, at

_AGAIN: Final = "order that was fetched again later"

DECLARES: Final[dict[str, Any]] = {
    "rows": "orders",
    "guests": "exclude",
    "columns": {
        "order_id": "id",
        "customer_id": "customer",
        "ordered_at": "ordered",
        "net": "net",
        "currency": "currency",
        "shipping": "shipping_total",
        "tax": "total_tax",
        "discount": "discount_total",
        "status": "status",
        "channel": "created_via",
        "country": "billing.country",
        "city": "billing.city",
    },
}
_LINE: Final[dict[str, str]] = {
    "order_id": "order",
    "line_id": "item.id",
    "product_id": "product",
    "quantity": "item.quantity",
    "net": "item.total",
}
_REFUND: Final[dict[str, str]] = {
    "refund_id": "refund.id",
    "order_id": "order",
    "customer_id": "customer",
    "refunded_at": "when",
    "amount": "back",
    "currency": "currency",
    "reason": "refund.reason",
}
Item = dict[str, Json]


def unpack(objects: Sequence[JsonObjects], columns: Mapping[str, str], shop: ShopConfig) -> Parts:
    """Orders, order lines and refunds of the API's objects."""
    base, found = base_of(objects)
    older = _older(found)
    texts = [pd.Series([str(at(item, path) or "") for item in found], dtype="str") for path in _PEOPLE]
    who = people(*texts).tolist()
    orders = [_order(item, name or None) for item, name in zip(found, who, strict=True)]
    lines, of_lines = _parts_of(orders, older, "line_items", _line)
    refunds, of_refunds = _parts_of(orders, older, "refunds", _refund)
    return {
        "orders": json_part(base, orders, list(columns.values()), left_out={_AGAIN: older} if older.any() else {}),
        "order_lines": json_part(base, lines, list(_LINE.values()), chosen=of_lines),
        "refunds": json_part(base, refunds, list(_REFUND.values()), chosen=of_refunds),
    }


_PEOPLE: Final = ("customer_id", "billing.email")


def _older(found: Sequence[Item]) -> Flags:
    """(n,) objects of an order that stands there as it was later, too; of equal ones, all but the first."""
    last: dict[str, tuple[str, int]] = {}
    for place, item in enumerate(found):
        name, changed = str(item.get("id")), str(item.get("date_modified_gmt") or "")
        if item.get("id") is not None and (name not in last or changed > last[name][0]):
            last[name] = (changed, place)
    kept = {place for _, place in last.values()}
    return np.array(
        [item.get("id") is not None and place not in kept for place, item in enumerate(found)], dtype=np.bool_
    )


def _order(item: Item, who: str | None) -> Item:
    """An object with what the tables hold beside its own fields."""
    total, tax, shipping = (_amount(item.get(name)) for name in ("total", "total_tax", "shipping_total"))
    net = None if total is None else total - (tax or 0) - (shipping or 0)
    written = item.get("total") if net is None else str(net)
    return {**item, "net": written, "customer": who, "ordered": _utc(item, "date_created")}


def _parts_of(orders: Sequence[Item], older: Flags, name: str, make: Any) -> tuple[list[Item], NDArray[np.intp]]:
    """The things that an order lists, and the place of each one's order."""
    made: list[Item] = []
    places: list[int] = []
    for place, order in enumerate(orders):
        listed = order.get(name)
        for one in listed if isinstance(listed, list) and not older[place] else []:
            made.append(make(order, one if isinstance(one, dict) else {}))
            places.append(place)
    return made, np.array(places, dtype=np.intp)


def _line(order: Item, item: Item) -> Item:
    product = item.get("sku") or item.get("product_id") or item.get("name")
    return {"order": order.get("id"), "item": item, "product": product}


def _refund(order: Item, refund: Item) -> Item:
    when = _utc(refund, "date_created") or _utc(order, "date_modified") or _utc(order, "date_created")
    return {"order": order.get("id"), "customer": order["customer"], "refund": refund, "when": when,
            "back": _back(order, refund), "currency": order.get("currency")}  # fmt: skip


def _back(order: Item, refund: Item) -> Json:
    """As much of net as the refund is of the total."""
    gross, total, net = (
        _amount(refund.get("total", refund.get("amount"))),
        _amount(order.get("total")),
        _amount(order["net"]),
    )
    if gross is None or total is None or net is None:
        return refund.get("total")
    share = min(abs(gross) / total, Decimal(1)) if total > 0 else Decimal(0)
    return str(round(net * share, decimals(str(order.get("currency") or ""))))


def _utc(item: Item, name: str) -> Json:
    """A time in UTC; that of the site's clock where the object has no other."""
    known = item.get(f"{name}_gmt")
    return f"{known}Z" if isinstance(known, str) and known else item.get(name)


def _amount(value: Json) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


ADAPTER: Final = Adapter(
    DECLARES,
    sides={"order_lines": {"columns": _LINE}, "refunds": {"columns": _REFUND}},
    reads=("id", "status", "total"),
    unpack=unpack,
)
