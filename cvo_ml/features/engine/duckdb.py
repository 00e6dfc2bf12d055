"""An embedded DuckDB behind Ibis, locked down: the engine that everything runs on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import duckdb
import ibis
import pandas as pd
import pyarrow as pa

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.scratch import Scratch
from cvo_ml.core.stopping import interrupted_by
from cvo_ml.core.stored_table import MEMORY, FileTable, StoredTable
from cvo_ml.core.tables import Tables
from cvo_ml.features.engine.base import BATCH, Engine, ParquetTables

#: What a session may not do. Nothing can be changed after the lock, so it comes last.
LOCKED: Final = (
    "TimeZone='UTC'",
    "preserve_insertion_order=false",
    "python_enable_replacements=false",
    "enable_external_access=false",
    "lock_configuration=true",
)
#: DuckDB 2.0.0 swaps the sides of our joins and then fails at random ("dict-surviving cache: global dictionary column
#: changed identity"). Left as written, with the smaller table on the right, they never did. A later version is to be
#: tried without: ``test_a_later_duckdb_is_tried_with_its_whole_optimizer`` fails when the pin moves.
SWAPS_JOINS: Final = frozenset({"2.0.0"})
JOINS_AS_WRITTEN: Final = "disabled_optimizers='join_order,build_side_probe_side'"


class DuckDBEngine(Engine):
    """A shop's tables in an in-memory backend that can read no file but theirs and no Python variable."""

    def __init__(self, source: Tables | ParquetTables) -> None:
        super().__init__(source, ibis.duckdb.connect())
        self._spill = Scratch()
        self._stoppable = interrupted_by(self._backend.con.interrupt)
        settings = [f"temp_directory='{_quoted(str(self._spill.folder))}'"]
        if isinstance(source, ParquetTables):
            settings += [f"allowed_directories=['{_quoted(str(source.folder))}']"]
            settings += [f"memory_limit='{_quoted(source.memory_limit)}'"] * bool(source.memory_limit)
            settings += [f"threads={source.threads:d}"] if source.threads else []
        elif folders := {table.folder for table in map(source.stored, source) if isinstance(table, FileTable)}:
            settings += [f"allowed_directories={[str(folder) for folder in folders]}", f"memory_limit='{MEMORY}'"]
        for setting in (*settings, *around_bugs(duckdb.__version__), *LOCKED):
            self._backend.raw_sql(f"SET {setting}")

    def run(self, expression: Any, index: str | Sequence[str] = "customer_id") -> pd.DataFrame:
        """As ``Engine.run``."""
        keys = [index] if isinstance(index, str) else list(index)
        query = _compiled(expression.order_by(keys))
        # Ibis' own to_pandas copies the columns four times over
        table = self._backend.con.sql(query).to_arrow_table()
        for place, field in enumerate(table.schema):
            if pa.types.is_date(field.type):
                table = table.set_column(place, field.name, table[field.name].cast("timestamp[s]"))
        frame: pd.DataFrame = table.to_pandas(split_blocks=True)
        for name in keys:
            if name != "as_of":
                frame[name] = frame[name].astype("str")
        return frame.set_index(keys[0] if isinstance(index, str) else keys)

    def close(self) -> None:
        """Free the backend and what it spilled."""
        self._stoppable()
        self._backend.disconnect()
        self._spill.close()

    def _worked_out(self, name: str, expression: Any) -> Any:
        self._backend.con.execute(f"CREATE TABLE {name} AS {_compiled(expression)}")
        return self._backend.table(name)

    def _given(self, name: str, rows: pd.DataFrame) -> Any:
        self._backend.con.register(name, pa.Table.from_pandas(rows, preserve_index=False))
        return self._backend.table(name)

    def _registered(self, name: str) -> Any:
        if isinstance(self._source, ParquetTables) and name in self._source:
            path = _quoted(str(self._source.folder / f"{name}.parquet"))
            self._backend.raw_sql(f"CREATE VIEW {name} AS FROM read_parquet('{path}')")
        elif isinstance(stored := self._stored(name), FileTable):
            self._backend.raw_sql(f"CREATE VIEW {name} AS {stored.query}")
        else:
            # registered, not copied: Ibis' create_table from memory fails on this DuckDB
            self._backend.con.register(name, self._arrow(name) if stored is None else stored.arrow())
        return self._backend.table(name)

    def _stored(self, name: str) -> StoredTable | None:
        return self._source.stored(name) if isinstance(self._source, Tables) else None

    def _arrow(self, name: str) -> pa.Table:
        frame = self._source.get(name) if isinstance(self._source, Tables) else CONTRACTS[name].empty()
        return pa.Table.from_pandas(frame, preserve_index=False)

    def _batches(self, expression: Any) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:
        # Ibis' own to_pyarrow_batches calls a function that this DuckDB has no more
        batches = self._backend.con.sql(_compiled(expression)).to_arrow_reader(BATCH)
        return batches.schema, batches


def around_bugs(version: str) -> tuple[str, ...]:
    """The settings that a version of DuckDB needs to be right.

    Examples
    --------
    >>> around_bugs("1.4.0")
    ()
    """
    return (JOINS_AS_WRITTEN,) if version in SWAPS_JOINS else ()


def _compiled(expression: Any) -> str:
    return _sql_of(expression.op())


@lru_cache(maxsize=32)
def _sql_of(operation: Any) -> str:
    """The query; equal expressions, such as those of one date on a shop's tables and on what they were, share it.

    Ibis needs ten times as long to write the features' 30,000 characters of SQL as DuckDB to run them on a small shop.
    Operations are equal by value: tables by their names and columns, dates by themselves.
    """
    return str(ibis.to_sql(operation.to_expr(), dialect="duckdb"))


def _quoted(text: str | None) -> str:
    return (text or "").replace("'", "''")
