"""Klaviyo's events (JSON of its API, with ``include=metric,profile``): orders, what went back, touches, events.

* ``Placed Order`` is an order: ``net`` is ``$value``, as the shop's integration sends it, often with tax and shipping.
  A value without ``$value_currency`` is in the shop's currency. Its ``Items`` are order lines; where it lists none,
  ``Ordered Product`` events are.
* ``Refunded Order`` gives back its ``$value`` (the whole order where it has none), ``Cancelled Order`` what is left of
  it, each at its own time and together never more than the order; in proportion, where the shop maps a net below
  ``$value``. They name the order by its number or its ``$event_id``.
* Opens and clicks of mails, SMS and push are touchpoints. Opens that Apple's Mail Privacy Protection or another program
  made are none, nor are clicks of bots: Klaviyo marks them (opens since November 2021).
* What the shop did (sent, delivered, shipped) is no event of the customer; everything else that has a name is one
  (viewed, added to the cart, subscribed).
* The customer is the profile's id, or its address or external id where the orders use that. An event that was exported
  twice counts once.

Objects: https://developers.klaviyo.com/en/reference/get_events; orders and their properties:
https://developers.klaviyo.com/en/docs/guide_to_integrating_a_platform_without_a_pre_built_klaviyo_integration;
``$event_id`` of refunds:
https://community.klaviyo.com/custom-integrations-29/fulfilled-order-cancelled-order-and-refunded-order-529; metrics:
https://help.klaviyo.com/hc/en-us/articles/360036974872; privacy opens:
https://help.klaviyo.com/hc/en-us/articles/4416791883163.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from cvo_ml.config.shops import NO_CURRENCY, ShopConfig
from cvo_ml.core.arrays import Flags
from cvo_ml.core.errors import DataError
from cvo_ml.core.result import Json
from cvo_ml.ingest.adapters.adapter import Adapter, Parts, base_of, json_part, utc_text
from cvo_ml.ingest.raw import RawTable
from cvo_ml.ingest.sources.json_lines import JsonObjects, at

Event = Mapping[str, Json]

_ORDER, _PRODUCT, _REFUND, _CANCEL = "Placed Order", "Ordered Product", "Refunded Order", "Cancelled Order"
#: Metric to the channel and kind of the touch that it is.
_TOUCHES: Final[Mapping[str, tuple[str, str]]] = {
    "Opened Email": ("email", "open"),
    "Clicked Email": ("email", "click"),
    "Clicked SMS": ("sms", "click"),
    "Opened Push": ("push", "open"),
    "Clicked Push": ("push", "click"),
    "Clicked WhatsApp": ("whatsapp", "click"),
}
#: How the names of metrics begin that the shop brings about, not the customer.
_OF_THE_SHOP: Final = (
    "Received ", "Bounced ", "Dropped ", "Failed to ", "Fulfilled ", "Confirmed Shipment", "Delivered Shipment",
    "Marked Out for Delivery", "Merged Profile",
)  # fmt: skip
_BY_MACHINES: Final = ("Apple Privacy Open", "machine_open", "Machine Open", "Bot Click")
_PROFILE: Final = "relationships.profile.data.id"
_PROPERTIES: Final = "attributes.event_properties"
_VALUE: Final = f"{_PROPERTIES}.$value"
_CURRENCY: Final = f"{_PROPERTIES}.$value_currency"

DECLARES: Final[dict[str, Any]] = {
    "rows": "orders",
    "guests": "exclude",
    "columns": {
        "order_id": "order",
        "customer_id": _PROFILE,
        "ordered_at": "time",
        "net": _VALUE,
        "currency": _CURRENCY,
        "discount": f"{_PROPERTIES}.DiscountValue",
        "discount_code": f"{_PROPERTIES}.DiscountCode",
    },
}
_SIDES: Final[dict[str, dict[str, Any]]] = {
    "order_lines": {
        "columns": {
            "order_id": "order",
            "product_id": "product",
            "quantity": "quantity",
            "unit_price": "price",
            "category": "category",
            "brand": "brand",
        }
    },
    "refunds": {
        "columns": {
            "order_id": "order",
            "customer_id": _PROFILE,
            "refunded_at": "time",
            "amount": "amount",
            "reason": "metric",
        }
    },
    "touchpoints": {
        "columns": {
            "customer_id": _PROFILE,
            "at": "time",
            "channel": "channel",
            "campaign": f"{_PROPERTIES}.Campaign Name",
            "kind": "kind",
        }
    },
    "events": {"columns": {"customer_id": _PROFILE, "at": "time", "name": "metric", "value": _VALUE}},
}


def unpack(objects: Sequence[JsonObjects], columns: Mapping[str, str], shop: ShopConfig) -> Parts:
    """Orders, their lines and refunds, touchpoints and events."""
    base, found = base_of(objects)
    events = _ordered(found)
    kinds = _kinds(events, base)
    orders = {str(event["order"]): event for event in reversed(events) if event["metric"] == _ORDER}
    headers = {name: [*side["columns"].values(), *columns.values()] for name, side in _SIDES.items()}
    is_first = "net" in columns
    lines, line_of = _lines(events, kinds.of("order"), kinds.of("product"))
    worth = {number: _worth(order, columns, shop) for number, order in orders.items()}
    paid = {number: _amount(at(order, _VALUE)) for number, order in orders.items()}
    share = {number: net / whole for number, net in worth.items() if net is not None and (whole := paid[number])}
    back, back_of, notes = _given_back(events, kinds.of("back"), worth, share)
    others = kinds.all_but("event", orders_from_elsewhere=not is_first)
    other, touch = np.flatnonzero(kinds.of("event")), np.flatnonzero(kinds.of("touch"))
    return {
        "orders": _with_money(json_part(base, events, list(columns.values()), left_out=kinds.all_but("order")), shop),
        "order_lines": json_part(base, lines, headers["order_lines"], chosen=line_of),
        "refunds": replace(json_part(base, back, headers["refunds"], chosen=back_of), notes=notes),
        "touchpoints": json_part(base, [events[n] for n in touch], headers["touchpoints"], chosen=touch),
        "events": json_part(base, [events[n] for n in other], headers["events"], chosen=other)
        if is_first
        else json_part(base, events, headers["events"], left_out=others),
    }


@dataclass(frozen=True)
class _Kinds:
    """What each event is: ``order``, ``product``, ``back``, ``touch``, ``event``, or a rule that leaves it out."""

    found: NDArray[np.object_]

    def of(self, kind: str) -> Flags:
        """(n,) events of one kind."""
        return np.asarray(self.found == kind)

    def all_but(self, kind: str, *, orders_from_elsewhere: bool = False) -> dict[str, Flags]:
        """The rules that leave every event out that is of another kind."""
        called = dict(_CALLED)
        if orders_from_elsewhere:
            called |= dict.fromkeys(("order", "product", "back"), "order, line or refund (orders come from elsewhere)")
        rules: dict[str, Flags] = {}
        for other in dict.fromkeys(self.found.tolist()):
            if other != kind:
                rule = called.get(other, other)
                rules[rule] = self.of(other) | rules.get(rule, np.zeros(len(self.found), dtype=np.bool_))
        return rules


_CALLED: Final = {
    "order": "order",
    "product": "product of an order (read as an order line)",
    "back": "refund or cancellation (read as a refund)",
    "touch": "open or click (read as a touchpoint)",
    "event": "other event (read as an event)",
}


def _kinds(events: Sequence[Event], base: RawTable) -> _Kinds:
    """What each event is.

    Raises
    ------
    DataError
        If none says of which metric it is.
    """
    if events and not any(event["metric"] for event in events):
        raise DataError(
            "no event says of which metric it is",
            "request the events with include=metric,profile, and keep each answer whole as a .json file",
            file=base.sources[0].name,
            column="relationships.metric",
        )
    seen: set[Any] = set()
    found = np.empty(len(events), dtype=object)
    for place, event in enumerate(events):
        own = event.get("id")
        found[place] = "event that was exported twice" if own is not None and own in seen else _kind(event)
        seen.add(own)
    return _Kinds(found)


def _kind(event: Event) -> str:
    metric = event["metric"]
    if not isinstance(metric, str) or not metric:
        return "event whose metric has no name"
    if metric in _TOUCHES:
        properties = at(event, _PROPERTIES)
        told = properties if isinstance(properties, Mapping) else {}
        by_machine = any(str(told.get(name)).lower() == "true" for name in _BY_MACHINES)
        return "opened or clicked by a machine" if by_machine else "touch"
    named = {_ORDER: "order", _PRODUCT: "product", _REFUND: "back", _CANCEL: "back"}
    return named.get(metric) or ("sent or shipped by the shop" if metric.startswith(_OF_THE_SHOP) else "event")


def _ordered(found: Sequence[Event]) -> list[dict[str, Any]]:
    """The events with their metric, time, order and touch beside their own keys."""
    placed = [event for event in found if _metric(event) == _ORDER]
    numbers = {str(at(event, f"{_PROPERTIES}.$event_id")): number for event in placed if (number := _number(event))}
    events = []
    for event in found:
        own = at(event, f"{_PROPERTIES}.$event_id")
        metric, order = _metric(event), _number(event) or numbers.get(str(own), own) or event.get("id")
        channel, kind = _TOUCHES.get(str(metric), (None, None))
        time = at(event, "attributes.datetime") or utc_text(at(event, "attributes.timestamp"))
        events.append({**event, "metric": metric, "time": time, "order": order, "channel": channel, "kind": kind})
    return events


def _metric(event: Event) -> Any:
    return at(event, "relationships.metric.data.attributes.name") or at(event, "attributes.metric.data.attributes.name")


def _number(event: Event) -> Any:
    """The order's own number, where the shop's integration sends one."""
    names = ("OrderId", "OrderID", "Order ID", "order_id")
    return next((number for name in names if (number := at(event, f"{_PROPERTIES}.{name}"))), None)


def _lines(events: Sequence[Event], orders: Flags, products: Flags) -> tuple[list[dict[str, Any]], NDArray[np.intp]]:
    """The products of the orders: the items that an order lists, else the events of its products."""
    lines: list[dict[str, Any]] = []
    places: list[int] = []
    listed: set[Any] = set()
    for place in np.flatnonzero(orders).tolist():
        items = at(events[place], f"{_PROPERTIES}.Items")
        told = [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
        listed |= {events[place]["order"]} if told else set()
        lines += [_line(events[place], item) for item in told]
        places += [place] * len(told)
    for place in np.flatnonzero(products).tolist():
        properties = at(events[place], _PROPERTIES)
        if events[place]["order"] not in listed:
            lines.append(_line(events[place], properties if isinstance(properties, Mapping) else {}))
            places.append(place)
    return lines, np.array(places, dtype=np.intp)


def _line(event: Event, item: Mapping[str, Any]) -> dict[str, Any]:
    categories = item.get("Categories") or item.get("ProductCategories")
    return {
        "order": event["order"],
        "product": item.get("ProductID") or item.get("SKU") or item.get("ProductName") or item.get("Name"),
        "quantity": item.get("Quantity") or "1",
        "price": next((item[name] for name in ("ItemPrice", "Item Price", "$value") if item.get(name)), None),
        "category": categories[0] if isinstance(categories, list) and categories else None,
        "brand": item.get("Brand") or item.get("ProductBrand"),
    }


def _given_back(
    events: Sequence[Event], back: Flags, worth: Mapping[str, Decimal | None], share: Mapping[str, Decimal]
) -> tuple[list[dict[str, Any]], NDArray[np.intp], tuple[str, ...]]:
    """What went back of each order, in the order of time, and never more than its value.

    Parameters
    ----------
    worth, share:
        The net of each order, and its part in what was paid, in which refunds are counted.
    """
    left = dict(worth)
    found: list[dict[str, Any]] = []
    places: list[int] = []
    above = 0
    for place in sorted(np.flatnonzero(back).tolist(), key=lambda n: str(events[n]["time"])):
        event, order = events[place], str(events[place]["order"])
        paid = _amount(at(event, _VALUE)) if event["metric"] == _REFUND else None
        told = None if paid is None else paid * share.get(order, Decimal(1))
        remaining = left.get(order)
        amount = told if told is not None else remaining
        if remaining is not None and amount is not None and amount > remaining:
            above += event["metric"] == _REFUND
            amount = remaining
        if remaining is not None and amount is not None:
            left[order] = remaining - amount
        found.append({**event, "amount": None if amount is None else f"{amount:.6f}"})
        places.append(place)
    note = f"refunds: {above:,} were above what was left of their order (tax, shipping), and count up to it"
    return found, np.array(places, dtype=np.intp), (note,) if above else ()


def _worth(order: Event, columns: Mapping[str, str], shop: ShopConfig) -> Decimal | None:
    """The net of an order by what the shop maps, which may be less than what was paid."""
    net = _amount(at(order, columns.get("net", _VALUE)))
    if net is None or "net" not in columns:
        return net
    return net - sum((_amount(at(order, columns[part])) or Decimal(0) for part in shop.net_less), Decimal(0))


def _amount(value: Any) -> Decimal | None:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return abs(found) if found.is_finite() else None


def _with_money(orders: RawTable, shop: ShopConfig) -> RawTable:
    """The orders without columns that no event has; a value without a currency is in the shop's."""
    needed = {DECLARES["columns"][name] for name in ("order_id", "customer_id", "ordered_at", "net")}
    kept = {
        header: values
        for header, values in orders.columns.items()
        if header in needed or values.null_count < len(values)
    }
    if _CURRENCY in kept and shop.currency != NO_CURRENCY:
        kept[_CURRENCY] = pc.fill_null(kept[_CURRENCY], shop.currency)
    return replace(orders, columns=kept)


ADAPTER: Final = Adapter(
    DECLARES,
    sides=_SIDES,
    beside=("touchpoints", "events"),
    reads=("attributes.event_properties", "relationships.profile.data.id"),
    unread=(f"{_PROPERTIES}.$extra", "links", "relationships.attributions"),  # the shop's whole order once more
    unpack=unpack,
    ids={
        "customer_id": (
            _PROFILE,
            "relationships.profile.data.attributes.email",
            "relationships.profile.data.attributes.external_id",
        )
    },
)  # fmt: skip
