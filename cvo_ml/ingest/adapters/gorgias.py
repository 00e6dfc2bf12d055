"""Gorgias' tickets: the export of a view (CSV), and the ticket objects of its interface (JSON).

The columns of the CSV are those of exports of 2026; developers.gorgias.com/reference/tickets for the objects.

* A customer is an e-mail address; ``cvo init`` takes ``customer.external_id`` where the orders use that. Tickets of
  somebody without one (calls, comments on social media) are left out by rule: they are of nobody who is known.
* ``topic`` is the ticket field "Contact reason", else "AI Intent", else the first tag.
* A closed ticket is one that was closed: Gorgias does not say whether that solved anything, so ``resolved`` is not
  told. The time at which a ticket was closed that is open again is none.
* First response and resolution times are times that passed, not work: there are no ``minutes``.
* Spam and what is in the trash are left out by rule (objects; the CSV does not say).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.result import Json
from cvo_ml.ingest.adapters.adapter import Adapter, Parts, base_of, json_part
from cvo_ml.ingest.adapters.row_texts import texts_of, with_columns
from cvo_ml.ingest.raw import RawTable
from cvo_ml.ingest.sources.json_lines import JsonObjects, at

NO_ADDRESS: Final = "ticket of a customer without an address"
_SPAM: Final = "spam or in the trash"
_TOPIC: Final = "topic of ticket"
_REASONS: Final = ("Ticket Field: Contact reason", "Ticket Field: Contact Reason", "Ticket Field: AI Intent", "Tags")
_FIELDS: Final = ("contact reason", "ai intent")

_CSV: Final[dict[str, dict[str, Any]]] = {
    "tickets": {
        "columns": {
            "ticket_id": "Ticket id",
            "customer_id": "Customer email",
            "opened_at": "Creation date",
            "closed_at": "Closed date",
            "topic": _TOPIC,
            "priority": "Priority",
        }
    }
}
_OBJECTS: Final[dict[str, dict[str, Any]]] = {
    "tickets": {
        "columns": {
            "ticket_id": "id",
            "customer_id": "customer.email",
            "opened_at": "created_datetime",
            "closed_at": "closed_datetime",
            "topic": _TOPIC,
            "priority": "priority",
        }
    }
}


def prepare(raw: RawTable, _shop: ShopConfig) -> Parts:
    """The tickets of a view's export."""
    texts = texts_of(raw, ("Customer email", *_REASONS))
    topic = texts["Tags"].str.replace(",.*", "", regex=True)
    for header in reversed(_REASONS[:-1]):
        topic = texts[header].fillna(topic)
    left_out = {NO_ADDRESS: texts["Customer email"].isna().to_numpy()}
    return {"tickets": with_columns(raw, {_TOPIC: topic}, left_out)}


def unpack(objects: Sequence[JsonObjects], columns: Mapping[str, str], _shop: ShopConfig) -> Parts:
    """The tickets of the objects."""
    base, found = base_of(objects)
    trashed = [item.get("spam") is True or item.get("trashed_datetime") is not None for item in found]
    customer = columns["customer_id"]
    left_out = {
        _SPAM: np.array(trashed, dtype=np.bool_),
        NO_ADDRESS: np.array([at(item, customer) in (None, "") for item in found], dtype=np.bool_),
    }
    rows = [{**item, _TOPIC: _topic(item), "closed_datetime": _closed(item)} for item in found]
    return {"tickets": json_part(base, rows, list(columns.values()), left_out=left_out)}


def _closed(ticket: Mapping[str, Json]) -> Json:
    return ticket.get("closed_datetime") if ticket.get("status", "closed") == "closed" else None


def _topic(ticket: Mapping[str, Json]) -> Json:
    fields, tags = ticket.get("custom_fields"), ticket.get("tags")
    named = {
        str(at(field, "definition.label") or name).lower(): field.get("value")
        for name, field in (fields.items() if isinstance(fields, dict) else ())
        if isinstance(field, dict)
    }
    told = next((named[name] for name in _FIELDS if named.get(name)), None)
    listed = [tag.get("name") for tag in tags if isinstance(tag, dict)] if isinstance(tags, list) else []
    return told or (listed[0] if listed else None)


ADAPTER: Final = Adapter(
    sides=_CSV,
    reads=_REASONS,
    optional=frozenset({*_REASONS, _TOPIC, "Priority"}),
    spellings={"Ticket id": ("Ticket ID",), "Customer email": ("Customer Email",)},
    prepare=prepare,
)
API: Final = Adapter(
    sides=_OBJECTS,
    reads=("id", "customer", "created_datetime"),
    ids={"customer_id": ("customer.external_id",)},
    unpack=unpack,
)
