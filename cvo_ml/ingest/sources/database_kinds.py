"""Which database a path names, and how it is opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cvo_ml.config.variables import VARIABLE
from cvo_ml.core.errors import DataError
from cvo_ml.core.input_files import open_input
from cvo_ml.ingest.sources.databases import SQLITE, Database
from cvo_ml.ingest.sources.duckdb_file import open_duckdb
from cvo_ml.ingest.sources.postgres import ENVIRONMENT, open_postgres
from cvo_ml.ingest.sources.sqlite import open_sqlite

_SQLITE: Final = (".sqlite", ".sqlite3", ".db")
_DUCKDB: Final = (".duckdb", ".ddb", ".db")


def is_server(path: str) -> bool:
    """Whether a path stands for the address of a server."""
    return path.startswith(ENVIRONMENT) or VARIABLE.search(path) is not None


def is_database(path: str) -> bool:
    """Whether a path names a database: a server, or a file by its ending."""
    return is_server(path) or path.lower().endswith((*_SQLITE, *_DUCKDB))


@contextmanager
def open_database(path: str) -> Iterator[Database]:
    """The database that a path names; a file called ``.db`` is DuckDB's or SQLite's by how it begins.

    Raises
    ------
    ConfigError
        If the address of a server is not given, or is none.
    DataError
        If it cannot be read.
    UsageError
        If there is no such file.
    """
    if is_server(path):
        with open_postgres(path) as server:
            yield server
        return
    file = Path(path)
    with _file(file) as opened:
        yield opened


@contextmanager
def _file(path: Path) -> Iterator[Database]:
    with open_input(path) as file:
        is_sqlite = file.stream().read(len(SQLITE)) == SQLITE
    if is_sqlite:
        if not path.name.lower().endswith(_SQLITE):  # DuckDB would look for an extension
            raise DataError("is an SQLite file, not DuckDB's", "name it .sqlite", file=path.name)
        with open_sqlite(path) as sqlite:
            yield sqlite
        return
    if not path.name.lower().endswith(_DUCKDB):
        raise DataError("is no SQLite file", "copy or export it again", file=path.name)
    with open_duckdb(path) as duck:
        yield duck
