"""Where validated rows lie while tables are made of them: in memory, or in Parquet files that are read in pieces."""

# ruff: noqa: S608 (names in queries are quoted and come from contracts; values are bound)

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from cvo_ml.core.scratch import Scratch
from cvo_ml.core.sessions import LOCKED, memory_session
from cvo_ml.core.stopping import interrupted_by
from cvo_ml.core.stored_table import ArrowTable, FileTable, StoredTable

#: Of a DuckDB that spills; a batch and Python come on top (some hundred MB).
MEMORY: Final = "600MB"
FILE: Final = "__file"
ROW: Final = "__row"


def quoted(name: str) -> str:
    """A name as an SQL identifier, whatever stands in it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


class RowDatabase:
    """Validated rows by the name of their table, for SQL.

    Parameters
    ----------
    scratch:
        Where rows and tables are written; None = they stay in memory.
    memory_limit:
        Of DuckDB, where it spills.
    """

    def __init__(self, scratch: Scratch | None = None, memory_limit: str = MEMORY) -> None:
        self.scratch = scratch
        self._db = memory_session() if scratch is None else _spilling(scratch.folder, memory_limit)
        self._stoppable = interrupted_by(self._db.interrupt)
        self._numbers = itertools.count()
        self._written: dict[str, str] = {}

    def close(self) -> None:
        """Forget the rows; tables that were kept stay."""
        self._stoppable()
        self._db.close()

    @property
    def on_disk(self) -> bool:
        """Whether rows are written to files."""
        return self.scratch is not None

    @contextmanager
    def writer(self, name: str) -> Iterator[RowWriter]:
        """Takes rows batch by batch; at the end of the block ``rows_of(name)`` has them."""
        writer = RowWriter(None if self.scratch is None else self.scratch.folder / f"{name}.parquet")
        with writer:
            yield writer
        if writer.path is None:
            self.hold(name, writer.table())
        else:
            self._written[name] = f"read_parquet({literal(str(writer.path))})"

    def rows_of(self, name: str) -> str:
        """The rows that were written by a name, as SQL that needs no view where they lie on disk."""
        return self._written.get(name, name)

    def hold(self, name: str, table: pa.Table) -> None:
        """Give a table in memory a name."""
        self._db.register(name, table)

    def view(self, name: str, query: str) -> None:
        """Give a query a name."""
        self._db.execute(f"CREATE OR REPLACE TEMP VIEW {quoted(name)} AS {query}")

    def show(self, name: str, table: StoredTable) -> None:
        """Give a table of the result a name."""
        if isinstance(table, FileTable):
            self.view(name, table.query)
        else:
            self.hold(name, table.arrow())

    def arrow(self, query: str) -> pa.Table:
        """The rows of a query."""
        return self._db.sql(query).to_arrow_table()

    def batches(self, query: str, size: int) -> Iterator[pa.RecordBatch]:
        """The rows of a query in pieces."""
        yield from self._db.sql(query).to_arrow_reader(size)

    def one(self, query: str) -> tuple[int, ...]:
        """The single row of a query."""
        (row,) = self._db.execute(query).fetchall()
        return tuple(row)

    def store(self, query: str) -> str:
        """Compute a query once; what is returned reads its rows again."""
        if self.scratch is None:
            name = f"stored_{next(self._numbers)}"
            self.hold(name, self.arrow(query))
            return f"SELECT * FROM {name}"
        path = self.scratch.folder / f"stored-{next(self._numbers):06}.parquet"
        self._db.execute(f"COPY ({query}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION lz4)")
        return f"SELECT * FROM read_parquet({literal(str(path))})"

    def keep(
        self, name: str, query: str, order: Sequence[str], *, ties: Sequence[str] = (),
        as_it_is: bool = False,
    ) -> StoredTable:  # fmt: skip
        """A table of the result, which is the view ``name`` from now on.

        Parameters
        ----------
        query:
            Its rows; may hold the columns ``ties`` beside the table's.
        order:
            By which the rows are sorted.
        ties:
            Columns that decide where ``order`` does not, and are none of the table.
        as_it_is:
            The query reads files alone, and little more than the table: where rows are on disk they are not copied.
        """
        if self.scratch is None:
            table = ArrowTable(name, self.arrow(query), order, ties)
            self.hold(name, table.unsorted)
            return table
        columns = [column for column in self._columns(query) if column not in ties]
        query = f"SELECT {', '.join(map(quoted, columns))} FROM ({query})"
        source = query if as_it_is else self.store(query)
        self.view(name, source)
        (rows,) = self.one(f"SELECT count(*) FROM {quoted(name)}")
        return FileTable(name, source, self.scratch.folder, rows, tuple(columns), tuple(order), self.scratch)

    def keep_arrow(self, name: str, table: pa.Table, order: Sequence[str]) -> StoredTable:
        """As ``keep``, of rows that are in memory, and in order, already."""
        if self.scratch is None:
            self.hold(name, table)
            return ArrowTable(name, table)
        self.hold("arrow_rows", table)
        return self.keep(name, "SELECT * FROM arrow_rows", order)

    def _columns(self, query: str) -> list[str]:
        return list(self._db.sql(query).columns)


def _spilling(folder: Path, memory_limit: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET memory_limit=?", [memory_limit])
    connection.execute("SET temp_directory=?", [str(folder / "spill")])
    connection.execute("SET allowed_directories=?", [[str(folder)]])
    for setting in ("threads=2", *LOCKED):
        connection.execute(f"SET {setting}")
    return connection


class RowWriter:
    """Batches of rows of one schema, held or written one after the other."""

    def __init__(self, path: Path | None) -> None:
        self.path, self.rows, self.columns = path, 0, ()
        self._held: list[pa.Table] = []
        self._file: pq.ParquetWriter | None = None

    def __enter__(self) -> RowWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, rows: pa.Table, repeating: Sequence[str] = ()) -> None:
        """Add rows; ``repeating`` are the columns with few different values."""
        self.rows, self.columns = self.rows + rows.num_rows, tuple(rows.column_names)
        if self.path is None:
            self._held.append(rows)
            return
        if self._file is None:
            # ids, times and amounts hardly repeat: a dictionary of them costs more than it saves, and so does packing
            self._file = pq.ParquetWriter(
                self.path, rows.schema, compression="none", use_dictionary=[*repeating], write_statistics=False
            )
        self._file.write_table(rows)

    def table(self) -> pa.Table:
        """What is held."""
        return self._held[0] if len(self._held) == 1 else pa.concat_tables(self._held)
