"""JSON lines (or one JSON document with an array): objects with their places, all numbers as text."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from cvo_ml.config.shops import SourceConfig
from cvo_ml.core.errors import DataError, nearest_name
from cvo_ml.core.result import Json
from cvo_ml.ingest.known_exports import how_to_map
from cvo_ml.ingest.plain_numbers import number_text
from cvo_ml.ingest.raw import Places, RawTable, SourceFile, one_file, present, refuse_empty
from cvo_ml.ingest.sources.inspection import LONGEST_LINE, Inspection, inspect_text
from cvo_ml.ingest.sources.json_api import with_included
from cvo_ml.ingest.sources.zipped import name_inside

NOT_AN_OBJECT: Final = "not a JSON object"
#: Where an answer of an API names its next page: JSON:API (Klaviyo), HubSpot.
_NEXT: Final = ("links.next", "paging.next")
_DEEPEST: Final = 50  # brackets within brackets; exports have a handful
#: Bytes of one JSON document, which is held whole; JSON lines may be as many as fit the memory.
LARGEST_DOCUMENT: Final = 256 << 20


@dataclass(frozen=True)
class JsonObjects:
    """The objects of one file, the rows they stand in (1 = the first line not blank), and the rows without one.

    Parameters
    ----------
    goes_on:
        Whether it is one page of a list, and names the next one.
    """

    source: SourceFile
    objects: list[dict[str, Any]]
    places: Places
    ragged: Places
    goes_on: bool = False


def read_objects(
    path: Path, config: SourceConfig, wanted: Sequence[str] = (), unread: Collection[str] = ()
) -> JsonObjects:
    """The objects of a JSON-lines file, of one array, or of the list in one object, such as ``{"orders": [...]}``.

    Numbers are kept as the text that stands there, so that ids and amounts lose nothing.

    Parameters
    ----------
    wanted:
        Paths in an object, by which one of several lists is told from the others.
    unread:
        Paths that are not held: what lies there is large, and nobody reads it.

    Raises
    ------
    DataError
        If it is empty, damaged, a web page, of another encoding, or no JSON.
    UsageError
        If there is no such file.
    """
    return objects_of(inspect_json(path, config), config, wanted, unread)


def objects_of(
    inspection: Inspection, config: SourceConfig, wanted: Sequence[str] = (), unread: Collection[str] = ()
) -> JsonObjects:
    """The objects of a file that was inspected, as :func:`read_objects`.

    Raises
    ------
    DataError
        If it is no JSON.
    """
    name = inspection.path.name
    document, goes_on = (None, False) if has_lines(inspection, config) else _document(inspection, config, wanted)
    each = document if document is not None else (parse_line(line, config) for line in _lines(inspection, config))
    parsed = [without(item, unread) for item in each]
    refuse_empty(len(parsed), name)
    good = np.array([isinstance(found, dict) for found in parsed], dtype=np.bool_)
    if not good.any():
        raise DataError("holds no JSON objects", "write one JSON object a line", file=name, count=len(parsed))
    numbers = np.arange(1, len(parsed) + 1)
    return JsonObjects(
        SourceFile(name, len(parsed), inspection.sha256),
        [found for found in parsed if isinstance(found, dict)],
        one_file(name, numbers[good]),
        one_file(name, numbers[~good]),
        goes_on,
    )


def inspect_json(path: Path, config: SourceConfig) -> Inspection:
    """A file of JSON, inspected.

    Raises
    ------
    DataError
        If it is empty, damaged, a web page, of another encoding, or a document that is too large to hold.
    UsageError
        If there is no such file.
    """
    longest = sys.maxsize if _is_named_document(path) else LONGEST_LINE
    inspection = inspect_text(path, config.encoding, path.name, longest=longest)
    if inspection.size > LARGEST_DOCUMENT and not has_lines(inspection, config):
        problem = f"is one JSON document of more than {LARGEST_DOCUMENT >> 20:,} MB"
        raise DataError(problem, "write one object a line, and name it .jsonl", file=path.name)
    return inspection


def has_lines(inspection: Inspection, config: SourceConfig) -> bool:
    """Whether a file surely has one object a line: by its name, or since its first line is whole and others follow.

    What is named ``.json`` may be either: BigQuery gives that name to its lines.
    """
    if not _is_named_document(inspection.path):
        return True
    first, _, rest = inspection.head.lstrip().partition("\n")
    return bool(rest.strip()) and isinstance(parse_line(first, config), dict)


def _is_named_document(path: Path) -> bool:
    return name_inside(path).lower().removesuffix(".gz").endswith(".json")


def read_json(path: Path, config: SourceConfig, wanted: Sequence[str], optional: Collection[str] = ()) -> RawTable:
    """The wanted fields of JSON objects as text; a header is a path such as ``properties.order_id``.

    Raises
    ------
    DataError
        As :func:`read_objects`, and if no object has a wanted field that is not ``optional``.
    """
    found = read_objects(path, config, wanted)
    columns = {name: texts(at(item, name) for item in found.objects) for name in _fields(found, wanted)}
    for name, values in columns.items():
        if name in wanted and name not in optional and values.null_count == len(values):
            known = sorted({key for item in found.objects[:100] for key in item})
            problem = f"no object has this field{nearest_name(name, known)}; they have {', '.join(known[:20])}"
            remedy = how_to_map(names_in(found.objects), "field of the objects")
            raise DataError(problem, remedy, file=path.name, column=name)
    return RawTable((found.source,), columns, found.places, found.ragged)


def _fields(found: JsonObjects, wanted: Sequence[str]) -> list[str]:
    """The wanted fields, and those of the first objects that are read beside them."""
    known = dict.fromkeys(key for item in found.objects[:100] for key in item)
    return list(dict.fromkeys([*wanted, *present([*known], wanted)]))


def names_in(objects: Sequence[Mapping[str, Json]], prefix: str = "", depth: int = 3) -> set[str]:
    """The keys of the first objects and, as dotted paths, of the objects in them, by which an export is known.

    Examples
    --------
    >>> sorted(names_in([{"id": "1", "properties": {"dealstage": "closedwon"}}]))
    ['id', 'properties', 'properties.dealstage']
    """
    found: set[str] = set()
    for item in objects[:100]:
        for key, value in item.items():
            found.add(f"{prefix}{key}")
            if isinstance(value, Mapping) and depth > 1:
                found |= names_in([value], f"{prefix}{key}.", depth - 1)
    return found


def at(item: Mapping[str, Json], path: str) -> Any:
    """The value at a dotted path, or None.

    Examples
    --------
    >>> at({"properties": {"total": "5.00"}}, "properties.total")
    '5.00'
    """
    value: Any = item
    for part in _parts(path):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


@lru_cache(maxsize=1024)
def _parts(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def without(item: Any, paths: Collection[str]) -> Any:
    """An object without what lies at dotted paths.

    Examples
    --------
    >>> without({"id": "1", "properties": {"$extra": {"note": "long"}, "$value": "5"}}, ["properties.$extra"])
    {'id': '1', 'properties': {'$value': '5'}}
    """
    for path in paths if isinstance(item, dict) else ():
        first, _, rest = path.partition(".")
        if rest and isinstance(item.get(first), dict):
            item = {**item, first: without(item[first], (rest,))}
        elif not rest and first in item:
            item = {key: value for key, value in item.items() if key != first}
    return item


def texts(values: Iterable[Any]) -> pa.ChunkedArray:
    """Values as an Arrow text column: true and false as words, lists and objects as null."""
    return pa.chunked_array([pa.array([text_of(value) for value in values], pa.large_string())])


def text_of(value: Any) -> str | None:
    """A value as text; None for lists and objects."""
    if value is None or isinstance(value, (dict, list)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")  # a lone surrogate is no text


def _document(inspected: Inspection, config: SourceConfig, wanted: Sequence[str]) -> tuple[list[Any] | None, bool]:
    """The objects of one array or list object, and whether its list goes on; None for JSON lines by another name."""
    content = _load("".join(_lines(inspected, config, keep=True)), config)
    if isinstance(content, list):
        return content, False
    if isinstance(content, dict):
        goes_on = any(isinstance(at(content, path), (str, dict)) and at(content, path) for path in _NEXT)
        return _listed(content, wanted, inspected.path.name), goes_on
    if inspected.head.lstrip().startswith("["):
        raise DataError("is no whole JSON document", "export it again", file=inspected.path.name)
    return None, False


def _listed(content: dict[str, Any], wanted: Sequence[str], name: str) -> list[Any]:
    """The objects that an object lists: under ``data``, or under the one key whose objects have what is wanted."""
    if isinstance(data := content.get("data"), list):
        return with_included(data, content.get("included"))
    roots = {path.split(".")[0] for path in wanted}
    if roots & set(content):
        return [content]
    lists = {
        key: value for key, value in content.items() if isinstance(value, list) and any(map(_is_object, value))
    }  # fmt: skip
    having = {key for key, value in lists.items() if not roots or any(roots & set(item) for item in value[:100])}
    if len(having) > 1 and roots:
        problem = f"several lists have such objects: {', '.join(sorted(having)[:5])}"
        raise DataError(problem, "write the one that is meant into a file of its own", file=name)
    chosen = having or (lists if len(lists) == 1 else ())
    return list(lists[next(iter(chosen))]) if len(chosen) == 1 and (roots or len(content) == 1) else [content]


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _lines(inspected: Inspection, config: SourceConfig, keep: bool = False) -> Iterator[str]:
    with inspected.text(config.encoding, newline="\n") as stream:
        yield from (line for line in stream if keep or line.strip())


def parse_line(line: str, config: SourceConfig) -> Any:
    """What stands in a line; None where that is no JSON, or nested deeper than any export."""
    brackets = line.count("[") + line.count("{")
    return _load(line, config, brackets) if brackets < 10_000 else None


def _load(text: str, config: SourceConfig, brackets: int = sys.maxsize) -> Any:
    try:
        content = _decoder(config.decimal).decode(text)
    except (ValueError, RecursionError):
        return None
    return content if brackets <= _DEEPEST or _depth(content) <= _DEEPEST else None


@lru_cache
def _decoder(decimal: str) -> json.JSONDecoder:
    """A parser that leaves numbers as the texts that stand there; making one takes as long as a line."""
    return json.JSONDecoder(
        parse_float=lambda written: number_text(written, decimal), parse_int=str, parse_constant=str
    )  # fmt: skip


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level and depth <= _DEEPEST:
        level = [
            inner
            for item in level
            if isinstance(item, (dict, list))
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        depth += 1
    return depth
