"""JSON:API documents (jsonapi.org): what an object names stands beside it, under ``included``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def with_included(data: Sequence[Any], included: object) -> list[Any]:
    """The objects of ``data``; those that they name in ``relationships`` carry their ``attributes`` there.

    So the path ``relationships.metric.data.attributes.name`` leads to the name of an event's metric.

    Examples
    --------
    >>> event = {"relationships": {"metric": {"data": {"type": "metric", "id": "M1"}}}}
    >>> metric = {"type": "metric", "id": "M1", "attributes": {"name": "Placed Order"}}
    >>> with_included([event], [metric])[0]["relationships"]["metric"]["data"]["attributes"]["name"]
    'Placed Order'
    """
    listed = included if isinstance(included, list) else []
    known = {(one.get("type"), one.get("id")): one for one in listed if isinstance(one, dict)}
    return [_with_named(item, known) for item in data] if known else list(data)


def _with_named(item: Any, known: Mapping[tuple[Any, Any], Mapping[str, Any]]) -> Any:
    relations = item.get("relationships") if isinstance(item, dict) else None
    if not isinstance(relations, dict):
        return item
    found = {}
    for name, relation in relations.items():
        named = relation.get("data") if isinstance(relation, dict) else None
        if not isinstance(named, dict):
            continue
        if (resource := known.get((named.get("type"), named.get("id")))) is not None:
            found[name] = {**relation, "data": {**named, "attributes": resource.get("attributes")}}
    return {**item, "relationships": {**relations, **found}}
