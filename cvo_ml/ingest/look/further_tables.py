"""Which of several tables holds the orders, and what the others are: refunds, customers, order lines, ….

A table is known by its headers: each required column of a contract has one, by its own name or by another that means
the same. Ids that occur in none of the orders make it no table of this shop.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from cvo_ml.config.shops import SEVERAL
from cvo_ml.core.contract import Column
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.result import Json
from cvo_ml.ingest.adapters import ADAPTERS
from cvo_ml.ingest.header_names import headers_for, in_minor_units, key_of
from cvo_ml.ingest.look.amounts import decide_amounts, decide_minor_units, is_amounts
from cvo_ml.ingest.look.dates import Reading, decide_dates, readings
from cvo_ml.ingest.look.findings import SAME, FoundOut, counted
from cvo_ml.ingest.look.grid import FoundColumn, Grid
from cvo_ml.ingest.look.joining import KnownIds, decide_case, ids_of, shared
from cvo_ml.ingest.look.money_columns import CENT, Numbers, OrderAmounts, OrderRows
from cvo_ml.ingest.look.months import month_format
from cvo_ml.ingest.look.table_headers import BY_NAME, BY_OWN_NAMES, CALLED, has_own_names, meanings
from cvo_ml.ingest.look.table_place import table_place
from cvo_ml.ingest.look.vendor_exports import (
    decide_further_export,
    export_in,
    holds_orders,
    ids_of_export,
    tables_of_first,
)

#: Tables of which further columns are fields of their own: what is known of leads, of companies, of what was chosen.
_WITH_FIELDS: Final = ("leads", "accounts", "choices")
_PERSONAL: Final = frozenset({"customer_email", "customer_phone", "customer_name", "customer_id", "discarded", "id"})
_NUMBERED: Final = re.compile(r"(?:id|nr|no|number|nummer|key|code|phone|telefon|zip|plz)\.?$", re.IGNORECASE)
_FIRST: Final = ("refunds", "subscriptions", "order_lines", "customers")


def columns_of(grid: Grid, table: str) -> dict[str, str]:
    """Canonical column to header, as far as a table has them; the column's own name before any other."""
    by_key = {key_of(header): header for header in grid.headers if grid.columns[header].filled}
    contract = CONTRACTS[table]
    own = {column.name: by_key[key_of(column.name)] for column in contract.columns if key_of(column.name) in by_key}
    found = dict(own)
    for column in sorted(contract.columns, key=lambda one: not one.required):
        if column.name in found:
            continue
        header = _named(grid, table, column, {*found.values()})
        if header is None and column.required:  # what is required may take what an optional column is called
            header = _named(grid, table, column, {found[name] for name in found if name in contract.required})
            found = {name: other for name, other in found.items() if other != header}
        if header is not None:
            found[column.name] = header
    return {name: found[name] for name in contract.names if name in found}


def _named(grid: Grid, table: str, column: Column, taken: Container[str]) -> str | None:
    """The header whose name means the column, by other names than its own."""
    for meaning in meanings(table, column):
        for header in headers_for(meaning, grid.headers, grid.told):
            if header not in taken and grid.columns[header].filled:
                return header
    return None


def is_called(grid: Grid, table: str) -> bool:
    """Whether the name of a file, sheet or table says so."""
    name = grid.name.rpartition(": ")[2].replace("_", " ").replace("-", " ")
    return re.search(CALLED.get(table, re.escape(table.rstrip("s").replace("_", " "))), name, re.IGNORECASE) is not None


def can_be(grid: Grid, table: str) -> bool:
    """Whether a table has all that a contract requires, and looks like it."""
    found, contract = columns_of(grid, table), CONTRACTS[table]
    if not set(contract.required) <= set(found) or not all(set(group) & set(found) for group in contract.one_of):
        return False
    if table == "refunds":
        tells = any(grid.headers_for(meaning) for meaning in ("refund_id", "refund_amount", "refunded_at"))
        return tells or is_called(grid, table)
    if table == "customers":
        return is_called(grid, table) or len(grid.columns[found["customer_id"]].distinct) == grid.rows
    if table in BY_OWN_NAMES and has_own_names(contract, frozenset(map(key_of, grid.headers))):
        return True
    return table not in BY_NAME | BY_OWN_NAMES or is_called(grid, table)


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
    taken = {*tables_of_first(main) & SEVERAL}
    for grid in sorted(grids, key=lambda one: not _holds_deals(one)):  # leads are those that deals name
        since = len(findings.missing)
        if grid.headers == main.headers:
            findings.missing.append(
                f"{grid.name} has the headers of {main.name}, and only one would be read: put their rows into one "
                "sheet, or save each as CSV into one folder, and name that"
            )
            continue
        if (export := export_in(grid)) is not None:
            given = decide_further_export(grid, export, taken, known, findings)
            findings.name_file(grid.name, since)
            taken.update(given)
            known |= ids_of_export(grid, export) if "deals" in given else {}
            continue
        whole = grid.is_whole and main.is_whole  # parts of two tables may share no id
        table, columns, why = _table_of(grid, taken, known if whole else {})
        if table is None:
            findings.decide(f"table {grid.name}", "left unread", why)
            continue
        place, settings = table_place(table, Path(grid.name).stem, taken, findings)
        taken.add(table)
        own, other = grid.columns.get(columns.get("customer_id", "")), known.get("customer_id")
        if own is not None and other is not None:
            decide_case(shared(own, other) - len(ids_of(own) & ids_of(other)), grid.name, findings)
        known |= {"lead_id": grid.columns[columns["lead_id"]]} if table == "deals" else {}
        _decide_table(grid, table, columns, place, settings, findings)
        findings.name_file(grid.name, since)


def rated_currencies(grids: Sequence[Grid]) -> frozenset[str]:
    """The currencies of which a table says what they are worth."""
    tables = [grid for grid in grids if export_in(grid) is None and can_be(grid, "fx")]
    return frozenset(
        text.upper() for grid in tables[:1] for text in grid.columns[columns_of(grid, "fx")["currency"]].distinct
    )


def _table_of(grid: Grid, taken: Container[str], known: KnownIds) -> tuple[str | None, dict[str, str], str]:
    """Which table it is, and its columns; or why it is none of this shop."""
    candidates = [
        name
        for name in dict.fromkeys((*_FIRST, *CONTRACTS))
        if name != "orders" and (name not in taken or name in SEVERAL)
    ]
    fit = [name for name in candidates if can_be(grid, name)]
    why = f"its headers are none of a known table: {', '.join(grid.headers[:6])}"
    for place, name in enumerate(sorted(fit, key=lambda one: not is_called(grid, one))):
        columns = _joined(grid, name, columns_of(grid, name), known)
        foreign = _is_foreign(grid, name, columns, known)
        if foreign is None:
            return name, columns, ""
        why = why if place else foreign
    return None, {}, why


def _joined(grid: Grid, table: str, columns: Mapping[str, str], known: KnownIds) -> dict[str, str]:
    """The columns with the customer's id in the column that shares most ids with the orders."""
    if "customer_id" not in columns or "customer_id" not in known:
        return dict(columns)
    others = {header for name, header in columns.items() if name != "customer_id"}
    ways = [columns["customer_id"]]
    for meaning in meanings(table, CONTRACTS[table].column("customer_id")):
        ways += [header for header in headers_for(meaning, grid.headers, grid.told) if header not in others]
    best = max(dict.fromkeys(ways), key=lambda header: shared(grid.columns[header], known["customer_id"]))
    return {**columns, "customer_id": best}


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


def _is_foreign(grid: Grid, table: str, columns: Mapping[str, str], known: KnownIds) -> str | None:
    if table == "accounts" and "customer_id" in known:
        ids = grid.columns[columns["account_id"]]
        if shared(ids, known["customer_id"]):
            return f"its {ids.header!r} are customers of the orders ({known['customer_id'].header!r})"
    for name in ("order_id", "customer_id"):
        own = grid.columns.get(columns.get(name, ""))
        if own is not None and name in known and not shared(own, known[name]):
            return f"none of its {own.header!r} is among those of the orders ({known[name].header!r})"
    return None


def _decide_table(
    grid: Grid, table: str, columns: Mapping[str, str], prefix: str, settings: dict[str, Json], findings: FoundOut
) -> None:
    called = prefix.removeprefix("tables.")
    settings |= {f"{prefix}.source.{key}": value for key, value in grid.source.items()}
    for decision in grid.decisions:
        settings |= {f"{prefix}.{key}": value for key, value in decision.settings.items()}
    settings |= {f"{prefix}.columns.{name}": header for name, header in columns.items()}
    fields = profile_of(grid, columns) if table in _WITH_FIELDS else {}
    settings |= {f"{prefix}.profile.{name}": header for name, header in fields.items()}
    if table == "deliveries" and grid.columns[columns["shipped_at"]].filled < grid.rows:
        settings[f"{prefix}.where_filled"] = "shipped_at"  # what has not left the shop is no delivery yet
    findings.decide(table, grid.name, f"{counted(grid.rows, 'row')}; {', '.join(columns.values())}", settings)
    kinds = {column.name: column.kind for column in CONTRACTS[table].columns}
    times = {name: grid.columns[header] for name, header in columns.items() if kinds[name] == "time"}
    months = {name: way for name, column in times.items() if (way := month_format(column)) is not None}
    for name, way in months.items():
        evidence = f"column {times[name].header!r} holds months: their first days are meant"
        findings.decide(f"dates: {name}", way, evidence, {f"{prefix}.source.date_formats.{name}": way})
    days = {name: column for name, column in times.items() if name not in months}
    decide_dates(days, findings, f"{prefix}.source", f"{called}_dates", many=bool(months))
    money = {
        name: grid.columns[header]
        for name, header in columns.items()
        if kinds[name] in ("money", "number") and is_amounts(grid.columns[header])
    }
    decide_amounts(money, findings, f"{prefix}.source", f"{called}_amounts")
    if any(in_minor_units(column.header) for column in money.values()):
        decide_minor_units(findings, f"{prefix}.source")


def profile_of(grid: Grid, columns: Mapping[str, str]) -> dict[str, str]:
    """The further columns that say something of many: field to header; no names, addresses or ids of people."""
    fields: dict[str, str] = {}
    for header, column in grid.columns.items():
        if header in columns.values() or grid.meaning_of(header) in _PERSONAL:
            continue
        several = 0 < len(column.distinct) <= max(2, column.filled // 2)
        name = re.sub(r"\W+", "_", header.lower()).strip("_")
        if name and (several or (is_amounts(column) and not _NUMBERED.search(header))):
            fields.setdefault(name, header)
    return fields


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
