"""Delighted's survey responses: the export (CSV), and the objects of its interface with their people (JSON).

app.delighted.com/docs/api/listing-survey-responses with ``expand[]=person``. The columns of the CSV are read by the
names of those fields, written as words.

* ``kind`` is that of the survey (``nps``, ``csat``, ``ces``). Others have another scale (``csat3``, ``ces7``, smileys,
  thumbs) or ask other people (``enps``), and are left out by rule.
* A customer is a person's e-mail address; responses without one are anonymous, and left out by rule.
* A response that was changed counts as it is now, from when it was given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.config.shops import ShopConfig
from cvo_ml.ingest.adapters.adapter import Adapter, Parts, base_of, json_part, utc_text
from cvo_ml.ingest.adapters.row_texts import texts_of, with_columns
from cvo_ml.ingest.raw import RawTable
from cvo_ml.ingest.sources.json_lines import JsonObjects, at

_KINDS: Final = ("nps", "csat", "ces")
_OTHER: Final = "survey of another kind"
_ANONYMOUS: Final = "anonymous response"
_AGAIN: Final = "response that stands here again, later"
_ID, _TYPE, _EMAIL = "Response ID", "Survey Type", "Email"

_CSV: Final[dict[str, dict[str, Any]]] = {
    "surveys": {
        "columns": {
            "customer_id": _EMAIL,
            "answered_at": "Created At",
            "kind": _TYPE,
            "score": "Score",
            "text": "Comment",
        }
    }
}
_OBJECTS: Final[dict[str, dict[str, Any]]] = {
    "surveys": {
        "columns": {
            "customer_id": "person.email",
            "answered_at": "created_at",
            "kind": "survey_type",
            "score": "score",
            "text": "comment",
        }
    }
}


def prepare(raw: RawTable, _shop: ShopConfig) -> Parts:
    """The survey of an export."""
    texts = texts_of(raw, (_ID, _TYPE, _EMAIL))
    kind = texts[_TYPE].str.lower()
    left_out = {
        _OTHER: (~kind.isin(_KINDS)).to_numpy(),
        _ANONYMOUS: texts[_EMAIL].isna().to_numpy(),
        _AGAIN: (texts[_ID].duplicated(keep="last") & texts[_ID].notna()).to_numpy(),
    }
    return {"surveys": with_columns(raw, {_TYPE: kind}, left_out)}


def unpack(objects: Sequence[JsonObjects], columns: Mapping[str, str], _shop: ShopConfig) -> Parts:
    """The survey of the objects."""
    base, found = base_of(objects)
    ids = pd.Series([item.get("id") for item in found], dtype="object")
    left_out = {
        _OTHER: np.array([item.get("survey_type") not in _KINDS for item in found], dtype=np.bool_),
        _ANONYMOUS: np.array([at(item, columns["customer_id"]) in (None, "") for item in found], dtype=np.bool_),
        _AGAIN: (ids.duplicated(keep="last") & ids.notna()).to_numpy(),
    }
    rows = [{**item, "created_at": utc_text(item.get("created_at"))} for item in found]
    return {"surveys": json_part(base, rows, list(columns.values()), left_out=left_out)}


ADAPTER: Final = Adapter(
    sides=_CSV,
    reads=(_ID,),
    optional=frozenset({_ID, "Comment"}),
    spellings={
        _ID: ("ID", "Id", "Response Id", "id"),
        _TYPE: ("Survey type", "survey_type"),
        _EMAIL: ("Person Email", "Email Address", "email", "person_email"),
        "Created At": ("Created at", "Response Date", "created_at"),
        "Score": ("score",),
        "Comment": ("comment",),
    },
    prepare=prepare,
)
API: Final = Adapter(sides=_OBJECTS, reads=("person", "survey_type", "score", "created_at"), unpack=unpack)
