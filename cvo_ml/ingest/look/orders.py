"""What a row is: an order, a line of one, or a line that repeats the order's amounts."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cvo_ml.core.result import Json
from cvo_ml.ingest.header_names import meaning_of
from cvo_ml.ingest.look.findings import SAME, FoundOut, Settings, counted
from cvo_ml.ingest.look.grid import FoundColumn, Grid
from cvo_ml.ingest.look.money_columns import Numbers, OrderAmounts, OrderRows, agree
from cvo_ml.ingest.look.order_value import (
    VALUES,
    ask_discount,
    ask_whether_to_count,
    cell_of,
    value_of_lines,
    value_of_orders,
)

_PRODUCT: Final = ("product_id", "product_name", "line_id", "quantity", "unit_price", "line_total")


def decide_orders(grid: Grid, money: OrderAmounts, findings: FoundOut) -> None:
    """The order id, what a row is, and which amount is the value of an order."""
    column = _order_id(grid, findings)
    groups = OrderRows(column.codes) if column is not None else None
    if groups is not None and groups.repeated:
        _decide_repeated(grid, money, groups, findings)
        return
    if _is_priced_in_rows(money):
        quantity, price = money.of("quantity")[0].header, money.of("unit_price")[0].header
        total = (money.of("total") + money.of("with_tax"))[0].header
        evidence = f"{quantity!r} x {price!r}: with shipping and tax it is {total!r}"
        findings.decide(
            "rows", "lines", "each row has a quantity and a price, and no order id comes twice", {"rows": "lines"}
        )
        findings.decide("net", f"{quantity} x {price}", evidence)
        _decide_products(grid, money, findings, True)
        return
    rows: dict[str, Json] = {"rows": "orders"}
    why = "no order id comes twice" if groups is not None else "there is no order id: one order per customer and day"
    if not value_of_orders(money, findings, None):
        if not value_of_lines(money, findings):
            ask_whether_to_count(grid, findings)
            findings.decide("rows", "orders", why, rows)
            return
        rows, why = {"rows": "lines"}, why + "; its value is quantity times price"
    _decide_products(grid, money, findings, rows["rows"] == "lines")
    findings.decide("rows", rows["rows"], why, rows)


def _is_priced_in_rows(money: OrderAmounts) -> bool:
    """Whether the amounts of orders hold tax and shipping alone, and quantity and price say what is left without."""
    if any(money.of(name) for name in ("net", "subtotal", "line_total")) or money.told or not money.is_used("tax"):
        return False
    if not (money.of("quantity") and money.of("unit_price")):
        return False
    lines = money.numbers(money.of("quantity")[0]) * money.numbers(money.of("unit_price")[0])
    beside = money.size("shipping") + money.size("tax")
    return any(agree(money.numbers(total), lines + beside) for total in money.of("total") + money.of("with_tax"))


def _order_id(grid: Grid, findings: FoundOut) -> FoundColumn | None:
    headers = [header for header in grid.headers_for("order_id") if grid.columns[header].filled]
    full = [header for header in headers if grid.columns[header].filled >= 0.99 * grid.rows]
    if not headers:
        evidence = "no column holds order numbers: one order per customer and day"
        findings.decide("order_id", "generated", evidence, {"order_id": "generated"})
        return None
    column = grid.columns[(full or headers)[0]]
    beside = f"; not {', '.join(map(repr, headers[1:3]))}" if len(headers) > 1 else ""
    evidence = f"{counted(len(column.distinct), 'order')} in {counted(column.filled, 'row')}{beside}"
    findings.decide("order_id", column.header, evidence, {"columns.order_id": column.header})
    return column


def _decide_repeated(grid: Grid, money: OrderAmounts, groups: OrderRows, findings: FoundOut) -> None:
    """Order ids come several times: lines, unless the order's amounts stand on each of them."""
    products = [header for meaning in _PRODUCT for header in grid.headers_for(meaning)]
    several = f"{counted(groups.repeated, 'order id')} of {len(groups.sizes):,} on several rows"
    lines = _line_values(money, groups)
    repeated = [
        column for meaning in VALUES for column in money.of(meaning) if groups.is_constant(money.numbers(column))
    ]
    if lines is not None:
        header, values, settings = lines
        proof = _adds_up(money, groups, values, repeated)
        if (
            proof is None
            and (value := _net_of(money, repeated)) is not None
            and meaning_of(value.header) in ("net", "subtotal")
        ):
            why = f"{several}; {value.header!r} is the whole order's, and the lines ({header}) do not add up to it"
            _whole_orders(grid, money, groups, value, why, findings)
            return
        if proof is None and repeated:
            _ask_lines(grid, money, groups, header, settings, repeated[0], findings)
            return
        findings.decide("rows", "lines", f"{several}, with products: {', '.join(products[:3])}", {"rows": "lines"})
        findings.decide("net", header, proof or "of each line; nothing else in the file to compare it with", settings)
        if proof is None and (not settings or meaning_of(header) != "net"):
            ask_discount(header, money, findings)
        _decide_products(grid, money, findings, True)
        _decide_negative_lines(grid, values, groups, findings)
    elif repeated and products:
        value = _net_of(money, repeated) or repeated[0]
        if groups.may_agree_by_chance(money.numbers(value)):
            _ask_repeated(grid, money, groups, value, findings)
            return
        why = f"{several}, and {value.header!r} is the same on all rows of an order: it is the whole order's, repeated"
        _whole_orders(grid, money, groups, value, why, findings)
    elif any(money.of(meaning) for meaning in VALUES) and all(map(groups.is_text_constant, grid.columns.values())):
        why = f"{several}, each time with the same fields: copies, of which one counts"
        findings.decide("rows", "orders", why, {"rows": "orders"})
        value_of_orders(money, findings, groups)
    elif any(money.of(meaning) for meaning in VALUES):
        _ask_rows(grid, money, groups, several, findings)
    else:
        ask_whether_to_count(grid, findings)


def _line_values(money: OrderAmounts, groups: OrderRows) -> tuple[str, Numbers, Settings] | None:
    """The amount of each line: a column that differs within orders, else quantity times price."""
    for meaning in ("line_total", "net", "subtotal", "total", "with_tax", "gross"):
        for column in money.of(meaning):
            if meaning == "line_total" or not groups.is_constant(money.numbers(column)):
                return column.header, money.numbers(column), {"columns.net": column.header}
    if money.of("quantity") and money.of("unit_price"):
        quantity, price = money.of("quantity")[0], money.of("unit_price")[0]
        return f"{quantity.header} x {price.header}", money.numbers(quantity) * money.numbers(price), {}
    return None


def _adds_up(money: OrderAmounts, groups: OrderRows, values: Numbers, repeated: list[FoundColumn]) -> str | None:
    """What the lines of an order add up to."""
    sums = groups.sums(values)
    shipping, tax = (_of_orders(money, groups, meaning) for meaning in ("shipping", "tax"))
    for column in repeated:
        whole = groups.firsts(money.numbers(column))
        for words, expected in (
            ("", whole), (" less shipping", whole - shipping), (" less tax", whole - tax),
            (" less shipping and tax", whole - shipping - tax),
        ):  # fmt: skip
            if agree(sums, np.asarray(expected)):
                return f"the lines of an order add up to its {column.header!r}{words}"
    return None


def _of_orders(money: OrderAmounts, groups: OrderRows, meaning: str) -> Numbers:
    """(orders,) an amount of whole orders: once where it is repeated, else summed."""
    found = money.of(meaning)
    if not found:
        return np.zeros(len(groups.sizes))
    values = np.abs(np.nan_to_num(money.numbers(found[0])))
    return groups.firsts(values) if groups.is_constant(values) else groups.sums(values)


def _net_of(money: OrderAmounts, columns: list[FoundColumn]) -> FoundColumn | None:
    ranked = [column for meaning in VALUES for column in money.of(meaning) if column in columns]
    return ranked[0] if ranked else None


def _whole_orders(
    grid: Grid, money: OrderAmounts, groups: OrderRows, value: FoundColumn, why: str, findings: FoundOut
) -> None:
    """Rows of lines that repeat their order: the orders once, and the lines as a table of their own."""
    findings.decide("rows", "orders", why, {"rows": "orders"})
    kept = OrderAmounts(
        {
            name: [one for one in found if groups.is_constant(money.numbers(one))]
            for name, found in money.columns.items()
        },
        money.written,
    )
    if not value_of_orders(kept, findings, groups):
        findings.decide("net", value.header, "the whole order's", {"columns.net": value.header})
    order = findings.settings()["columns.order_id"]
    settings: dict[str, Json] = {"tables.order_lines.source.same": SAME, "tables.order_lines.columns.order_id": order}
    product, quantity = next(iter(grid.headers_for("product_id")), None), money.of("quantity")
    if product is None or not quantity:
        return
    settings |= {
        "tables.order_lines.columns.product_id": product,
        "tables.order_lines.columns.quantity": quantity[0].header,
    }
    if price := money.of("unit_price"):
        settings["tables.order_lines.columns.unit_price"] = price[0].header
    findings.decide("order_lines", "in the same rows", f"products in {product!r}", settings)


def _ask_lines(
    grid: Grid,
    money: OrderAmounts,
    groups: OrderRows,
    header: str,
    settings: Settings,
    whole: FoundColumn,
    findings: FoundOut,
) -> None:
    order = findings.settings()["columns.order_id"]
    rows = np.flatnonzero(groups.known & (groups.sizes[groups.codes] > 1))[:3] + 1
    findings.ask(
        "rows", f"orders have several rows, and {whole.header!r} is the same on all of them, but the lines ({header}) "
        "do not add up to it: is the value of an order the sum of its lines, or that amount once?",
        {"lines": {"rows": "lines", **settings, **_products(grid, money)},
         "orders": {"rows": "orders", "columns.net": whole.header}}, rows.tolist(),
        [f"{order} {cell_of(grid.columns[str(order)], row)}: {cell_of(whole, row)}" for row in rows.tolist()],
    )  # fmt: skip


def _ask_repeated(grid: Grid, money: OrderAmounts, groups: OrderRows, value: FoundColumn, findings: FoundOut) -> None:
    """Lines of one price and a total that is repeated look alike where few prices occur."""
    rows = np.flatnonzero(groups.known & (groups.sizes[groups.codes] > 1))[:3] + 1
    settings: Settings = {"columns.net": value.header}
    findings.ask(
        "rows", f"orders have several rows with one {value.header!r}, and few amounts occur at all: is it what each "
        "row cost, or the whole order, repeated?",
        {"lines": {"rows": "lines", **settings, **_products(grid, money)}, "orders": {"rows": "orders", **settings}},
        rows.tolist(), [f"{cell_of(value, row)}" for row in rows.tolist()],
    )  # fmt: skip


def _ask_rows(grid: Grid, money: OrderAmounts, groups: OrderRows, several: str, findings: FoundOut) -> None:
    value = next(column for meaning in VALUES for column in money.of(meaning))
    rows = np.flatnonzero(groups.known & (groups.sizes[groups.codes] > 1))[:3] + 1
    findings.ask(
        "rows", f"{several}, without a product: parts of an order that add up, or one order written several times?",
        {name: {"rows": name, "columns.net": value.header} for name in ("lines", "orders")}, rows.tolist(),
        [f"{cell_of(value, row)}" for row in rows.tolist()],
    )  # fmt: skip


def _products(grid: Grid, money: OrderAmounts) -> dict[str, Json]:
    found: dict[str, Json] = {}
    if product := next(iter(grid.headers_for("product_id")), None):
        found["columns.product_id"] = product
    for meaning in ("quantity", "unit_price"):
        if columns := money.of(meaning):
            found[f"columns.{meaning}"] = columns[0].header
    return found


def _decide_products(grid: Grid, money: OrderAmounts, findings: FoundOut, is_lines: bool) -> None:
    if is_lines and (settings := _products(grid, money)):
        findings.decide("products", ", ".join(map(str, settings.values())), "by their names", settings)


def _decide_negative_lines(grid: Grid, values: Numbers, groups: OrderRows, findings: FoundOut) -> None:
    """Lines below zero: refunds where whole orders are or their time is another; discounts or refunds among others."""
    below = (np.nan_to_num(values) < 0) & groups.known
    if not below.any():
        return
    orders = groups.sums(values)
    inside = below & (orders[groups.codes] >= 0)
    if not inside.any():
        findings.decide(
            "refunds", "negative rows", f"{counted(int(below.sum()), 'row')} below zero, in orders of their own"
        )
        return
    if not _at_times_of_others(grid, inside, groups.known & ~below, groups, findings):
        evidence = f"{counted(int(inside.sum()), 'row')} below zero, at other times than what was ordered"
        findings.decide("refunds", "negative rows", evidence)
        return
    rows = np.flatnonzero(inside)[:3] + 1
    findings.ask(
        "refunds", f"{counted(int(inside.sum()), 'line')} below zero in orders above zero: discounts, or refunds?",
        {"discounts": {"refunds": "negative_orders"}, "refunds": {"refunds": "negative_rows"}}, rows.tolist(),
        [f"{values[int(row) - 1]:,.2f}" for row in rows],
    )  # fmt: skip


def _at_times_of_others(
    grid: Grid, some: NDArray[np.bool_], others: NDArray[np.bool_], groups: OrderRows, findings: FoundOut
) -> bool:
    """Whether some rows have the time of others of their order, as a discount has that is a line of it."""
    header = findings.settings().get("columns.ordered_at")
    if header is None:
        return True
    times = grid.columns[str(header)]
    moments = groups.codes * (len(times.distinct) + 1) + times.codes
    return bool(np.isin(moments[some], moments[others]).any())
