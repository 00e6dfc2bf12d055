"""One table of a database: its wanted columns, in pieces or at once."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa

from cvo_ml.config.shops import SourceConfig
from cvo_ml.core.errors import ConfigError
from cvo_ml.ingest.raw import RawTable, plain, raw_from_arrow
from cvo_ml.ingest.sources.database_kinds import is_server, open_database
from cvo_ml.ingest.sources.databases import Database, DatabaseTable, Rows, Since, chosen, declared_table
from cvo_ml.ingest.sources.row_hashes import RowHashes


@dataclass(frozen=True)
class OpenTable:
    """A declared table of an open database.

    Parameters
    ----------
    columns:
        Those that are read.
    place:
        Its name in messages.
    """

    database: Database
    table: DatabaseTable
    columns: tuple[str, ...]
    place: str
    decimal: str = "."

    def pieces(self, since: Since | None = None) -> Generator[pa.Table]:
        """The rows, each column as texts, numbers, times or flags; the first piece may be empty.

        Raises
        ------
        DataError
            If a column holds something else.
        """
        for piece in self.database.batches(Rows(self.table, self.columns, self.decimal, since)):
            yield pa.table({name: _values(piece.column(name), name, self.place) for name in self.columns})


@contextmanager
def open_table(source: SourceConfig, wanted: Sequence[str], optional: Collection[str] = ()) -> Iterator[OpenTable]:
    """The table that a source declares, in its open database.

    Parameters
    ----------
    wanted, optional:
        Columns, and those of them that may be missing.

    Raises
    ------
    ConfigError
        If no table is declared, or what only files have; or if the database's address is not given.
    DataError, UsageError
        If the database cannot be read, or has no such table or column.
    """
    where = source.path if is_server(source.path) else source.path.replace("\\", "/").rpartition("/")[2]
    _refuse_unused(source, where)
    table = declared_table(source, where)
    with open_database(source.path) as database:
        found = database.find(table)
        place = database.place(found)
        columns = chosen([*found.columns], wanted, optional, place)
        yield OpenTable(database, found, tuple(columns), place, source.decimal)


def _refuse_unused(source: SourceConfig, where: str) -> None:
    """Refuse settings that no database has: what is declared must do something."""
    in_vain = {"sheet": source.sheet is not None, "header_row": source.header_row != 1,
               "total_rows": bool(source.total_rows)}  # fmt: skip
    for setting, declared in in_vain.items():
        if declared:
            kinds = "spreadsheets" if setting == "sheet" else "text and spreadsheets"
            raise ConfigError(f"source {where}: {setting} is of {kinds}: leave it out")


def read_table(source: SourceConfig, wanted: Sequence[str], optional: Collection[str] = ()) -> RawTable:
    """The wanted columns of a table or view, at once.

    Raises
    ------
    ConfigError, DataError, UsageError
        As :func:`open_table`; or if a column holds no texts, numbers, times or flags.
    """
    with open_table(source, wanted, optional) as found:
        return raw_of([*found.pieces()], found)


def raw_of(pieces: Sequence[pa.Table], found: OpenTable) -> RawTable:
    """All rows of a table, held."""
    filled = [piece for piece in pieces if piece.num_rows]
    rows = pa.concat_tables(filled or pieces[:1])
    hashes = RowHashes(found.columns)
    hashes.add(rows)
    return raw_from_arrow(rows, found.columns, found.place, hashes.sha256())


def _values(values: pa.ChunkedArray, column: str, place: str) -> pa.ChunkedArray:
    kind = values.type
    return plain(values.cast(kind.value_type) if pa.types.is_dictionary(kind) else values, column, place)
