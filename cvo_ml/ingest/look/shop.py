"""From files to a shop: which table is which, and every decision about the first source."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from cvo_ml.config.shops import COLUMN_KINDS
from cvo_ml.core.contracts import SUBSCRIPTIONS
from cvo_ml.core.errors import UsageError, nearest_name
from cvo_ml.core.result import Json
from cvo_ml.ingest.adapters import ADAPTERS
from cvo_ml.ingest.header_names import in_minor_units, meaning_of
from cvo_ml.ingest.look.amounts import ask_minor_units, decide_amounts, decide_minor_units
from cvo_ml.ingest.look.credit_rows import credit_rows
from cvo_ml.ingest.look.currency import decide_currency, known_currency
from cvo_ml.ingest.look.databases import name_of_server
from cvo_ml.ingest.look.dates import decide_dates, readings
from cvo_ml.ingest.look.debit_credit import booking_sides
from cvo_ml.ingest.look.findings import Decision, FoundOut, Settings, counted
from cvo_ml.ingest.look.further_columns import (
    decide_columns_along,
    decide_own_names,
    decide_sellers,
    decide_test_orders,
)
from cvo_ml.ingest.look.further_tables import (
    can_be,
    columns_of,
    decide_refund_column,
    decide_tables,
    main_of,
    rated_currencies,
)
from cvo_ml.ingest.look.grid import FoundColumn, Grid
from cvo_ml.ingest.look.money_columns import OrderAmounts, amount_columns, are_minor_units
from cvo_ml.ingest.look.not_sold import decide_not_sold
from cvo_ml.ingest.look.order_status import decide_status
from cvo_ml.ingest.look.orders import decide_orders
from cvo_ml.ingest.look.people import decide_customers
from cvo_ml.ingest.look.row_kinds import decide_row_kinds
from cvo_ml.ingest.look.sources import grids_of
from cvo_ml.ingest.look.vendor_exports import export_in, look_at_export, refuse_without_orders
from cvo_ml.ingest.look.vendor_words import vendor_words
from cvo_ml.ingest.look.zone import decide_zone
from cvo_ml.ingest.raw import refuse_empty
from cvo_ml.ingest.sources.database_kinds import is_server

_FILLED: Final = 0.5
_SHOWN: Final = 12
_TIMES: Final = (
    "ordered_at",
    "date",
    "created_at",
    "paid_at",
    "shipped_at",
    "delivered_at",
    "changed_at",
    "refunded_at",
)
#: Meanings that change orders or money, so that a header of theirs may not be passed over.
_NEEDED: Final = frozenset(
    {"order_id", "customer_id", "ordered_at", "net", "subtotal", "total", "quantity", "unit_price", "currency",
     "status", "is_test", "refund_amount"}
)  # fmt: skip


@dataclass(frozen=True)
class Given:
    """What is known before the orders are looked at; None = look. ``rates``: currencies that another table converts."""

    name: str | None = None
    currency: str | None = None
    timezone: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    rates: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Look:
    """What was found out about a shop's files."""

    name: str
    findings: FoundOut
    headers: tuple[str, ...] = ()

    @property
    def hint(self) -> str:
        """How the missing columns would be named; empty where no other header would help."""
        lacking = [text.split(":")[0] for text in self.findings.missing]
        asked = [one.name for one in self.findings.questions if "HEADER" in str(one.choices)]  # may be named too
        named = [name for name in (*lacking, *asked) if name in ("customer_id", "ordered_at", "net")]
        return ",".join(f"{name}=HEADER" for name in named) or ("net=HEADER" if asked else "")

    def content(self, answers: Mapping[str, str] | None = None) -> dict[str, Json]:
        """The shop's file as nested keys; questions that are answered in ``answers`` carry their answer."""
        content = nested({"name": self.name, **self.findings.settings()})
        same = _read_from_first(content, _source(content))
        asked = {
            question.name: {choice: nested(keys) for choice, keys in question.choices.items()}
            for question in self.findings.questions
        }
        for choices in asked.values():
            for choice in choices.values():
                same += _read_from_first(choice, _source(content))
        if self.findings.questions:
            content["questions"] = {
                question.name: {
                    "ask": question.ask,
                    **({"rows": list(question.rows)} if question.rows else {}),
                    "choices": {
                        choice: _with_tables(keys, sorted(set(same))) for choice, keys in asked[question.name].items()
                    },
                    "answer": (answers or {}).get(question.name),
                }
                for question in self.findings.questions
            }
        return content


def _read_from_first(content: Mapping[str, Json], first: Mapping[str, Json]) -> list[str]:
    """Write the first source out where tables are read from it, too; returns their names."""
    tables = content.get("tables")
    if not isinstance(tables, dict):
        return []
    with_source = [name for name in tables if "source" in _table(content, name)]
    same = [name for name in with_source if "same" in _source(_table(content, name))]
    for name in same:
        source = {**first, **_source(_table(content, name))}
        _table(content, name)["source"] = {key: value for key, value in source.items() if key != "same"}
    return same


def _source(content: Mapping[str, Json]) -> dict[str, Json]:
    source = content["source"]
    assert isinstance(source, dict)
    return source


def _table(content: Mapping[str, Json], name: str) -> dict[str, Json]:
    tables = content["tables"]
    assert isinstance(tables, dict)
    table = tables[name]
    assert isinstance(table, dict)
    return table


def _with_tables(choice: dict[str, Json], names: Sequence[str]) -> dict[str, Json]:
    """A choice that says something of the first source says it of the tables that are read from it, too."""
    if not names or "source" not in choice:
        return choice
    return {**choice, "tables": {name: {"source": choice["source"]} for name in names}}


def look_at(paths: Sequence[str], given: Given = Given()) -> Look:
    """Look at files, and find out how they are read as a shop.

    Parameters
    ----------
    paths:
        Files, folders, or databases' files.

    Raises
    ------
    DataError, UsageError, ConfigError
        If one of them cannot be read as a table.
    """
    grids = grids_of(paths)
    if not grids:
        raise UsageError("nothing to look at: name files")
    told = _told(given.columns, grids)
    grids = [replace(grid, told={**vendor_words(grid.headers), **told}) for grid in grids]
    main = main_of(grids)
    refuse_empty(main.rows, main.name)
    refuse_without_orders(main)
    findings = FoundOut([_file(main), *main.decisions])
    further = [grid for grid in grids if grid is not main]
    customers = _look_at_orders(main, findings, replace(given, rates=rated_currencies(further)))
    _decide_told(given.columns, findings)
    _note_repeated(main, findings)
    _note_unread(main, findings)
    decide_tables(further, main, customers, findings)
    return Look(given.name or _name_of(paths[0]), findings, tuple(main.headers))


def _name_of(path: str) -> str:
    """The name of a shop after its first file, without signs that a name may not have."""
    name = name_of_server(path) if is_server(path) else Path(path).name.split(".")[0]
    return re.sub(r"[^\w .&+-]|_+$", "", name).strip() or "shop"


def _file(grid: Grid) -> Decision:
    extent = counted(grid.rows, "row") + ("" if grid.is_whole else " looked at")
    settings = {f"source.{key}": value for key, value in grid.source.items()}
    return Decision("file", grid.name, f"{extent}, {counted(len(grid.columns), 'column')}", settings)


def _told(columns: Mapping[str, str], grids: Sequence[Grid]) -> dict[str, str]:
    """Header to meaning, as whoever asks says.

    Raises
    ------
    UsageError
        If there is no such meaning or header.
    """
    headers = [header for grid in grids for header in grid.headers]
    for meaning, header in columns.items():
        if meaning not in COLUMN_KINDS:
            raise UsageError(
                f"--columns {meaning}={header}: no such meaning{nearest_name(meaning, list(COLUMN_KINDS))}"
            )
        if header not in headers:
            raise UsageError(f"--columns {meaning}={header}: no such header{nearest_name(header, headers)}")
    return {header: meaning for meaning, header in columns.items()}


def _decide_told(columns: Mapping[str, str], findings: FoundOut) -> None:
    """What was told and no other decision took up."""
    settings = findings.settings()
    for meaning, header in columns.items():
        if f"columns.{meaning}" not in settings:
            findings.decide(meaning, header, "as --columns says", {f"columns.{meaning}": header})


def _note_repeated(grid: Grid, findings: FoundOut) -> None:
    """A header that stands twice is missed where its meaning has no other."""
    for header in grid.repeated:
        meaning = meaning_of(header)
        if meaning in _NEEDED and not grid.headers_for(meaning):
            findings.missing.append(
                f"{meaning}: the header {header!r} stands twice: give each column a name of its own"
            )


def _note_unread(grid: Grid, findings: FoundOut) -> None:
    """Headers that no decision and no question names."""
    settings = [findings.settings(), *(keys for question in findings.questions for keys in question.choices.values())]
    if any("adapter" in keys for keys in settings):
        return
    named = {
        str(one)
        for keys in settings
        for value in keys.values()
        for one in (value if isinstance(value, list) else [value])
    }
    unread = [header for header in grid.headers if header not in named]
    if unread:
        more = f" and {len(unread) - _SHOWN:,} more" if len(unread) > _SHOWN else ""
        evidence = f"{', '.join(unread[:_SHOWN])}{more}: no decision hangs on them"
        findings.decide("left unread", counted(len(unread), "column"), evidence)


def _look_at_orders(grid: Grid, findings: FoundOut, given: Given) -> FoundColumn | None:
    """Everything about the first source; returns the column of customers."""
    adapter = export_in(grid)
    if adapter is not None and ADAPTERS[adapter].declares:
        return look_at_export(grid, adapter, findings, given.currency, given.timezone)
    if can_be(grid, "subscriptions") and not grid.headers_for("order_id"):
        return _look_at_subscriptions(grid, findings, given)
    times = _time_column(grid, findings)
    beside = [grid.columns[header] for meaning in _TIMES for header in grid.headers_for(meaning)]
    reading = None
    if times is not None:
        reading = decide_dates({"ordered_at": times}, findings, beside=[one for one in beside if one is not times])[
            "ordered_at"
        ]
    columns = amount_columns(grid)
    if are_minor_units(columns):
        decide_minor_units(findings, "source")
    by_header = {column.header: column for found in columns.values() for column in found}
    written = decide_amounts(by_header, findings, currency=known_currency(grid, given.currency))
    customers = decide_customers(grid, findings)
    money = OrderAmounts(columns, written, frozenset(grid.told))
    credited = credit_rows(grid, money)
    if credited is None:
        decide_orders(grid, money, findings)
    else:
        sales = credited.sales(grid)
        decide_orders(sales, replace(money, columns=amount_columns(sales), _numbers={}), findings)
    _ask_about_cents(grid, money, findings)
    decide_currency(grid, _money(columns), written, findings, given.currency, given.rates)
    if times is not None:
        decide_zone(times, reading, findings, given.timezone)
    if credited is None:
        decide_status(grid, findings)
        decide_row_kinds(grid, findings)
    else:
        credited.decide(grid, findings)
    if (sides := booking_sides(grid, money)) is not None and credited is None:
        sides.ask(grid, findings)
    decide_not_sold(grid, findings)
    decide_test_orders(grid, findings)
    if money.is_used("refund_amount"):
        decide_refund_column(grid, money, reading, findings)
    decide_columns_along(grid, findings)
    decide_sellers(grid, findings)
    decide_own_names(grid, findings)
    return customers


def _ask_about_cents(grid: Grid, money: OrderAmounts, findings: FoundOut) -> None:
    found = findings.settings()
    order, net = (grid.columns.get(str(found.get(f"columns.{name}"))) for name in ("order_id", "net"))
    if order is not None and net is not None and not are_minor_units(money.columns):
        ask_minor_units(order, money.numbers(net), findings, "source")


def _look_at_subscriptions(grid: Grid, findings: FoundOut, given: Given) -> FoundColumn | None:
    """A shop without orders: one row a subscription."""
    columns = columns_of(grid, "subscriptions")
    settings: dict[str, Json] = {
        "rows": "subscriptions",
        **{f"columns.{name}": header for name, header in columns.items()},
    }
    findings.decide(
        "rows", "subscriptions", f"the headers are those of subscriptions: {', '.join(columns.values())}", settings
    )
    kinds = {column.name: column.kind for column in SUBSCRIPTIONS.columns}
    times = {name: grid.columns[header] for name, header in columns.items() if kinds[name] == "time"}
    decide_dates(times, findings)
    written = decide_amounts({"mrr": grid.columns[columns["mrr"]]}, findings)
    if in_minor_units(columns["mrr"]):
        decide_minor_units(findings, "source")
    decide_currency(grid, {"mrr": grid.columns[columns["mrr"]]}, written, findings, given.currency)
    return grid.columns[columns["customer_id"]]


def _time_column(grid: Grid, findings: FoundOut) -> FoundColumn | None:
    headers = grid.headers_for("ordered_at")
    filled = [header for header in headers if grid.columns[header].filled >= _FILLED * grid.rows]
    readable = [header for header in filled if readings(grid.columns[header])]
    if not headers:
        findings.missing.append(
            "ordered_at: no column holds the day of the order: export one, or write columns.ordered_at with its header"
        )
        return None
    column = grid.columns[(readable or filled or list(headers))[0]]
    beside = f"; not {', '.join(map(repr, [h for h in headers if h != column.header][:3]))}" if len(headers) > 1 else ""
    findings.decide("ordered_at", column.header, f"by its name{beside}", {"columns.ordered_at": column.header})
    return column


def _money(columns: Mapping[str, list[FoundColumn]]) -> dict[str, FoundColumn]:
    return {column.header: column for name, found in columns.items() if name != "quantity" for column in found}


def nested(settings: Settings) -> dict[str, Json]:
    """Dotted keys as mappings.

    Examples
    --------
    >>> nested({"source.path": "orders.csv", "source.amounts.thousands": ","})
    {'source': {'path': 'orders.csv', 'amounts': {'thousands': ','}}}
    """
    content: dict[str, Json] = {}
    for key, value in settings.items():
        place = content
        *parents, last = key.split(".")
        for parent in parents:
            inner = place.setdefault(parent, {})
            assert isinstance(inner, dict)
            place = inner
        place[last] = value
    return content
