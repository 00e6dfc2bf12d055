"""The engine that runs the feature expressions: an embedded DuckDB behind Ibis, locked down."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, Final

import ibis
import pandas as pd
import pyarrow as pa

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import midnight

#: Nothing can be changed after the lock, so it comes last.
LOCKED: Final = (
    "TimeZone='UTC'",
    # sums of floats depend on the order of their terms; one thread keeps that order, so two runs agree to the bit
    "threads=1",
    "python_enable_replacements=false",
    "enable_external_access=false",
    "lock_configuration=true",
)


class Engine:
    """A shop's tables in an in-memory backend that can read no file and no Python variable."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._backend = ibis.duckdb.connect()
        self._loaded: dict[str, Any] = {}
        for setting in LOCKED:
            self._backend.raw_sql(f"SET {setting}")

    def table(self, name: str) -> Any:
        """The whole table as an Ibis expression, with ``known_at`` where it has an event time."""
        if name not in self._loaded:
            # registered, not copied: Ibis' create_table from memory fails on this DuckDB
            arrow = pa.Table.from_pandas(self._tables.get(name), preserve_index=False)
            self._backend.con.register(name, arrow)
            loaded = self._backend.table(name)
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
        table = self.table(name)
        event_time = CONTRACTS[name].event_time
        if event_time is not None:
            return table.filter(table[event_time] < cut(as_of), table["known_at"] <= cut(as_of))
        if "known_at" in table.columns:
            return table.filter(table["known_at"].isnull() | (table["known_at"] <= cut(as_of)))
        return table

    def close(self) -> None:
        """Free the backend."""
        self._backend.disconnect()


@contextmanager
def engine(tables: Tables) -> Iterator[Engine]:
    """An engine over ``tables`` that is closed at the end of the block."""
    opened = Engine(tables)
    try:
        yield opened
    finally:
        opened.close()


def cut(day: date) -> Any:
    """``day`` at 00:00 UTC as an Ibis literal."""
    return ibis.literal(midnight(day).to_pydatetime(), type="timestamp(6)")


def run(expression: Any, index: str = "customer_id") -> pd.DataFrame:
    """The expression's rows sorted by ``index``, which becomes the index."""
    frame: pd.DataFrame = expression.order_by(index).to_pandas()
    frame[index] = frame[index].astype("str")
    return frame.set_index(index)
