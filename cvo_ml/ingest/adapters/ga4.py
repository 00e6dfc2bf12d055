"""Google Analytics 4: rows of the BigQuery export, as JSON lines, with purchases, refunds and arrivals.

Fields: https://support.google.com/analytics/answer/7029846. Which source a field names:
https://developers.google.com/analytics/bigquery/traffic-attribution-data

* A customer is a ``user_pseudo_id``, which is a browser: where you set ``user_id``, map ``customer_id: user_id``, which
  moves arrivals too. Without consent to be measured there is no id: such a purchase is a guest's.
* ``net`` is ``ecommerce.purchase_revenue``, else the parameter ``value``, which Google asks to send without tax and
  shipping (https://developers.google.com/analytics/devguides/collection/ga4/reference/events#purchase). A shop that
  sends it with both declares ``net_less: [tax, shipping]``. The currency stands in ``event_params``; with ``net:
  ecommerce.purchase_revenue_in_usd`` all money is Google's in dollars.
* A purchase that was sent again on a reload, by the same user with the same id and value, counts once, at its first
  time. Another value or another user under one id is a conflict
  (https://support.google.com/analytics/answer/12313109: an id must be unique for each order).
* A ``refund`` with a value gives that back, whatever its sign; one with items alone what these cost; one with neither
  is of the whole order (https://developers.google.com/analytics/devguides/collection/ga4/set-up-ecommerce#refund).
  Whose it is, the order says: refunds are often sent from a server, without the browser's id.
* ``session_start`` and ``first_visit`` are touches, one for each visit. Their source is that of the session by last
  click, else what the event collected, else its parameters; of a first visit also ``traffic_source``. The channel is
  Google's own, else follows its rules (:mod:`~cvo_ml.ingest.adapters.channels`).
* ``(not set)`` and empty texts stand for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cvo_ml.ingest.adapters.adapter import Adapter, utc_text
from cvo_ml.ingest.adapters.channels import channel_of
from cvo_ml.ingest.adapters.event_format import EventFormat, EventKind, Refunded, number, worth_of_product
from cvo_ml.ingest.sources.event_lines import EventChoice
from cvo_ml.ingest.sources.json_lines import at

_NOTHING: Final = ("(not set)", "", None)
#: The parameters of an event that are looked at.
_READ: Final = ("currency", "value", "transaction_id", "ga_session_id", "source", "medium", "campaign")
_KINDS: Final[Mapping[str, EventKind]] = {
    "purchase": "order",
    "refund": "refund",
    "session_start": "touch",
    "first_visit": "touch",
    "login": "link",
}
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
    "touchpoints": {
        "columns": {
            "customer_id": "user_pseudo_id",
            "at": "event_timestamp",
            "channel": "touch.channel",
            "source": "touch.source",
            "medium": "touch.medium",
            "campaign": "touch.campaign",
            "kind": "event_name",
        }
    },
}


def _kind(event: Mapping[str, Any]) -> EventKind | None:
    name = event.get("event_name")
    return _KINDS.get(name) if isinstance(name, str) else None


def _row(event: Mapping[str, Any], kind: EventKind, columns: Mapping[str, str]) -> dict[str, Any]:
    """An event with its time as text, its money in one currency, its source, and null for what is not set."""
    row = {
        **event,
        "event_timestamp": utc_text(event.get("event_timestamp"), per_second=1_000_000),
        "user_pseudo_id": _set(event.get("user_pseudo_id")),
        "user_id": _set(event.get("user_id")),
    }
    parameters = dict(_parameters(event))
    if kind == "touch":
        return {**row, "touch": _touch(event, parameters), "visit": parameters.get("ga_session_id")}
    in_usd = columns.get("net", "").endswith("_in_usd")
    return {
        **row,
        "currency": "USD" if in_usd else _set(parameters.get("currency")) or event.get("currency"),
        "ecommerce": _money(event, parameters, kind, "_in_usd" if in_usd else ""),
        "items": [_item(item, in_usd) for item in _items(event)],
    }


def _money(event: Mapping[str, Any], parameters: Mapping[str, Any], kind: EventKind, unit: str) -> dict[str, Any]:
    ecommerce = event.get("ecommerce")
    known = {key: _set(value) for key, value in ecommerce.items()} if isinstance(ecommerce, dict) else {}
    for name in ("shipping_value", "tax_value", "refund_value") if unit else ():
        known[name] = known.get(name + unit)
    value = "refund_value" if kind == "refund" else "purchase_revenue"
    if known.get(value) is None and not unit:
        known[value] = _set(parameters.get("value"))
    if known.get("transaction_id") is None:
        known["transaction_id"] = _set(parameters.get("transaction_id"))
    return known


def _set(value: Any) -> Any:
    return None if value in _NOTHING else value


def _parameters(event: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    listed = event.get("event_params")
    for parameter in listed if isinstance(listed, list) else ():
        if isinstance(parameter, dict) and (key := parameter.get("key")) in _READ:
            value = parameter.get("value")
            yield (
                key,
                next((one for one in value.values() if one is not None), None) if isinstance(value, dict) else value,
            )


def _items(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The items that are known: where none was sent, the export may hold one that is not set."""
    listed = event.get("items")
    items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    return [item for item in items if _set(item.get("item_id")) or _set(item.get("item_name"))]


def _item(item: Mapping[str, Any], in_usd: bool) -> dict[str, Any]:
    """An item by its id, else its name; one where no quantity was sent, as Google counts it."""
    quantity = item.get("quantity")
    return {
        **item,
        "item_id": _set(item.get("item_id")) or item.get("item_name"),
        "quantity": "1" if quantity is None else quantity,
        "price": item.get("price_in_usd") if in_usd else item.get("price"),
    }


def _touch(event: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Where somebody came from."""
    source, medium, campaign = next(_origins(event, parameters), (None, None, None))
    cross = at(event, "session_traffic_source_last_click.cross_channel_campaign.default_channel_group")
    named = _set(cross) or channel_of(source, medium, campaign)
    return {"channel": named, "source": source, "medium": medium, "campaign": campaign}


def _origins(event: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[tuple[Any, Any, Any]]:
    last, collected = event.get("session_traffic_source_last_click"), event.get("collected_traffic_source")
    last, collected = (found if isinstance(found, dict) else {} for found in (last, collected))
    ads = at(last, "google_ads_campaign.campaign_name")
    candidates = [
        *(_origin(last.get(name), "campaign_name") for name in ("cross_channel_campaign", "manual_campaign")),
        ("google", "cpc", _set(ads)) if _set(ads) else None,
        _origin({key.removeprefix("manual_"): value for key, value in collected.items()}, "campaign_name"),
        ("google", "cpc", None) if _set(collected.get("gclid")) else None,
        _origin(parameters, "campaign"),
        _origin(event.get("traffic_source"), "name") if event.get("event_name") == "first_visit" else None,
    ]
    yield from (one for one in candidates if one is not None)


def _origin(found: Any, campaign: str) -> tuple[Any, Any, Any] | None:
    if not isinstance(found, Mapping):
        return None
    source, medium = (_text(found.get(name)) for name in ("source", "medium"))
    return (source, medium, _text(found.get(campaign))) if source or medium else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value not in _NOTHING else None


def _refunded(row: Mapping[str, Any]) -> Refunded:
    value = number(at(row, "ecommerce.refund_value"))
    items = row["items"]
    back = [number(item.get("item_refund")) or worth_of_product(item) or float("nan") for item in items]
    return Refunded(None if value is None else abs(value), sum(back) if items else None, None)


def _line(order: Any, product: dict[str, Any]) -> dict[str, Any]:
    return {"ecommerce": {"transaction_id": order}, "items": product}


ADAPTER: Final = Adapter(
    DECLARES,
    sides=_SIDES,
    beside=("touchpoints",),
    events=EventFormat(
        choice=EventChoice(("event_name",), frozenset(_KINDS)),
        kind=_kind,
        row=_row,
        order_id="ecommerce.transaction_id",
        at="event_timestamp",
        products="items",
        device="user_pseudo_id",
        visit="visit",
        line=_line,
        gross=lambda _, net: net,
        refunded=_refunded,
        arrival="first_visit",
    ),
    resent=True,
)
