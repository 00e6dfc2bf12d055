"""Which of several tables holds the orders, and what the others are: refunds, customers, order lines, ….

A table is known by its headers: each required column of a contract has one, by its own name or by another that means
the same. Ids that occur in none of the orders make it no table of this shop.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.result import Json
from cvo_ml.ingest.adapters import ADAPTERS
from cvo_ml.ingest.header_names import headers_for, in_minor_units, key_of
from cvo_ml.ingest.look.amounts import decide_amounts, decide_minor_units, is_amounts
from cvo_ml.ingest.look.dates import Reading, decide_dates, readings
from cvo_ml.ingest.look.findings import SAME, FoundOut, counted
from cvo_ml.ingest.look.grid import FoundColumn, Grid
from cvo_ml.ingest.look.joining import KnownIds, shared
from cvo_ml.ingest.look.money_columns import CENT, Numbers, OrderAmounts, OrderRows
from cvo_ml.ingest.look.vendor_exports import decide_further_export, export_in, holds_orders, ids_of_export

#: Table to canonical column to the meanings that may stand for it, beside the column's own name.
_ALIASES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "refunds": {
        "refunded_at": ("refunded_at", "date", "created_at", "ordered_at"), "amount": ("refund_amount", "net", "total"),
        "order_id": ("order_id",), "customer_id": ("customer_id", "customer"), "refund_id": ("refund_id",),
        "reason": ("reason",),
    },
    "order_lines": {
        "order_id": ("order_id",), "product_id": ("product_id", "product_name"), "quantity": ("quantity",),
        "unit_price": ("unit_price",), "net": ("line_total", "net"), "line_id": ("line_id",),
    },
    "customers": {
        "customer_id": ("customer_id", "customer", "id"), "created_at": ("created_at", "date"), "country": ("country",),
        "region": ("region",), "city": ("city",), "marketing_consent": ("marketing_consent",),
        "acquisition_channel": ("channel",),
    },
    "tickets": {
        "customer_id": ("customer_id", "customer"), "opened_at": ("opened_at", "created_at", "date"),
        "ticket_id": ("ticket_id", "id"),
    },
    "subscriptions": {
        "subscription_id": ("subscription_id", "id"), "customer_id": ("customer_id", "customer"), "status": ("status",),
        "mrr": ("mrr",), "started_at": ("started_at", "created_at"), "ended_at": ("ended_at",), "plan": ("plan",),
        "seats": ("seats",), "currency": ("currency",),
    },
}  # fmt: skip
#: What the name of a file or sheet says that it holds.
_CALLED: Final = {
    "refunds": r"refund|return|retoure|erstattung|gutschrift|rembours|reembolso|rimbors|terugbetal|zwrot|credit.?note",
    "order_lines": r"line|item|position|ligne|linea|riga|regel|detail|pozycj",
    "customers": r"customer|client|kunde|cliente|klant|contact|user|people|kund\b|klien",
    "subscriptions": r"subscription|abo|membership",
    "tickets": r"ticket|case|support",
    "orders": r"order|bestell|auftr|commande|pedido|ordin|zam|sale|transaction|invoice|rechnung|purchase",
}
#: Tables whose required columns say too little to be told without their name.
_BY_NAME: Final = frozenset(
    {"events", "touchpoints", "assignments", "milestones", "leads", "treatments", "returns", "tickets"}
)
_FIRST: Final = ("refunds", "subscriptions", "order_lines", "customers")


def columns_of(grid: Grid, table: str) -> dict[str, str]:
    """Canonical column to header, as far as a table has them."""
    by_key = {key_of(header): header for header in grid.headers}
    aliases = _ALIASES.get(table, {})
    found: dict[str, str] = {}
    for column in CONTRACTS[table].columns:
        own = by_key.get(key_of(column.name))
        named = (
            header
            for meaning in aliases.get(column.name, ())
            for header in headers_for(meaning, grid.headers, grid.told)
        )
        header = own or next((one for one in named if one not in found.values()), None)
        if header is not None and grid.columns[header].filled:
            found[column.name] = header
    return found


def is_called(grid: Grid, table: str) -> bool:
    """Whether the name of a file, sheet or table says so."""
    return (
        re.search(_CALLED.get(table, re.escape(table.rstrip("s"))), grid.name.rpartition(": ")[2], re.IGNORECASE)
        is not None
    )


def can_be(grid: Grid, table: str) -> bool:
    """Whether a table has all that a contract requires, and looks like it."""
    found = columns_of(grid, table)
    if not set(CONTRACTS[table].required) <= set(found):
        return False
    if table == "refunds":
        tells = any(grid.headers_for(meaning) for meaning in ("refund_id", "refund_amount", "refunded_at"))
        return (tells or is_called(grid, table)) and bool({"order_id", "customer_id"} & set(found))
    if table == "customers":
        return is_called(grid, table) or len(grid.columns[found["customer_id"]].distinct) == grid.rows
    return table not in _BY_NAME or is_called(grid, table)


def main_of(grids: Sequence[Grid]) -> Grid:
    """The table of orders: by its columns, then by its name; the first where none looks like it."""

    def rank(grid: Grid) -> tuple[bool, bool, bool, bool, int]:
        roles = ("customer_id", "ordered_at")
        complete = all(grid.headers_for(role) for role in roles) and any(
            grid.headers_for(meaning)
            for meaning in ("net", "subtotal", "total", "with_tax", "gross", "line_total", "unit_price")
        )
        other = can_be(grid, "refunds") or can_be(grid, "subscriptions")
        foreign = export_in(grid) is not None and not holds_orders(grid)
        return not foreign, complete or holds_orders(grid), not other, is_called(grid, "orders"), grid.rows

    return max(grids, key=rank)


def decide_tables(grids: Sequence[Grid], main: Grid, customers: FoundColumn | None, findings: FoundOut) -> None:
    """What the tables beside the orders are."""
    known = _known_ids(main, customers, findings)
    taken: set[str] = set()
    for grid in sorted(grids, key=lambda one: not _holds_deals(one)):  # leads are those that deals name
        if grid.headers == main.headers:
            findings.missing.append(
                f"{grid.name} has the headers of {main.name}, and only one would be read: put their rows into one "
                "sheet, or save each as CSV into one folder, and name that"
            )
            continue
        if (export := export_in(grid)) is not None:
            given = decide_further_export(grid, export, taken, known, findings)
            taken.update(given)
            known |= ids_of_export(grid, export) if "deals" in given else {}
            continue
        table = next(
            (name for name in (*_FIRST, *CONTRACTS) if name != "orders" and name not in taken and can_be(grid, name)),
            None,
        )
        if table is None:
            findings.decide(
                f"table {grid.name}",
                "left unread",
                f"its headers are none of a known table: {', '.join(grid.headers[:6])}",
            )
            continue
        columns = columns_of(grid, table)
        whole = grid.is_whole and main.is_whole  # parts of two tables may share no id
        if whole and (why := _is_foreign(grid, columns, known)):
            findings.decide(f"table {grid.name}", "left unread", why)
            continue
        taken.add(table)
        known |= {"lead_id": grid.columns[columns["lead_id"]]} if table == "deals" else {}
        _decide_table(grid, table, columns, findings)


def _known_ids(main: Grid, customers: FoundColumn | None, findings: FoundOut) -> dict[str, FoundColumn]:
    """The ids of the first source that other tables join."""
    if (export := export_in(main)) is not None:
        return ids_of_export(main, export)
    order = findings.settings().get("columns.order_id")
    known = {"order_id": main.columns[str(order)]} if order is not None else {}
    return known | ({"customer_id": customers} if customers is not None else {})


def _holds_deals(grid: Grid) -> bool:
    export = export_in(grid)
    return "deals" in ADAPTERS[export].further if export is not None else can_be(grid, "deals")


def _is_foreign(grid: Grid, columns: Mapping[str, str], known: KnownIds) -> str | None:
    for name in ("order_id", "customer_id"):
        own = grid.columns.get(columns.get(name, ""))
        if own is not None and name in known and not shared(own, known[name]):
            return f"none of its {own.header!r} is among those of the orders ({known[name].header!r})"
    return None


def _decide_table(grid: Grid, table: str, columns: Mapping[str, str], findings: FoundOut) -> None:
    prefix = f"tables.{table}"
    settings: dict[str, Json] = {f"{prefix}.source.{key}": value for key, value in grid.source.items()}
    for decision in grid.decisions:
        settings |= {f"{prefix}.{key}": value for key, value in decision.settings.items()}
    settings |= {f"{prefix}.columns.{name}": header for name, header in columns.items()}
    findings.decide(table, grid.name, f"{counted(grid.rows, 'row')}; {', '.join(columns.values())}", settings)
    kinds = {column.name: column.kind for column in CONTRACTS[table].columns}
    times = {name: grid.columns[header] for name, header in columns.items() if kinds[name] == "time"}
    decide_dates(times, findings, f"{prefix}.source", f"{table}_dates")
    money = {
        name: grid.columns[header]
        for name, header in columns.items()
        if kinds[name] in ("money", "number") and is_amounts(grid.columns[header])
    }
    decide_amounts(money, findings, f"{prefix}.source", f"{table}_amounts")
    if any(in_minor_units(column.header) for column in money.values()):
        decide_minor_units(findings, f"{prefix}.source")


def decide_refund_column(grid: Grid, money: OrderAmounts, ordered: Reading | None, findings: FoundOut) -> None:
    """Amounts that went back, in a column beside the orders: a table of refunds that is read from the same rows.

    One that is repeated on all lines of an order went back once. Without a time of their own they count from the latest
    time of the source: never earlier than it was.
    """
    refunded = money.of("refund_amount")[0]
    found, ways = findings.settings(), [ordered] if ordered is not None else _ways_of_orders(grid, findings)
    whose = next((name for name in ("order_id", "customer_id") if f"columns.{name}" in found), None)
    if whose is None or not ways:
        return
    settings: dict[str, Json] = {
        "tables.refunds.source.same": SAME,
        f"tables.refunds.columns.{whose}": found[f"columns.{whose}"],
        "tables.refunds.columns.amount": refunded.header,
    }
    if refunded.filled < grid.rows:
        settings["tables.refunds.where_filled"] = "amount"
    if whose == "order_id" and _is_repeated(grid.columns[str(found["columns.order_id"])], money.numbers(refunded)):
        settings["tables.refunds.columns.refund_id"] = found["columns.order_id"]
    when = next((header for header in grid.headers_for("refunded_at") if grid.columns[header].filled), None)
    if when is not None:
        settings["tables.refunds.columns.refunded_at"] = when
        evidence = f"their time stands in {when!r}"
    else:
        latest = str(max(way.times[~np.isnat(way.times)].max() for way in ways))[:19]
        settings["tables.refunds.constants.refunded_at"] = latest
        evidence = f"no column says when: they count from the latest time of the file ({latest})"
    findings.decide("refunds", refunded.header, f"a column beside the orders; {evidence}", settings)
    _decide_total(grid, money, money.numbers(refunded), findings)
    if when is not None and (ordered is not None or len(readings(grid.columns[when])) == 1):  # else it is asked already
        decide_dates({"refunded_at": grid.columns[when]}, findings, "tables.refunds.source", "refund_dates", many=True)


def _decide_total(grid: Grid, money: OrderAmounts, refunded: Numbers, findings: FoundOut) -> None:
    """Whether what went back holds tax and shipping, which the value of an order does not: as the amounts tell."""
    found = findings.settings()
    net, less = grid.columns.get(str(found.get("columns.net"))), found.get("net_less", [])
    if net is None or "columns.order_id" not in found or found.get("rows", "orders") != "orders":
        return
    value = money.numbers(net).copy()
    for part in less if isinstance(less, list) else []:
        value -= np.asarray(money.size(str(part)))
    back = np.nan_to_num(refunded) > 0
    for total in [*money.of("total"), *money.of("with_tax")]:
        whole = money.numbers(total)
        beside = back & (whole > value + CENT)
        if not beside.any() or (refunded > whole + CENT)[back].any():
            continue
        above = beside & (refunded > value + CENT)
        as_it_is = beside & (np.abs(refunded - value) <= CENT)
        if above.any():
            evidence = (
                f"{counted(int(above.sum()), 'refund')} above the value of its order, none above {total.header!r}"
            )
            findings.decide(
                "refunds hold tax and shipping", total.header, f"{evidence}: as much of the value goes back",
                {"tables.refunds.columns.part_of": total.header},
            )  # fmt: skip
        elif not as_it_is.any():
            findings.ask(
                "refund_amounts",
                f"every refund in {found['tables.refunds.columns.amount']!r} is below the value of its order: do they "
                f"hold tax and shipping, as {total.header!r} does, or not?",
                {"with_tax": {"tables.refunds.columns.part_of": total.header}, "without_tax": {}},
                np.flatnonzero(beside)[:3].tolist(),
            )
        return


def _is_repeated(order: FoundColumn, refunded: Numbers) -> bool:
    """Whether all rows of an order of which something went back say the same of it."""
    orders, back = OrderRows(order.codes), np.nan_to_num(refunded)
    with_refund = np.flatnonzero((orders.sums(np.abs(back)) > 0) & (orders.sizes > 1))
    rows = np.isin(orders.codes, with_refund)
    return bool(rows.any() and np.allclose(back[rows], orders.firsts(back)[orders.codes[rows]]))


def _ways_of_orders(grid: Grid, findings: FoundOut) -> list[Reading]:
    """The readings of the orders' times that are asked about."""
    header = findings.settings().get("columns.ordered_at")
    return readings(grid.columns[str(header)]) if header is not None else []
