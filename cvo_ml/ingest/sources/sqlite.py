"""Tables of an SQLite file, read only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pyarrow as pa

from cvo_ml.core.errors import DataError
from cvo_ml.ingest.sources.databases import Database, DatabaseTable, Rows, quoted

_ROWS_AT_ONCE: Final = 50_000
_PLAIN: Final = (str, int, float)


class SqliteFile(Database):
    """An open SQLite file."""

    is_typed = False

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        super().__init__(path.name)
        self._connection = connection

    def tables(self) -> list[DatabaseTable]:
        """All tables and views."""
        known = self._connection.execute(
            "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite~_%' "
            "ESCAPE '~' ORDER BY name"
        ).fetchall()
        return [self._table(name, kind == "table") for name, kind in known]

    def _table(self, name: str, has_places: bool) -> DatabaseTable:
        try:
            found = self._connection.execute(f"PRAGMA table_info({quoted(name)})").fetchall()
        except sqlite3.OperationalError:  # a view of a table that is gone
            return DatabaseTable(self.schema, name)
        key = [column[1] for column in sorted(found, key=lambda one: one[5]) if column[5]]
        columns = {column[1]: column[2] for column in found}
        return DatabaseTable(self.schema, name, columns, tuple(key), extent=self._extent(name) if has_places else 0)

    def _extent(self, name: str) -> int:
        try:
            (last,) = self._connection.execute(f"SELECT max(rowid) FROM {quoted(name)}").fetchone()  # noqa: S608 (quoted, from the catalogue)
        except sqlite3.OperationalError:  # a table without numbers of its rows
            return 0
        return 0 if last is None else int(last) + 1

    def numbers(self, query: str) -> tuple[int, ...]:
        """The single row of a query of numbers."""
        return tuple(self._connection.execute(query).fetchone())

    def condition(self, places: tuple[int, int]) -> str:
        """Rows by their numbers."""
        return f"t.rowid >= {places[0]} AND t.rowid < {places[1]}"

    def column(self, name: str, kind: str, longest: int | None) -> str:
        """The SQL of a column; bytes are left as they are, and refused."""
        plain = f"t.{quoted(name)}"
        if longest is None:
            return plain
        return f"CASE typeof({plain}) WHEN 'text' THEN substr({plain}, 1, {longest}) ELSE {plain} END"

    def batches(self, rows: Rows) -> Iterator[pa.Table]:
        """The rows as one piece: only all values of a column say of what type it is."""
        cursor = self._connection.execute(self.select(rows))
        pieces = iter(lambda: cursor.fetchmany(_ROWS_AT_ONCE), [])
        yield _as_arrow(rows.columns, _without_bytes(pieces, rows.columns, self.place(rows.table)))


@contextmanager
def open_sqlite(path: Path) -> Iterator[SqliteFile]:
    """An SQLite file that somebody looked at already: SQLite opens by name.

    Raises
    ------
    DataError
        If it is no SQLite file or is locked, or a column holds bytes.
    """
    try:
        connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)
    except sqlite3.Error as error:
        raise _refused(error, path) from None
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA query_only=ON")
        yield SqliteFile(connection, path)
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


def _as_arrow(names: Sequence[str], batches: Iterable[Sequence[tuple[Any, ...]]]) -> pa.Table:
    """Rows as an Arrow table: each column as its Python values say, and as text where those are mixed."""
    pieces: list[list[pa.Array]] = [[] for _ in names]
    for rows in batches:
        for piece, values in zip(pieces, zip(*rows, strict=True), strict=True):
            piece.append(_column(values))
    return pa.table({name: _joined(piece) for name, piece in zip(names, pieces, strict=True)})


def _joined(pieces: Sequence[pa.Array]) -> pa.ChunkedArray:
    """The pieces of a column as one type that holds them all."""
    kinds = {piece.type for piece in pieces if not pa.types.is_null(piece.type)}
    kind = next(iter(kinds), pa.null()) if len(kinds) <= 1 else pa.large_string()
    return pa.chunked_array([piece.cast(kind) for piece in pieces], kind)


def _column(values: Sequence[Any]) -> pa.Array:
    if all(value is None or isinstance(value, _PLAIN) for value in values):
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # texts beside numbers
            pass
    return pa.array([None if value is None else str(value) for value in values], pa.large_string())
