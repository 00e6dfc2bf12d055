"""Stripe's charges and payment intents (JSON lines, an array, or a list response) as orders with refunds.

docs.stripe.com/api/charges/object, docs.stripe.com/api/payment_intents/object. Amounts are in a currency's smallest
unit (:mod:`cvo_ml.ingest.adapters.stripe_amounts`).

* A payment is what was captured of it (``amount_captured``, ``amount_received``); what was released counts neither as
  paid nor as refunded. Failed, pending and uncaptured ones are no sales by their ``status``.
* ``net`` is less its tax where the request expanded what says so (a payment's ``amount_details``, a charge's
  ``invoice``); what goes back of it goes back in the proportion of net to paid. Elsewhere both are as they were paid.
* Each refund that is listed has its own time; failed and canceled ones moved nothing. What ``amount_refunded`` holds
  beyond those listed counts from ``extracted_at``, else from the latest time in the export.
* A dispute that was lost goes back at the time at which it was opened, where the request expanded it.
* A charge whose payment intent stands in the export too is left out by rule, and says what went back of that.
* Who has no ``customer`` is known by the address (``billing_details.email``, ``receipt_email``); else it is a guest.
* Other objects, and those of the test mode (``livemode`` false), are left out by rule. Of one that stands there again
  the last counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

import numpy as np

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.result import Json
from cvo_ml.ingest.adapters.adapter import Adapter, Parts, base_of, json_part, utc_text
from cvo_ml.ingest.adapters.stripe import TEST_MODE, earlier
from cvo_ml.ingest.adapters.stripe_amounts import Moment, id_of, moment_of, number_of, whole_units
from cvo_ml.ingest.sources.json_lines import JsonObjects, at

Object = Mapping[str, Json]

_OTHER: Final = "no payment"
_OF_INTENT: Final = "charge of a payment that stands here too"
_AGAIN: Final = "payment that stands here again, later"
_NOTHING_MOVED: Final = ("failed", "canceled")

DECLARES: Final[dict[str, Any]] = {
    "rows": "orders",
    "guests": "exclude",
    "columns": {
        "order_id": "id",
        "customer_id": "customer",
        "ordered_at": "created",
        "net": "amount before tax",
        "currency": "currency",
        "tax": "tax",
        "status": "status",
    },
}
_SIDES: Final[dict[str, dict[str, Any]]] = {
    "refunds": {
        "columns": {
            "refund_id": "refund.id",
            "order_id": "id",
            "customer_id": "customer",
            "refunded_at": "refund.created",
            "amount": "refund.amount",
            "currency": "currency",
            "reason": "refund.reason",
        }
    },
}


@dataclass(frozen=True)
class _Back:
    """Money that went back: smallest units, seconds since 1970 (None where nothing says), and why."""

    id: str
    amount: Decimal
    created: Json
    reason: str


@dataclass
class _Payment:
    """What a charge or an intent says."""

    paid: Decimal | None
    tax: Decimal
    status: Json
    back: list[_Back] = field(default_factory=list)


def unpack(objects: Sequence[JsonObjects], columns: Mapping[str, str], shop: ShopConfig) -> Parts:
    """The orders and refunds of the objects."""
    base, found = base_of(objects)
    intents = {id_of(item) for item in found if item.get("object") == "payment_intent"}
    charges: dict[Json, list[Object]] = {}
    for item in found:
        if item.get("object") == "charge":
            charges.setdefault(id_of(item.get("payment_intent")), []).append(item)
    kinds = [item.get("object") for item in found]
    left_out = {
        _OTHER: np.array([kind not in ("charge", "payment_intent") for kind in kinds], dtype=np.bool_),
        TEST_MODE: np.array([item.get("livemode") is False for item in found], dtype=np.bool_),
        _OF_INTENT: np.array([id_of(item.get("payment_intent")) in intents for item in found], dtype=np.bool_),
        _AGAIN: earlier(found),
    }
    read = ~np.logical_or.reduce(list(left_out.values()))
    payments = [_payment(item, charges) if reads else None for item, reads in zip(found, read, strict=True)]
    people, moment = _people(found), moment_of(shop, _times(found))
    rows = [_row(item, payment, people) for item, payment in zip(found, payments, strict=True)]
    back = [
        ({**rows[place], "refund": _refund(one, payment, found[place], moment)}, place)
        for place, payment in enumerate(payments)
        if payment is not None
        for one in payment.back
    ]
    undated = sum(one.created is None for payment in payments if payment is not None for one in payment.back)
    said = f"refunds: {undated:,} have no time of their own in this format and count from {moment.said_by}"
    refunds = json_part(
        base, [row for row, _ in back], list(_SIDES["refunds"]["columns"].values()),
        chosen=np.array([place for _, place in back], dtype=np.intp),
    )  # fmt: skip
    return {
        "orders": json_part(base, rows, list(columns.values()), left_out=left_out),
        "refunds": replace(refunds, notes=(said,) if undated else ()),
    }


def _payment(item: Object, charges: Mapping[Json, list[Object]]) -> _Payment:
    if item.get("object") == "charge":
        return _of_charge(item)
    own = item.get("latest_charge")
    older = at(item, "charges.data")
    expanded = [own] if isinstance(own, dict) else older if isinstance(older, list) and older else []
    listed = [charge for charge in (expanded or charges.get(id_of(item), [])) if isinstance(charge, dict)]
    received = number_of(item.get("amount_received"))
    tax = number_of(at(item, "amount_details.tax.total_tax_amount"))
    parts = [_of_charge(charge) for charge in listed if charge.get("status") == "succeeded"]
    back = [one for part in parts for one in part.back]
    known = sum((part.tax for part in parts), Decimal(0)) if tax is None else tax
    paid = received if item.get("status") == "succeeded" and received is not None else number_of(item.get("amount"))
    return _Payment(paid, known, item.get("status"), back)


def _of_charge(charge: Object) -> _Payment:
    amount, captured = number_of(charge.get("amount")), number_of(charge.get("amount_captured"))
    status, never = charge.get("status"), charge.get("captured") is False
    if never and status == "succeeded":
        status = "canceled" if charge.get("refunded") is True else "requires_capture"
    if never or amount is None:
        return _Payment(amount, Decimal(0), status)
    paid = amount if captured is None or not captured else captured
    before, total = number_of(at(charge, "invoice.total_excluding_tax")), number_of(at(charge, "invoice.total"))
    tax = paid * (1 - before / total) if before is not None and total else Decimal(0)
    return _Payment(paid, tax, status, _went_back(charge, paid, released=amount - paid))


def _went_back(charge: Object, paid: Decimal, released: Decimal) -> list[_Back]:
    """Refunds and a lost dispute of a charge; what was released counts as refunded for Stripe, and is none."""
    found = _listed(charge, released)
    told = number_of(charge.get("amount_refunded")) or Decimal(0)
    told -= released if told >= released else 0
    left = paid - sum((one.amount for one in found), Decimal(0))
    if (rest := told - paid + left) > 0:
        found.append(_Back(f"{charge.get('id')}:refunded", rest, None, "refund"))
        left -= rest
    dispute = charge.get("dispute")
    if isinstance(dispute, dict) and dispute.get("status") == "lost" and left > 0:
        amount, name = number_of(dispute.get("amount")), dispute.get("id") or f"{charge.get('id')}:dispute"
        found.append(_Back(str(name), min(left if amount is None else amount, left), dispute.get("created"), "dispute"))
    return found


def _listed(charge: Object, released: Decimal) -> list[_Back]:
    data = at(charge, "refunds.data")
    found = []
    for number, refund in enumerate(data if isinstance(data, list) else []):
        amount = number_of(refund.get("amount")) if isinstance(refund, dict) else None
        if amount is None or refund.get("status") in _NOTHING_MOVED:
            continue
        if released and amount == released:
            released = Decimal(0)
            continue
        name = str(refund.get("id") or f"{charge.get('id')}:{number}")
        found.append(_Back(name, amount, refund.get("created"), str(refund.get("reason") or "refund")))
    return found


def _email(item: Object) -> Json:
    charge = item.get("latest_charge")
    inner = charge if isinstance(charge, dict) else {}
    places = (item, "billing_details.email"), (item, "receipt_email"), (inner, "billing_details.email")
    return next((email for holder, path in places if (email := at(holder, path))), None)


def _people(found: Sequence[Object]) -> dict[Json, Json]:
    """Address to the one customer whose payments name it."""
    known: dict[Json, set[Json]] = {}
    for item in found:
        if (email := _email(item)) and (customer := id_of(item.get("customer"))):
            known.setdefault(email, set()).add(customer)
    return {email: next(iter(ids)) for email, ids in known.items() if len(ids) == 1}


def _times(found: Sequence[Object]) -> list[Json]:
    times = [item.get("created") for item in found]
    for item in found:
        data = at(item, "refunds.data")
        times += [one.get("created") for one in data if isinstance(one, dict)] if isinstance(data, list) else []
    return times


def _row(item: Object, payment: _Payment | None, people: Mapping[Json, Json]) -> dict[str, Any]:
    email, currency = _email(item), str(item.get("currency") or "")
    paid = None if payment is None else payment.paid
    return {
        **item,
        "customer": id_of(item.get("customer")) or people.get(email, email),
        "created": utc_text(item.get("created")),
        "amount before tax": None if paid is None or payment is None else whole_units(paid - payment.tax, currency),
        "tax": whole_units(payment.tax, currency) if payment is not None and payment.tax else None,
        "status": item.get("status") if payment is None else payment.status,
    }


def _refund(back: _Back, payment: _Payment, item: Object, moment: Moment) -> dict[str, Json]:
    """A refund, before tax in the proportion of its payment."""
    share = 1 - payment.tax / payment.paid if payment.paid else Decimal(1)
    when = moment.seconds if back.created is None else back.created
    amount = whole_units(back.amount * share, str(item.get("currency") or ""))
    return {"id": back.id, "created": utc_text(when), "amount": amount, "reason": back.reason}


ADAPTER: Final = Adapter(DECLARES, sides=_SIDES, reads=("amount", "created", "currency", "status"), unpack=unpack)
