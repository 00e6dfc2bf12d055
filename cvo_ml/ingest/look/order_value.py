"""Which amount is the value of an order, after discounts and before tax: by its name and by what adds up."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

from cvo_ml.ingest.look.findings import FoundOut, Settings, counted
from cvo_ml.ingest.look.grid import FoundColumn, Grid
from cvo_ml.ingest.look.money_columns import OrderAmounts, OrderRows, agree

#: Amounts that may be the value of an order, the best first.
VALUES: Final = ("net", "subtotal", "total", "with_tax", "gross")
_WORDS: Final = {
    "net": "after discounts, before tax", "subtotal": "the sum of its products", "total": "with whatever it includes",
    "with_tax": "with tax", "gross": "before what is taken off",
}  # fmt: skip


def value_of_orders(money: OrderAmounts, findings: FoundOut, groups: OrderRows | None) -> bool:
    """Which amount is the value of an order: after discounts, before tax, without shipping."""
    candidates = [(meaning, column) for meaning in VALUES for column in money.of(meaning)]
    told = [(meaning, column) for meaning, column in candidates if column.header in money.told]
    candidates = told or [(meaning, column) for meaning, column in candidates if not _is_payout(money, column)]
    if not candidates:
        return False
    meaning, column = candidates[0] if told else _without_beside(money, candidates)
    others = [other for _, other in candidates[1:] if not agree(money.numbers(other), money.numbers(column))]
    found = _subtotal(money, column) if meaning == "subtotal" and others else None
    if meaning in ("subtotal", "gross") and not told and found is None and money.is_used("discount"):
        _ask_value(money, column, others, findings)
        return True
    less = found[1] if found is not None else ()
    if meaning == "with_tax" and money.is_used("tax") and not told:
        less = ("tax",)  # its name says that it holds it
    if found is not None:
        evidence = found[0]
    else:
        beside = f"; not {', '.join(repr(other.header) for other in others[:3])}" if others else ""
        evidence = f"{_WORDS[meaning]}{beside}{_included(money, meaning)}"
    settings: Settings = {"columns.net": column.header, **({"net_less": list(less)} if less else {})}
    findings.decide("net", " less ".join([column.header, *less]), evidence, settings)
    values = money.numbers(column)
    below = int((np.nan_to_num(values) < 0).sum())
    if below > 0.5 * len(values):
        findings.missing.append(
            f"net: {below:,} of {len(values):,} values of {column.header!r} are below zero, as sales are in a ledger: "
            "export them with the other sign, so that only refunds are below zero"
        )
    elif below:
        findings.decide("refunds", "rows below zero", f"{counted(below, 'row')}: each is a refund at its own time")
    for name in ("discount", "shipping", "tax"):
        if columns := money.of(name):
            findings.decide(name, columns[0].header, "by its name", {f"columns.{name}": columns[0].header})
    return True


def _without_beside(money: OrderAmounts, candidates: list[tuple[str, FoundColumn]]) -> tuple[str, FoundColumn]:
    """The first candidate; or the one that it is, together with shipping and tax that stand beside it."""
    first = candidates[0]
    parts = [np.nan_to_num(money.numbers(money.of(name)[0])) for name in ("shipping", "tax") if money.is_used(name)]
    beside = [*parts, *([parts[0] + parts[1]] if len(parts) == 2 else [])]
    for other in candidates[1:]:
        if any(agree(money.numbers(first[1]), money.numbers(other[1]) + part) for part in beside):
            return other
    return first


def _is_payout(money: OrderAmounts, column: FoundColumn) -> bool:
    """Whether an amount is another one less the fees of whoever paid it out."""
    if not money.is_used("payment_cost"):
        return False
    fees, own = np.asarray(money.size("payment_cost")), money.numbers(column)
    others = [
        money.numbers(other) for name in (*VALUES, "line_total") for other in money.of(name) if other is not column
    ]
    taken = [np.nan_to_num(money.numbers(money.of(name)[0])) for name in ("tax", "shipping") if money.is_used(name)]
    if any(agree(own, other - part) for other in others for part in taken):
        return False
    return any(
        agree(own, other + part - fees) or agree(np.abs(own), np.abs(other) + part - fees)
        for other in others
        for part in (np.zeros(len(own)), *taken)
    )


def _subtotal(money: OrderAmounts, column: FoundColumn) -> tuple[str, tuple[str, ...]] | None:
    """What the subtotal is by how the total adds up, and what it still holds: the discount, or tax."""
    subtotal, totals = money.numbers(column), [*money.of("total"), *money.of("with_tax")]
    shipping, tax, discount = (money.size(meaning) for meaning in ("shipping", "tax", "discount"))
    with_tax = (
        () if money.is_used("shipping") or not money.of("tax") else ("tax",)
    )  # else some of the tax is shipping's
    for total in totals:
        whole, name = money.numbers(total), repr(total.header)
        if agree(whole, subtotal + shipping + tax):
            return f"{name} is it with shipping and tax", ()
        if agree(whole, subtotal - discount + shipping + tax):
            return f"{name} is it less the discount, with shipping and tax: it is before discounts", ("discount",)
        if agree(whole, subtotal + shipping) and money.is_used("tax"):
            return f"{name} is it with shipping alone: it includes tax", with_tax
        if agree(whole, subtotal - discount + shipping) and money.is_used("tax"):
            return f"{name} is it less the discount: it includes tax and is before discounts", ("discount", *with_tax)
    return None


def _included(money: OrderAmounts, meaning: str) -> str:
    parts = [name for name in ("shipping", "tax") if money.is_used(name)]
    return (
        f"; it may include {' and '.join(parts)}: net_less: [{', '.join(parts)}] takes that off"
        if parts and meaning in ("total", "with_tax", "gross")
        else ""
    )


def _ask_value(money: OrderAmounts, column: FoundColumn, others: list[FoundColumn], findings: FoundOut) -> None:
    discount = money.of("discount")[0]
    rows = np.flatnonzero(np.asarray(money.size("discount")) > 0)[:3] + 1
    off: Settings = {"columns.net": column.header, "columns.discount": discount.header, "net_less": ["discount"]}
    choices: dict[str, Settings] = {f"{column.header} less {discount.header}": off}
    choices |= {one.header: {"columns.net": one.header} for one in (column, *others[:2])}
    findings.ask(
        "net", f"which amount is the value of an order, after discounts and before tax? {discount.header!r} may be in "
        f"{column.header!r} or beside it", choices, rows.tolist(),
        [", ".join(f"{one.header} {cell_of(one, int(row))}" for one in (column, discount, *others[:2]))
         for row in rows],
    )  # fmt: skip


def value_of_lines(money: OrderAmounts, findings: FoundOut) -> bool:
    """Whether the value of an order is in its lines: a total of each, or quantity times price."""
    if columns := money.of("line_total"):
        findings.decide("net", columns[0].header, "of each line", {"columns.net": columns[0].header})
        return True
    if money.of("quantity") and money.of("unit_price"):
        words = f"{money.of('quantity')[0].header} x {money.of('unit_price')[0].header}"
        findings.decide("net", words, "no other amount is in the file")
        ask_discount(words, money, findings)
        return True
    return False


def ask_discount(value: str, money: OrderAmounts, findings: FoundOut) -> None:
    """Discounts stand beside a value, and nothing in the file tells whether they are taken off it already."""
    if not money.is_used("discount"):
        return
    column = money.of("discount")[0]
    off = np.abs(np.nan_to_num(money.numbers(column)))
    rows = np.flatnonzero(off > 0)
    named_share = "%" in column.header or re.search(r"(?i)perc|pct|prozent|pourcent", column.header)
    if named_share or off.max() < 1:  # shares of a price are no money: they can neither be taken off nor kept
        unread: Settings = {"ignore": [column.header]}
        choices: dict[str, Settings] = {"taken_off_already": unread, "count_before_discounts": unread}
    else:
        along: Settings = {"columns.discount": column.header}
        choices = {"taken_off_already": along, "take_them_off": {**along, "net_less": ["discount"]}}
    findings.ask(
        "discount",
        f"column {column.header!r} holds discounts in {counted(len(rows), 'row')}: are they taken off {value!r} "
        "already?", choices, (rows[:3] + 1).tolist(),
    )  # fmt: skip


def ask_whether_to_count(grid: Grid, findings: FoundOut) -> None:
    """No column is the value of an order: orders may be counted, or somebody names the column."""
    named = [
        grid.columns[header]
        for meaning in (*VALUES, "line_total")
        for header in grid.headers_for(meaning)
        if grid.columns[header].filled
    ]
    beside = ""
    if named:
        other = next((text for text in named[0].distinct if not any(sign.isdigit() for sign in text)), "")
        beside = (
            f" ({named[0].header!r} is called so, but not all of its texts are amounts: {other!r})" if other else ""
        )
    findings.ask(
        "net", f"no column holds the value of an order{beside or ' (after discounts, before tax)'}, nor its prices: "
        "count orders without a value, or does a column hold it (write its header in place of HEADER)?",
        {"count_orders": {"counts_only": True}, "map_a_column": {"columns.net": "HEADER"}},
    )  # fmt: skip


def cell_of(column: FoundColumn, row: int) -> object:
    """What stands in a row (1 = the first after the header)."""
    return column.values[row - 1].as_py()
