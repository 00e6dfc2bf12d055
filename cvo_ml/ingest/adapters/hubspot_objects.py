"""Objects of HubSpot's API (``/crm/objects/…``) by the labels that its exports have.

A list of them stands under ``results``; values are texts, times ISO 8601 in UTC or, in older answers, thousandths of
seconds since 1970. What is associated is a list of ids by kind.
https://developers.hubspot.com/docs/api-reference/latest/crm/objects/deals/guide
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from cvo_ml.core.result import Json
from cvo_ml.ingest.adapters.adapter import base_of, json_part, utc_text
from cvo_ml.ingest.raw import RawTable
from cvo_ml.ingest.sources.json_lines import JsonObjects, at

_MILLISECONDS: Final = re.compile(r"1\d{12}")


def labelled(item: Mapping[str, Json], properties: Mapping[str, tuple[str, ...]]) -> dict[str, Json]:
    """The object, with its properties under their labels beside its own keys.

    Parameters
    ----------
    properties:
        Label to internal names, the first one that has a value; ``associations.KIND`` is the list of its ids.

    Examples
    --------
    >>> deal = {"id": "7", "properties": {"closedate": "1709208000000"}}
    >>> labelled(deal, {"Record ID": ("hs_object_id",), "Close Date": ("closedate",)})["Close Date"]
    '2024-02-29T12:00:00Z'
    """
    own = item.get("properties")
    values: Mapping[str, Any] = own if isinstance(own, Mapping) else {}
    found: dict[str, Any] = {}
    for label, names in properties.items():
        told = (_associated(item, name) if name.startswith("associations.") else values.get(name) for name in names)
        value = next((one for one in told if one not in (None, "")), None)
        is_time = isinstance(value, str) and _MILLISECONDS.fullmatch(value) and "date" in label.lower()
        found[label] = utc_text(value, 1000) if is_time else value
    found["Record ID"] = found.get("Record ID") or item.get("id")
    return {**item, **found}


def labelled_rows(
    objects: Sequence[JsonObjects], properties: Mapping[str, tuple[str, ...]], needed: Collection[str],
    paths: Iterable[str],
) -> RawTable:  # fmt: skip
    """The objects as rows of an export, with the labels that any of them has; those that were deleted are left out.

    Parameters
    ----------
    needed:
        Labels that are columns even where no object has them.
    paths:
        Further paths to read.
    """
    base, found = base_of(objects)
    archived = {"archived": np.array([item.get("archived") is True for item in found], dtype=np.bool_)}
    items = [labelled(item, properties) for item in found]
    raw = json_part(base, items, [*properties, *paths], left_out=archived)
    columns = {
        label: values
        for label, values in raw.columns.items()
        if label in needed or label not in properties or values.null_count < len(values)
    }
    return replace(raw, columns=columns)


def _associated(item: Mapping[str, Json], path: str) -> str | None:
    """The ids of what is associated, each once, as an export writes them."""
    listed = at(item, f"{path}.results")
    ids = [one.get("id") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return ";".join(dict.fromkeys(str(one) for one in ids if one is not None)) or None
