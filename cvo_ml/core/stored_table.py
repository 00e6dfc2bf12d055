"""A table that is no frame yet: Arrow in memory, or a query over Parquet files of a scratch folder."""

# ruff: noqa: S608 (names are quoted, and paths are of this package's own folders)

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cvo_ml.core.contract import TableContract, pandas_dtype
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.stopping import interrupted_by

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

#: What DuckDB may hold while it answers from files, before it spills.
MEMORY: Final = "600MB"


class StoredTable(ABC):
    """A shop's table before somebody asks for it as a frame; its rows kept the table's contract when it was made."""

    name: str

    @property
    @abstractmethod
    def rows(self) -> int:
        """How many there are."""

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Their names, in order."""

    @abstractmethod
    def arrow(self) -> pa.Table:
        """The rows in memory, in the table's order."""

    @abstractmethod
    def span(self, column: str) -> tuple[pd.Timestamp, pd.Timestamp] | None:
        """The first and the last moment of a column; None where no row has one."""

    @abstractmethod
    def write(self, path: Path) -> None:
        """Write the rows into a Parquet file."""

    @abstractmethod
    def relation(self) -> DuckDBPyRelation:
        """The rows for SQL, in a database of its own."""

    def frame(self) -> pd.DataFrame:
        """The rows as a frame that keeps the table's contract.

        Raises
        ------
        ContractError
            If they break it.
        """
        return CONTRACTS[self.name].validate(_framed(self.arrow(), CONTRACTS[self.name]))


class ArrowTable(StoredTable):
    """Rows in memory.

    Parameters
    ----------
    rows:
        In any order.
    order:
        The columns by which they are sorted when somebody asks for their order.
    ties:
        Columns of ``rows`` that are none of the table, and decide where ``order`` does not.
    """

    def __init__(self, name: str, rows: pa.Table, order: Sequence[str] = (), ties: Sequence[str] = ()) -> None:
        self.name, self._rows, self._ties = name, rows, list(ties)
        self._order = list(dict.fromkeys([*order, *ties]))
        self.unsorted = rows.drop_columns(self._ties) if ties else rows

    @property
    def rows(self) -> int:
        """How many there are."""
        return int(self.unsorted.num_rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(self.unsorted.column_names)

    def arrow(self) -> pa.Table:
        """The rows, sorted."""
        if self._order:
            places = pc.sort_indices(self._rows, sort_keys=[(column, "ascending") for column in self._order])
            self.unsorted = self._rows = self.unsorted.take(places)
            self._order, self._ties = [], []
        return self.unsorted

    def relation(self) -> DuckDBPyRelation:
        """The rows for SQL, sorted."""
        import duckdb

        return duckdb.connect(config={"enable_external_access": "false"}).from_arrow(self.arrow())

    def span(self, column: str) -> tuple[pd.Timestamp, pd.Timestamp] | None:
        """The first and the last moment of a column."""
        found = pc.min_max(self.unsorted[column])
        return _span(found["min"].as_py(), found["max"].as_py())

    def write(self, path: Path) -> None:
        """Write the rows into a Parquet file, sorted."""
        pq.write_table(self.arrow(), path)


@dataclass(frozen=True)
class FileTable(StoredTable):
    """Rows in Parquet files, in any order.

    Parameters
    ----------
    query:
        The SQL that reads them; it opens files of ``folder`` alone.
    order:
        The columns by which the rows are sorted when they come into memory.
    owner:
        What keeps the folder: it goes when nobody holds the table any more.
    """

    name: str
    query: str
    folder: Path
    rows_: int
    columns_: tuple[str, ...]
    order: tuple[str, ...]
    owner: object

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.rows_

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names, in order."""
        return self.columns_

    def arrow(self) -> pa.Table:
        """The rows in memory, sorted."""
        with self._opened() as connection:
            table = connection.sql(self.query).to_arrow_table()
        keys = [(column, "ascending") for column in self.order if column in table.column_names]
        # Arrow sorts texts many times faster than pandas does
        return table.take(pc.sort_indices(table, sort_keys=keys)) if keys else table

    def relation(self) -> DuckDBPyRelation:
        """The rows for SQL, in any order; the files stay as long as it lives."""
        import duckdb

        connection = duckdb.connect()
        for setting in reading_of(self.folder):
            connection.execute(f"SET {setting}")
        relation = connection.sql(self.query)
        weakref.finalize(relation, id, self.owner)  # holds the owner until then
        return relation

    def span(self, column: str) -> tuple[pd.Timestamp, pd.Timestamp] | None:
        """The first and the last moment of a column."""
        with self._opened() as connection:
            (found,) = connection.execute(f'SELECT min("{column}"), max("{column}") FROM ({self.query})').fetchall()
        return _span(*found)

    def write(self, path: Path) -> None:
        """Write the rows into a Parquet file."""
        with self._opened(path.parent) as connection:
            connection.execute(f"COPY ({self.query}) TO '{_inside(path)}' (FORMAT parquet)")

    @contextmanager
    def _opened(self, *further: Path) -> Iterator[DuckDBPyConnection]:
        import duckdb

        with duckdb.connect() as connection:
            stoppable = interrupted_by(connection.interrupt)
            for setting in reading_of(self.folder, *further):
                connection.execute(f"SET {setting}")
            yield connection
            stoppable()


def reading_of(folder: Path, *further: Path) -> tuple[str, ...]:
    """The settings of a DuckDB that reads files of a folder and spills beside them, and can do nothing else."""
    folders = ", ".join(f"'{_inside(each)}'" for each in (folder, *further))
    return (
        f"memory_limit='{MEMORY}'", f"temp_directory='{_inside(folder)}/spill'", f"allowed_directories=[{folders}]",
        "threads=2", "TimeZone='UTC'", "python_enable_replacements=false", "enable_external_access=false",
        "lock_configuration=true",
    )  # fmt: skip


def _inside(path: Path) -> str:
    return str(path).replace("'", "''")


def _span(first: datetime | None, last: datetime | None) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    return None if first is None or last is None else (pd.Timestamp(first), pd.Timestamp(last))


def _framed(table: pa.Table, contract: TableContract) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas(split_blocks=True)
    kinds = {column.name: column.kind for column in contract.columns}
    for name in frame:
        kind = kinds.get(str(name), "text")
        dtype: Any = "boolean" if kind == "flag" and frame[name].isna().any() else pandas_dtype(kind)
        if frame[name].dtype != dtype:
            frame[name] = frame[name].astype(dtype)
    return frame


class StoredFrames(Mapping[str, pd.DataFrame]):
    """Stored tables as frames, each made when it is asked for, and once."""

    def __init__(self, tables: Sequence[StoredTable]) -> None:
        self.tables = {table.name: table for table in tables}
        self._frames: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._frames:
            self._frames[name] = self.tables[name].frame()
        return self._frames[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)

    def __contains__(self, name: object) -> bool:
        return name in self.tables

    def __reduce__(self) -> Any:
        return dict, (dict(self),)  # another process has not the folder
