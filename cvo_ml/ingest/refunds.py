"""What refunds give back: those that stand as negative rows among the orders, and those that hold tax and shipping."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.core.currencies import decimals
from cvo_ml.core.membership import is_among

_PLACES: Final = 6  # prices are compared to a millionth: some are quotients of two floats


@dataclass
class _Line:
    """An order line, and how much of its quantity was not given back yet."""

    moment: int
    left: float
    order_id: str


def amount_before_tax(columns: Collection[str], net: str, currency: str) -> str:
    """The SQL of what a row ``own`` of refunds gives back of its order, whose value is ``net``.

    A refund that is a part of a total (``part_of``) gives back as much of the order's value as of that total, at most
    all of it; others are what they are.

    Parameters
    ----------
    columns:
        Of the rows.
    currency:
        Amounts are rounded to its decimals.
    """
    if "part_of" not in columns:
        return "own.amount"
    share = f"round({net} * least(own.amount / own.part_of, 1), {decimals(currency)})"
    return f"CASE WHEN own.part_of > 0 AND {net} IS NOT NULL THEN {share} ELSE own.amount END"


def refund_rows(negative: pd.DataFrame, lines: pd.DataFrame, reason: str) -> pd.DataFrame:
    """The refunds table of negative rows.

    A row that carries the id of an order of the same customer refunds that order; else it is matched by
    :func:`match_lines`; else it is kept by customer, with a null order id.

    Parameters
    ----------
    negative:
        Rows with ``net`` < 0, in time order.
    lines:
        Rows with ``net`` >= 0, in time order.

    Returns
    -------
    One row per negative row: refund_id, refunded_at, amount (> 0, in the currency), order_id, customer_id,
    reason, and known_at where the source has it. ``refund_id`` is the source's id and a running number.
    """
    own = _own_order(negative, lines)
    open_rows = negative[own.isna()]
    matched = own.fillna(match_lines(open_rows, lines).reindex(own.index)) if len(open_rows) else own
    number = negative.groupby("order_id").cumcount() + 1
    refunds = pd.DataFrame(
        {
            "refund_id": negative["order_id"] + ":" + number.astype("str"),
            "refunded_at": negative["ordered_at"],
            "amount": -negative["net"],
            "order_id": matched.astype("str"),
            "customer_id": negative["customer_id"],
            "reason": pd.Series(reason, index=negative.index, dtype="str"),
        }
    )
    if "known_at" in negative:
        refunds["known_at"] = negative["known_at"]
    return refunds.reset_index(drop=True)


def _own_order(negative: pd.DataFrame, lines: pd.DataFrame) -> pd.Series:
    """The row's own order id, where it is an order of the same customer placed by then."""
    orders = lines[is_among(lines["order_id"], negative["order_id"])].groupby("order_id")
    order = (
        orders.agg({"ordered_at": "min", "customer_id": "first"})
        .reindex(negative["order_id"])
        .set_index(negative.index)
    )
    owned = (order["customer_id"] == negative["customer_id"]) & (order["ordered_at"] <= negative["ordered_at"])
    return negative["order_id"].where(owned)


def match_lines(negative: pd.DataFrame, lines: pd.DataFrame) -> pd.Series:
    """The order of each negative row's latest line not after it, of the same customer, product and price.

    Each line can be given back up to its quantity. Rows are matched in time order and look back only, so
    later rows change no earlier match.

    Returns
    -------
    (n,) order ids, null where none fits, or where the source has no products and quantities.
    """
    if not {"product_id", "quantity"} <= set(negative.columns):
        return pd.Series(np.nan, index=negative.index, dtype="str")
    same_product = _with_product_key(negative, lines)
    is_negative = same_product["net"] < 0
    wanted = same_product[is_negative]
    stock = _stock(same_product[~is_negative & same_product["key"].isin(wanted["key"])])
    columns = (wanted["key"], wanted["moment"], wanted["quantity"])
    found = [_take(stock[key], moment, -quantity) for key, moment, quantity in _tuples(*columns)]
    return pd.Series(found, index=negative.index, dtype="str")


def _with_product_key(negative: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Both kinds of rows with ``key``, a number for each customer, product and price, and ``moment`` in µs."""
    near = is_among(lines["customer_id"], negative["customer_id"])
    rows = pd.concat([negative, lines[near]])
    price = rows["unit_price"] if "unit_price" in rows else rows["net"] / rows["quantity"]
    names = rows[["customer_id", "product_id"]].assign(price=price.abs().round(_PLACES))
    quantity = rows["quantity"].abs().where(rows["net"] >= 0, -rows["quantity"].abs())
    key = names.groupby(list(names), sort=False).ngroup()
    return rows[["order_id", "net"]].assign(key=key, moment=rows["ordered_at"].astype("int64"), quantity=quantity)


def _stock(lines: pd.DataFrame) -> dict[int, list[_Line]]:
    stock: dict[int, list[_Line]] = defaultdict(list)
    columns = (lines["key"], lines["moment"], lines["quantity"], lines["order_id"])
    for key, moment, quantity, order_id in _tuples(*columns):
        stock[key].append(_Line(moment, quantity, order_id))
    return stock


def _take(lines: list[_Line], moment: int, quantity: float) -> str | float:
    for line in reversed(lines):
        if line.moment <= moment and line.left >= quantity:
            line.left -= quantity
            return line.order_id
    return np.nan


def _tuples(*columns: pd.Series) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.tolist() for column in columns), strict=True)
