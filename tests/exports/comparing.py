"""What was read of an export beside what is true of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

import pandas as pd

from cvo_ml.ingest import ReadResult
from tests.exports.shop import Order, Truth, cents

#: (order, customer, day, cents); the order's number is empty where an export has none.
Row = tuple[str, str, str, int]


def differences(result: ReadResult, truth: Truth) -> list[str]:
    """What is not as it should be, in words; nothing where all is right to the cent."""
    orders, refunds = result.tables.orders, result.tables.refunds
    if truth.void:
        orders, refunds = _without_void(orders, refunds, truth)
    wanted = [order for order in truth.orders if order.order_id not in truth.void]
    return [
        *_unlike("orders", _rows_of_truth(wanted, truth), _rows_read(orders, truth)),
        *_unlike("refunds", _refunds_of_truth(truth), _refunds_read(refunds)),
        *_unlike("subscriptions", _subscriptions_of_truth(truth), _subscriptions_read(result)),
    ]


def _unlike(what: str, wanted: Counter[tuple[object, ...]], read: Counter[tuple[object, ...]]) -> list[str]:
    missing, more = wanted - read, read - wanted
    if not missing and not more:
        return []
    first = f"first missing {sorted(missing, key=str)[:2]}, first not true {sorted(more, key=str)[:2]}"
    return [f"{what}: {missing.total()} of {wanted.total()} missing, {more.total()} that are not true: {first}"]


def _rows_of_truth(orders: Iterable[Order], truth: Truth) -> Counter[tuple[object, ...]]:
    return Counter(
        (order.order_id if truth.has_order_ids else "", order.customer, order.day.isoformat(), _cents(order.net))
        for order in orders
    )


def _rows_read(orders: pd.DataFrame, truth: Truth) -> Counter[tuple[object, ...]]:
    ids = orders["order_id"] if truth.has_order_ids else [""] * len(orders)
    days = orders["ordered_at"].dt.strftime("%Y-%m-%d")
    return Counter(
        (order, customer, day, _cents(net))
        for order, customer, day, net in zip(ids, orders["customer_id"], days, orders["net"], strict=True)
    )


def _refunds_of_truth(truth: Truth) -> Counter[tuple[object, ...]]:
    return Counter((customer, _cents(amount)) for customer, amount in truth.refunds)


def _refunds_read(refunds: pd.DataFrame) -> Counter[tuple[object, ...]]:
    return Counter((who, _cents(back)) for who, back in zip(refunds["customer_id"], refunds["amount"], strict=True))


def _subscriptions_of_truth(truth: Truth) -> Counter[tuple[object, ...]]:
    return Counter((number, customer, _cents(mrr)) for number, customer, mrr in truth.subscriptions)


def _subscriptions_read(result: ReadResult) -> Counter[tuple[object, ...]]:
    found = result.tables.get("subscriptions")
    return Counter(
        (number, customer, _cents(mrr))
        for number, customer, mrr in zip(found["subscription_id"], found["customer_id"], found["mrr"], strict=True)
    )


def _without_void(orders: pd.DataFrame, refunds: pd.DataFrame, truth: Truth) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both without the orders of which no more is known than that they were refunded, if they are given back whole."""
    is_void = orders["order_id"].isin(truth.void)
    back = refunds.groupby("order_id")["amount"].sum()
    whole = (orders["net"] - orders["order_id"].map(back).fillna(0)).abs() < 0.005
    return orders[~(is_void & whole)], refunds[~refunds["order_id"].isin(truth.void)]


def _cents(amount: Decimal | float) -> int:
    return int(cents(Decimal(repr(float(amount)))) * 100)
