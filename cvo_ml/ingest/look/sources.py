"""What is named, as grids: files, folders, sheets, JSON, Parquet and databases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cvo_ml.config.shops import SourceConfig
from cvo_ml.core.errors import UsageError
from cvo_ml.core.input_files import open_input
from cvo_ml.ingest.look.findings import Decision, counted
from cvo_ml.ingest.look.grid import FoundColumn, Grid
from cvo_ml.ingest.look.text_files import text_grid
from cvo_ml.ingest.sources import read_source
from cvo_ml.ingest.sources.json_lines import at, read_objects, texts
from cvo_ml.ingest.sources.parquet import open_parquet

_TEXT: Final = (".csv", ".txt", ".tsv", ".tab")
_JSON: Final = (".jsonl", ".ndjson", ".json")
_DEEPEST: Final = 4
_OBJECTS: Final = 200


def grids_of(path: str) -> list[Grid]:
    """The tables of what is named.

    Raises
    ------
    DataError, UsageError, ConfigError
        If it cannot be read.
    """
    place = Path(path)
    if place.is_dir():
        return _folder(place)
    plain = place.name.lower().removesuffix(".gz")
    if plain.endswith(".parquet"):
        return [_parquet(place)]
    if plain.endswith(_JSON):
        return [_json(place)]
    return [text_grid(place)]


def _folder(folder: Path) -> list[Grid]:
    files = sorted(file for file in folder.iterdir() if not file.is_dir() and not file.name.startswith((".", "_")))
    if not files:
        raise UsageError(f"{folder}: the folder holds no files: name existing files")
    return [grid for file in files if file.suffix not in (".yaml", ".yml", ".md") for grid in grids_of(str(file))]


def _parquet(path: Path) -> Grid:
    with open_parquet(path) as found:
        headers = list(found.rows.schema_arrow.names)
    raw = read_source(SourceConfig(path=str(path)), headers, may_be_empty=True)
    columns = {header: FoundColumn(header, values) for header, values in raw.columns.items()}
    layout = Decision("format", "Parquet", f"{counted(len(raw.places), 'row')}, {counted(len(headers), 'column')}")
    return Grid(path.name, {"path": str(path)}, columns, len(raw.places), True, (layout,))


def _json(path: Path) -> Grid:
    with open_input(path):
        pass
    found = read_objects(path, SourceConfig(path=str(path)))
    headers = dict.fromkeys(header for item in found.objects[:_OBJECTS] for header in _paths(item))
    columns = {header: FoundColumn(header, texts(at(item, header) for item in found.objects)) for header in headers}
    layout = Decision("format", "JSON", f"{counted(len(found.objects), 'object')}, {counted(len(headers), 'field')}")
    return Grid(
        path.name, {"path": str(path)}, columns, len(found.objects), True, (layout,), tuple(found.objects[:_OBJECTS])
    )  # fmt: skip


def _paths(item: Mapping[str, Any], depth: int = 1) -> Iterator[str]:
    """The paths of an object's plain values."""
    for key, value in item.items():
        if isinstance(value, Mapping) and depth < _DEEPEST:
            yield from (f"{key}.{inner}" for inner in _paths(value, depth + 1))
        elif not isinstance(value, (list, Mapping)):
            yield key
