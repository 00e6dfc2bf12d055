"""Stripe's subscription objects (JSON lines, an array, or a list response) as the subscriptions table.

* ``mrr`` is what it brings each month, by Stripe's definition: :mod:`cvo_ml.ingest.adapters.stripe_mrr`. What the
  export does not say (tiers that were not expanded, a list of items that goes on) is set aside.
* Discounts of which only the id stands there refuse the file: the request must expand them.
* ``current_period_end`` stands on the subscription, since API 2025-03-31 on its items: both are read.
* ``ended_at`` is when the subscription ended, not when its cancellation was asked for (``cancel_at_period_end``).
* Objects of the test mode (``livemode`` false) and objects that are no subscription are left out by rule. Of one that
  stands there again the last counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.arrays import Flags
from cvo_ml.core.errors import DataError
from cvo_ml.core.result import Json
from cvo_ml.ingest.adapters.adapter import Adapter, Parts, base_of, json_part, utc_text
from cvo_ml.ingest.adapters.stripe_amounts import Moment, id_of, moment_of, number_of, whole_units
from cvo_ml.ingest.adapters.stripe_mrr import (
    DISCOUNTED,
    Revenue,
    items_of,
    monthly_revenue,
    price_of,
    unknown_discounts,
)
from cvo_ml.ingest.raw import Places
from cvo_ml.ingest.sources.json_lines import JsonObjects, at

TEST_MODE: Final = "test mode (livemode)"
_OTHER: Final = "no subscription"
_AGAIN: Final = "subscription that stands here again, later"
_ENDED: Final = ("canceled", "incomplete_expired")
_HAPPENED: Final = ("created", "start_date", "current_period_start", "canceled_at", "ended_at")

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


def unpack(objects: Sequence[JsonObjects], columns: Mapping[str, str], shop: ShopConfig) -> Parts:
    """The subscriptions of the objects.

    Raises
    ------
    DataError
        If only the ids of discounts stand there.
    """
    base, found = base_of(objects)
    left_out = {
        _OTHER: np.array([item.get("object", "subscription") != "subscription" for item in found], dtype=np.bool_),
        TEST_MODE: np.array([item.get("livemode") is False for item in found], dtype=np.bool_),
        _AGAIN: earlier(found),
    }
    read = ~np.logical_or.reduce(list(left_out.values()))
    _refuse_unknown_discounts(found, read, base.places)
    moment = moment_of(shop, (time for item in found for time in _times(item)))
    revenues = [
        monthly_revenue(item, moment) if reads else Revenue(None) for item, reads in zip(found, read, strict=True)
    ]
    rows = [_row(item, revenue) for item, revenue in zip(found, revenues, strict=True)]
    part = json_part(base, rows, list(columns.values()), left_out=left_out)
    return {"subscriptions": replace(part, notes=(*part.notes, *_notes(revenues, moment)))}


def earlier(found: Sequence[Mapping[str, Json]]) -> Flags:
    """The objects whose id stands there again, later."""
    last = {item.get("id"): place for place, item in enumerate(found)}
    return np.array(
        [isinstance(item.get("id"), str) and last[item.get("id")] != place for place, item in enumerate(found)],
        dtype=np.bool_,
    )


def _refuse_unknown_discounts(found: Sequence[Mapping[str, Json]], read: Flags, places: Places) -> None:
    unknown = np.array(
        [reads and unknown_discounts(item) for item, reads in zip(found, read, strict=True)], dtype=np.bool_
    )
    if unknown.any():
        file, first_rows = places[unknown].first()
        raise DataError(
            "subscriptions name discounts by their ids alone, which do not say what is off",
            "export them with expand[]=data.discounts.source.coupon (before API 2025-09-30 data.discounts.coupon) and "
            "expand[]=data.items.data.discounts",
            file=file,
            column="discounts",
            count=int(unknown.sum()),
            first_rows=first_rows,
        )


def _times(subscription: Mapping[str, Json]) -> list[Json]:
    items = [item.get(name) for item in items_of(subscription) for name in ("created", "current_period_start")]
    return [*(subscription.get(name) for name in _HAPPENED), *items]


def _notes(revenues: Sequence[Revenue], moment: Moment) -> tuple[str, ...]:
    said = Counter(remark for revenue in revenues for remark in sorted(revenue.remarks))
    at_moment = {DISCOUNTED: f" as of {moment.words}"}
    return tuple(f"subscriptions: {count:,} {what}{at_moment.get(what, '')}" for what, count in sorted(said.items()))


def _row(subscription: Mapping[str, Any], revenue: Revenue) -> dict[str, Any]:
    items = items_of(subscription)
    currency = str(subscription.get("currency") or (price_of(items[0]).get("currency") if items else ""))
    ends = [subscription.get("current_period_end"), *(item.get("current_period_end") for item in items)]
    ended = subscription.get("ended_at")
    if ended is None and subscription.get("status") in _ENDED:
        ended = subscription.get("canceled_at")
    return {
        **subscription,
        "customer": id_of(subscription.get("customer")),
        "currency": currency or None,
        "price of items": None if revenue.monthly is None else whole_units(revenue.monthly, currency),
        "plan of items": "+".join(filter(None, map(_plan, items))) or None,
        "quantity of items": _quantity(items),
        "start_date": utc_text(subscription.get("start_date") or subscription.get("created")),
        "ended_at": utc_text(ended),
        "current_period_end": utc_text(_latest([end for end in ends if end is not None])),
    }


def _quantity(items: Sequence[Mapping[str, Any]]) -> str | None:
    known = [quantity for item in items if (quantity := number_of(item.get("quantity"))) is not None]
    return str(sum(known)) if known else None


def _plan(item: Mapping[str, Any]) -> str | None:
    price = price_of(item)
    name = at(price, "nickname") or at(price, "id")
    return str(name) if name else None


def _latest(times: Sequence[Any]) -> Any:
    try:
        return max(int(time) for time in times) if times else None
    except (TypeError, ValueError):
        return times[0]


ADAPTER: Final = Adapter(DECLARES, reads=("customer", "status", "items"), unpack=unpack)
