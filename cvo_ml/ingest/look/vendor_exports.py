"""Exports that have an adapter: it brings columns and their meanings; what differs from shop to shop is looked at."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from cvo_ml.config.shops import AdapterName
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.result import Json
from cvo_ml.ingest.adapters import ADAPTERS, Adapter
from cvo_ml.ingest.adapters.adapter import MAIN
from cvo_ml.ingest.known_exports import EXPORTS, export_of
from cvo_ml.ingest.look.amounts import AmountWriting, decide_amounts, is_amounts
from cvo_ml.ingest.look.currency import decide_currency
from cvo_ml.ingest.look.dates import decide_dates
from cvo_ml.ingest.look.findings import FoundOut, counted
from cvo_ml.ingest.look.grid import FoundColumn, Grid
from cvo_ml.ingest.look.zone import decide_zone
from cvo_ml.ingest.sources.json_lines import names_in


def export_in(grid: Grid) -> AdapterName | None:
    """The adapter that reads a table; None where none is known to."""
    return export_of(names_in(grid.objects) or grid.headers)


def holds_orders(grid: Grid) -> bool:
    """Whether a table is a known export of orders or subscriptions."""
    adapter = export_in(grid)
    return adapter is not None and bool(ADAPTERS[adapter].declares)


def look_at_export(
    grid: Grid, name: AdapterName, findings: FoundOut, currency: str | None, timezone: str | None
) -> FoundColumn | None:
    """A known export as the first source; returns the column of customers."""
    adapter = ADAPTERS[name]
    findings.decide("adapter", name, _evidence(name), {"adapter": name})
    table = MAIN[adapter.declares.get("rows", "orders")]
    columns = _found(grid, adapter, adapter.declares["columns"])
    kinds = _kinds("orders", "order_lines", "customers", table)
    declared = adapter.declares.get("source", {})
    if adapter.unpack is None:
        times = {column: found for column, found in columns.items() if kinds.get(column) == "time"}
        if not {"date_format", "date_formats"} & set(declared):
            read = decide_dates(times, findings)
            if "ordered_at" in times:
                decide_zone(times["ordered_at"], read["ordered_at"], findings, timezone)
    money = _amounts(columns, kinds)
    written = decide_amounts(money, findings) if adapter.unpack is None else AmountWriting()
    told = replace(grid, told={columns["currency"].header: "currency"}) if "currency" in columns else grid
    decide_currency(told, money, written, findings, currency)
    return columns.get("customer_id")


def decide_further_export(grid: Grid, name: AdapterName, taken: Collection[str], findings: FoundOut) -> list[str]:
    """A known export beside the orders; returns the tables that it gives."""
    adapter = ADAPTERS[name]
    tables = [table for table in adapter.further if table not in taken]
    for table in tables:
        side, prefix = adapter.side(table), f"tables.{table}"
        settings: dict[str, Json] = {f"{prefix}.source.{key}": value for key, value in grid.source.items()}
        for decision in grid.decisions:
            settings |= {f"{prefix}.{key}": value for key, value in decision.settings.items()}
        settings[f"{prefix}.adapter"] = name
        findings.decide(table, grid.name, f"{counted(grid.rows, 'row')}; {_evidence(name)}", settings)
        if adapter.unpack is not None:
            continue
        columns, kinds, declared = _found(grid, adapter, side["columns"]), _kinds(table), side.get("source", {})
        if not {"date_format", "date_formats"} & set(declared):
            times = {column: found for column, found in columns.items() if kinds[column] == "time"}
            decide_dates(times, findings, f"{prefix}.source", f"{table}_dates")
        decide_amounts(_amounts(columns, kinds), findings, f"{prefix}.source", f"{table}_amounts")
    if not tables:
        evidence = (
            f"{EXPORTS[name].called} holds {', '.join(adapter.further) or 'orders'}, and the shop has them already"
        )
        findings.decide(f"table {grid.name}", "left unread", evidence)
    return tables


def _evidence(name: AdapterName) -> str:
    shown = ", ".join(map(repr, sorted(EXPORTS[name].signature)[:5]))
    return f"the headers are those of {EXPORTS[name].called}: {shown}"


def _found(grid: Grid, adapter: Adapter, columns: Mapping[str, str]) -> dict[str, FoundColumn]:
    """The columns of the table that a format maps, under whichever of its names."""
    found = {}
    for column, header in columns.items():
        there = header if header in grid.columns else adapter.spelled(header, grid.columns)
        if there is not None:
            found[column] = grid.columns[there]
    return found


def _kinds(*tables: str) -> dict[str, str]:
    return {column.name: column.kind for table in reversed(tables) for column in CONTRACTS[table].columns}


def _amounts(columns: Mapping[str, FoundColumn], kinds: Mapping[str, str]) -> dict[str, FoundColumn]:
    return {
        name: column
        for name, column in columns.items()
        if kinds.get(name) in ("money", "number") and is_amounts(column)
    }
