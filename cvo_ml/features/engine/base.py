"""The seam between feature expressions and the database that computes them.

A feature is an Ibis expression over ``Engine.at``, ``known`` and ``visible``; an engine says where the tables lie and
how an expression becomes rows. ``cvo_ml.features.engine.duckdb`` is the one that everything runs on,
``cvo_ml.features.engine.spark`` reads the same expressions on a cluster.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.errors import UsageError
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import midnight
from cvo_ml.core.visibility import KNOWN_AT

#: Rows of a file that are written at once.
BATCH: Final = 100_000


@dataclass(frozen=True)
class ParquetTables:
    """A shop's tables as files ``<folder>/<table>.parquet`` that are read in pieces, for shops larger than memory.

    The files hold what the contracts ask for (``cvo_ml.core.contracts``): they are the product's own, written by
    ``ingest`` or ``simulate``, and are not checked again.

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


class Engine(ABC):
    """A shop's tables in a database, seen as they were known on a date.

    Parameters
    ----------
    source:
        The shop.
    backend:
        The Ibis backend that holds its tables.
    """

    def __init__(self, source: Tables | ParquetTables, backend: Any) -> None:
        self._source = source
        self._backend = backend
        self._loaded: dict[str, Any] = {}

    @property
    def backend(self) -> Any:
        """The Ibis backend."""
        return self._backend

    @property
    def tables(self) -> Tables:
        """The shop's tables in memory.

        Raises
        ------
        UsageError
            If they are files.
        """
        if isinstance(self._source, ParquetTables):
            raise UsageError(f"the tables in {self._source.folder} are files: read them first (read_shop)")
        return self._source

    def has(self, table: str, column: str | None = None) -> bool:
        """Whether the shop has the table, and the column in it."""
        return table in self._source and (column is None or column in self.table(table).columns)

    def table(self, name: str) -> Any:
        """The whole table as an Ibis expression, with ``known_at`` where it has an event time."""
        if name not in self._loaded:
            loaded = self._registered(name)
            event_time, months = CONTRACTS[name].event_time, CONTRACTS[name].months
            if event_time is not None:
                if event_time not in loaded.columns:  # nobody said when, such as of deals that are all open
                    loaded = loaded.mutate(**{event_time: ibis.null("timestamp(6)")})
                known = loaded[KNOWN_AT] if KNOWN_AT in loaded.columns else ibis.null("timestamp(6)")
                told = loaded[event_time] + ibis.interval(months=months) if months else loaded[event_time]
                loaded = loaded.mutate(**{KNOWN_AT: ibis.coalesce(known, told)})
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
        known = rows[KNOWN_AT] if KNOWN_AT in rows.columns else None
        happened = None if event_time is None else rows[event_time]
        return rows.filter(is_visible(rows.as_of, happened, known))

    @abstractmethod
    def run(self, expression: Any, index: str | Sequence[str] = "customer_id") -> pd.DataFrame:
        """The expression's rows sorted by ``index``, which becomes the index; texts in it are ``str``."""

    def write(self, expression: Any, path: Path) -> int:
        """The expression's rows, in no order, into a Parquet file in pieces; how many there are."""
        schema, batches = self._batches(expression)
        rows = 0
        with pq.ParquetWriter(path, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
                rows += batch.num_rows
        return rows

    @abstractmethod
    def close(self) -> None:
        """Free what the engine holds; a session that was handed in stays open."""

    def held(self, name: str, make: Callable[[], pd.DataFrame]) -> Any:
        """Rows that no expression can work out, as one: made once for this engine, known by ``name``."""
        if name not in self._loaded:
            self._loaded[name] = self._given(name, make())
        return self._loaded[name]

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """The rows of an expression that many begin with: worked out once for this engine, known by ``name``."""
        if name not in self._loaded:
            self._loaded[name] = self._worked_out(name, make())
        return self._loaded[name]

    @abstractmethod
    def _worked_out(self, name: str, expression: Any) -> Any:
        """The expression's rows as a table of the backend."""

    @abstractmethod
    def _given(self, name: str, rows: pd.DataFrame) -> Any:
        """The rows as the backend knows them."""

    @abstractmethod
    def _registered(self, name: str) -> Any:
        """The table as the backend knows it; one without rows where the shop has none."""

    def _batches(self, expression: Any) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:
        batches = expression.to_pyarrow_batches(chunk_size=BATCH)
        return batches.schema, batches


#: What a shop's tables can be given as.
Source = Tables | ParquetTables | Engine


def is_visible(moment: Any, happened: Any = None, known: Any = None) -> Any:
    """Whether rows can be seen at ``moment``: the rule of ``cvo_ml.core.visibility`` as an Ibis expression.

    Parameters
    ----------
    moment:
        A time, as a column or a literal (``cut``).
    happened:
        When the rows happened; None where they are about no moment.
    known:
        When they became known, null for when they happened; None where the table does not say.
    """
    by_time = [] if happened is None else [happened < moment]
    by_knowledge = [] if known is None else [known.isnull() | (known <= moment)]
    return ibis.and_(*by_time, *by_knowledge)


def cut(day: date) -> Any:
    """``day`` at 00:00 as an Ibis literal."""
    return ibis.literal(midnight(day).to_pydatetime(), type="timestamp(6)")


def repeated(rows: Any, dates: Sequence[date]) -> Any:
    """``rows`` once per date, with the date in ``as_of``."""
    cuts = [cut(day) for day in dates]
    return rows.mutate(as_of=cuts[0] if len(cuts) == 1 else ibis.array(cuts).unnest())
