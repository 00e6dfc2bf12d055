"""Duplicates by key: exact ones are left out, conflicting ones set aside whole, unkeyed ones reported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Flags
from cvo_ml.core.membership import is_among
from cvo_ml.ingest.row_rules import ValidatedRows
from cvo_ml.ingest.row_status import RowStatus

CONFLICT: Final = "order id with conflicting rows"
SEVERAL_CUSTOMERS: Final = "order of several customers"
LOOK_ALIKE: Final = "{:,} rows look like another one and were kept: nothing in them is a key"
KEY_CONFLICT: Final = "key with conflicting rows"


def resolve_duplicates(validated: ValidatedRows) -> tuple[str, ...]:
    """Validate the rows that are still used; returns what is only reported.

    Below zero, one order id may stand several times: an order can be refunded in parts. Lines are
    validated by order too: one with lines of several customers is set aside whole.

    Raises
    ------
    DataError
        If conflicting rows are a fault of the file.
    """
    status, rows, spec = validated.status, validated.rows, validated.spec
    same = _among(status.alive, rows, lambda alive: alive.duplicated(keep="first"))
    notes: tuple[str, ...] = ()
    if spec.key:
        status.exclude(same, f"exact duplicate by {' and '.join(spec.key)}")
        _quarantine_conflicts(status, validated)
    elif count := int(same.sum()):
        where = "" if spec.table in ("orders", "order_lines") else f"{spec.table}: "
        notes = (where + LOOK_ALIKE.format(count),)
    if spec.table == "order_lines" and {"order_id", "customer_id"} <= set(spec.columns):
        several = _among(status.alive, rows, _of_several_customers)
        status.quarantine(several, spec.header("order_id"), SEVERAL_CUSTOMERS)
    return notes


def _quarantine_conflicts(status: RowStatus, validated: ValidatedRows) -> None:
    rows, spec = validated.rows, validated.spec
    positive = (rows["net"] >= 0).to_numpy() if "order_id" in spec.key and "net" in rows else True
    key = list(spec.key)
    conflicting = _among(status.alive & positive, rows, lambda alive: alive.duplicated(key, keep=False))
    reason = CONFLICT if "order_id" in spec.key else KEY_CONFLICT
    status.quarantine(_whole(status.alive, rows, key[0], conflicting), spec.header(key[0]), reason)


def _among(chosen: Flags, rows: pd.DataFrame, verdict_on: Callable[[pd.DataFrame], pd.Series]) -> Flags:
    verdict = np.zeros(len(rows), dtype=np.bool_)
    verdict[chosen] = verdict_on(rows[chosen]).to_numpy(dtype=np.bool_)
    return verdict


def _of_several_customers(rows: pd.DataFrame) -> pd.Series:
    pairs = rows[["order_id", "customer_id"]].drop_duplicates()
    repeated = pairs.loc[pairs["order_id"].duplicated(), "order_id"]
    return pd.Series(is_among(rows["order_id"], repeated), index=rows.index)


def _whole(alive: Flags, rows: pd.DataFrame, key: str, conflicting: Flags) -> Flags:
    """All used rows that share the first part of the key with a conflicting row: an order is set aside whole."""
    if not conflicting.any():
        return conflicting
    return alive & is_among(rows[key], rows.loc[conflicting, key])
