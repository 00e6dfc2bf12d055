"""Hypothesis shops around a cut on a leap year's 1 March: same-day orders, midnights, refunds, late news."""

from __future__ import annotations

from typing import Any

import pandas as pd
from hypothesis import strategies as st

from cvo_ml.core.tables import Tables
from tests.builders import frame, orders_of, refunds_of

AS_OF = "2024-03-01"
CUT = pd.Timestamp(AS_OF)
CUSTOMERS = ["a", "b", "ü c", "d"]
MINUTES = st.sampled_from([0, 0, 1, 9 * 60 + 30, 23 * 60 + 59])
CENTS = st.integers(0, 20_000).map(lambda cents: cents / 100)


def times(first_day: int, last_day: int) -> st.SearchStrategy[pd.Timestamp]:
    """Moments by day from the cut, midnights and leap day among them."""
    days = st.one_of(
        st.integers(first_day, last_day), st.sampled_from([day for day in (-1, 0, -60) if first_day <= day <= last_day])
    )
    return st.builds(lambda day, minute: CUT + pd.Timedelta(days=day, minutes=minute), days, MINUTES)


@st.composite
def shops(draw: st.DrawFn, *, seen_only: bool = False) -> Tables:
    """A shop with 1-30 orders, mostly many; all before the cut if ``seen_only``."""
    last = -1 if seen_only else 40
    count = draw(st.sampled_from([1, 2, 20, 30]))
    orders: list[tuple[Any, ...]] = []
    for number in range(count):
        at = draw(times(-200, last))
        late = draw(st.sampled_from([0, 0, 0, 0, 3]))
        orders.append((f"{number:02}", draw(st.sampled_from(CUSTOMERS)), at, draw(CENTS), at + pd.Timedelta(days=late)))
    refunds = [draw(refund_of(order)) for order in orders if draw(st.integers(0, 3)) == 0]
    # refunds that name their customer only, or an order that nobody knows
    refunds += draw(
        st.lists(
            st.tuples(st.sampled_from([None, "??"]), times(-60, 20), CENTS, st.sampled_from([*CUSTOMERS, None])),
            max_size=2,
        )
    )
    lines = [(order[0], f"p{i}", 1.0 + i, order[3] / 2) for order in orders for i in range(draw(st.integers(0, 2)))]
    return shop_from(orders, refunds, lines, [(name, "DE") for name in CUSTOMERS[:3]])


def refund_of(order: tuple[Any, ...]) -> st.SearchStrategy[tuple[Any, ...]]:
    """A refund of part or all of an order, 0-30 days later, that may name its customer and may be known later."""
    return st.builds(
        lambda share, days, named, late: (
            order[0],
            order[2] + pd.Timedelta(days=days),
            round(order[3] * share, 2),
            order[1] if named else None,
            order[2] + pd.Timedelta(days=days + late),
        ),
        st.sampled_from([1.0, 1.0, 0.5, 1.5]),
        st.integers(0, 30),
        st.booleans(),
        st.sampled_from([0, 0, 5]),
    )


def shop_from(orders: Any, refunds: Any, lines: Any, people: Any) -> Tables:
    """Tables with ``known_at`` in every one of them."""
    line_columns = ["order_id", "product_id", "quantity", "unit_price", "known_at"]
    return Tables(
        {
            "orders": orders_of(*orders),
            "refunds": refunds_of(*refunds),
            "order_lines": frame("order_lines", line_columns, lines),
            "customers": frame("customers", ["customer_id", "country", "known_at"], people),
        },
        currency="EUR",
    )


def with_later_news(draw: st.DrawFn, shop: Tables) -> Tables:
    """The shop with rows that nobody could know at the cut: later orders, refunds, lines, profiles, late-known ones."""
    late = CUT + pd.Timedelta(minutes=1)
    new: list[tuple[Any, ...]] = []
    for number in range(draw(st.integers(1, 6))):
        customer = draw(st.sampled_from([*CUSTOMERS, "new"]))
        if draw(st.booleans()):
            at = draw(times(0, 60))
            new.append((f"later{number}", customer, at, draw(CENTS), None))
        else:  # ordered long ago, heard of after the cut
            new.append((f"late{number}", customer, draw(times(-200, -1)), draw(CENTS), late))
    if draw(st.booleans()):  # the order that a refund without customer has been naming all along
        new.append(("??", draw(st.sampled_from(CUSTOMERS)), CUT - pd.Timedelta(days=9), 12.5, late))
    known_orders = shop.orders["order_id"].tolist()
    back = [
        (draw(st.sampled_from([*known_orders, None])), CUT, draw(CENTS), draw(st.sampled_from([*CUSTOMERS, None])))
        for _ in range(draw(st.integers(0, 3)))
    ]
    back += [(order, CUT - pd.Timedelta(days=2), 1.0, None, late) for order in known_orders[: draw(st.integers(0, 3))]]
    lines = [(order, "p9", 7.0, 3.0, late) for order in known_orders[:2]]
    added = shop_from(new, back, lines, [("d", "FR", late)])
    return Tables(
        {name: pd.concat([shop.frames[name], added.frames[name]], ignore_index=True) for name in shop.frames}, "EUR"
    )
