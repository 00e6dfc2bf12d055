"""Sessions of DuckDB: one database of this process for what lies in memory, and a shop's tables by their names."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.stopping import interrupted_by
from cvo_ml.core.stored_table import ArrowTable, FileTable, reading_of
from cvo_ml.core.tables import Tables

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: Nothing can be changed after the lock, so it comes last.
LOCKED: Final = (
    "TimeZone='UTC'", "python_enable_replacements=false", "enable_external_access=false", "lock_configuration=true",
)  # fmt: skip


class _Memory:
    """One database of this process for all small questions: opening one takes longer than to answer most of them."""

    def __init__(self) -> None:
        self._lock, self._owner = threading.Lock(), 0
        self._database: DuckDBPyConnection | None = None

    def session(self) -> DuckDBPyConnection:
        """A connection of its own, whose temporary tables nobody else sees."""
        with self._lock:
            if self._database is None or self._owner != os.getpid():  # a child does not use its parent's
                self._database, self._owner = self._opened(), os.getpid()
            return self._database.cursor()

    @staticmethod
    def _opened() -> DuckDBPyConnection:
        import duckdb

        # one thread: sums of the same rows are then the same to the last bit
        database = duckdb.connect(config={"threads": 1, "temp_directory": ""})
        for setting in LOCKED:
            database.execute(f"SET {setting}")
        return database


_MEMORY: Final = _Memory()
memory_session: Final = _MEMORY.session


@contextmanager
def table_session(tables: Tables, *names: str) -> Iterator[DuckDBPyConnection]:
    """A connection that knows these tables of a shop by name, absent ones as empty; nothing is loaded."""
    stored = {name: tables.stored(name) for name in names}
    files = [table for table in stored.values() if isinstance(table, FileTable)]
    connection = _over_files(files[0]) if files else memory_session()
    stoppable = interrupted_by(connection.interrupt)
    try:
        for name, table in stored.items():
            if isinstance(table, FileTable):
                connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {table.query}")
            else:
                connection.register(name, _arrow(tables, name, table))
        yield connection
    finally:
        stoppable()
        connection.close()


def _arrow(tables: Tables, name: str, table: object) -> pa.Table:
    if isinstance(table, ArrowTable):
        return table.unsorted
    frame = tables.frame(name) if name in tables else CONTRACTS[name].empty()
    return pa.Table.from_pandas(frame, preserve_index=False)


def _over_files(table: FileTable) -> DuckDBPyConnection:
    import duckdb

    connection = duckdb.connect()
    for setting in reading_of(table.folder):
        connection.execute(f"SET {setting}")
    return connection
