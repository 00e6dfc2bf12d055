"""From a declared source to a raw table, by the ending of its name."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from importlib import resources
from pathlib import Path
from typing import Final

from cvo_ml.config.shops import SAMPLE, WITHHELD, SourceConfig
from cvo_ml.core.errors import ConfigError, DataError, UsageError
from cvo_ml.core.input_files import refuse_no_file
from cvo_ml.ingest.raw import RawTable, refuse_empty, stack
from cvo_ml.ingest.sources.csv_layout import lay_out
from cvo_ml.ingest.sources.csv_text import read_csv
from cvo_ml.ingest.sources.database_kinds import is_database, is_server
from cvo_ml.ingest.sources.json_lines import JsonObjects, read_json, read_objects
from cvo_ml.ingest.sources.parquet import open_parquet, read_parquet
from cvo_ml.ingest.sources.spreadsheets import alike, header_of_sheet, read_sheet
from cvo_ml.ingest.sources.tables import read_table
from cvo_ml.ingest.sources.zipped import is_zip, name_inside

__all__ = [
    "JsonObjects",
    "files_of",
    "headers_of",
    "is_text",
    "json_files",
    "read_objects",
    "read_objects_of",
    "read_source",
]

_TEXT: Final = (".csv", ".txt", ".tsv")
_JSON: Final = (".jsonl", ".ndjson", ".json")
_SHEETS: Final = (".xlsx", ".xlsm", ".xls", ".ods")
_Reader = Callable[[Path, SourceConfig, Sequence[str], Collection[str]], RawTable]


def read_source(
    source: SourceConfig, wanted: Sequence[str], optional: Collection[str] = (), *, may_be_empty: bool = False
) -> RawTable:
    """The wanted columns of a declared source: one file, several files of one schema, or a table of a database.

    Parameters
    ----------
    optional:
        Those of ``wanted`` that may be missing.
    may_be_empty:
        Whether a header without rows is a table too.

    Raises
    ------
    ConfigError
        If the name's ending says no known format, or ``path`` is a server's address.
    DataError, UsageError
        As the reader of the format; or if there are no rows where there must be some.
    """
    found = _read(source, wanted, optional)
    if not may_be_empty:
        for file in found.sources:
            refuse_empty(file.rows, file.name)
    return found


def _read(source: SourceConfig, wanted: Sequence[str], optional: Collection[str]) -> RawTable:
    if source.path == WITHHELD:
        raise ConfigError(
            "source: its path is a server's address: keep that in an environment variable, and write path: ${NAME}"
        )
    if is_server(source.path):
        return read_table(source, wanted, optional)
    paths = files_of(source)
    _refuse_unused(source, paths[0])
    tables = _told_apart(paths, [_reader(path)(path, source, wanted, optional) for path in paths])
    return stack(alike(tables, source.decimal) if name_inside(paths[0]).lower().endswith(_SHEETS) else tables)


def _refuse_unused(source: SourceConfig, path: Path) -> None:
    """Refuse settings that a file of this kind does not have: what is declared must do something."""
    name = _plain_name(path)
    is_sheet, is_text = name.endswith(_SHEETS), name.endswith(_TEXT)
    declared = {
        "sheet": source.sheet is not None and not is_sheet,
        "header_row": source.header_row != 1 and not (is_sheet or is_text),
        "total_rows": bool(source.total_rows) and not (is_sheet or is_text),
    }
    for setting, in_vain in declared.items():
        if in_vain:
            kinds = "spreadsheets" if setting == "sheet" else "text and spreadsheets"
            raise ConfigError(f"source {path.name}: {setting} is of {kinds}: leave it out")


def headers_of(source: SourceConfig) -> tuple[str, ...]:
    """The headers of a source's first file; none where it is no text with a header, no spreadsheet and no Parquet file.

    Raises
    ------
    DataError, UsageError
        As the reader of the format.
    """
    path = files_of(source)[0]
    if _plain_name(path).endswith(_TEXT):
        return lay_out(path, source, (), head_only=True).header
    if _plain_name(path).endswith(_SHEETS):
        return header_of_sheet(path, source)
    if _plain_name(path).endswith(".parquet"):
        with open_parquet(path) as found:
            return tuple(found.rows.schema_arrow.names)
    refuse_no_file(path)
    return ()


def _told_apart(paths: Sequence[Path], tables: list[RawTable]) -> list[RawTable]:
    """The tables, with the folder in the names where files of several folders have one name."""
    if len({path.name for path in paths}) == len(paths):
        return tables
    return [table.renamed(f"{path.parent.name}/{path.name}") for path, table in zip(paths, tables, strict=True)]


def read_objects_of(
    source: SourceConfig, wanted: Sequence[str] = (), unread: Collection[str] = ()
) -> list[JsonObjects]:
    """The JSON objects of each file of a declared source.

    Parameters
    ----------
    wanted:
        Paths in an object, by which one of several lists is told from the others.
    unread:
        Paths that are not held.

    Raises
    ------
    ConfigError
        If the name's ending does not say JSON.
    """
    return [read_objects(path, source, wanted, unread) for path in json_files(source)]


def json_files(source: SourceConfig, also: str | None = None) -> list[Path]:
    """The files of a declared source of JSON.

    Parameters
    ----------
    also:
        Another ending that such a source may have.

    Raises
    ------
    ConfigError
        If the name's ending does not say JSON.
    """
    paths = files_of(source)
    endings = _JSON if also is None else (*_JSON, also)
    if paths and not _plain_name(paths[0]).endswith(endings):
        raise ConfigError(f"source {source.path}: this format is JSON: use .jsonl, .jsonl.gz or .json")
    return paths


def files_of(source: SourceConfig) -> list[Path]:
    """The files of a source: itself, those of a folder, or those that match a pattern, in the order of their names.

    Raises
    ------
    DataError
        If a folder holds files of several formats.
    UsageError
        If it holds none, or nothing matches.
    """
    if source.path.startswith(SAMPLE):
        name = source.path.removeprefix(SAMPLE)
        return [Path(str(resources.files("cvo_ml.ingest.sample") / Path(name).name))]
    path = Path(source.path)
    if path.is_file() or not (path.is_dir() or "*" in source.path):
        return [path]
    listed = path.iterdir() if path.is_dir() else _matching(path)
    # a link to nothing and a pipe are listed too: the reader refuses them, rather than read less without a word
    found = sorted(file for file in listed if not file.is_dir() and not file.name.startswith((".", "_")))
    if not found:
        what = "the folder holds no files" if path.is_dir() else "no file matches"
        raise UsageError(f"{source.path}: {what}: name existing files")
    formats = sorted({_format(file) for file in found})
    if len(formats) > 1:
        problem = f"holds files of several formats ({', '.join(formats)})"
        raise DataError(problem, "name one of them with a pattern such as '*.csv'", file=source.path)
    return found


def _matching(pattern: Path) -> list[Path]:
    anchor = Path(pattern.anchor) if pattern.is_absolute() else Path()
    return list(anchor.glob(os.path.relpath(pattern, pattern.anchor) if pattern.is_absolute() else str(pattern)))


def is_text(path: Path) -> bool:
    """Whether a file is text with delimiters, by its name or that of the one file in an archive."""
    return _plain_name(path).endswith(_TEXT)


def _plain_name(path: Path) -> str:
    """The name that says the format: that of the one file in an archive, without ``.gz``."""
    return name_inside(path).lower().removesuffix(".gz")


def _format(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix or "no ending"


def _reader(path: Path) -> _Reader:
    name = _plain_name(path)
    if name.endswith(_TEXT):
        return read_csv
    if name.endswith(_JSON):
        return read_json
    if name.endswith(_SHEETS):
        return read_sheet
    if path.name.lower().endswith(".parquet"):
        return lambda file, _, wanted, optional: read_parquet(file, wanted, optional)
    if is_database(path.name):
        return lambda file, source, wanted, optional: read_table(
            source.model_copy(update={"path": str(file)}), wanted, optional
        )
    inside = f" of {name!r} in it" if is_zip(path) else ""
    raise ConfigError(
        f"source {path.name}: the ending{inside} says no known format: use .csv, .csv.gz, .jsonl, .xlsx, .ods, "
        ".parquet, .duckdb or .sqlite, or a .zip with one text or spreadsheet in it"
    )
