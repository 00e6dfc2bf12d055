"""A database as grids: each table that may be of use, whole where it is small, else its beginning, middle and end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyarrow as pa

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.errors import DataError
from cvo_ml.core.result import Json
from cvo_ml.ingest.header_names import key_of
from cvo_ml.ingest.look.findings import Decision, counted
from cvo_ml.ingest.look.further_tables import can_be, main_of
from cvo_ml.ingest.look.grid import FoundColumn, Grid
from cvo_ml.ingest.look.vendor_exports import export_in
from cvo_ml.ingest.raw import plain
from cvo_ml.ingest.sources.database_kinds import open_database
from cvo_ml.ingest.sources.databases import Database, DatabaseTable, Rows
from cvo_ml.ingest.sources.postgres import ENVIRONMENT

#: Rows of a table that are looked at, and of all tables together; of each at least the fewest.
MOST: Final = 200_000
_ALL: Final = 2_000_000
_FEWEST: Final = 1_000
_LONGEST: Final = 1_000  # signs of a text
_NAMED: Final = 12
#: Names of columns that grow with each change of a row, among them those of Odoo, Salesforce and Magento.
_CHANGED: Final = frozenset(
    {"updatedat", "modifiedat", "changedat", "lastupdated", "lastmodified", "updated", "modified", "writedate",
     "systemmodstamp", "lastmodifieddate", "modifieddate", "updateddate", "lastupdatedat", "updateddatetime"}
)  # fmt: skip


@dataclass(frozen=True)
class _Unread:
    """A table that is not looked at, and why; its headers alone may say so."""

    name: str
    why: str
    by_headers: bool = False


def database_grids(path: str) -> list[Grid]:
    """The tables and views of a database that may hold a shop's; what is left out is said with the first of them.

    Raises
    ------
    DataError
        If it holds no table, or none may be read.
    ConfigError, UsageError
        As ``open_database``.
    """
    with open_database(path) as database:
        looking = _Looking(database, path)
        grids = looking.grids()
    if not grids:
        why = f" that can be read ({'; '.join(f'{one.name}: {one.why}' for one in looking.unread[:3])})"
        problem = f"holds no table{why if looking.unread else ''}"
        raise DataError(problem, "name a database that does", file=database.where)
    return [replace(grid, decisions=(*grid.decisions, *_said(looking.unread))) for grid in grids]


class _Looking:
    """One look at a database."""

    def __init__(self, database: Database, path: str) -> None:
        self._database = database
        self._path = f"${{{path.removeprefix(ENVIRONMENT)}}}" if path.startswith(ENVIRONMENT) else path
        self.unread: list[_Unread] = []

    def grids(self) -> list[Grid]:
        """The tables that may be of use; if none is, all."""
        tables = [table for table in self._database.tables() if not table.is_part]
        readable = [table for table in tables if self._may_be_read(table)]
        headers = {table: self._headers(table) for table in readable}
        useful = [table for table in readable if _is_of_use(headers[table])] or readable
        for table in readable:
            if table not in useful:
                named = ", ".join(headers[table].headers[:6])
                self._leave(table, f"its headers are none of a known table: {named}", by_headers=True)
        return [*self._looked_at(useful)]

    def _looked_at(self, tables: Sequence[DatabaseTable]) -> Iterator[Grid]:
        """The grids; that of the orders is looked at longest."""
        each = min(MOST, max(_FEWEST, _ALL // max(1, len(tables))))
        found = {table: grid for table in tables if (grid := self._grid(table, each)) is not None}
        grids = {table: grid for table, grid in found.items() if grid.rows} or found
        for table in found:
            if table not in grids:
                self._leave(table, "it holds no rows")
        main = main_of([*grids.values()]) if grids else None
        for table, grid in grids.items():
            more = self._grid(table, MOST) if grid is main and each < MOST and not grid.is_whole else None
            yield more or grid

    def _may_be_read(self, table: DatabaseTable) -> bool:
        if not table.columns:
            self._leave(table, "this user may not read it")
        return bool(table.columns)

    def _leave(self, table: DatabaseTable, why: str, *, by_headers: bool = False) -> None:
        self.unread.append(_Unread(self._database.name_of(table), why, by_headers))

    def _columns(self, table: DatabaseTable) -> list[str]:
        return [name for name, kind in table.columns.items() if self._database.is_plain(kind)]

    def _headers(self, table: DatabaseTable) -> Grid:
        """The table before anybody looked into it: each column as if it were filled."""
        filled = pa.chunked_array([["?"]])
        columns = {name: FoundColumn(name, filled) for name in self._columns(table)}
        return Grid(self._database.name_of(table), {"path": self._path}, columns, 1)

    def _grid(self, table: DatabaseTable, most: int) -> Grid | None:
        name = self._database.name_of(table)
        try:
            rows, is_whole = self._rows(table, most)
        except DataError as error:
            self._leave(table, error.problem)
            return None
        columns = {header: FoundColumn(header, rows.column(header)) for header in rows.column_names}
        source: dict[str, Json] = {"path": self._path, "table": name}
        decisions = [Decision("table", name, "columns have their types")]
        if not is_whole:
            what = "its beginning, middle and end" if table.extent else "its beginning"
            decisions.append(Decision("looked at", counted(rows.num_rows, "row"), f"of {name}: {what}"))
            decisions += self._watermarks(table, columns)
        return Grid(name, source, columns, rows.num_rows, is_whole, tuple(decisions))

    def _watermarks(self, table: DatabaseTable, columns: Mapping[str, FoundColumn]) -> list[Decision]:
        """What could spare each night the reading of a long table."""
        if not self._database.is_typed:
            return []
        changed = [name for name, column in columns.items() if column.is_time and key_of(name) in _CHANGED][:1]
        evidence = f"it may tell what is new, so that a night reads no more: kept_in: kept/{table.name} (docs/data.md)"
        return [Decision("a long table", f"watermark: {name}", evidence) for name in changed]

    def _rows(self, table: DatabaseTable, most: int) -> tuple[pa.Table, bool]:
        """The rows that are looked at, and whether these are all."""
        asked = Rows(table, self._columns(table), longest=_LONGEST)
        begin = self._read(replace(asked, most=most + 1))
        if begin.num_rows <= most:
            return begin, True
        if not table.extent:
            return begin.slice(0, most), False
        return self._from_places(asked, most), False

    def _from_places(self, asked: Rows, most: int) -> pa.Table:
        """Half of the rows from the beginning, a quarter from the middle and one from the end."""
        table = asked.table
        wide = 1 + table.extent * most // (2 * max(1, self._database.count(table)))  # places of half of the rows
        middle, half = table.extent // 2, max(1, wide // 2)
        late = max(middle + half, table.extent - half)
        parts = (
            (0, min(wide, middle), most // 2),
            (middle, middle + half, most // 4),
            (late, table.extent, most // 4),
        )
        return pa.concat_tables(
            self._read(replace(asked, places=(first, last), most=rows)) for first, last, rows in parts
        )

    def _read(self, rows: Rows) -> pa.Table:
        pieces = [*self._database.batches(rows)]
        filled = pa.concat_tables([piece for piece in pieces if piece.num_rows] or pieces[:1])
        place = self._database.place(rows.table)
        return pa.table({name: plain(filled.column(name), name, place) for name in filled.column_names})


def _is_of_use(grid: Grid) -> bool:
    """Whether the headers may be those of orders, or of another table of a shop."""
    of_orders = grid.headers_for("customer_id") and grid.headers_for("ordered_at")
    return bool(of_orders) or export_in(grid) is not None or any(can_be(grid, table) for table in CONTRACTS)


def _said(unread: Sequence[_Unread]) -> list[Decision]:
    """What is left out: one by one, but together where there are many of which the headers say so."""
    many = [one.name for one in unread if one.by_headers]
    if len(many) <= _NAMED:
        return [Decision(f"table {one.name}", "left unread", one.why) for one in unread]
    evidence = f"{', '.join(many[:_NAMED])} and {len(many) - _NAMED:,} more: their headers are none of a known table"
    said = [Decision(f"table {one.name}", "left unread", one.why) for one in unread if not one.by_headers]
    return [*said, Decision("left unread", counted(len(many), "table"), evidence)]


def name_of_server(path: str) -> str:
    """The name of the database in an address, or of the variable that holds it.

    Examples
    --------
    >>> name_of_server("env://SHOP"), name_of_server("${SHOP}"), name_of_server("postgresql://me:${P}@host/shop?a=b")
    ('SHOP', 'SHOP', 'shop')
    """
    return Path(path.partition("?")[0]).name.strip("${}")
