"""Tables of a DuckDB file, read only: the connection can read no other file, and change nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from cvo_ml.core.errors import DataError
from cvo_ml.core.scratch import scratch_folder
from cvo_ml.core.stopping import interrupted_by
from cvo_ml.ingest.sources.databases import ROWS, Database, DatabaseTable, Rows, first_line, quoted

#: Nothing can be changed after the lock, so it comes last.
LOCKED: Final = (
    "SET TimeZone='UTC'",
    "SET python_enable_replacements=false",
    "SET enable_external_access=false",
    "SET lock_configuration=true",
)
_MEMORY: Final = "600MB"
_COLUMNS: Final = """
SELECT c.schema_name, c.table_name, c.column_name, c.data_type, coalesce(t.estimated_size, 0)
FROM duckdb_columns() c LEFT JOIN duckdb_tables() t USING (database_name, schema_name, table_name)
WHERE c.database_name = current_database() AND NOT c.internal
ORDER BY c.schema_name, c.table_name, c.column_index
"""
_KEYS: Final = """
SELECT schema_name, table_name, constraint_column_names FROM duckdb_constraints()
WHERE database_name = current_database() AND constraint_type = 'PRIMARY KEY'
"""
#: Types of lists, records, bytes, documents and times without a day.
_NOT_PLAIN: Final = re.compile(
    r"\]$|^(?:STRUCT|MAP|UNION|BLOB|BIT|JSON|INTERVAL|TIME$|TIME WITH|TIMETZ|GEOMETRY|VARIANT)"
)


class DuckdbFile(Database):
    """An open DuckDB file."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path) -> None:
        super().__init__(path.name)
        self._connection = connection

    def tables(self) -> list[DatabaseTable]:
        """All tables and views."""
        keys = {(schema, name): tuple(key) for schema, name, key in self._connection.execute(_KEYS).fetchall()}
        found: dict[tuple[str, str], dict[str, str]] = {}
        extent: dict[tuple[str, str], int] = {}
        for schema, name, column, kind, size in self._connection.execute(_COLUMNS).fetchall():
            found.setdefault((schema, name), {})[column] = kind
            extent[schema, name] = size
        return [
            DatabaseTable(*place, columns, keys.get(place, ()), extent=extent[place])
            for place, columns in found.items()
        ]

    def numbers(self, query: str) -> tuple[int, ...]:
        """The single row of a query of numbers."""
        try:
            (row,) = self._connection.execute(query).fetchall()
        except duckdb.Error as error:
            raise self._unreadable(error, self.where) from None
        return tuple(row)

    def condition(self, places: tuple[int, int]) -> str:
        """Rows by their numbers."""
        return f"t.rowid >= {places[0]} AND t.rowid < {places[1]}"

    def column(self, name: str, kind: str, longest: int | None) -> str:
        """The SQL of a column."""
        plain = f"t.{quoted(name)}"
        return f"left({plain}, {longest}) AS {quoted(name)}" if longest is not None and kind == "VARCHAR" else plain

    def is_plain(self, kind: str) -> bool:
        """Whether a type holds texts, numbers, times or flags."""
        return _NOT_PLAIN.search(kind) is None

    def batches(self, rows: Rows) -> Iterator[pa.Table]:
        """The rows as DuckDB streams them."""
        try:
            reader = self._connection.sql(self.select(rows)).to_arrow_reader(ROWS)
            yield reader.schema.empty_table()
            for batch in reader:
                yield pa.Table.from_batches([batch])
        except (duckdb.Error, OSError) as error:  # a view over a file: the connection may not read it
            raise self._unreadable(error, self.place(rows.table)) from None

    @staticmethod
    def _unreadable(error: Exception, place: str) -> DataError:
        return DataError(f"cannot be read ({first_line(error)})", "store it as a table", file=place)


@contextmanager
def open_duckdb(path: Path) -> Iterator[DuckdbFile]:
    """A DuckDB file that somebody looked at already: DuckDB opens by name.

    Raises
    ------
    DataError
        If it is no DuckDB file or is locked by a writer.
    """
    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        locked = "lock" in str(error).lower()
        problem = "is open for writing elsewhere" if locked else f"is no readable DuckDB file ({first_line(error)})"
        remedy = "close the other program, or read a copy" if locked else "copy or export it again"
        raise DataError(problem, remedy, file=path.name) from None
    stoppable = interrupted_by(connection.interrupt)
    try:
        with scratch_folder() as spill:  # DuckDB itself would spill beside the user's file
            connection.execute("SET temp_directory=?", [str(spill)])
            connection.execute("SET memory_limit=?", [_MEMORY])
            for setting in LOCKED:
                connection.execute(setting)
            yield DuckdbFile(connection, path)
    finally:
        stoppable()
        connection.close()
