"""What a status calls refunded goes back: a refund row for each order, once, at a time when it was surely known.

A status says that an order was given back and not when. It counts from ``extracted_at``, else from the latest time of
the source: never earlier than it was, so that no earlier snapshot knows it. Where negative rows or a table of refunds
name the order, they say it, and nothing is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd

from cvo_ml.core.membership import is_among
from cvo_ml.core.units import midnight

_REASON = "status"


def refunded_orders(rows: pd.DataFrame, texts: Sequence[str]) -> pd.DataFrame:
    """Order id, customer and value of the orders whose rows hold one of the statuses; ``rows`` are the used ones."""
    if not texts or "status" not in rows:
        return pd.DataFrame({"order_id": [], "customer_id": [], "amount": []}).astype({"amount": "float64"})
    chosen = rows[rows["status"].isin(list(texts)) & (rows["net"] > 0)].groupby("order_id", sort=True)
    return chosen.agg(customer_id=("customer_id", "first"), amount=("net", "sum")).reset_index()


def refunds_by_status(
    refunded: pd.DataFrame, known: pd.DataFrame, named: pd.Series, moment: pd.Timestamp | None, as_of: date | None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The refund rows that the statuses add, and what is said of them.

    Parameters
    ----------
    refunded:
        As :func:`refunded_orders`.
    known:
        The refunds that are told otherwise.
    named:
        Order ids that any row of a further table of refunds names, used or not.
    moment:
        From when the refunds count; nothing is known of them at an ``as_of`` up to it.
    """
    told = is_among(refunded["order_id"], pd.concat([known["order_id"], named], ignore_index=True))
    unlinked = known[known["order_id"].isna()]
    pairs = set(zip(unlinked["customer_id"], unlinked["amount"].round(2), strict=True))
    alike = [pair in pairs for pair in zip(refunded["customer_id"], refunded["amount"].round(2), strict=True)]
    left = refunded[~told & ~pd.Series(alike, index=refunded.index, dtype="bool").to_numpy()]
    if left.empty or moment is None or (as_of is not None and moment >= midnight(as_of)):
        return left.iloc[:0], ()
    rows = pd.DataFrame(
        {
            "refund_id": left["order_id"] + f":{_REASON}",
            "refunded_at": pd.Series([moment] * len(left), index=left.index, dtype="datetime64[us]"),
            "amount": left["amount"],
            "order_id": left["order_id"],
            "customer_id": left["customer_id"],
            "reason": pd.Series(_REASON, index=left.index, dtype="str"),
        }
    )
    note = (
        f"refunds: {len(left):,} by the status of orders ({left['amount'].sum():,.2f}), which does not say when: they "
        f"count from {moment:%Y-%m-%d %H:%M} on"
    )
    return rows.reset_index(drop=True), (note,)
