"""Small tables made for tests: orders from tuples, a seeded shop, a Scores table without a single value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from cvo_ml.core.contract import pandas_dtype
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.score_cells import null_columns
from cvo_ml.core.scores import REASON_COLUMNS, score_columns
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import midnight

#: An order as (order_id, customer_id, ordered_at, net), with known_at as an optional fifth.
Order = tuple[Any, ...]
#: A refund as (order_id, refunded_at, amount), with customer_id and known_at as optional fourth and fifth.
Refund = tuple[Any, ...]

SHOP_START = pd.Timestamp("2023-01-01")
SHOP_DAYS = 420
#: Leaves a closed window of 90 days in the seeded shop.
SHOP_CUT = date(2023, 11, 1)


def frame(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """Rows as a frame with the dtypes of the table's contract; missing trailing values are null."""
    padded = [(*row, *[None] * (len(columns) - len(row))) for row in rows]
    raw = pd.DataFrame(padded, columns=list(columns), dtype=object)
    contract = CONTRACTS[table]
    known = {column.name: pandas_dtype(column.kind) for column in contract.columns}
    for name in columns:
        if known.get(name, "").startswith("datetime"):
            raw[name] = pd.to_datetime(raw[name], format="mixed").astype(known[name])
        else:
            raw[name] = raw[name].astype(known.get(name, "str"))
    return raw


def orders_of(*rows: Order) -> pd.DataFrame:
    """An orders frame; without any fifth value it has no ``known_at``."""
    columns = ["order_id", "customer_id", "ordered_at", "net"]
    return frame("orders", columns + ["known_at"] * any(len(row) > 4 for row in rows), rows)


def refunds_of(*rows: Refund) -> pd.DataFrame:
    """A refunds frame."""
    return frame("refunds", ["order_id", "refunded_at", "amount", "customer_id", "known_at"], rows)


def shop_of(orders: Iterable[Order], refunds: Iterable[Refund] = (), **more: pd.DataFrame) -> Tables:
    """A shop in euros."""
    frames = {"orders": orders_of(*orders), **more}
    back = list(refunds)
    return Tables({**frames, "refunds": refunds_of(*back)} if back else frames, currency="EUR")


def seeded_shop(customers: int = 260, seed: int = 11) -> Tables:
    """Customers with their own rate, basket and life, two lines an order, a tenth of the orders refunded."""
    rng = np.random.default_rng(seed)
    orders: list[Order] = []
    refunds: list[Refund] = []
    lines: list[tuple[Any, ...]] = []
    for customer in range(customers):
        first = rng.uniform(0, 200)
        life = rng.exponential(250)
        gaps = rng.exponential(rng.gamma(2.0, 18.0), size=40)
        days = np.concatenate([[first], first + np.cumsum(gaps)])
        basket = rng.lognormal(3.0, 0.6)
        for day in days[(days <= first + life) & (days < SHOP_DAYS)]:
            number = len(orders)
            at = (SHOP_START + pd.Timedelta(days=float(day))).floor("min")
            prices = np.round(basket * rng.lognormal(0.0, 0.3, size=2), 2)
            orders.append((f"o{number:05}", f"c{customer:03}", at, float(prices.sum())))
            lines += [(f"o{number:05}", f"p{rng.integers(9)}", 1.0 + i, float(prices[i])) for i in range(2)]
            if rng.uniform() < 0.1:
                share = 1.0 if rng.uniform() < 0.5 else 0.4
                back = round(float(prices.sum()) * share, 2)
                refunds.append((f"o{number:05}", at + pd.Timedelta(days=10), back, f"c{customer:03}"))
    people = [(f"c{number:03}", ("DE", "FR", "NL")[number % 3]) for number in range(customers)]
    return shop_of(
        orders,
        refunds,
        order_lines=frame("order_lines", ["order_id", "product_id", "quantity", "unit_price"], lines),
        customers=frame("customers", ["customer_id", "country"], people),
    )


def null_scores(customers: Sequence[str], as_of: date = SHOP_CUT, reason: str = "not_trained") -> pd.DataFrame:
    """A Scores table that knows nothing and says so."""
    index = pd.Index(customers, dtype="str")
    run = pd.DataFrame({"customer_id": index, "as_of": midnight(as_of), "currency": "EUR", "value_basis": "revenue"})
    run.index = index
    groups = [null_columns(index, group, reason) for group in REASON_COLUMNS]
    return pd.concat([run, *groups], axis=1)[score_columns()]
