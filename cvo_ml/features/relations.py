"""The rows that features aggregate: one row per date, customer and thing, holding only what was known on the date.

Money and quantities are in whole millionths (``cvo_ml.features.exact``); ``age`` is the number of days from a row's day
to the date, so that a window of w days is ``age <= w``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final

import ibis

from cvo_ml.features.engine import Engine, cut
from cvo_ml.features.exact import micro

#: An order counts as wholly refunded when less than this many millionths are left of it.
CENT: Final = 5_000
KEYS: Final = ("as_of", "customer_id")


def with_refunds(engine: Engine, dates: Sequence[date]) -> Any:
    """Every order with ``back_0, back_1, …``: what was known to be refunded of it at each date (null: nothing).

    One join serves all dates.
    """
    orders, refunds = engine.table("orders"), engine.table("refunds")
    refunds = refunds.filter(refunds.order_id.notnull()).mutate(millionths=micro(refunds.amount))
    backs = {
        f"back_{place}": refunds.millionths.sum(
            where=(refunds.refunded_at < cut(day)) & (refunds.known_at <= cut(day))
        ).cast("int64")
        for place, day in enumerate(dates)
    }
    per_order = refunds.group_by(refunded_order=refunds.order_id).agg(**backs)
    money = {name: micro(orders[name]) for name in ("net", "cost", "discount") if name in orders.columns}
    orders = orders.select("order_id", "customer_id", "ordered_at", "known_at", **money)
    if not engine.has("refunds"):
        return orders.mutate(**dict.fromkeys(backs, ibis.null("int64")))
    return orders.left_join(per_order, orders.order_id == per_order.refunded_order).drop("refunded_order")


def order_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """Orders known at each date, with ``refunded`` and ``remaining`` = net - refunded, at least 0.

    ``kept`` is false for an order wholly refunded by then (DESIGN.md §5).
    """
    rows = engine.visible(with_refunds(engine, dates), dates, "ordered_at")
    backs = [rows[f"back_{place}"] for place in range(len(dates))]
    if len(dates) == 1:
        back = backs[0]
    else:
        back = ibis.cases(*((rows.as_of == cut(day), back) for day, back in zip(dates, backs, strict=True)))
    rows = rows.mutate(refunded=back.coalesce(0), day=rows.ordered_at.date())
    rows = rows.drop(*(f"back_{place}" for place in range(len(dates))))
    rows = rows.mutate(
        remaining=ibis.greatest(rows.net - rows.refunded, 0), age=rows.as_of.date().delta(rows.day, unit="day")
    )
    return rows.mutate(kept=(rows.refunded <= 0) | (rows.remaining > CENT))


def day_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """Purchase days with their ``value``, and the ``gap`` in days since the purchase day before."""
    orders = order_rows(engine, dates)
    orders = orders.filter(orders.kept)
    days = orders.group_by(*KEYS, "day").agg(value=orders.remaining.sum().cast("int64"), age=orders.age.min())
    before = days.age.lag().over(ibis.window(group_by=[days.as_of, days.customer_id], order_by=days.day))
    return days.mutate(gap=before - days.age)


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
    seen = (rows.ordered_at < rows.as_of) & (rows.order_known_at <= rows.as_of)
    rows = rows.mutate(customer_id=ibis.coalesce(rows.customer_id, seen.ifelse(rows.owner, ibis.null("string"))))
    rows = rows.filter(rows.customer_id.notnull())
    return rows.mutate(age=_age(rows, rows.refunded_at))


def basket_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """Lines of the first order known at each date, refunded or not."""
    orders = engine.at("orders", dates)
    # the earliest moment, then the smallest id of that moment
    place = ibis.row_number().over(
        ibis.window(group_by=[orders.as_of, orders.customer_id], order_by=[orders.ordered_at, orders.order_id])
    )
    first = orders.mutate(place=place)
    first = first.filter(first.place == 0).select("as_of", "customer_id", first_order="order_id")
    lines = _lines(engine)
    rows = first.inner_join(lines, first.first_order == lines.order_id)
    return rows.filter(rows.known_at.isnull() | (rows.known_at <= rows.as_of))


def line_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """Lines of kept orders, with the order's ``age``."""
    orders, lines = order_rows(engine, dates), _lines(engine)
    kept = orders.filter(orders.kept).select(*KEYS, "age", kept_order="order_id")
    rows = lines.inner_join(kept, lines.order_id == kept.kept_order)
    return rows.filter(rows.known_at.isnull() | (rows.known_at <= rows.as_of))


def last_bought(attribute: str) -> Callable[[Engine, Sequence[date]], Any]:
    """Each category (or brand, or product) that a customer bought, with the ``age`` of the last time."""

    def rows(engine: Engine, dates: Sequence[date]) -> Any:
        lines = line_rows(engine, dates)
        lines = lines.filter(lines[attribute].notnull())
        return lines.group_by(*KEYS, attribute).agg(age=lines.age.min())

    return rows


def ticket_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """Tickets opened by each date; what closing told is masked where it closed later."""
    rows = _with_columns(engine, "tickets", {"closed_at": "timestamp(6)", "minutes": "float64"})
    rows = engine.visible(rows, dates, "opened_at")
    closed = (rows.closed_at < rows.as_of).coalesce(False)
    minutes = closed.ifelse(micro(rows.minutes), ibis.null("int64"))
    return rows.mutate(closed=closed, minutes=minutes, age=_age(rows, rows.opened_at))


def survey_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """Answers known at each date."""
    rows = engine.at("surveys", dates)
    return rows.mutate(age=_age(rows, rows.answered_at), is_nps=rows.kind.startswith("nps"), score=micro(rows.score))


def event_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """Usage events known at each date."""
    rows = engine.at("events", dates)
    return rows.mutate(age=_age(rows, rows["at"]))


def subscription_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """Subscriptions started by each date; ``active`` unless they ended before it. The status column is not read."""
    rows = _with_columns(engine, "subscriptions", {"ended_at": "timestamp(6)", "seats": "float64"})
    rows = engine.visible(rows, dates, "started_at")
    ended = (rows.ended_at < rows.as_of).coalesce(False)
    ended_age = ended.ifelse(_age(rows, rows.ended_at), ibis.null("int64"))
    return rows.mutate(
        active=~ended,
        ended=ended,
        mrr=micro(rows.mrr),
        seats=micro(rows.seats),
        age=_age(rows, rows.started_at),
        ended_age=ended_age,
    )


def customer_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """The customer table as far as it was known at each date."""
    return engine.at("customers", dates)


#: Name to rows, and the table without which there are none.
RELATIONS: Final[dict[str, tuple[Callable[[Engine, Sequence[date]], Any], str]]] = {
    "orders": (order_rows, "orders"),
    "days": (day_rows, "orders"),
    "refunds": (refund_rows, "refunds"),
    "first_basket": (basket_rows, "order_lines"),
    "lines": (line_rows, "order_lines"),
    "categories": (last_bought("category"), "order_lines"),
    "brands": (last_bought("brand"), "order_lines"),
    "tickets": (ticket_rows, "tickets"),
    "surveys": (survey_rows, "surveys"),
    "events": (event_rows, "events"),
    "subscriptions": (subscription_rows, "subscriptions"),
    "customers": (customer_rows, "customers"),
}


def _age(rows: Any, moment: Any) -> Any:
    return rows.as_of.date().delta(moment.date(), unit="day")


def _lines(engine: Engine) -> Any:
    kinds = {"known_at": "timestamp(6)", "category": "string", "brand": "string", "unit_price": "float64"}
    lines = _with_columns(engine, "order_lines", kinds)
    return lines.mutate(quantity=micro(lines.quantity), unit_price=micro(lines.unit_price))


def _with_columns(engine: Engine, name: str, kinds: dict[str, str]) -> Any:
    table = engine.table(name)
    return table.mutate(**{column: ibis.null(kind) for column, kind in kinds.items() if column not in table.columns})
