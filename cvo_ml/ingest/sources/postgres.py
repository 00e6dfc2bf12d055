"""Tables of a PostgreSQL server, in one read-only transaction: all that is read is of one moment.

Rows come by ``COPY … TO STDOUT``, the server's own way to give many of them, in pieces; each type is told to Arrow, so
that all pieces are alike. Numbers of many digits come as texts: they may be ids, and no binary type holds them all.
https://www.postgresql.org/docs/current/sql-copy.html
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from cvo_ml.config.variables import resolved
from cvo_ml.core.errors import ConfigError, DataError
from cvo_ml.core.secrets import Secret
from cvo_ml.core.stopping import interrupted_by
from cvo_ml.ingest.sources.databases import ROWS, Database, DatabaseTable, Rows, quoted

if TYPE_CHECKING:
    import psycopg

ENVIRONMENT: Final = "env://"
_BYTES: Final = 8 << 20  # of a piece
_SETTINGS: Final = (
    "SET LOCAL TIME ZONE 'UTC'",
    "SET LOCAL DateStyle = 'ISO, YMD'",
    "SET LOCAL client_encoding = 'UTF8'",
    "SET LOCAL extra_float_digits = 1",
)
#: Tables and views, and their columns that this user may read, none where there is none; a domain as what it is of.
_CATALOGUE: Final = """
SELECT n.nspname, c.relname, a.attname,
    CASE WHEN t.typtype = 'e' THEN 'text' ELSE
        format_type(coalesce(nullif(t.typbasetype, 0), a.atttypid),
            CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END) END,
    array_position(key.indkey::int2[], a.attnum),
    EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhrelid = c.oid),
    CASE WHEN c.relkind IN ('r', 'm') THEN pg_relation_size(c.oid) / current_setting('block_size')::bigint ELSE 0 END
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    AND has_schema_privilege(n.oid, 'USAGE') AND has_column_privilege(c.oid, a.attnum, 'SELECT')
LEFT JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_index key ON key.indrelid = c.oid AND key.indisprimary
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND n.nspname !~ '^(pg_|information_schema$)'
ORDER BY n.nspname, c.relname, a.attnum
"""
_TYPES: Final = {
    "boolean": pa.bool_(), "smallint": pa.int64(), "integer": pa.int64(), "bigint": pa.int64(),
    "real": pa.float64(), "double precision": pa.float64(), "date": pa.date32(),
    "timestamp without time zone": pa.timestamp("us"), "timestamp with time zone": pa.timestamp("us", "UTC"),
}  # fmt: skip
_NUMBER: Final = re.compile(r"(?:numeric|money)(?:\(\d+,(-?\d+)\))?$")
_PLAIN_TEXT: Final = re.compile(r"text|character|citext|name$|uuid|inet|cidr|bpchar|macaddr")
_PRECISION: Final = re.compile(r"\(\d+\)(?= with)")  # of times: timestamp(3) with time zone
#: A number that could be thousands as well.
_THREE_DECIMALS: Final = r"^([+-]?[1-9]\d{0,2}\.\d{3})$"


class PostgresServer(Database):
    """An open connection to a PostgreSQL server."""

    schema = "public"

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]], where: str, address: Secret) -> None:
        super().__init__(where)
        self._connection, self._address = connection, address

    def identity(self) -> str:
        """Its name on the server."""
        ((name,),) = self._connection.execute(b"SELECT current_database()").fetchall()
        return str(name)

    def place(self, table: DatabaseTable) -> str:
        """Its name in messages; the server's is in the environment."""
        return f"table {table.schema}.{table.name}"

    def tables(self) -> list[DatabaseTable]:
        """All tables and views of schemas that are not the server's own."""
        rows: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
        for schema, name, *column in self._connection.execute(_CATALOGUE.encode()).fetchall():
            rows.setdefault((schema, name), []).append(tuple(column))
        return [self._table(*place, found) for place, found in rows.items()]

    @staticmethod
    def _table(schema: str, name: str, found: Sequence[tuple[Any, ...]]) -> DatabaseTable:
        columns = {column: kind for column, kind, *_ in found if column is not None}
        key = [column for column, _, place, *_ in sorted(found, key=lambda one: one[2] or 0) if place is not None]
        *_, is_part, pages = found[0]
        return DatabaseTable(schema, name, columns, tuple(key), is_part, pages)

    def numbers(self, query: str) -> tuple[int, ...]:
        """The single row of a query of numbers."""
        with self._asked(self.where):
            (row,) = self._connection.execute(query.encode()).fetchall()
        return tuple(row)

    def condition(self, places: tuple[int, int]) -> str:
        """Rows by their pages."""
        return f"t.ctid >= '({places[0]},0)' AND t.ctid < '({places[1]},0)'"

    def column(self, name: str, kind: str, longest: int | None) -> str:
        """The SQL of a column; times that no calendar of others has stand at the ends of theirs."""
        plain = f"t.{quoted(name)}"
        if _is_time(kind):
            return (
                f"CASE WHEN {plain} < '0001-01-02' THEN '0001-01-02' WHEN {plain} > '9999-12-30' THEN '9999-12-30' "
                f"ELSE {plain} END"
            )
        if kind == "money":  # written with the sign and the separators of the server's country
            return f"{plain}::numeric"
        if kind == "bytea" or (longest is not None and _type(kind) == pa.string() and not _NUMBER.match(kind)):
            return f"left({plain}::text, {longest})" if longest is not None else f"{plain}::text"
        return plain

    def is_plain(self, kind: str) -> bool:
        """Whether a type holds texts, numbers, times or flags."""
        return _type(kind) != pa.string() or bool(
            not kind.endswith("[]") and (_NUMBER.match(kind) or _PLAIN_TEXT.match(kind))
        )

    def batches(self, rows: Rows) -> Iterator[pa.Table]:
        """The rows as the server copies them."""
        kinds = [rows.table.columns[name] for name in rows.columns]
        types = {f"c{place}": _type(kind) for place, kind in enumerate(kinds)}
        none = pa.schema(types).empty_table()
        yield _numbers(none.rename_columns([*rows.columns]), rows, kinds)
        query, place = f"COPY ({self.select(rows)}) TO STDOUT (FORMAT csv)", self.place(rows.table)
        with self._asked(place), self._connection.cursor() as cursor, cursor.copy(query.encode()) as copied:
            for piece in _pieces(copied):
                table = _parsed(piece, types, place)
                yield _numbers(table.rename_columns([*rows.columns]), rows, kinds)

    @contextmanager
    def _asked(self, place: str) -> Iterator[None]:
        """What the server refuses of one table ends no more than the question."""
        import psycopg

        try:
            with self._connection.transaction():
                yield
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            raise _refused(error, self._address, place) from None


def _type(kind: str) -> pa.DataType:
    return _TYPES.get(_PRECISION.sub("", kind), pa.string())


def _is_time(kind: str) -> bool:
    return kind == "date" or kind.startswith("timestamp")


def _pieces(rows: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Rows of the server together, by number and by bytes."""
    held: list[bytes | memoryview] = []
    size = 0
    for row in rows:
        held.append(row)
        size += len(row)
        if size >= _BYTES or len(held) >= ROWS:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _parsed(piece: bytes, types: dict[str, pa.DataType], place: str) -> pa.Table:
    try:
        return pacsv.read_csv(
            pa.BufferReader(piece),
            pacsv.ReadOptions(column_names=[*types], block_size=len(piece) + 1, use_threads=False),
            pacsv.ParseOptions(newlines_in_values=True),
            pacsv.ConvertOptions(
                column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""],
                true_values=["t"], false_values=["f"],
            ),
        )  # fmt: skip
    except pa.ArrowInvalid as error:
        problem = f"gives rows that cannot be read ({' '.join(str(error).split())[:120]})"
        raise DataError(problem, "read a view that casts such columns to text", file=place) from None


def _numbers(table: pa.Table, rows: Rows, kinds: Sequence[str]) -> pa.Table:
    """The table with its numbers of many digits as texts that have one reading."""
    for place, (name, kind) in enumerate(zip(rows.columns, kinds, strict=True)):
        found = _NUMBER.match(kind)
        if found is None:
            continue
        texts = table.column(place)
        if found[1] in (None, "3"):
            texts = pc.replace_substring_regex(texts, _THREE_DECIMALS, r"\10")
        if rows.decimal != ".":
            texts = pc.replace_substring(texts, ".", rows.decimal)
        table = table.set_column(place, name, texts)
    return table


@contextmanager
def open_postgres(path: str) -> Iterator[PostgresServer]:
    """A connection to the server that ``env://NAME``, ``${NAME}`` or an address with such variables in it stands for.

    Raises
    ------
    ConfigError
        If the variable is not set or holds no address, or the package psycopg is missing.
    DataError
        If the server cannot be reached, or refuses.
    """
    address = _address(path)
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ImportError:
        raise ConfigError("PostgreSQL needs the package psycopg: install cvo-ml[postgres]") from None
    try:
        conninfo_to_dict(address.reveal())
    except psycopg.Error:  # its message would repeat the address
        held = f"the environment variable {path.removeprefix(ENVIRONMENT)}" if path.startswith(ENVIRONMENT) else path
        raise ConfigError(
            f"{held} holds no address of PostgreSQL: write one such as postgresql://user:password@host/database"
        ) from None
    try:
        with psycopg.connect(address.reveal(), connect_timeout=10, autocommit=False) as connection:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ  # one moment of all tables read
            for setting in _SETTINGS:
                connection.execute(setting.encode())
            stoppable = interrupted_by(connection.cancel)
            try:
                yield PostgresServer(connection, path, address)
            finally:
                stoppable()
    except psycopg.OperationalError as error:
        problem = f"the database cannot be reached or ended the connection ({_said(error, address)})"
        raise DataError(problem, "check the address and try again", file=path) from None
    except psycopg.Error as error:
        raise _refused(error, address, path) from None


def _address(path: str) -> Secret:
    """The server's address, which the configuration only points to."""
    if not path.startswith(ENVIRONMENT):
        return resolved(path, f"source {path}")
    variable = path.removeprefix(ENVIRONMENT)
    if not os.environ.get(variable):
        raise ConfigError(f"the environment variable {variable} is not set: set it to the address of the database")
    return Secret(os.environ[variable])


def _refused(error: Exception, address: Secret, place: str) -> DataError:
    remedy = "check the rights of the user, and the types"
    return DataError(f"the database refuses ({_said(error, address)})", remedy, file=place)


def _said(error: Exception, address: Secret) -> str:
    """The driver's first line, without what it repeats of the address."""
    return address.hide(str(error).strip().split("\n")[0])[:160]
