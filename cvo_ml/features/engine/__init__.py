"""The engines that compute feature expressions: DuckDB, and Spark with the same numbers.

``engine`` opens a shop's tables once; whoever asks several things of one shop opens it and passes the engine on, so
that its tables are loaded once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cvo_ml.core.errors import UsageError
from cvo_ml.core.tables import Tables
from cvo_ml.features.engine.base import Engine, ParquetTables, Source, cut, is_visible, repeated
from cvo_ml.features.engine.duckdb import DuckDBEngine

__all__ = ["DuckDBEngine", "Engine", "ParquetTables", "Source", "cut", "engine", "is_visible", "repeated"]


@contextmanager
def engine(source: Source) -> Iterator[Engine]:
    """An engine over a shop's tables that is closed at the end of the block; one that is given open stays open.

    Raises
    ------
    UsageError
        If ``source`` is none: a frame that is taken for tables would be a shop without a row.
    """
    if isinstance(source, Engine):
        yield source
        return
    if not isinstance(source, Tables | ParquetTables):
        raise UsageError(f"features are computed from Tables, not from {type(source).__name__}: read_orders makes them")
    opened = DuckDBEngine(source)
    try:
        yield opened
    finally:
        opened.close()
