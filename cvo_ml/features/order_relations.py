"""Orders, their lines and first baskets as they were known at each date: the rows of most features.

What costs a join or a sort is worked out once, before a row is repeated for its dates: a fact that depends on the
date stands in one column per date (``refunded_0, refunded_1, …``) until then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final

import ibis

from cvo_ml.features.engine import Engine, cut, is_visible, repeated
from cvo_ml.features.integer_sums import if_true, micro

#: An order counts as wholly refunded when less than this many millionths are left of it.
CENT: Final = 5_000
KEYS: Final = ("as_of", "customer_id")


def with_refunds(engine: Engine, dates: Sequence[date]) -> Any:
    """Every order once, with ``seen_i``, ``refunded_i`` and ``kept_i`` at date i.

    ``ago`` is the age of its day at the last date. ``refunded`` is null where nothing is; ``kept`` is false for an
    order not seen or wholly refunded.
    """
    orders = engine.table("orders")
    money = {name: micro(orders[name]) for name in ("net", "cost", "discount") if name in orders.columns}
    day = orders.ordered_at.date()
    ago = cut(max(dates)).date().delta(day, unit="day")
    orders = orders.select("order_id", "customer_id", "ordered_at", "known_at", day=day, ago=ago, **money)
    places = range(len(dates))
    if engine.has("refunds"):
        per_order = _refunded(engine, dates)
        orders = orders.left_join(per_order, orders.order_id == per_order.refunded_order).drop("refunded_order")
    else:
        orders = orders.mutate(**{f"refunded_{place}": ibis.null("int64") for place in places})
    seen = {
        f"seen_{place}": is_visible(cut(day), orders.ordered_at, orders.known_at) for place, day in enumerate(dates)
    }
    kept = {f"kept_{place}": seen[f"seen_{place}"] & _is_kept(orders, orders[f"refunded_{place}"]) for place in places}
    return orders.mutate(**seen, **kept)


def order_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """Orders known at each date, with ``refunded`` and ``remaining`` = net - refunded, at least 0, and ``kept``."""
    return _dated(with_refunds(engine, dates), dates, ("refunded",))


def purchase_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """As ``order_rows``, with the order's place in the customer's life.

    ``place`` counts the customer's orders in time. ``opens_day`` is true for the first kept order of a purchase day;
    there ``gap`` holds the days since the purchase day before. ``on_first_day`` says that the day is the first.
    """
    orders = with_refunds(engine, dates)
    in_time: dict[str, Any] = {
        "group_by": orders.customer_id,
        "order_by": [orders.ordered_at, orders.order_id],
    }
    before, so_far = ibis.window(rows=(None, -1), **in_time), ibis.window(rows=(None, 0), **in_time)
    moments = {"place": ibis.row_number().over(ibis.window(**in_time))}
    for place in range(len(dates)):
        ago = if_true(orders[f"kept_{place}"], orders.ago)
        moments[f"last_{place}"] = ago.min().over(before)
        moments[f"first_{place}"] = ago.max().over(so_far)
    rows = _dated(orders.mutate(**moments), dates, ("refunded", "last", "first"))
    opens_day = rows.kept & (rows["last"].isnull() | (rows["last"] > rows.ago))
    return rows.mutate(
        opens_day=opens_day,
        gap=if_true(opens_day, rows["last"] - rows.ago),
        on_first_day=rows.kept & (rows["first"] == rows.ago),
    )


def basket_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """Lines of the first order known at each date, refunded or not."""
    orders = with_refunds(engine, dates)
    earlier = ibis.window(group_by=orders.customer_id, order_by=[orders.ordered_at, orders.order_id], rows=(None, -1))
    names = [f"is_first_{place}" for place in range(len(dates))]
    firsts = {
        name: orders[f"seen_{place}"] & ~orders[f"seen_{place}"].max().over(earlier).coalesce(False)
        for place, name in enumerate(names)
    }
    orders = orders.select("customer_id", first_order="order_id", **firsts)
    orders = orders.filter(ibis.or_(*(orders[name] for name in names)))
    lines = _lines(engine)
    rows = repeated(orders.inner_join(lines, orders.first_order == lines.order_id), dates)
    return rows.filter(_at_date(rows, "is_first", dates), _line_is_known(rows))


def line_rows(engine: Engine, dates: Sequence[date]) -> Any:
    """Lines of kept orders, with the order's ``age``."""
    rows = repeated(_with_orders(engine, dates), dates)
    rows = rows.filter(_at_date(rows, "kept", dates), _line_is_known(rows))
    return rows.mutate(age=age(rows, rows.day))


def last_bought(attribute: str) -> Callable[[Engine, Sequence[date]], Any]:
    """Each category (or brand, or product) that a customer bought, with the ``age`` of the last time."""

    def rows(engine: Engine, dates: Sequence[date]) -> Any:
        lines = _with_orders(engine, dates)
        lines = lines.filter(lines[attribute].notnull())
        lasts = {}
        for place, day in enumerate(dates):
            known = is_visible(cut(day), known=lines.line_known_at)
            lasts[f"last_{place}"] = if_true(lines[f"kept_{place}"] & known, lines.day).max()
        found = repeated(lines.group_by("customer_id", attribute).agg(**lasts), dates)
        found = found.mutate(day=_at_date(found, "last", dates))
        found = found.filter(found.day.notnull())
        return found.mutate(age=age(found, found.day))

    return rows


def age(rows: Any, day: Any) -> Any:
    """Days from a day to the row's date."""
    return rows.as_of.date().delta(day, unit="day")


def _refunded(engine: Engine, dates: Sequence[date]) -> Any:
    """What was known to be refunded of each order at each date."""
    refunds = engine.table("refunds")
    refunds = refunds.filter(refunds.order_id.notnull()).mutate(millionths=micro(refunds.amount))
    back = {}
    for place, day in enumerate(dates):
        known = is_visible(cut(day), refunds.refunded_at, refunds.known_at)
        back[f"refunded_{place}"] = if_true(known, refunds.millionths).sum().cast("int64")
    return refunds.group_by(refunded_order=refunds.order_id).agg(**back)


def _is_kept(orders: Any, refunded: Any) -> Any:
    return refunded.isnull() | (refunded <= 0) | (orders.net - refunded > CENT)


def _at_date(rows: Any, name: str, dates: Sequence[date]) -> Any:
    """The column of ``name_0, name_1, …`` that belongs to the row's date."""
    if len(dates) == 1:
        return rows[f"{name}_0"]
    return ibis.cases(*((rows.as_of == cut(day), rows[f"{name}_{place}"]) for place, day in enumerate(dates)))


def _dated(orders: Any, dates: Sequence[date], names: tuple[str, ...]) -> Any:
    """The orders seen at each date, ``names`` taken from the columns of that date."""
    rows = repeated(orders, dates)
    rows = rows.filter(is_visible(rows.as_of, rows.ordered_at, rows.known_at))
    at_date = {name: _at_date(rows, name, dates) for name in names}
    once = [name for name in rows.columns if not name.rsplit("_", 1)[-1].isdigit()]
    rows = rows.select(*once, **at_date)
    refunded = rows.refunded.coalesce(0)
    return rows.mutate(
        refunded=refunded,
        remaining=ibis.greatest(rows.net - refunded, 0),
        kept=_is_kept(rows, refunded),
        age=age(rows, rows.day),
    )


def _with_orders(engine: Engine, dates: Sequence[date]) -> Any:
    """Every line with its order's customer, day and ``kept_i``."""
    orders, lines = with_refunds(engine, dates), _lines(engine)
    kept = [f"kept_{place}" for place in range(len(dates))]
    orders = orders.select("customer_id", "day", *kept, lines_order="order_id")
    return lines.inner_join(orders, lines.order_id == orders.lines_order)


def _line_is_known(rows: Any) -> Any:
    return is_visible(rows.as_of, known=rows.line_known_at)


def _lines(engine: Engine) -> Any:
    kinds = {"known_at": "timestamp(6)", "category": "string", "brand": "string", "unit_price": "float64"}
    lines = with_columns(engine, "order_lines", kinds)
    return lines.select(
        "order_id",
        "product_id",
        "category",
        "brand",
        line_known_at="known_at",
        quantity=micro(lines.quantity),
        unit_price=micro(lines.unit_price),
    )


def with_columns(engine: Engine, name: str, kinds: dict[str, str]) -> Any:
    """A table with null columns of these types where it has none of that name."""
    table = engine.table(name)
    return table.mutate(**{column: ibis.null(kind) for column, kind in kinds.items() if column not in table.columns})
