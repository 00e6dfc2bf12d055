"""What is named, as grids: files, folders, sheets, JSON, Parquet and databases."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from cvo_ml.config.shops import SourceConfig
from cvo_ml.core.errors import DataError, UsageError
from cvo_ml.core.input_files import open_input
from cvo_ml.core.result import Json
from cvo_ml.core.secrets import is_secret
from cvo_ml.ingest.look.databases import database_grids
from cvo_ml.ingest.look.findings import Decision, counted
from cvo_ml.ingest.look.grid import FoundColumn, Grid
from cvo_ml.ingest.look.header_row import COMPARED, FIRST_ROWS, header_among
from cvo_ml.ingest.look.sums import without_sums
from cvo_ml.ingest.look.text_files import bytes_of, text_grid
from cvo_ml.ingest.look.text_layout import header_decision
from cvo_ml.ingest.sources import read_source
from cvo_ml.ingest.sources.database_kinds import is_database, is_server
from cvo_ml.ingest.sources.json_lines import at, parse_line, read_objects, texts
from cvo_ml.ingest.sources.parquet import open_parquet
from cvo_ml.ingest.sources.spreadsheets import first_rows_of_sheets
from cvo_ml.ingest.sources.zipped import is_zip, name_inside

_JSON: Final = (".jsonl", ".ndjson", ".json")
_SHEETS: Final = (".xlsx", ".xlsm", ".xls", ".ods")
_NOT_DATA: Final = (".yaml", ".yml", ".md", ".pdf", ".png", ".jpg", ".html", ".log")
_DEEPEST: Final = 5
_OBJECTS: Final = 200
_LOOKED_AT: Final = 20_000  # objects of a file with more lines than are looked at
_KEPT: Final = 50_000  # objects by which a known export is told, and joined with other tables


def grids_of(paths: Sequence[str]) -> list[Grid]:
    """The tables of what is named; files of one folder with the same headers are one table.

    Raises
    ------
    DataError, UsageError, ConfigError
        If one cannot be read.
    """
    found: list[Grid] = []
    for path in paths:
        found += _folder(Path(path)) if Path(path).is_dir() else _file(path)
    return _joined(found)


def _folder(folder: Path) -> list[Grid]:
    files = sorted(file for file in folder.iterdir() if not file.is_dir() and not file.name.startswith((".", "_")))
    named = [file for file in files if file.suffix.lower() not in _NOT_DATA]
    if not named:
        raise UsageError(f"{folder}: the folder holds no files: name existing files")
    return [grid for file in named for grid in _file(str(file))]


def _file(path: str) -> list[Grid]:
    if is_server(path) and not is_secret(path):
        return database_grids(path)
    if "://" in path:  # not shown: it may hold a password
        raise UsageError("an address of a server is named: keep it in an environment variable, and name env://VARIABLE")
    place = Path(path)
    plain = (name_inside(place) if is_zip(place) else place.name).lower().removesuffix(".gz")
    if plain.endswith(".parquet"):
        return [_parquet(place)]
    if plain.endswith(_JSON):
        return [_json(place)]
    if plain.endswith(_SHEETS):
        return _sheets(place)
    if is_database(path):
        return database_grids(path)
    return [text_grid(place)]


def _read(name: str, source: Mapping[str, Json], headers: Sequence[str], decisions: Sequence[Decision]) -> Grid:
    """A grid of all columns that have a name of their own."""
    wanted = [header for header in headers if header and headers.count(header) == 1]
    raw = read_source(SourceConfig.model_validate(source), wanted, may_be_empty=True)
    columns = {header: FoundColumn(header, values) for header, values in raw.columns.items()}
    return Grid(name, source, columns, len(raw.places), True, tuple(decisions))


def _parquet(path: Path) -> Grid:
    with open_parquet(path) as found:
        headers = [field.name for field in found.rows.schema_arrow if not pa.types.is_nested(field.type)]
    return _read(path.name, {"path": str(path)}, headers, [Decision("format", "Parquet", "columns have their types")])


def _sheets(path: Path) -> list[Grid]:
    found = []
    sheets = first_rows_of_sheets(path, FIRST_ROWS + COMPARED)
    for sheet, rows in sheets.items():
        width = max(map(len, rows))
        header = header_among([[*row, *[""] * (width - len(row))] for row in rows])
        if header is None:
            continue
        where = header_decision(header, header.place + 1, "row")
        source: dict[str, Json] = {"path": str(path), **({"sheet": sheet} if len(sheets) > 1 else {})}
        declared = {**source, **({"header_row": header.place + 1} if header.place else {})}
        grid = _read(
            f"{path.name}: {sheet}",
            declared,
            header.fields,
            [Decision("sheet", sheet, "cells have their types"), where],
        )
        columns, sums = without_sums(grid.columns)
        rows_left = len(next(iter(columns.values())).values) if columns else 0
        found.append(replace(grid, columns=columns, rows=rows_left, decisions=(*grid.decisions, *sums)))
    if not found:
        raise DataError("no sheet has a header", "write a row that names the columns", file=path.name)
    return found


def _json(path: Path) -> Grid:
    found, is_whole = _objects(path)
    headers = dict.fromkeys(header for item in found[:_OBJECTS] for header in _paths(item))
    columns = {header: FoundColumn(header, texts(at(item, header) for item in found)) for header in headers}
    decisions = [Decision("format", "JSON", f"{counted(len(found), 'object')}, {counted(len(headers), 'field')}")]
    if not is_whole:
        decisions.append(Decision("looked at", counted(len(found), "object"), "of the beginning, middle and end"))
    return Grid(
        path.name, {"path": str(path)}, columns, len(found), is_whole, tuple(decisions), tuple(found[:_KEPT])
    )  # fmt: skip


def _objects(path: Path) -> tuple[Sequence[Mapping[str, Any]], bool]:
    """The objects of a file, and whether they are all: of many lines some are looked at."""
    config = SourceConfig(path=str(path))
    with open_input(path) as file:
        raw, is_whole = bytes_of(file, path.name)
    if not is_whole:
        lines = [line for line in raw.decode("utf-8-sig", "replace").split("\n") if line.strip()]
        some = [parse_line(line, config) for line in lines[:: 1 + len(lines) // _LOOKED_AT]]
        if some and isinstance(some[0], dict):
            return [item for item in some if isinstance(item, dict)], False
    found = read_objects(path, config)
    if len(found.objects) == 1:
        lists = [value for value in found.objects[0].values() if isinstance(value, list) and value]
        roots = {key for value in lists for item in value[:_OBJECTS] if isinstance(item, Mapping) for key in item}
        found = read_objects(path, config, sorted(roots - set(found.objects[0]))) if roots else found
    return found.objects, True


def _paths(item: Mapping[str, Any], depth: int = 1) -> Iterator[str]:
    """The paths of an object's plain values."""
    for key, value in item.items():
        if isinstance(value, Mapping) and depth < _DEEPEST:
            yield from (f"{key}.{inner}" for inner in _paths(value, depth + 1))
        elif not isinstance(value, (list, Mapping)):
            yield key


def _joined(grids: Sequence[Grid]) -> list[Grid]:
    """Files of one folder with the same headers as one grid, where a pattern names them all and no other."""
    groups: dict[tuple[object, ...], list[Grid]] = {}
    for grid in grids:
        path = Path(str(grid.source["path"]))
        alike = "table" in grid.source or "sheet" in grid.source
        key = (grid.name,) if alike else (path.parent, *sorted(grid.headers), path.suffix)
        groups.setdefault(key, []).append(grid)
    return [one for group in groups.values() for one in (_one(group) if len(group) > 1 else group)]


def _one(grids: list[Grid]) -> list[Grid]:
    paths = [Path(str(grid.source["path"])) for grid in grids]
    folder, names = paths[0].parent, [path.name for path in paths]
    before, after = _shared_begin(names), _shared_begin([name[::-1] for name in names])[::-1]
    pattern = f"{before}*{after}"
    if sorted(file.name for file in folder.glob(pattern)) != sorted(names):
        return grids
    columns = {
        header: FoundColumn(header, _stacked([grid.columns[header].values for grid in grids]))
        for header in grids[0].headers
    }
    joined = Decision("files", pattern, f"{counted(len(grids), 'file')} with the same headers are one table")
    return [
        replace(
            grids[0], name=pattern, source={**grids[0].source, "path": str(folder / pattern)}, columns=columns,
            rows=sum(grid.rows for grid in grids), is_whole=all(grid.is_whole for grid in grids),
            decisions=(joined, *grids[0].decisions), objects=tuple(one for grid in grids for one in grid.objects),
        )
    ]  # fmt: skip


def _shared_begin(names: Sequence[str]) -> str:
    return "".join(
        signs[0] for signs in itertools.takewhile(lambda signs: len(set(signs)) == 1, zip(*names, strict=False))
    )


def _stacked(pieces: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    kinds = {piece.type for piece in pieces}
    kind = pieces[0].type if len(kinds) == 1 else pa.large_string()
    return pa.chunked_array([chunk for piece in pieces for chunk in piece.cast(kind).chunks], kind)
