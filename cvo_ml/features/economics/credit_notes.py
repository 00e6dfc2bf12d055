"""Refunds that name only their customer, matched once to the orders that they give back.

A credit note has its own number and says whose it is, not what it gives back. It is taken off the customer's latest
order placed by then, and what that order cannot bear off the one before, and so on; an order bears no more than its
value less what went back already. What finds no order stays the customer's.

Notes are matched in the order in which they became known, each by what was known then: orders and refunds that are
learned of later move no earlier match, so a match is the same at every date that can see it. Notes of one moment are
taken by their contents (time, number, amount), for the rows of a table have no order.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.core.contract import TIME_DTYPE
from cvo_ml.features.engine import Engine
from cvo_ml.features.integer_sums import micro
from cvo_ml.features.order_relations import with_columns

#: What a shop's refunds hold once they are matched.
COLUMNS: Final = ("order_id", "customer_id", "refunded_at", "known_at", "amount")
MATCHED: Final = "matched_refunds"


def matched_refunds(engine: Engine) -> Any:
    """The refunds table with every credit note split among the orders that it gives back.

    Returns
    -------
    Ibis rows of order_id (null where a note found none), customer_id (null where a refund names its order alone),
    refunded_at, known_at and amount in millionths. The amounts add up to those of the refunds table.
    """
    refunds = with_columns(engine, "refunds", {"refund_id": "string", "order_id": "string", "customer_id": "string"})
    rows = refunds.select(*COLUMNS[:-1], amount=micro(refunds.amount))
    is_note = refunds.order_id.isnull() & refunds.customer_id.notnull()
    if not engine.has("refunds") or not _any(engine, refunds.filter(is_note)):
        return rows
    matched = engine.held(MATCHED, lambda: _matched(engine, refunds, is_note))
    return rows.filter(rows.order_id.notnull() | rows.customer_id.isnull()).union(matched.select(*COLUMNS))


def _any(engine: Engine, rows: Any) -> bool:
    return len(engine.run(rows.limit(1).select("customer_id"))) > 0


def _matched(engine: Engine, refunds: Any, is_note: Any) -> pd.DataFrame:
    """Each part of each credit note, by customer."""
    owners = refunds.filter(is_note).select(owner="customer_id").distinct()
    orders = engine.table("orders")
    orders = orders.select("order_id", "customer_id", "ordered_at", "known_at", net=micro(orders.net))
    orders = orders.semi_join(owners, orders.customer_id == owners.owner)
    back = refunds.select("refund_id", *COLUMNS[:-1], amount=micro(refunds.amount))
    named = back.filter(back.order_id.notnull())
    of_orders = orders.select(placed_order="order_id", owner="customer_id")
    named = named.inner_join(of_orders, named.order_id == of_orders.placed_order)
    notes = back.filter(back.order_id.isnull() & back.customer_id.notnull())
    placed = engine.run(orders, index=["customer_id", "order_id"]).reset_index()
    placed = placed.sort_values(["customer_id", "ordered_at", "order_id"])
    parts = (named.drop("placed_order"), notes.mutate(owner=notes.customer_id))
    went = pd.concat([engine.run(rows, index="owner").reset_index() for rows in parts])
    went["moment"] = went[["known_at", "refunded_at"]].max(axis=1)  # a note is matched when both are past
    went = went.sort_values(["moment", "refunded_at", "refund_id", "amount"], kind="stable")
    found = [
        (*part, note.owner, note.refunded_at, note.known_at)
        for note, part in _parts(_orders_of(placed), went.itertuples(index=False))
    ]
    names = ("order_id", "amount", "customer_id", "refunded_at", "known_at")
    columns = {name: [row[place] for row in found] for place, name in enumerate(names)}
    rows = pd.DataFrame(columns).astype({"order_id": "str", "customer_id": "str", "amount": "int64"})
    return rows.astype({"refunded_at": TIME_DTYPE, "known_at": TIME_DTYPE})


@dataclass
class _Placed:
    """A customer's orders by time, and how much of each was not given back yet, in millionths."""

    ids: list[str] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    times: list[pd.Timestamp] = field(default_factory=list)
    known: list[pd.Timestamp] = field(default_factory=list)
    left: list[int] = field(default_factory=list)

    def give_back(self, order_id: str, amount: int) -> None:
        self.left[self.places[order_id]] -= amount

    def match(self, note: Any) -> Iterator[tuple[str | float, int]]:
        """The parts of a note, from the latest order placed by then back to the first."""
        open_amount = note.amount
        for place in range(bisect_right(self.times, note.refunded_at) - 1, -1, -1):
            if open_amount <= 0:
                return
            taken = min(open_amount, self.left[place])
            if taken > 0 and not self.known[place] > note.moment:
                self.left[place] -= taken
                open_amount -= taken
                yield self.ids[place], taken
        if open_amount:
            yield np.nan, open_amount

    def add(self, order_id: str, ordered_at: pd.Timestamp, known_at: pd.Timestamp, net: int) -> None:
        """The next order by time."""
        self.places[order_id] = len(self.ids)
        self.ids.append(order_id)
        self.times.append(ordered_at)
        self.known.append(known_at)
        self.left.append(net)


def _orders_of(placed: pd.DataFrame) -> dict[str, _Placed]:
    found: dict[str, _Placed] = {}
    names = ("customer_id", "order_id", "ordered_at", "known_at", "net")
    for customer, *order in zip(*(placed[name].tolist() for name in names), strict=True):
        found.setdefault(customer, _Placed()).add(*order)
    return found


def _parts(orders: dict[str, _Placed], went: Iterator[Any]) -> Iterator[tuple[Any, tuple[str | float, int]]]:
    """The parts of each note, in the order in which refunds became known."""
    for refund in went:
        placed = orders.get(refund.owner, _Placed())
        if isinstance(refund.order_id, str):
            placed.give_back(refund.order_id, refund.amount)
        else:
            yield from ((refund, part) for part in placed.match(refund))
