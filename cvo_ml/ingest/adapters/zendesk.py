"""Zendesk's tickets: the export of all tickets (CSV), and its ticket objects with their requesters (JSON lines).

support.zendesk.com/hc/en-us/articles/4408886165402; the objects carry ``requester`` and ``metric_set``
(developer.zendesk.com/api-reference/ticketing/tickets/tickets, sideloaded).

* A customer is the requester's e-mail address; ``cvo init`` takes ``Requester external id`` where the orders use that.
  Tickets of somebody without one are left out by rule.
* ``Solved at`` says when the work ended and the problem was solved. It stays on a ticket that was opened again: it
  counts only where ``Status`` is solved or closed, and ``resolved`` says so of each ticket.
* ``minutes`` are those of Zendesk's time tracking (``Total time spent (sec)``), where the export has them. Resolution,
  reply and waiting times passed by themselves: they are no work.
* ``topic`` is the type (question, incident, problem, task). ``-`` stands for nothing.
* Deleted tickets are left out by rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.config.shops import ShopConfig
from cvo_ml.ingest.adapters.adapter import Adapter, Parts, base_of, json_part
from cvo_ml.ingest.adapters.gorgias import NO_ADDRESS
from cvo_ml.ingest.adapters.row_texts import texts_of, with_columns
from cvo_ml.ingest.raw import RawTable
from cvo_ml.ingest.sources.json_lines import JsonObjects, at

_DELETED: Final = "deleted"
_NOTHING: Final = "-"
_DONE: Final = ("solved", "closed")
_SOLVED, _RESOLVED, _MINUTES = "Solved at", "solved or closed", "minutes of work"
_SECONDS: Final = ("Total time spent (sec)", "Total time spent (sec) [int]")

_CSV: Final[dict[str, dict[str, Any]]] = {
    "tickets": {
        "columns": {
            "ticket_id": "Id",
            "customer_id": "Requester email",
            "opened_at": "Created at",
            "closed_at": _SOLVED,
            "resolved_at": _SOLVED,
            "resolved": _RESOLVED,
            "topic": "Ticket type",
            "priority": "Priority",
            "minutes": _MINUTES,
        }
    }
}
_OBJECTS: Final[dict[str, dict[str, Any]]] = {
    "tickets": {
        "columns": {
            "ticket_id": "id",
            "customer_id": "requester.email",
            "opened_at": "created_at",
            "closed_at": _SOLVED,
            "resolved_at": _SOLVED,
            "resolved": _RESOLVED,
            "topic": "type",
            "priority": "priority",
        }
    }
}


def prepare(raw: RawTable, _shop: ShopConfig) -> Parts:
    """The tickets of an export."""
    texts = texts_of(raw, tuple(dict.fromkeys([*raw.columns, "Status", *_SECONDS])))
    texts = texts.mask(texts == _NOTHING)
    status = texts["Status"].str.lower()
    done = status.isin(_DONE)
    seconds = pd.to_numeric(texts[_SECONDS[0]].fillna(texts[_SECONDS[1]]), errors="coerce")
    written = {header: texts[header] for header in raw.columns}
    if _SOLVED in written:
        written[_SOLVED] = texts[_SOLVED].where(done)
    written[_RESOLVED] = done.map({True: "true", False: "false"}).where(status.notna())
    written[_MINUTES] = (seconds / 60).map("{:.4f}".format).where(seconds.notna())
    customer = texts["Requester email"].isna() if "Requester email" in texts else pd.Series(False, index=texts.index)
    left_out = {_DELETED: (status == _DELETED).to_numpy(), NO_ADDRESS: customer.to_numpy()}
    return {"tickets": with_columns(raw, written, left_out)}


def unpack(objects: Sequence[JsonObjects], columns: Mapping[str, str], _shop: ShopConfig) -> Parts:
    """The tickets of the objects."""
    base, found = base_of(objects)
    rows = []
    for item in found:
        done = item.get("status") in _DONE
        solved = at(item, "metric_set.solved_at")
        rows.append({**item, _SOLVED: solved if done else None, _RESOLVED: "true" if done else "false"})
    left_out = {
        _DELETED: np.array([item.get("status") == _DELETED for item in found], dtype=np.bool_),
        NO_ADDRESS: np.array([at(item, columns["customer_id"]) in (None, "") for item in found], dtype=np.bool_),
    }
    return {"tickets": json_part(base, rows, list(columns.values()), left_out=left_out)}


ADAPTER: Final = Adapter(
    sides=_CSV,
    reads=("Status", *_SECONDS),
    optional=frozenset({_RESOLVED, _MINUTES, *_SECONDS, "Ticket type", "Priority"}),
    spellings={"Id": ("ID", "Ticket ID"), "Ticket type": ("Type",), "Created at": ("Requested",)},
    ids={"customer_id": ("Requester external id", "Requester id")},
    prepare=prepare,
    nothing=_NOTHING,
)
API: Final = Adapter(
    sides=_OBJECTS,
    reads=("id", "requester", "created_at", "status"),
    ids={"customer_id": ("requester.external_id", "requester.id")},
    unpack=unpack,
)
