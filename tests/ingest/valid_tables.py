"""A small shop with a row or more in every table of the product: all columns, nothing that breaks a contract.

Every table is drawn by its contract, kind by kind; what a row must agree about with other rows stands in ``_AGREEING``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.contract import Column
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.contracts.pricing import FOUR_PRICES

Rows = dict[str, list[object]]
START: Final = pd.Timestamp("2023-01-02 10:00")
CUSTOMERS, ORDERS, LEADS, ACCOUNTS, FEATURES = 30, 80, 25, 8, 6
SIZES: Final = {
    "orders": ORDERS, "customers": CUSTOMERS, "leads": LEADS, "deals": LEADS, "accounts": ACCOUNTS, "months": 24,
    "product_features": FEATURES, "fx": 12, "annotations": 5, "referrals": 10, "choices": 60, "prices": 9,
    "initiatives": 6, "okrs": 8, "assignments": CUSTOMERS,
}  # fmt: skip
WORDS: Final = ("alpha", "beta", "gamma", "delta")


def valid_tables(seed: int = 0) -> dict[str, pd.DataFrame]:
    """Table to rows that keep all contracts and cross-checks."""
    rng = np.random.default_rng(seed)
    made: dict[str, pd.DataFrame] = {}
    for name in ("orders", *(name for name in CONTRACTS if name != "orders")):
        made[name] = _table(name, SIZES.get(name, 40), rng, made)
    return made


def _table(name: str, size: int, rng: np.random.Generator, made: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    rows: Rows = {column.name: _values(name, column, size, rng) for column in CONTRACTS[name].columns}
    if name in _AGREEING:
        _AGREEING[name](rows, size, rng, made)
    for span in CONTRACTS[name].spans:
        rows[span.ends] = [at + pd.Timedelta(hours=int(rng.integers(1, 99))) for at in rows[span.begins]]
    if (event_time := CONTRACTS[name].event_time) is not None and name != "months":
        rows["known_at"] = [at + pd.Timedelta(hours=1) for at in rows[event_time]]
    return pd.DataFrame(rows)


def _values(table: str, column: Column, size: int, rng: np.random.Generator) -> list[object]:
    if column.kind == "id":
        prefix, many = _IDS.get(column.name, (f"{column.name}-", size))
        own = CONTRACTS[table].key or CONTRACTS[table].key_where_told
        places = range(size) if own and own[0] == column.name else rng.integers(0, many, size)
        return [f"{prefix}{place:03}" for place in places]
    if column.kind == "time":
        return _times(size)
    if column.kind == "flag":
        return [bool(value) for value in rng.integers(0, 2, size)]
    if column.kind == "text":
        return ["EUR" if column.name == "currency" else WORDS[place] for place in rng.integers(0, len(WORDS), size)]
    low = 1.0 if column.within is None else column.within.low + 1e-2
    high = 200.0 if column.within is None else min(column.within.high, 200.0)
    return [round(float(value), 2) for value in rng.uniform(low, high, size)]


def _times(size: int) -> list[pd.Timestamp]:
    return [START + pd.Timedelta(days=3 * place, minutes=17 * place) for place in range(size)]


_IDS: Final = {
    "customer_id": ("C", CUSTOMERS), "order_id": ("O", ORDERS), "lead_id": ("L", LEADS), "deal_id": ("D", LEADS),
    "account_id": ("A", ACCOUNTS), "feature_id": ("F", FEATURES), "product_id": ("P", 9), "unit_id": ("C", CUSTOMERS),
    "subscription_id": ("S", 40), "seller_id": ("M", 3),
}  # fmt: skip


def _orders(rows: Rows, size: int, rng: np.random.Generator, made: Mapping[str, pd.DataFrame]) -> None:
    rows["status"], rows["is_test"] = ["paid"] * size, [False] * size
    rows["customer_id"] = [f"C{place % CUSTOMERS:03}" for place in range(size)]


def _after_their_orders(column: str, *further: str) -> Callable[..., None]:
    """What happens to an order happens after it was placed."""

    def agree(rows: Rows, size: int, rng: np.random.Generator, made: Mapping[str, pd.DataFrame]) -> None:
        orders = made["orders"].set_index("order_id")
        for name in (column, *further):
            rows[name] = [
                orders.loc[order, "ordered_at"] + pd.Timedelta(hours=int(rng.integers(1, 200)))
                for order in rows["order_id"]
            ]
        if "customer_id" in rows:
            rows["customer_id"] = [orders.loc[order, "customer_id"] for order in rows["order_id"]]

    return agree


def _refunds(rows: Rows, size: int, rng: np.random.Generator, made: Mapping[str, pd.DataFrame]) -> None:
    rows["order_id"] = [f"O{place:03}" for place in range(size)]
    _after_their_orders("refunded_at")(rows, size, rng, made)
    rows["amount"] = [0.5] * size  # less than the cheapest order
    rows["part_of"] = list(made["orders"].set_index("order_id").loc[rows["order_id"], "net"])  # no tax, no shipping


def _surveys(rows: Rows, size: int, rng: np.random.Generator, made: Mapping[str, pd.DataFrame]) -> None:
    _after_their_orders("answered_at")(rows, size, rng, made)
    kinds = ("nps_pre", "nps_post", "ces", "csat", "goal")
    rows["kind"] = [kinds[place % len(kinds)] for place in range(size)]
    rows["score"] = [None if kind == "goal" else float(rng.integers(1, 6)) for kind in rows["kind"]]
    rows["scale"] = [7.0 if kind == "ces" else None for kind in rows["kind"]]


def _tickets(rows: Rows, size: int, rng: np.random.Generator, made: Mapping[str, pd.DataFrame]) -> None:
    rows["resolved"] = [True] * size


def _customers(rows: Rows, size: int, rng: np.random.Generator, made: Mapping[str, pd.DataFrame]) -> None:
    rows["known_at"] = rows["created_at"]


def _accounts(rows: Rows, size: int, rng: np.random.Generator, made: Mapping[str, pd.DataFrame]) -> None:
    rows["parent_id"] = [None, *(f"A{int(rng.integers(0, place)):03}" for place in range(1, size))]


def _referrals(rows: Rows, size: int, rng: np.random.Generator, made: Mapping[str, pd.DataFrame]) -> None:
    rows["referrer_id"] = [f"C{place:03}" for place in range(size)]
    rows["referred_id"] = [f"C{place + size:03}" for place in range(size)]


def _months(rows: Rows, size: int, rng: np.random.Generator, made: Mapping[str, pd.DataFrame]) -> None:
    rows["month"] = list(pd.date_range("2021-01-01", periods=size, freq="MS"))
    rows["known_at"] = [month + pd.DateOffset(months=1, days=4) for month in rows["month"]]


def _prices(rows: Rows, size: int, rng: np.random.Generator, made: Mapping[str, pd.DataFrame]) -> None:
    rows["product_id"] = [f"P{place:03}" for place in range(size)]


def _choices(rows: Rows, size: int, rng: np.random.Generator, made: Mapping[str, pd.DataFrame]) -> None:
    rows["respondent_id"] = [f"R{place // 12}" for place in range(size)]
    rows["task_id"] = [f"T{place // 3 % 4}" for place in range(size)]
    rows["alternative_id"] = [f"X{place % 3}" for place in range(size)]
    rows["chosen"] = [place % 3 == place // 3 % 3 for place in range(size)]


def _price_answers(rows: Rows, size: int, rng: np.random.Generator, made: Mapping[str, pd.DataFrame]) -> None:
    for place in range(size):
        prices = sorted(float(rows[name][place]) for name in FOUR_PRICES)  # type: ignore[arg-type]
        for name, price in zip(FOUR_PRICES, prices, strict=True):
            rows[name][place] = price if place % 2 else None


def _initiatives(rows: Rows, size: int, rng: np.random.Generator, made: Mapping[str, pd.DataFrame]) -> None:
    rows["value_low"] = [float(value) / 2 for value in rows["value"]]  # type: ignore[arg-type]
    rows["value_high"] = [float(value) * 2 for value in rows["value"]]  # type: ignore[arg-type]


def _features(rows: Rows, size: int, rng: np.random.Generator, made: Mapping[str, pd.DataFrame]) -> None:
    rows["lift_low"], rows["lift_high"] = [0.01] * size, [0.12] * size


def _lines(rows: Rows, size: int, rng: np.random.Generator, made: Mapping[str, pd.DataFrame]) -> None:
    rows["order_id"], rows["line_id"] = [f"O{place:03}" for place in range(size)], ["1"] * size


_AGREEING: Final[Mapping[str, Callable[..., None]]] = {
    "orders": _orders, "order_lines": _lines, "customers": _customers, "accounts": _accounts,
    "refunds": _refunds, "returns": _after_their_orders("opened_at"),
    "reviews": _after_their_orders("reviewed_at"), "deliveries": _after_their_orders("shipped_at", "promised_at"),
    "surveys": _surveys, "tickets": _tickets, "referrals": _referrals, "months": _months, "prices": _prices,
    "choices": _choices, "price_answers": _price_answers, "initiatives": _initiatives, "product_features": _features,
}  # fmt: skip
