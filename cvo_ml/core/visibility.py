"""What can be seen of a table on a date: one rule, in pandas; the feature engine says the same to its database.

A row is seen at ``as_of`` if it happened before ``as_of`` and was known by then: event time < ``as_of`` and
``known_at`` ≤ ``as_of``. Without a ``known_at`` a row is known when it happens. A table about no moment, such as
customers, has its ``known_at`` alone, if that.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import pandas as pd

from cvo_ml.core.contract import TableContract
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import midnight

KNOWN_AT: Final = "known_at"


def visible(rows: pd.DataFrame, as_of: date, event_time: str | None) -> pd.DataFrame:
    """The rows that can be seen at ``as_of``, in their order.

    Parameters
    ----------
    rows:
        Any frame; ``known_at`` may be absent, or null for a row that was known when it happened.
    event_time:
        The column that says when a row happened; None where the table is about no moment.

    Examples
    --------
    >>> orders = pd.DataFrame({"ordered_at": pd.to_datetime(["2024-01-01", "2024-01-01", "2024-03-01"]),
    ...                        "known_at": pd.to_datetime([None, "2024-02-02", None])})
    >>> visible(orders, date(2024, 2, 1), "ordered_at").index.tolist()
    [0]
    """
    return rows[is_visible(rows, as_of, event_time)]


def is_visible(rows: pd.DataFrame, as_of: date, event_time: str | None) -> pd.Series:
    """Whether each row can be seen at ``as_of``; see ``visible``."""
    known = is_known(rows, midnight(as_of))
    if event_time is None:
        return known
    if event_time not in rows:  # nobody said when, such as of deals that are all open
        return pd.Series(False, index=rows.index)
    return happened(rows[event_time], as_of) & known


def happened(times: pd.Series, as_of: date) -> pd.Series:
    """Whether each moment lies before ``as_of``; one that is not told does not.

    For a fact that a row learns later, such as an end: the row is seen, the fact is not.
    """
    return times < midnight(as_of)


def is_known(rows: pd.DataFrame, limit: pd.Timestamp | pd.Series) -> pd.Series:
    """Whether each row was known by ``limit``, one moment or one for each row, whenever it happened.

    Examples
    --------
    >>> leads = pd.DataFrame({"known_at": pd.to_datetime(["2024-01-01", "2024-01-05", None])})
    >>> is_known(leads, pd.Timestamp("2024-01-03")).tolist()
    [True, False, True]
    """
    if KNOWN_AT not in rows:
        return pd.Series(True, index=rows.index)
    return rows[KNOWN_AT].isna() | (rows[KNOWN_AT] <= limit)


def visible_table(tables: Tables, name: str, as_of: date) -> pd.DataFrame:
    """The rows of a shop's table that can be seen at ``as_of``; an empty frame where the shop has no such table."""
    contract = CONTRACTS[name]
    return visible(when_over(tables.get(name), contract), as_of, contract.event_time)


def when_over(rows: pd.DataFrame, contract: TableContract) -> pd.DataFrame:
    """``rows`` with ``known_at``, where they speak of months: the total of a month is known when it is over.

    Examples
    --------
    >>> when_over(pd.DataFrame({"month": pd.to_datetime(["2024-01-01"]), "net": [5.0]}), CONTRACTS["months"])
           month  net   known_at
    0 2024-01-01  5.0 2024-02-01
    """
    if not contract.months:
        return rows
    over = rows[str(contract.event_time)] + pd.DateOffset(months=contract.months)
    return rows.assign(**{KNOWN_AT: rows[KNOWN_AT].fillna(over) if KNOWN_AT in rows else over})


def as_known_on(tables: Tables, day: date) -> Tables:
    """The tables as they stood on ``day``, late rows in their place.

    Later news about the past, a late file or a cancellation, then shows in a snapshot of the past: what changed there
    is a correction and no behaviour.
    """
    frames = {}
    for name, frame in tables.frames.items():
        if KNOWN_AT in frame:
            frame = frame[is_known(frame, midnight(day))].drop(columns=KNOWN_AT).reset_index(drop=True)
        frames[name] = frame
    return Tables(frames, tables.currency, tables.timezone, tables.complete_until)
