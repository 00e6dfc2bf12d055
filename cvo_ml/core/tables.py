"""A shop's tables as one object that cannot hold a frame that breaks its contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.errors import ContractError, UsageError, nearest_name
from cvo_ml.core.stored_table import StoredFrames, StoredTable
from cvo_ml.core.wall_times import UTC_ZONE

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation


@dataclass(frozen=True, repr=False)
class Tables:
    """A shop's tables, each checked against its contract: a frame at once, a stored table as it becomes one.

    Parameters
    ----------
    frames:
        Table name to frame; ``orders`` is required. Profile columns beyond a contract are kept.
    currency:
        The one currency of all money.
    timezone:
        The shop's zone: all times are wall times there, without a zone.
    complete_until:
        The wall time up to which nothing is missing, where somebody said when the source was written; None = the last
        row shows how far it reaches.

    Raises
    ------
    ContractError
        If ``orders`` is missing, a name is unknown or a frame breaks its contract.
    """

    frames: Mapping[str, pd.DataFrame]
    currency: str
    timezone: str = UTC_ZONE
    complete_until: pd.Timestamp | None = None

    def __post_init__(self) -> None:
        stored = self.frames if isinstance(self.frames, StoredFrames) else None
        if "orders" not in self.frames:
            raise ContractError("no table 'orders'", "give at least the orders", file="tables")
        for name in self.frames:
            if name not in CONTRACTS:
                raise ContractError(
                    f"table {name!r} is unknown{nearest_name(name, list(CONTRACTS))}",
                    f"use one of {', '.join(sorted(CONTRACTS))}",
                    file="tables",
                )
            if stored is None:
                CONTRACTS[name].validate(self.frames[name])

    def __repr__(self) -> str:
        return f"Tables in {self.currency or 'no currency'}{self._sizes()}"

    @property
    def orders(self) -> pd.DataFrame:
        """The orders, one row each."""
        return self.frames["orders"]

    @property
    def refunds(self) -> pd.DataFrame:
        """The refunds; an empty frame where there is no such table."""
        return self.get("refunds")

    def get(self, name: str) -> pd.DataFrame:
        """The table ``name``, or an empty frame with its columns."""
        return self.frames[name] if name in self.frames else CONTRACTS[name].empty()

    def frame(self, name: str) -> pd.DataFrame:
        """The table ``name``.

        Raises
        ------
        UsageError
            If the shop has no such table; names those that it has.
        """
        if name not in self.frames:
            known = ", ".join(self.frames)
            raise UsageError(f"no table {name!r}{nearest_name(name, list(self.frames))}: the shop has {known}")
        return self.frames[name]

    def relation(self, name: str) -> DuckDBPyRelation:
        """The table ``name`` for SQL, in a database of its own: nothing is computed before it is asked for.

        Raises
        ------
        UsageError
            If the shop has no such table.
        """
        import duckdb
        import pyarrow as pa

        connection = duckdb.connect(config={"enable_external_access": "false"})
        if (stored := self.stored(name)) is not None:
            return stored.relation()
        return connection.from_arrow(pa.Table.from_pandas(self.frame(name), preserve_index=False))

    def stored(self, name: str) -> StoredTable | None:
        """The table ``name`` as it was read, before it is a frame; None where it was given as one."""
        return self.frames.tables[name] if isinstance(self.frames, StoredFrames) and name in self.frames else None

    def rows(self, name: str) -> int:
        """How many rows the table ``name`` has; nothing is loaded for it."""
        stored = self.stored(name)
        return len(self.get(name)) if stored is None else stored.rows

    def span(self, name: str) -> tuple[pd.Timestamp, pd.Timestamp] | None:
        """The first and the last moment of the table ``name``; None where its rows are about none."""
        stored, time = self.stored(name), CONTRACTS[name].event_time
        if time is None or not self.rows(name):
            return None
        if stored is not None:
            return stored.span(time) if time in stored.columns else None
        times = self.frames[name][time]
        return (times.min(), times.max()) if times.notna().any() else None

    def __contains__(self, name: str) -> bool:
        return name in self.frames

    def __iter__(self) -> Iterator[str]:
        return iter(self.frames)

    def _sizes(self) -> str:
        """Each table with its rows and the days that they span."""
        lines = []
        for name in self.frames:
            span = self.span(name)
            days = "" if span is None else f", {span[0].date()} to {span[1].date()}"
            lines.append(f"\n  {name}: {self.rows(name):,} rows{days}")
        return "".join(lines)
