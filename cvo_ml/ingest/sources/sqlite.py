"""Tables of an SQLite file, read only."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from cvo_ml.config.shops import SourceConfig
from cvo_ml.core.errors import DataError
from cvo_ml.core.input_files import open_input
from cvo_ml.ingest.raw import RawTable, arrow_hash, raw_from_arrow
from cvo_ml.ingest.sources.databases import SQLITE, as_arrow, chosen, declared_table, find_table, quoted, read_duckdb

_ROWS_AT_ONCE: Final = 50_000
_SCHEMA: Final = "main"


def read_sqlite(path: Path, config: SourceConfig, wanted: Sequence[str], optional: Collection[str] = ()) -> RawTable:
    """The wanted columns of a table or view of an SQLite file, in the order of its rows.

    A file called ``.db`` that is DuckDB's is read as such.

    Raises
    ------
    ConfigError
        If no table is declared.
    DataError
        If it is no SQLite file or is locked, the table, a column or all rows are missing, or a column holds bytes.
    UsageError
        If there is no such file.
    """
    with open_input(path) as file:
        begin = file.stream().read(len(SQLITE))
    if begin != SQLITE and path.suffix.lower() == ".db":
        return read_duckdb(path, config, wanted, optional)
    table = declared_table(config, path.name)
    if begin != SQLITE:
        raise DataError("is no SQLite file", "copy or export it again", file=path.name)
    with _opened(path) as connection:
        known = connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
        _, name = find_table(table, [(_SCHEMA, one) for (one,) in known], _SCHEMA, path.name)
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({quoted(name)})")]
        place = f"{path.name}:{name}"
        found = chosen(columns, wanted, optional, place)
        listed = ", ".join(map(quoted, found))
        cursor = connection.execute(f"SELECT {listed} FROM {quoted(name)}")  # noqa: S608 (quoted, from the catalogue)
        rows = as_arrow(found, _without_bytes(iter(lambda: cursor.fetchmany(_ROWS_AT_ONCE), []), found, place))
    return raw_from_arrow(rows, found, place, arrow_hash(rows))


def sqlite_headers(path: Path) -> dict[str, list[str]]:
    """The tables and views of an SQLite file, and the columns of each.

    Raises
    ------
    DataError, UsageError
        As :func:`read_sqlite`.
    """
    with open_input(path):
        pass
    with _opened(path) as connection:
        known = connection.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name"
        ).fetchall()
        return {name: [row[1] for row in connection.execute(f"PRAGMA table_info({quoted(name)})")] for (name,) in known}


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)
    except sqlite3.Error as error:
        raise _refused(error, path) from None
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA query_only=ON")
        yield connection
    except (sqlite3.Error, OverflowError) as error:
        raise _refused(error, path) from None
    finally:
        connection.close()


def _refused(error: Exception, path: Path) -> DataError:
    locked = "locked" in str(error)
    problem = "is open for writing elsewhere" if locked else f"is no readable SQLite file ({str(error)[:120]})"
    remedy = "close the other program, or read a copy" if locked else "copy or export it again"
    return DataError(problem, remedy, file=path.name)


def _without_bytes(
    batches: Iterator[list[tuple[Any, ...]]], names: Sequence[str], place: str
) -> Iterator[list[tuple[Any, ...]]]:
    for rows in batches:
        for name, values in zip(names, zip(*rows, strict=True), strict=True):
            if any(isinstance(value, bytes) for value in values):
                problem = "holds bytes, which are no text, number or time"
                raise DataError(problem, "export it as text", file=place, column=name)
        yield rows
