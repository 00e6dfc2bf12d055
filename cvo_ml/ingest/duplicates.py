"""Duplicates by key: exact ones are left out, conflicting ones set aside whole, unkeyed ones reported."""

# ruff: noqa: S608 (names in queries are quoted and come from contracts)

from __future__ import annotations

from typing import Final

import pandas as pd
import pyarrow as pa

from cvo_ml.core.membership import is_among
from cvo_ml.ingest import hashes
from cvo_ml.ingest.row_database import FILE, ROW
from cvo_ml.ingest.table_rows import TableRows

CONFLICT: Final = "order id with conflicting rows"
SEVERAL_CUSTOMERS: Final = "order of several customers"
SENT_AGAIN: Final = "sent again"
LOOK_ALIKE: Final = "{:,} rows look like another one and were kept: nothing in them is a key"
KEY_CONFLICT: Final = "key with conflicting rows"
_ORDER: Final = ("order_id", "customer_id", "net", "currency")
_COPY, _AGAIN, _CONFLICTING = "copy", "again", "conflicting"


def resolve_duplicates(found: TableRows, *, resent: bool = False) -> tuple[str, ...]:
    """Validate the rows that are still used; returns what is only reported.

    Below zero, one order id may stand several times: an order can be refunded in parts. Lines are
    validated by order too: one with lines of several customers is set aside whole.

    Parameters
    ----------
    resent:
        Rows are events, which trackers send again: of those of one order, customer and value the first counts.

    Raises
    ------
    DataError
        If conflicting rows are a fault of the file.
    """
    spec = found.spec
    notes: tuple[str, ...] = ()
    if spec.key:
        _by_key(found, resent)
    elif count := found.count - hashes.distinct(found.database, found.used, hashes.hash_of(found.columns), found.rows):
        where = "" if spec.table in ("orders", "order_lines") else f"{spec.table}: "
        notes = (where + LOOK_ALIKE.format(count),)
    if spec.table == "order_lines" and {"order_id", "customer_id"} <= set(spec.columns):
        _of_several_customers(found)
    return notes


def _by_key(found: TableRows, resent: bool) -> None:
    """Look at the rows of repeated keys only; where one of an order conflicts, at the whole order."""
    spec, key = found.spec, hashes.hash_of(found.spec.key)
    suspects = hashes.repeated(found.database, found.used, spec.key, found.rows)
    if not len(suspects):
        return
    found.database.hold("suspects", pa.table({"h": suspects}))
    first = hashes.hash_of(_set_aside_by(spec.key))
    whole = f"SELECT {first} FROM {found.used} WHERE {key} IN (SELECT h FROM suspects)"
    query = f"SELECT * FROM {found.used} WHERE {first} IN ({whole})"
    judged = [_judged(rows, found, resent) for rows in found.buckets(query, spec.key[0])]
    places = pd.concat(judged, ignore_index=True)
    _drop(found, places[places["verdict"] == _COPY], "", f"exact duplicate by {' and '.join(spec.key)}", excluded=True)
    _drop(found, places[places["verdict"] == _AGAIN], "", SENT_AGAIN, excluded=True)
    reason = CONFLICT if "order_id" in spec.key else KEY_CONFLICT
    _drop(found, places[places["verdict"] == _CONFLICTING], spec.header(spec.key[0]), reason)


def _set_aside_by(key: tuple[str, ...]) -> tuple[str, ...]:
    """What rows share that are set aside together: an order goes whole, else those of one key do."""
    return key[:1] if key[0] == "order_id" else key


def _judged(rows: pd.DataFrame, found: TableRows, resent: bool) -> pd.DataFrame:
    """The places of rows that share a key, or its first part, and what is wrong with each."""
    key, together = list(found.spec.key), list(_set_aside_by(found.spec.key))
    rows = rows.sort_values([FILE, ROW], ignore_index=True)
    verdict = pd.Series("", index=rows.index)
    verdict[rows.duplicated(found.columns, keep="first")] = _COPY
    left = rows[verdict == ""]
    if "order_id" in key and "net" in left:
        left = left[left["net"] >= 0]
    if resent:
        verdict[_sent_again(left, found)] = _AGAIN
        left = left[verdict[left.index] == ""]
    conflicting = left[left.duplicated(key, keep=False)]
    if together == ["order_id"]:  # all lines of an order of which one conflicts
        alike = is_among(rows["order_id"], conflicting["order_id"])
    else:
        alike = pd.MultiIndex.from_frame(rows[key]).isin(pd.MultiIndex.from_frame(conflicting[key]))
    verdict[(verdict == "") & alike] = _CONFLICTING
    return rows[[FILE, ROW]].assign(verdict=verdict)


def _sent_again(rows: pd.DataFrame, found: TableRows) -> pd.Index:
    """The rows that repeat an earlier one: one order of one customer, of one value, at another time.

    What else an event carries is of the moment at which it was sent, such as where a page was loaded again.
    """
    same = [name for name in _ORDER if name in found.columns]
    by_time = rows.sort_values([found.spec.event_time or ROW, FILE, ROW])
    return by_time.index[by_time.duplicated(same, keep="first")]


def _drop(found: TableRows, places: pd.DataFrame, column: str, reason: str, *, excluded: bool = False) -> None:
    found.drop(places[FILE].to_numpy(), places[ROW].to_numpy(), column, reason, excluded=excluded)


def _of_several_customers(found: TableRows) -> None:
    database, used = found.database, found.used
    suspects = hashes.shared(database, used, "order_id", "customer_id", found.rows)
    if not len(suspects):
        return
    database.hold("suspects", pa.table({"h": suspects}))
    several = (
        f"SELECT order_id FROM {used} WHERE {hashes.hash_of(['order_id'])} IN (SELECT h FROM suspects) "
        "GROUP BY order_id HAVING min(customer_id) <> max(customer_id)"
    )
    query = f"SELECT {FILE}, {ROW} FROM {used} SEMI JOIN ({several}) USING (order_id)"
    found.drop_found(query, found.spec.header("order_id"), SEVERAL_CUSTOMERS)
