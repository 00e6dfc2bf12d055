"""Tables of databases, whichever they are: what the catalogue has, and how rows are asked for.

A declared name goes into no query: it is looked for in the catalogue, and what stands there is quoted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa

from cvo_ml.config.shops import SourceConfig
from cvo_ml.core.errors import ConfigError, DataError, nearest_name
from cvo_ml.ingest.raw import check_header, present

#: How an SQLite file begins.
SQLITE: Final = b"SQLite format 3\0"
#: Rows of a piece.
ROWS: Final = 100_000


@dataclass(frozen=True, eq=False)
class DatabaseTable:
    """A table or view as the catalogue has it.

    Parameters
    ----------
    columns:
        Name to the database's own word for its type; those that this user may read.
    key:
        The columns of its primary key; empty where it has none.
    is_part:
        Whether another table gives its rows too, such as that of which it is a partition.
    extent:
        How many places its rows lie in: pages or numbered rows; 0 where they have no places, as in a view.
    """

    schema: str
    name: str
    columns: Mapping[str, str] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    is_part: bool = False
    extent: int = 0


@dataclass(frozen=True)
class Since:
    """Rows from a value of a column on.

    Parameters
    ----------
    value:
        As the database writes it: ISO 8601, or digits.
    together:
        Columns whose rows are asked for together: of a value of which one row is late enough, all are. Empty = each row
        for itself.
    """

    column: str
    value: str
    together: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rows:
    """Which rows and columns of a table are asked for.

    Parameters
    ----------
    decimal:
        The sign in numbers that the database gives as texts.
    places:
        From and to which place (without the last) of the table's extent; None = everywhere.
    most:
        Of the rows.
    longest:
        Texts are cut after so many signs; None = they are not.
    """

    table: DatabaseTable
    columns: Sequence[str]
    decimal: str = "."
    since: Since | None = None
    places: tuple[int, int] | None = None
    most: int | None = None
    longest: int | None = None


class Database(ABC):
    """An open database that nobody writes to from here.

    Parameters
    ----------
    where:
        Its name in messages, without password.
    """

    #: The schema that need not be named.
    schema: str = "main"
    #: Whether a column's type is known before its values are.
    is_typed: bool = True

    def __init__(self, where: str) -> None:
        self.where = where

    @abstractmethod
    def tables(self) -> list[DatabaseTable]:
        """All tables and views that are not the database's own, by schema and name."""

    @abstractmethod
    def batches(self, rows: Rows) -> Iterator[pa.Table]:
        """The rows in pieces; the types of the columns are the same in all of them."""

    @abstractmethod
    def numbers(self, query: str) -> tuple[int, ...]:
        """The single row of a query of numbers."""

    @abstractmethod
    def condition(self, places: tuple[int, int]) -> str:
        """The SQL of rows between two places."""

    def column(self, name: str, kind: str, longest: int | None) -> str:
        """The SQL of a column of some type."""
        return f"t.{quoted(name)}"

    def is_plain(self, kind: str) -> bool:
        """Whether a type holds texts, numbers, times or flags."""
        return True

    def find(self, table: str) -> DatabaseTable:
        """The table of that name.

        Raises
        ------
        DataError
            If there is none, it stands in several schemas, or this user may not read it.
        """
        known = {(one.schema, one.name): one for one in self.tables()}
        found = known[find_table(table, list(known), self.schema, self.where)]
        if not found.columns:
            remedy = "ask whoever keeps the database for the right to read it"
            raise DataError("may not be read by this user", remedy, file=self.place(found))
        return found

    def moment(self) -> datetime:
        """What time it is there, to the second, in UTC."""
        (seconds,) = self.numbers("SELECT CAST(extract(epoch FROM now()) AS BIGINT)")
        return datetime.fromtimestamp(seconds, tz=UTC)

    def identity(self) -> str:
        """What tells the database from others, and is no secret."""
        return self.where

    def place(self, table: DatabaseTable) -> str:
        """Its name in messages."""
        return f"{self.where}:{table.name}"

    def name_of(self, table: DatabaseTable) -> str:
        """How a shop declares it."""
        return table.name if table.schema == self.schema else f"{table.schema}.{table.name}"

    def count(self, table: DatabaseTable, most: int | None = None) -> int:
        """How many rows it has; at most ``most`` of them are counted."""
        rows = named(table) if most is None else f"(SELECT 1 FROM {named(table)} LIMIT {most}) AS counted"  # noqa: S608 (quoted, from the catalogue)
        return self.numbers(f"SELECT count(*) FROM {rows}")[0]  # noqa: S608

    def select(self, rows: Rows) -> str:
        """The SQL that asks for rows."""
        table = rows.table
        columns = ", ".join(self.column(name, table.columns[name], rows.longest) for name in rows.columns)
        query = f"SELECT {columns} FROM {named(table)} AS t"  # noqa: S608 (quoted, from the catalogue)
        conditions = [self.condition(rows.places)] if rows.places is not None else []
        if rows.since is not None:
            conditions.append(_since(rows.since, table))
        if conditions:
            query += f" WHERE {' AND '.join(conditions)}"
        return query if rows.most is None else f"{query} LIMIT {rows.most}"


def _since(since: Since, table: DatabaseTable) -> str:
    late = f"{{}}.{quoted(since.column)} >= {text_literal(since.value)}"
    if not since.together:
        return late.format("t")
    same = " AND ".join(f"late.{quoted(name)} = t.{quoted(name)}" for name in since.together)
    return f"EXISTS (SELECT 1 FROM {named(table)} AS late WHERE {late.format('late')} AND {same})"  # noqa: S608


def named(table: DatabaseTable) -> str:
    """A table as SQL names it."""
    return f"{quoted(table.schema)}.{quoted(table.name)}"


def quoted(name: str) -> str:
    """A name as an SQL identifier, whatever stands in it.

    Examples
    --------
    >>> quoted('x"; DROP TABLE orders; --')
    '"x""; DROP TABLE orders; --"'
    """
    return '"' + name.replace('"', '""') + '"'


def text_literal(text: str) -> str:
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"


def declared_table(config: SourceConfig, where: str) -> str:
    """The table that the source names.

    Raises
    ------
    ConfigError
        If it names none.
    """
    if not config.table:
        raise ConfigError(f"source {where}: is a database: declare its table, such as table: orders")
    return config.table


def find_table(table: str, known: Sequence[tuple[str, str]], default: str, where: str) -> tuple[str, str]:
    """Schema and name as they stand in the catalogue.

    Raises
    ------
    DataError
        If there is no such table, or it stands in several schemas.
    """
    for schema, name in known:
        if table == f"{schema}.{name}" or (table == name and schema == default):
            return schema, name
    elsewhere = [(schema, name) for schema, name in known if name == table]
    if len(elsewhere) == 1:
        return elsewhere[0]
    if elsewhere:
        listed = ", ".join(f"{schema}.{name}" for schema, name in elsewhere)
        raise DataError(f"table {table!r} stands in several schemas ({listed})", "name the schema too", file=where)
    names = [f"{schema}.{name}" for schema, name in known] + [name for _, name in known]
    raise DataError(f"no table {table!r}{nearest_name(table, names)}", "name a table or view it has", file=where)


def chosen(header: Sequence[str], wanted: Sequence[str], optional: Collection[str], where: str) -> list[str]:
    """The wanted columns that the table has.

    Raises
    ------
    DataError
        If one that is not optional is missing.
    """
    check_header(header, [name for name in wanted if name not in optional], where)
    return present(header, wanted)


def first_line(error: Exception) -> str:
    """What a driver says, in one line."""
    return str(error).strip().split("\n")[0][:160]
