"""Stripe's subscription objects (JSON lines, an array, or a list response) as the subscriptions table.

* ``current_period_end`` stands on the subscription, since API 2025-03-31 on its items: both are read.
* ``mrr`` is the sum over items of unit amount x quantity, brought to a month of 30.4375 days; amounts are in minor
  units: cents, thousandths of a dinar of Kuwait, whole yen. Tiered prices have no unit amount: such rows are set aside.
* ``ended_at`` is when the subscription ended, not when its cancellation was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.currencies import decimals
from cvo_ml.core.units import DAYS_PER_UNIT
from cvo_ml.ingest.adapters.adapter import Adapter, Parts, base_of, json_part, utc_text
from cvo_ml.ingest.sources.json_lines import JsonObjects, at

#: Decimals that Stripe gives a currency where ISO 4217 gives it others.
DECIMALS: Final = {"ISK": 2, "MGA": 0}
_DAYS: Final = {
    "day": DAYS_PER_UNIT["D"],
    "week": DAYS_PER_UNIT["W"],
    "month": DAYS_PER_UNIT["M"],
    "year": 12 * DAYS_PER_UNIT["M"],
}

DECLARES: Final[dict[str, Any]] = {
    "rows": "subscriptions",
    "columns": {
        "subscription_id": "id",
        "customer_id": "customer",
        "status": "status",
        "mrr": "price of items",
        "started_at": "start_date",
        "ended_at": "ended_at",
        "currency": "currency",
        "plan": "plan of items",
        "seats": "quantity of items",
        "current_period_end": "current_period_end",
        "cancel_reason": "cancellation_details.reason",
    },
}


def unpack(objects: Sequence[JsonObjects], columns: Mapping[str, str], _shop: ShopConfig) -> Parts:
    """The subscriptions of the objects."""
    base, found = base_of(objects)
    return {"subscriptions": json_part(base, [_row(item) for item in found], list(columns.values()))}


def _row(subscription: Mapping[str, Any]) -> dict[str, Any]:
    items = _items(subscription)
    ends = [subscription.get("current_period_end"), *(item.get("current_period_end") for item in items)]
    customer = subscription.get("customer")
    return {
        **subscription,
        "customer": customer.get("id") if isinstance(customer, dict) else customer,  # expanded in the request
        "price of items": _monthly(subscription, items),
        "plan of items": "+".join(filter(None, map(_plan, items))) or None,
        "quantity of items": _quantity(items),
        "start_date": utc_text(subscription.get("start_date") or subscription.get("created")),
        "ended_at": utc_text(subscription.get("ended_at")),
        "current_period_end": utc_text(_latest([end for end in ends if end is not None])),
    }


def _items(subscription: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    data = at(subscription, "items.data")
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []


def _monthly(subscription: Mapping[str, Any], items: Sequence[Mapping[str, Any]]) -> str | None:
    """Monthly recurring revenue in whole units of the currency; None where an item has no plain price."""
    currency = str(subscription.get("currency") or at(items[0], "price.currency") if items else "").upper()
    unit = Decimal(10) ** DECIMALS.get(currency, decimals(currency))
    total = Decimal(0)
    for item in items:
        days = _DAYS.get(str(at(item, "price.recurring.interval")))
        amount = _decimal(at(item, "price.unit_amount_decimal") or at(item, "price.unit_amount"))
        times = _decimal(at(item, "price.recurring.interval_count") or "1")
        if days is None or amount is None or not times:
            return None
        months = times * Decimal(str(days)) / Decimal(str(_DAYS["month"]))
        total += amount * (_decimal(item.get("quantity")) or 1) / months
    return f"{total / unit:.6f}" if items else None


def _decimal(value: Any) -> Decimal | None:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _quantity(items: Sequence[Mapping[str, Any]]) -> str | None:
    known = [quantity for item in items if (quantity := _decimal(item.get("quantity"))) is not None]
    return str(sum(known)) if known else None


def _plan(item: Mapping[str, Any]) -> str | None:
    name = at(item, "price.nickname") or at(item, "price.id")
    return str(name) if name else None


def _latest(times: Sequence[Any]) -> Any:
    try:
        return max(int(time) for time in times) if times else None
    except (TypeError, ValueError):
        return times[0]


ADAPTER: Final = Adapter(DECLARES, unpack=unpack)
