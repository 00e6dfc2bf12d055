"""HubSpot's email events (JSON of its API): a click in a marketing email is a touchpoint of its recipient.

* Clicks that HubSpot filters from its reports (``filteredEvent``: bots, the shop's own people) are none, nor are opens:
  mail programs open by themselves, and no event says which did. What HubSpot or the mailbox did (sent, delivered,
  bounced, dropped) touched nobody.
* ``recipient`` is an e-mail address: it joins orders whose customers are addresses.
* An event that stands in two answers counts once, by its ``id``.

https://developers.hubspot.com/docs/api-reference/legacy/email-analytics-v1/guide
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.arrays import Flags
from cvo_ml.core.result import Json
from cvo_ml.ingest.adapters.adapter import Adapter, Parts, base_of, json_part, utc_text
from cvo_ml.ingest.sources.json_lines import JsonObjects

_SIDES: Final[dict[str, dict[str, Any]]] = {
    "touchpoints": {
        "columns": {
            "customer_id": "recipient",
            "at": "created",
            "channel": "channel",
            "campaign": "emailCampaignId",
            "kind": "kind",
        }
    }
}


def unpack(objects: Sequence[JsonObjects], columns: Mapping[str, str], shop: ShopConfig) -> Parts:
    """The touchpoints of the events."""
    base, found = base_of(objects)
    events = [
        {**event, "created": utc_text(event.get("created"), 1000), "channel": "email marketing", "kind": "click"}
        for event in found
    ]
    kinds = np.array(_kinds(found), dtype=object)
    left_out: dict[str, Flags] = {rule: kinds == rule for rule in dict.fromkeys(kinds.tolist()) if rule}
    headers = [*_SIDES["touchpoints"]["columns"].values(), *columns.values()]
    return {"touchpoints": json_part(base, events, headers, left_out=left_out)}


def _kinds(events: Sequence[Mapping[str, Json]]) -> list[str]:
    """The rule that leaves each event out; empty for a click."""
    found, seen = [], set()
    for event in events:
        own, kind = str(event.get("id")), str(event.get("type")).upper()
        if event.get("id") is not None and own in seen:
            found.append("event that was exported twice")
        elif kind == "CLICK":
            found.append("filtered by HubSpot" if event.get("filteredEvent") is True else "")
        else:
            found.append("opened, by a person or a program" if kind == "OPEN" else "no click")
        seen.add(own)
    return found


ADAPTER: Final = Adapter(sides=_SIDES, reads=("recipient", "created"), unpack=unpack)
