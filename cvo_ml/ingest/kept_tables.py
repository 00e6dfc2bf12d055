"""A database's table that is kept between readings: of what was read before, only later rows are asked for again.

The table has a column that grows with each change of a row, its watermark. A reading asks for the rows whose watermark
is at least that of the last reading, less an overlap for rows that came late, and puts them in the place of what was
kept: of the rows that are as late themselves, and of those with the same key. Then it counts: where the table has
another number of rows than are kept now, rows were deleted or came too late, and all is read again.
"""

# ruff: noqa: S608 (names are quoted, and paths are of this module's own folder)

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from cvo_ml.config.shops import SourceConfig
from cvo_ml.core.errors import ConfigError, DataError
from cvo_ml.core.result import Json
from cvo_ml.core.scratch import Scratch
from cvo_ml.core.sessions import LOCKED
from cvo_ml.ingest.kept_folder import Kept, kept_folder
from cvo_ml.ingest.raw import check_header, refuse_empty
from cvo_ml.ingest.row_database import MEMORY
from cvo_ml.ingest.sources.databases import Since, named, quoted, text_literal
from cvo_ml.ingest.sources.tables import OpenTable, open_table
from cvo_ml.ingest.table_copies import PART, TableCopy, TablePart, room_needed, without, written

_SLACK: Final = timedelta(days=1)  # a watermark further in the future says nothing: clocks and zones differ by less


def kept_table(
    source: SourceConfig, wanted: Sequence[str], optional: Collection[str] = (), *, may_be_empty: bool = False
) -> TableCopy:
    """The wanted columns of a table with a watermark, after what is kept of it was brought up to date.

    Raises
    ------
    ConfigError
        If the folder is another table's, or the table has no key and none is declared.
    DataError
        If the watermark or the key is empty somewhere, or is no time and no whole number.
    UsageError
        As ``open_table``.
    """
    assert source.watermark is not None
    assert source.kept_in is not None
    more = [source.watermark, *(source.key or ())]
    with kept_folder(Path(source.kept_in)) as folder, open_table(source, wanted, optional) as found:
        now, note = _Update(folder.path, source, _with_more(found, more, folder.before)).run(folder.before)
        folder.keep(now)
    if not may_be_empty:
        refuse_empty(now.rows, found.place)
    return TableCopy(found.place, now.parts, found.columns, (note,))


def _with_more(found: OpenTable, more: Sequence[str], before: Kept | None) -> OpenTable:
    """The table with the columns that are needed to keep it, and those that are kept already.

    So another reading of the same folder, which wants other columns, finds its own too.
    """
    there = found.table.columns
    check_header([*there], more, found.place)
    kept = before.declared.get("columns") if before is not None else None
    of_before = [name for name in kept if name in there] if isinstance(kept, Mapping) else []
    key = [name for name in found.table.key if name in there]
    return replace(found, columns=tuple(dict.fromkeys([*found.columns, *more, *key, *of_before])))


class _Update:
    """One reading of what is new."""

    def __init__(self, folder: Path, source: SourceConfig, found: OpenTable) -> None:
        self._folder, self._source, self._found = folder, source, found
        self._watermark = str(source.watermark)
        self._key = found.table.key if source.key is None else source.key
        self._refuse_without_key()
        self._declared = self._declaration()
        self._table = f"{found.database.identity()}/{found.table.schema}.{found.table.name}"
        self._rows = self._counted()

    def run(self, before: Kept | None) -> tuple[Kept, str]:
        """What is kept now, and what is said of it."""
        if before is None:
            return self._whole("")
        if before.table != self._table:
            raise ConfigError(
                f"source: kept_in: {self._source.kept_in} holds rows of another table: name a folder of its own for "
                "each table"
            )
        if before.declared != self._declared:
            return self._whole("other columns, types or keys are declared than were kept")
        if not before.is_sound:
            return self._whole("what was kept is incomplete or damaged")
        return self._later(before)

    def _whole(self, why: str) -> tuple[Kept, str]:
        """All rows, read anew."""
        latest = _Latest(self._watermark, self._found)
        with room_needed(self._folder, self._found.place):
            parts = written(latest.watched(self._found.pieces()), self._folder)
        kept = Kept(self._table, self._declared, latest.value, tuple(parts))
        again = f" again ({why})" if why else ""
        rows = f"{self._found.place}: all {kept.rows:,} rows were read{again} and are kept in {self._source.kept_in}"
        return kept, f"{rows}: the next reading asks for later ones"

    def _later(self, before: Kept) -> tuple[Kept, str]:
        """The rows that came or changed since, in the place of what they replace."""
        since = _earlier(before.last, self._source.overlap)
        together = self._key if set(self._key) != set(self._found.table.key) else ()
        latest = _Latest(self._watermark, self._found)
        scratch = Scratch()
        try:
            with room_needed(scratch.folder, self._found.place):
                pieces = self._found.pieces(Since(self._watermark, since, tuple(together)))
                changed = written(latest.watched(pieces), scratch.folder)
            if not changed:
                return self._whole(f"none is as late as {since} any more")
            with _merging(self._folder, scratch.folder) as session, room_needed(self._folder, self._found.place):
                parts = self._merged(session, before, changed, since)
        finally:
            scratch.close()
        kept = Kept(self._table, self._declared, latest.value, parts)
        if kept.rows != self._rows:
            why = f"the table has {self._rows:,} rows and {kept.rows:,} would be kept: some were deleted, or came late"
            return self._whole(why)
        new = sum(part.rows for part in changed)
        return kept, (
            f"{self._found.place}: {new:,} rows from {since} on were read, {kept.rows - new:,} were kept before; what "
            f"changes without its {self._watermark!r} is not seen: delete {self._source.kept_in} to read all"
        )

    def _merged(
        self, session: duckdb.DuckDBPyConnection, before: Kept, changed: Sequence[TablePart], since: str
    ) -> tuple[TablePart, ...]:
        """The files with what still counts of them, and new ones; short ones and those with holes are rewritten."""
        session.execute(f"CREATE TEMP VIEW changed AS SELECT * FROM {_files(changed)}")
        replaced = f"k.{quoted(self._watermark)} >= {text_literal(since)}"
        if self._key:
            same = " AND ".join(f"c.{quoted(name)} = k.{quoted(name)}" for name in self._key)
            replaced = f"({replaced} OR EXISTS (SELECT 1 FROM changed AS c WHERE {same}))"
        stay: list[TablePart] = []
        anew: list[TablePart] = []
        for part in before.parts:
            query = f"SELECT file_row_number FROM {_files([part])} AS k WHERE {replaced}"
            left = without(part, session.sql(query).to_arrow_table().column(0).to_numpy(), self._folder)
            (stay if left.rows >= PART // 2 and left.is_dense else anew).append(left)
        pieces = (piece for part in (*anew, *changed) for piece in part.batches(self._found.columns))
        return (*stay, *written(pieces, self._folder))

    def _counted(self) -> int:
        """How many rows there are; one without a watermark would never be found again, one without a key be doubled."""
        never_empty = [self._watermark, *(self._source.key or ())]
        counts = ", ".join(f"count({quoted(name)})" for name in never_empty)
        rows, *filled = self._found.database.numbers(f"SELECT count(*), {counts} FROM {named(self._found.table)}")
        for name, count in zip(never_empty, filled, strict=True):
            if count < rows:
                what = "the watermark" if name == self._watermark else "a part of the key"
                remedy = "declare a view that fills it, such as coalesce(updated_at, created_at)"
                raise DataError(
                    f"is {what} and empty in {rows - count:,} rows", remedy, file=self._found.place, column=name
                )
        return rows

    def _declaration(self) -> dict[str, Json]:
        types = self._found.table.columns
        return {
            "watermark": self._watermark,
            "key": list(self._key),
            "decimal": self._found.decimal,
            "columns": {name: types[name] for name in sorted(self._found.columns)},
        }

    def _refuse_without_key(self) -> None:
        if not self._found.database.is_typed:
            raise ConfigError(
                f"source {self._found.place}: watermark is of tables of PostgreSQL and DuckDB: leave it out, and the "
                "table is read whole each time"
            )
        if self._source.key is None and not self._found.table.key:
            raise ConfigError(
                f"source {self._found.place}: has no primary key, so a row that changed cannot be told from a new one: "
                "name the columns whose rows are replaced together, such as key: [order_id], or key: [] where rows are "
                "only added"
            )


class _Latest:
    """The greatest watermark of the rows that pass."""

    def __init__(self, column: str, found: OpenTable) -> None:
        self._column, self._place, self._moment = column, found.place, found.database.moment()
        self._greatest: int | date | None = None

    def watched(self, pieces: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """The same pieces."""
        for piece in pieces:
            if piece.num_rows:
                self._look(piece.column(self._column))
            yield piece

    def _look(self, values: pa.ChunkedArray) -> None:
        kind = values.type
        if pa.types.is_timestamp(kind):
            values = values.cast(pa.timestamp("us", kind.tz), safe=False)
        elif not (pa.types.is_date(kind) or pa.types.is_integer(kind)):
            problem = f"is the watermark and holds {kind}, which is no time and no whole number"
            remedy = "name a column that grows with each change of a row"
            raise DataError(problem, remedy, file=self._place, column=self._column)
        found = pc.max(values).as_py()
        self._greatest = found if self._greatest is None else max(self._greatest, found)

    @property
    def value(self) -> str | int:
        """It; a time of the far future is none: nothing would ever be later."""
        if self._greatest is None:
            return 0
        if isinstance(self._greatest, int):
            return self._greatest
        now = self._moment + _SLACK
        if isinstance(self._greatest, datetime):
            moment = now if self._greatest.tzinfo else now.replace(tzinfo=None)
            return min(self._greatest, moment).isoformat()
        return str(min(self._greatest, now.date()))


def _earlier(last: str | int, overlap: int) -> str:
    """The watermark from which on rows are asked for."""
    if isinstance(last, int):
        return str(last - overlap)
    if len(last) == len("2024-01-01"):
        return (date.fromisoformat(last) - timedelta(days=overlap)).isoformat()
    return (datetime.fromisoformat(last) - timedelta(days=overlap)).isoformat()


def _files(parts: Sequence[TablePart]) -> str:
    listed = ", ".join(text_literal(str(part.path.absolute())) for part in parts)
    return f"read_parquet([{listed}], file_row_number = true)"


@contextmanager
def _merging(folder: Path, scratch: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine that reads these two folders alone, and spills into the second."""
    connection = duckdb.connect()
    try:
        connection.execute("SET memory_limit=?", [MEMORY])
        connection.execute("SET temp_directory=?", [str(scratch / "spill")])
        connection.execute("SET allowed_directories=?", [[str(folder.absolute()), str(scratch)]])
        for setting in ("threads=2", *LOCKED):
            connection.execute(f"SET {setting}")
        yield connection
    finally:
        connection.close()
