"""The rows that features of the user's own are made of: only what was known at the date, by construction.

A column that holds today's value of something that changes, such as a status, is not handed out at all: nobody could
say what it held on an earlier date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import pandas as pd

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import midnight
from cvo_ml.core.visibility import KNOWN_AT, is_known
from cvo_ml.features.leads import SUFFIX
from cvo_ml.features.leads import times as as_times
from cvo_ml.features.truncated_tables import known_rows

CUSTOMERS: Final = "customers"
#: Columns that tell of the last state of a row, by table.
LAST_STATE: Final[Mapping[str, tuple[str, ...]]] = {
    "orders": ("status",),
    "subscriptions": ("status", "cancel_reason", "current_period_end"),
    "deals": ("stage",),
    "feature_requests": ("status",),
    "initiatives": ("status",),
}
#: Columns of customers that need no time of their own.
IDENTITY: Final = ("customer_id", "created_at")


class KnownRows:
    """A shop's tables as they were known on any date, in an order that does not depend on the files'.

    Parameters
    ----------
    tables:
        The shop's.
    declared:
        Columns of ``customers`` that were filled in early, as the data's owner says.
    """

    def __init__(self, tables: Tables, declared: Sequence[str] = ()) -> None:
        self._tables, self._declared = tables, frozenset(declared)
        self._sorted: dict[str, pd.DataFrame] = {}

    def at(self, name: str, day: date, among: frozenset[str] | None = None) -> pd.DataFrame:
        """The rows of a table known at ``day``, numbered from 0; none where the shop has no such table.

        Parameters
        ----------
        among:
            Of these customers alone, where the rows are of customers; None = of all.
        """
        rows = self.customers(day) if name == CUSTOMERS else self._rows(name, day)
        if among is not None and "customer_id" in rows:
            rows = rows[rows["customer_id"].isin(among)]
        elif among is not None and name == "order_lines":
            rows = rows[rows["order_id"].isin(self.at("orders", day, among)["order_id"])]
        return rows.reset_index(drop=True)

    def customers(self, day: date) -> pd.DataFrame:
        """The customers known at ``day``, with the columns of which somebody says when they became known."""
        rows = known_rows(CUSTOMERS, self._table(CUSTOMERS), day)
        kept = {}
        for name in self._readable(rows):
            values = rows[name]
            if name + SUFFIX in rows:
                written = as_times(rows[name + SUFFIX])
                in_time = is_known(written.to_frame(KNOWN_AT), midnight(day)) & written.notna()
                values = values.where(in_time)
            kept[name] = values
        return pd.DataFrame(kept, index=rows.index)

    def withheld(self, name: str) -> tuple[str, ...]:
        """The columns of a table that no function is given."""
        rows = self._tables.get(name)
        if name == CUSTOMERS:
            return tuple(str(column) for column in rows if column not in self._readable(rows))
        return tuple(column for column in LAST_STATE.get(name, ()) if column in rows)

    def _rows(self, name: str, day: date) -> pd.DataFrame:
        rows = known_rows(name, self._table(name), day)
        if name == "order_lines":
            rows = rows[rows["order_id"].isin(self._rows("orders", day)["order_id"])]
        hidden = {}
        for column in CONTRACTS[name].columns:
            times = [time for time in column.waits_for if time in rows]
            if times and column.name in rows:
                hidden[column.name] = rows[column.name].where(rows[times].notna().any(axis=1))
        return rows.assign(**hidden).drop(columns=list(LAST_STATE.get(name, ())), errors="ignore")

    def _readable(self, rows: pd.DataFrame) -> list[str]:
        """The columns of customers whose time is known, or declared."""
        times = {str(name) for name in rows if str(name).endswith(SUFFIX) and str(name).removesuffix(SUFFIX) in rows}
        every = [str(name) for name in rows if name not in (*times, KNOWN_AT)]
        if dated_rows(rows):
            return every
        return [name for name in every if name in (*IDENTITY, *self._declared) or name + SUFFIX in rows]

    def _table(self, name: str) -> pd.DataFrame:
        """The whole table by time, then by its ids, so that the order of the file's rows is nobody's business."""
        if name not in self._sorted:
            rows, contract = self._tables.get(name), CONTRACTS[name]
            ids = [column.name for column in contract.columns if column.kind in ("time", "id")]
            keys = [key for key in dict.fromkeys((contract.event_time, *contract.key, *ids)) if key and key in rows]
            self._sorted[name] = rows.sort_values(keys, kind="stable") if keys else rows
        return self._sorted[name]


def dated_rows(customers: pd.DataFrame) -> bool:
    """Whether every row says when it became known, so that all its values were known then."""
    return KNOWN_AT in customers and len(customers) > 0 and bool(customers[KNOWN_AT].notna().all())


def is_dated(customers: pd.DataFrame, column: str) -> bool:
    """Whether it is on record when each value of a column became known."""
    return dated_rows(customers) or column + SUFFIX in customers
