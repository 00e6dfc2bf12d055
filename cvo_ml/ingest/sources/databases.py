"""Tables of databases: a DuckDB file or a PostgreSQL server, read only, names checked against the catalogue."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb
import pyarrow as pa

from cvo_ml.config.shops import SourceConfig
from cvo_ml.config.variables import resolved
from cvo_ml.core.errors import ConfigError, DataError, nearest_name
from cvo_ml.core.input_files import open_input
from cvo_ml.core.scratch import scratch_folder
from cvo_ml.core.secrets import Secret
from cvo_ml.core.stopping import interrupted_by
from cvo_ml.ingest.raw import RawTable, arrow_hash, check_header, present, raw_from_arrow

if TYPE_CHECKING:
    import psycopg

#: How an SQLite file begins.
SQLITE: Final = b"SQLite format 3\0"
ENVIRONMENT: Final = "env://"
_ROWS_AT_ONCE: Final = 50_000
_LONGEST_DECIMAL: Final = 76  # digits of Arrow's widest
_PLAIN: Final = (str, bool, int, float, Decimal, date)
#: Nothing can be changed after the lock, so it comes last.
LOCKED: Final = (
    "SET TimeZone='UTC'",
    "SET python_enable_replacements=false",
    "SET enable_external_access=false",
    "SET lock_configuration=true",
)


_COLUMNS: Final = "SELECT table_schema, table_name, column_name FROM information_schema.columns"
_IN_ORDER: Final = " ORDER BY table_schema, table_name, ordinal_position"


def quoted(name: str) -> str:
    """A name as an SQL identifier, whatever stands in it.

    Examples
    --------
    >>> quoted('x"; DROP TABLE orders; --')
    '"x""; DROP TABLE orders; --"'
    """
    return '"' + name.replace('"', '""') + '"'


def read_duckdb(path: Path, config: SourceConfig, wanted: Sequence[str], optional: Collection[str] = ()) -> RawTable:
    """The wanted columns of a table or view of a DuckDB file, in the order of its rows.

    The file is opened read-only, and the connection can read no other file.

    Raises
    ------
    ConfigError
        If no table is declared.
    DataError
        If it is no DuckDB file or is locked by a writer, or the table, a column or all rows are missing.
    UsageError
        If there is no such file.
    """
    _refuse_sqlite(path)
    table = declared_table(config, path.name)
    with _duckdb(path) as connection:
        known = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = current_database()"
        ).fetchall()
        schema, name = find_table(table, known, "main", path.name)
        columns = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_catalog = current_database() "
            "AND table_schema = ? AND table_name = ? ORDER BY ordinal_position",
            [schema, name],
        ).fetchall()
        place = f"{path.name}:{name}"
        found = chosen([column for (column,) in columns], wanted, optional, place)
        try:
            rows = connection.sql(_select(found, schema, name)).to_arrow_table()
        except duckdb.Error as error:  # a view over a file: the connection may not read it
            raise DataError(f"cannot be read ({_first_line(error)})", "store it as a table", file=place) from None
    return raw_from_arrow(rows, found, place, arrow_hash(rows))


def duckdb_headers(path: Path) -> dict[str, list[str]]:
    """The tables and views of a DuckDB file, and the columns of each.

    Raises
    ------
    DataError, UsageError
        As :func:`read_duckdb`.
    """
    _refuse_sqlite(path)
    with _duckdb(path) as connection:
        return _headers(
            connection.execute(_COLUMNS + " WHERE table_catalog = current_database()" + _IN_ORDER).fetchall()
        )


def postgres_headers(path: str) -> dict[str, list[str]]:
    """The tables and views of a PostgreSQL server that are not its own, and the columns of each.

    Raises
    ------
    ConfigError, DataError
        As :func:`read_postgres`.
    """
    with _postgres(path) as connection:
        own = " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        return _headers(connection.execute((_COLUMNS + own + _IN_ORDER).encode()).fetchall())


def _headers(rows: Iterable[tuple[Any, ...]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for schema, table, column in rows:
        found.setdefault(table if schema in ("main", "public") else f"{schema}.{table}", []).append(column)
    return found


def _refuse_sqlite(path: Path) -> None:
    with open_input(path) as file:  # DuckDB would look for an extension
        if file.stream().read(len(SQLITE)) == SQLITE:
            raise DataError("is an SQLite file, not DuckDB's", "name it .sqlite", file=path.name)


@contextmanager
def _duckdb(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    try:
        connection = duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        locked = "lock" in str(error).lower()
        problem = "is open for writing elsewhere" if locked else f"is no readable DuckDB file ({_first_line(error)})"
        remedy = "close the other program, or read a copy" if locked else "copy or export it again"
        raise DataError(problem, remedy, file=path.name) from None
    stoppable = interrupted_by(connection.interrupt)
    try:
        with scratch_folder() as spill:  # DuckDB itself would spill beside the user's file
            connection.execute("SET temp_directory=?", [str(spill)])
            for setting in LOCKED:
                connection.execute(setting)
            yield connection
    finally:
        stoppable()
        connection.close()


def read_postgres(config: SourceConfig, wanted: Sequence[str], optional: Collection[str] = ()) -> RawTable:
    """The wanted columns of a table or view of a PostgreSQL server, in one read-only transaction.

    Rows come in batches from a cursor on the server; only their Arrow columns are kept.

    ``config.path`` is ``env://NAME`` (the environment variable NAME holds the server's address), ``${NAME}``, or an
    address with such variables in it.

    Raises
    ------
    ConfigError
        If the variable is not set, no table is declared, or the package psycopg is missing.
    DataError
        If the server refuses, or the table, a column or all rows are missing.
    """
    table = declared_table(config, config.path)
    with _postgres(config.path) as connection:
        known = connection.execute("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
        schema, name = find_table(table, known, "public", config.path)
        columns = connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s "
            "ORDER BY ordinal_position",
            [schema, name],
        ).fetchall()
        place = f"table {schema}.{name}"
        found = chosen([column for (column,) in columns], wanted, optional, place)
        with connection.cursor(name="cvo_read") as cursor:
            cursor.execute(_select(found, schema, name).encode())
            rows = as_arrow(found, iter(lambda: cursor.fetchmany(_ROWS_AT_ONCE), []))
    return raw_from_arrow(rows, found, place, arrow_hash(rows))


@contextmanager
def _postgres(path: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
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
            connection.execute("SET LOCAL TIME ZONE 'UTC'")
            yield connection
    except psycopg.OperationalError as error:
        problem = f"the database cannot be reached or ended the connection ({_said(error, address)})"
        raise DataError(problem, "check the address and try again", file=path) from None
    except psycopg.Error as error:
        remedy = "check the rights of the user, and the types"
        raise DataError(f"the database refuses ({_said(error, address)})", remedy, file=path) from None


def _address(path: str) -> Secret:
    """The server's address, which the configuration only points to."""
    if not path.startswith(ENVIRONMENT):
        return resolved(path, f"source {path}")
    variable = path.removeprefix(ENVIRONMENT)
    if not os.environ.get(variable):
        raise ConfigError(f"the environment variable {variable} is not set: set it to the address of the database")
    return Secret(os.environ[variable])


def as_arrow(names: Sequence[str], batches: Iterable[Sequence[tuple[Any, ...]]]) -> pa.Table:
    """Batches of rows as an Arrow table: each column as its Python values say, and as text where those are mixed."""
    pieces: list[list[pa.Array]] = [[] for _ in names]
    for rows in batches:
        for piece, values in zip(pieces, zip(*rows, strict=True), strict=True):
            piece.append(_column(values))
    return pa.table({name: _joined(piece) for name, piece in zip(names, pieces, strict=True)})


def _joined(pieces: Sequence[pa.Array]) -> pa.ChunkedArray:
    """The pieces of a column as one type that holds them all."""
    kinds = {piece.type for piece in pieces if not pa.types.is_null(piece.type)}
    kind = next(iter(kinds), pa.null()) if len(kinds) <= 1 else pa.large_string()
    if len(kinds) > 1 and all(map(pa.types.is_decimal, kinds)):
        scale = max(each.scale for each in kinds)
        digits = max(each.precision - each.scale for each in kinds) + scale
        kind = pa.decimal256(digits, scale) if digits <= _LONGEST_DECIMAL else kind
    return pa.chunked_array([piece.cast(kind) for piece in pieces], kind)


def _column(values: Sequence[Any]) -> pa.Array:
    if all(value is None or isinstance(value, _PLAIN) for value in values):
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # decimals that are NaN, dates beside times
            pass
    return pa.array([None if value is None else str(value) for value in values], pa.large_string())


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
    """Schema and name as they stand in the catalogue; the declared text goes into no query.

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


def chosen(header: list[str], wanted: Sequence[str], optional: Collection[str], where: str) -> list[str]:
    """The wanted columns that the table has.

    Raises
    ------
    DataError
        If one that is not optional is missing.
    """
    check_header(header, [name for name in wanted if name not in optional], where)
    return present(header, wanted)


def _select(columns: Sequence[str], schema: str, name: str) -> str:
    return f"SELECT {', '.join(map(quoted, columns))} FROM {quoted(schema)}.{quoted(name)}"  # noqa: S608 (quoted, from the catalogue)


def _said(error: Exception, address: Secret) -> str:
    """The driver's first line, without what it repeats of the address."""
    return address.hide(str(error).strip().split("\n")[0])[:160]


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:160]
