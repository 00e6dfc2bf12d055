"""The engine that runs the feature expressions: an embedded DuckDB behind Ibis, locked down."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import midnight

#: Nothing can be changed after the lock, so it comes last.
LOCKED: Final = (
    "TimeZone='UTC'",
    "preserve_insertion_order=false",
    "python_enable_replacements=false",
    # DuckDB 2.0.0 swaps the sides of our joins and then fails at random ("dict-surviving cache: global dictionary
    # column changed identity"); left as written, with the smaller table on the right, they never did
    "disabled_optimizers='join_order,build_side_probe_side'",
    "enable_external_access=false",
    "lock_configuration=true",
)


@dataclass(frozen=True)
class ParquetTables:
    """A shop's tables as files ``<folder>/<table>.parquet`` that are read in pieces, for shops larger than memory.

    The files hold what the contracts ask for (``cvo_ml.core.contracts``): they are the product's own, written by
    ``transactions`` or ``simulate``, and are not checked again.

    Parameters
    ----------
    folder:
        Where the files are.
    memory_limit:
        What DuckDB may use before it spills to disk, such as ``"1GB"``.
    threads:
        How many threads; all cores if None.
    """

    folder: Path
    memory_limit: str | None = None
    threads: int | None = None

    def __contains__(self, name: str) -> bool:
        return (self.folder / f"{name}.parquet").is_file()


Source = Tables | ParquetTables


class Engine:
    """A shop's tables in an in-memory backend that can read no file but theirs and no Python variable."""

    def __init__(self, tables: Source) -> None:
        self._tables = tables
        self._backend = ibis.duckdb.connect()
        self._loaded: dict[str, Any] = {}
        self._spill = tempfile.TemporaryDirectory(prefix="cvo-features-")
        settings = [f"temp_directory='{_quoted(self._spill.name)}'"]
        if isinstance(tables, ParquetTables):
            settings += [f"allowed_directories=['{_quoted(str(tables.folder))}']"]
            settings += [f"memory_limit='{_quoted(tables.memory_limit)}'"] * bool(tables.memory_limit)
            settings += [f"threads={tables.threads:d}"] if tables.threads else []
        for setting in (*settings, *LOCKED):
            self._backend.raw_sql(f"SET {setting}")

    @property
    def backend(self) -> Any:
        """The Ibis backend."""
        return self._backend

    def has(self, table: str, column: str | None = None) -> bool:
        """Whether the shop has the table, and the column in it."""
        return table in self._tables and (column is None or column in self.table(table).columns)

    def table(self, name: str) -> Any:
        """The whole table as an Ibis expression, with ``known_at`` where it has an event time."""
        if name not in self._loaded:
            loaded = self._registered(name)
            event_time = CONTRACTS[name].event_time
            if event_time is not None:
                known = loaded["known_at"] if "known_at" in loaded.columns else ibis.null("timestamp(6)")
                loaded = loaded.mutate(known_at=ibis.coalesce(known, loaded[event_time]))
            self._loaded[name] = loaded
        return self._loaded[name]

    def known(self, name: str, as_of: date) -> Any:
        """The rows that happened before ``as_of`` and were known by then.

        A table about no moment, such as order lines, has its ``known_at`` alone, if that.
        """
        return self.visible(self.table(name), [as_of], CONTRACTS[name].event_time).drop("as_of")

    def at(self, name: str, dates: Sequence[date]) -> Any:
        """The rows known at each of ``dates``, once per date, with the date in ``as_of``."""
        return self.visible(self.table(name), dates, CONTRACTS[name].event_time)

    @staticmethod
    def visible(rows: Any, dates: Sequence[date], event_time: str | None) -> Any:
        """``rows`` once per date at which they can be seen: event time < ``as_of`` and ``known_at`` <= ``as_of``."""
        rows = repeated(rows, dates)
        if event_time is not None:
            return rows.filter(rows[event_time] < rows.as_of, rows["known_at"] <= rows.as_of)
        if "known_at" in rows.columns:
            return rows.filter(rows["known_at"].isnull() | (rows["known_at"] <= rows.as_of))
        return rows

    def close(self) -> None:
        """Free the backend and what it spilled."""
        self._backend.disconnect()
        self._spill.cleanup()

    def _registered(self, name: str) -> Any:
        if isinstance(self._tables, ParquetTables) and name in self._tables:
            path = _quoted(str(self._tables.folder / f"{name}.parquet"))
            self._backend.raw_sql(f"CREATE VIEW {name} AS FROM read_parquet('{path}')")
        else:
            frame = self._tables.get(name) if isinstance(self._tables, Tables) else CONTRACTS[name].empty()
            # registered, not copied: Ibis' create_table from memory fails on this DuckDB
            self._backend.con.register(name, pa.Table.from_pandas(frame, preserve_index=False))
        return self._backend.table(name)


@contextmanager
def engine(tables: Source) -> Iterator[Engine]:
    """An engine over ``tables`` that is closed at the end of the block."""
    opened = Engine(tables)
    try:
        yield opened
    finally:
        opened.close()


def cut(day: date) -> Any:
    """``day`` at 00:00 UTC as an Ibis literal."""
    return ibis.literal(midnight(day).to_pydatetime(), type="timestamp(6)")


def repeated(rows: Any, dates: Sequence[date]) -> Any:
    """``rows`` once per date, with the date in ``as_of``."""
    cuts = [cut(day) for day in dates]
    return rows.mutate(as_of=cuts[0] if len(cuts) == 1 else ibis.array(cuts).unnest())


def run(expression: Any, index: str | Sequence[str] = "customer_id") -> pd.DataFrame:
    """The expression's rows sorted by ``index``, which becomes the index."""
    keys = [index] if isinstance(index, str) else list(index)
    query = ibis.to_sql(expression.order_by(keys), dialect="duckdb")
    # Ibis' own to_pandas copies the columns four times over
    table = expression.get_backend().con.sql(query).to_arrow_table()
    for place, field in enumerate(table.schema):
        if pa.types.is_date(field.type):
            table = table.set_column(place, field.name, table[field.name].cast("timestamp[s]"))
    frame: pd.DataFrame = table.to_pandas(split_blocks=True)
    for name in keys:
        if name != "as_of":
            frame[name] = frame[name].astype("str")
    return frame.set_index(keys[0] if isinstance(index, str) else keys)


def write(engine: Engine, expression: Any, path: Path) -> int:
    """The expression's rows, in no order, into a Parquet file in pieces; how many there are."""
    # Ibis' own to_pyarrow_batches calls a function that this DuckDB has no more
    batches = engine.backend.con.sql(ibis.to_sql(expression, dialect="duckdb")).to_arrow_reader(100_000)
    rows = 0
    with pq.ParquetWriter(path, batches.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def _quoted(text: str | None) -> str:
    return (text or "").replace("'", "''")
