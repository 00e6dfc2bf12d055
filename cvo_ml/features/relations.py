"""The rows that features aggregate: one row per date, customer and thing, holding only what was known on the date.

Money and quantities are in whole millionths (``cvo_ml.features.integer_sums``); ``age`` is the number of days from a
row's day to the date, so that a window of w days is ``age <= w``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final

import ibis

from cvo_ml.features.engine import Engine, is_visible
from cvo_ml.features.integer_sums import if_true, micro
from cvo_ml.features.order_relations import (
    age,
    basket_rows,
    last_bought,
    line_rows,
    purchase_rows,
    with_columns,
)


def refund_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """Refunds known at each date with the customer they belong to, in ``customer_id``.

    A refund that names only its order belongs to the order's customer, if that order is known by then.
    """
    refunds = engine.table("refunds")
    refunds = refunds.select("order_id", "customer_id", "refunded_at", "known_at", millionths=micro(refunds.amount))
    orders = engine.table("orders").select(
        known_order="order_id", owner="customer_id", ordered_at="ordered_at", order_known_at="known_at"
    )
    rows = refunds.left_join(orders, refunds.order_id == orders.known_order)
    rows = engine.visible(rows, dates, "refunded_at")
    seen = is_visible(rows.as_of, rows.ordered_at, rows.order_known_at)
    rows = rows.mutate(customer_id=ibis.coalesce(rows.customer_id, if_true(seen, rows.owner)))
    rows = rows.filter(rows.customer_id.notnull())
    return rows.mutate(age=age(rows, rows.refunded_at.date()))


def ticket_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """Tickets opened by each date; what closing told is masked where it closed later."""
    rows = with_columns(engine, "tickets", {"closed_at": "timestamp(6)", "minutes": "float64"})
    rows = engine.visible(rows, dates, "opened_at")
    closed = (rows.closed_at < rows.as_of).coalesce(False)
    minutes = if_true(closed, micro(rows.minutes))
    return rows.mutate(closed=closed, minutes=minutes, age=age(rows, rows.opened_at.date()))


def survey_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """Answers known at each date."""
    rows = engine.visible(with_columns(engine, "surveys", {"score": "float64"}), dates, "answered_at")
    return rows.mutate(
        age=age(rows, rows.answered_at.date()),
        is_nps=rows.kind.startswith("nps") & rows.score.notnull(),
        score=micro(rows.score),
    )


def event_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """Usage events known at each date."""
    rows = engine.at("events", dates)
    return rows.mutate(age=age(rows, rows["at"].date()))


def subscription_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """Subscriptions started by each date; ``active`` unless they ended before it. The status column is not read."""
    rows = with_columns(engine, "subscriptions", {"ended_at": "timestamp(6)", "seats": "float64"})
    rows = engine.visible(rows, dates, "started_at")
    ended = (rows.ended_at < rows.as_of).coalesce(False)
    ended_age = if_true(ended, age(rows, rows.ended_at.date()))
    return rows.mutate(
        active=~ended,
        ended=ended,
        mrr=micro(rows.mrr),
        seats=micro(rows.seats),
        age=age(rows, rows.started_at.date()),
        ended_age=ended_age,
    )


def milestone_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """Milestones reached and known by each date."""
    rows = engine.at("milestones", dates)
    return rows.mutate(age=age(rows, rows.reached_at.date()))


def customer_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """The customer table as far as it was known at each date."""
    return engine.at("customers", dates)


#: Name to rows, and the table without which there are none.
RELATIONS: Final[dict[str, tuple[Callable[[Engine, Sequence[date]], Any], str]]] = {
    "orders": (purchase_rows, "orders"),
    "refunds": (refund_rows, "refunds"),
    "first_basket": (basket_rows, "order_lines"),
    "lines": (line_rows, "order_lines"),
    "categories": (last_bought("category"), "order_lines"),
    "brands": (last_bought("brand"), "order_lines"),
    "tickets": (ticket_rows, "tickets"),
    "surveys": (survey_rows, "surveys"),
    "events": (event_rows, "events"),
    "subscriptions": (subscription_rows, "subscriptions"),
    "milestones": (milestone_rows, "milestones"),
    "customers": (customer_rows, "customers"),
}
