"""Exports that have an adapter: it brings columns and their meanings; what differs from shop to shop is looked at."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cvo_ml.config.shops import NO_CURRENCY, SEVERAL, AdapterName, ShopConfig, SourceConfig
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.errors import CvoError, DataError
from cvo_ml.ingest.adapters import ADAPTERS, Adapter
from cvo_ml.ingest.adapters.adapter import MAIN
from cvo_ml.ingest.known_exports import EXPORTS, export_of
from cvo_ml.ingest.look.amounts import AmountWriting, decide_amounts, is_amounts
from cvo_ml.ingest.look.currency import decide_currency
from cvo_ml.ingest.look.dates import decide_dates
from cvo_ml.ingest.look.findings import FoundOut, counted
from cvo_ml.ingest.look.grid import FoundColumn, Grid
from cvo_ml.ingest.look.joining import KnownIds, decide_case, join_of
from cvo_ml.ingest.look.people import decide_case_of_addresses
from cvo_ml.ingest.look.table_place import table_place
from cvo_ml.ingest.look.zone import decide_zone
from cvo_ml.ingest.raw import SourceFile, one_file
from cvo_ml.ingest.sources.json_lines import JsonObjects, at, names_in, texts

#: Objects by which an export is told, from all over a file: a stream may begin with events of one kind.
_TOLD_BY: Final = 100


def export_in(grid: Grid) -> AdapterName | None:
    """The adapter that reads a table; None where none is known to."""
    return export_of(names_in(grid.objects[:: 1 + len(grid.objects) // _TOLD_BY]) or grid.headers)


def tables_of_first(grid: Grid) -> frozenset[str]:
    """The further tables that a known export of orders holds, too."""
    name = export_in(grid)
    return frozenset(ADAPTERS[name].sides) if name is not None and ADAPTERS[name].declares else frozenset()


def holds_orders(grid: Grid) -> bool:
    """Whether a table is a known export of orders or subscriptions."""
    adapter = export_in(grid)
    return adapter is not None and bool(ADAPTERS[adapter].declares)


def refuse_without_orders(grid: Grid) -> None:
    """Refuse a known export as the only file, if it holds what belongs beside orders.

    Raises
    ------
    DataError
        Naming its tables.
    """
    name = export_in(grid)
    if name is not None and not holds_orders(grid):
        raise DataError(
            f"is {EXPORTS[name].called}, which holds {' and '.join(ADAPTERS[name].further)} and no orders",
            f"name the file with the orders too: cvo init orders.csv {grid.name}",
            file=grid.name,
        )


def look_at_export(
    grid: Grid, name: AdapterName, findings: FoundOut, currency: str | None, timezone: str | None
) -> FoundColumn | None:
    """A known export as the first source; returns the column of customers."""
    adapter = ADAPTERS[name]
    findings.decide("adapter", name, _evidence(name), {"adapter": name})
    table = MAIN[adapter.declares.get("rows", "orders")]
    grid = _orders_among(grid, adapter)
    columns = _found(grid, adapter, adapter.declares["columns"])
    kinds = _kinds("orders", "order_lines", "customers", table)
    declared = adapter.declares.get("source", {})
    if not adapter.is_json:
        times = {column: found for column, found in columns.items() if kinds.get(column) == "time"}
        if not {"date_format", "date_formats"} & set(declared):
            read = decide_dates(times, findings)
            if "ordered_at" in times:
                decide_zone(times["ordered_at"], read["ordered_at"], findings, timezone)
    money = _amounts(columns, kinds)
    written = decide_amounts(money, findings) if not adapter.is_json else AmountWriting()
    told = replace(grid, told={columns["currency"].header: "currency"}) if "currency" in columns else grid
    if not _decide_settled(grid, adapter, columns.get("currency"), findings):
        decide_currency(told, money, written, findings, currency)
    _decide_customers(grid, adapter, columns.get("customer_id"), findings)
    if "customer_id" in columns:
        decide_case_of_addresses(columns["customer_id"], findings)
    return columns.get("customer_id")


def _decide_settled(grid: Grid, adapter: Adapter, charged: FoundColumn | None, findings: FoundOut) -> bool:
    """The one currency into which a vendor has converted the amounts of several; whether there is one."""
    settled = grid.columns.get(adapter.settled_in or "")
    if settled is None or charged is None or len(settled.distinct) != 1 or len(charged.distinct) < 2:
        return False
    code = settled.distinct[0].upper()
    findings.decide(
        "currency", code, f"{len(charged.distinct)} in {charged.header!r}, converted into one", {"currency": code}
    )
    return True


def ids_of_export(grid: Grid, name: AdapterName) -> dict[str, FoundColumn]:
    """The columns of a known export by which other tables join it: its orders, customers, and the leads of deals."""
    adapter = ADAPTERS[name]
    own = _found(grid, adapter, adapter.declares["columns"]) if adapter.declares else {}
    deals = _found(grid, adapter, adapter.sides["deals"]["columns"]) if "deals" in adapter.sides else {}
    known: dict[str, FoundColumn] = {column: own[column] for column in ("order_id", "customer_id") if column in own}
    known |= {"lead_id": deals["lead_id"]} if "lead_id" in deals else {}
    return known if known or adapter.unpack is None else _ids_unpacked(grid, name, adapter)


def _ids_unpacked(grid: Grid, name: AdapterName, adapter: Adapter) -> dict[str, FoundColumn]:
    """The ids that stand in lists of objects, where all of the objects are at hand."""
    if adapter.unpack is None or not adapter.declares or len(grid.objects) < grid.rows:
        return {}
    shop = ShopConfig(name="look", currency=NO_CURRENCY, source=SourceConfig(path=grid.name), adapter=name)
    rows, none = (one_file(grid.name, np.arange(1, end + 1)) for end in (grid.rows, 0))
    objects = JsonObjects(SourceFile(grid.name, grid.rows, ""), [*map(dict, grid.objects)], rows, none)
    try:
        parts = adapter.unpack([objects], adapter.declares["columns"], shop)
    except CvoError:  # reading says it
        return {}
    wanted = {"order_id": "orders", "customer_id": "orders", "lead_id": "deals"}
    return {
        column: FoundColumn(header, parts[table].columns[header])
        for column, table in wanted.items()
        if table in parts and (header := adapter.side(table)["columns"].get(column)) in parts[table].columns
    }


def _decide_customers(grid: Grid, adapter: Adapter, found: FoundColumn | None, findings: FoundOut) -> None:
    """Who the customer is, where the export names several kinds of people."""
    others = _found(grid, adapter, {header: header for header in adapter.ids.get("customer_id", ())})
    told = [column for column in others.values() if column.filled and (found is None or column.header != found.header)]
    if found is not None and found.filled and told:
        rows = ", ".join(f"{column.header!r} in {counted(column.filled, 'row')}" for column in (found, *told))
        evidence = f"{rows}: where others are the customers, declare columns: {{customer_id: {told[0].header}}}"
        findings.decide("customers", found.header, evidence)


def decide_further_export(
    grid: Grid, name: AdapterName, taken: Collection[str], known: KnownIds, findings: FoundOut
) -> list[str]:
    """A known export beside the orders; returns the tables that it gives.

    Of a table that the shop has already it gives further rows, where those may come from several systems.
    """
    adapter, given = ADAPTERS[name], []
    tables = [table for table in adapter.further if table not in taken or table in SEVERAL]
    for table in tables:
        if table == "accounts" and "customers" in given:  # companies that buy themselves
            continue
        join = join_of(grid, table, _id_headers(grid, adapter, table), known)
        if join.foreign is not None:
            findings.decide(f"{table} of {grid.name}", "left unread", join.foreign)
            continue
        given.append(table)
        decide_case(join.in_other_case, grid.name, findings)
        evidence = "; ".join(filter(None, (counted(grid.rows, "row"), join.evidence, _evidence(name))))
        prefix, settings = table_place(table, name, taken, findings)
        settings |= {f"{prefix}.source.{key}": value for key, value in grid.source.items()}
        for decision in grid.decisions:
            settings |= {f"{prefix}.{key}": value for key, value in decision.settings.items()}
        settings[f"{prefix}.adapter"] = name
        settings |= {f"{prefix}.columns.{column}": header for column, header in join.columns.items()}
        findings.decide(table, grid.name, evidence, settings)
        if not adapter.is_json:
            _decide_writing(grid, adapter, table, prefix, findings)
    if not tables:
        evidence = (
            f"{EXPORTS[name].called} holds {', '.join(adapter.further) or 'orders'}, and the shop has them already"
        )
        findings.decide(f"table {grid.name}", "left unread", evidence)
    return given


def _decide_writing(grid: Grid, adapter: Adapter, table: str, place: str, findings: FoundOut) -> None:
    """How a further table writes its times and amounts."""
    side, prefix, called = adapter.side(table), f"{place}.source", place.removeprefix("tables.")
    columns, kinds, declared = _found(grid, adapter, side["columns"]), _kinds(table), side.get("source", {})
    if not {"date_format", "date_formats"} & set(declared):
        times = {column: found for column, found in columns.items() if kinds[column] == "time" and found.filled}
        decide_dates(times, findings, prefix, f"{called}_dates")
    decide_amounts(_amounts(columns, kinds), findings, prefix, f"{called}_amounts")


def _id_headers(grid: Grid, adapter: Adapter, table: str) -> dict[str, tuple[str, ...]]:
    """Canonical id to the headers that may hold it, the mapped one first; ``""`` where none is mapped."""
    mapped = _found(grid, adapter, adapter.side(table)["columns"])
    found: dict[str, tuple[str, ...]] = {}
    for column in ("order_id", "customer_id", "lead_id"):
        if column in CONTRACTS[table].names:
            others = _found(grid, adapter, {header: header for header in adapter.ids.get(column, ())})
            first = mapped[column].header if column in mapped else ""
            found[column] = tuple(dict.fromkeys((first, *(other.header for other in others.values()))))
    return found


def _orders_among(grid: Grid, adapter: Adapter) -> Grid:
    """Of a stream of events, the orders as its format reads them."""
    if adapter.events is None:
        return grid
    paths = adapter.declares["columns"]
    kind = adapter.events.kind
    orders = [adapter.events.row(item, "order", paths) for item in grid.objects if kind(item) == "order"]
    columns = {path: FoundColumn(path, texts(at(item, path) for item in orders)) for path in paths.values()}
    return replace(grid, columns=columns, rows=len(orders)) if orders else grid


def _evidence(name: AdapterName) -> str:
    shown = ", ".join(map(repr, sorted(EXPORTS[name].signature)[:5]))
    return f"the headers are those of {EXPORTS[name].called}: {shown}"


def _found(grid: Grid, adapter: Adapter, columns: Mapping[str, str]) -> dict[str, FoundColumn]:
    """The columns of the table that a format maps, under whichever of its names."""
    found = {}
    for column, header in columns.items():
        there = adapter.looked_at(header, grid.columns)
        if there is not None:
            found[column] = _told(grid.columns[there], adapter.nothing)
    return found


def _told(column: FoundColumn, nothing: str | None) -> FoundColumn:
    """A column without the text that stands for nothing."""
    kind = column.values.type
    if nothing is None or not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return column
    is_nothing = pc.equal(pc.utf8_trim_whitespace(column.values), nothing)
    return replace(column, values=pc.if_else(is_nothing, "", column.values))


def _kinds(*tables: str) -> dict[str, str]:
    return {column.name: column.kind for table in reversed(tables) for column in CONTRACTS[table].columns}


def _amounts(columns: Mapping[str, FoundColumn], kinds: Mapping[str, str]) -> dict[str, FoundColumn]:
    return {
        name: column
        for name, column in columns.items()
        if kinds.get(name) in ("money", "number") and is_amounts(column)
    }
