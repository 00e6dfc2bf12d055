"""Read a shop: sources, casts, row rules, checks between tables, tables, ledgers; one way for every size."""

# ruff: noqa: S608 (the one query is of texts that are quoted)

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Final

import duckdb
import pandas as pd
import pyarrow as pa

from cvo_ml.config.shops import NO_CURRENCY, ShopConfig
from cvo_ml.core.contracts import ORDERS
from cvo_ml.core.errors import DataError, UsageError, is_full
from cvo_ml.core.ledger import RowLedger
from cvo_ml.core.scratch import Scratch, place_of
from cvo_ml.core.stored_table import StoredFrames, StoredTable
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import midnight
from cvo_ml.core.wall_times import wall_time
from cvo_ml.ingest.adapters import (
    Parts,
    adapter_of,
    first_parts,
    further_parts,
    own_source,
    parts_of_frame,
    with_adapter,
)
from cvo_ml.ingest.assemble import assemble, complete, join_customers, join_refunds, join_rows, side_table, with_costs
from cvo_ml.ingest.cross_checks import check_between
from cvo_ml.ingest.duplicates import resolve_duplicates
from cvo_ml.ingest.exchange import Rates
from cvo_ml.ingest.findings import refuse_all_at_once
from cvo_ml.ingest.known_exports import EXPORTS
from cvo_ml.ingest.nobody import any_to_look_at, refuse_nobody, to_look_at
from cvo_ml.ingest.raw import SourceFile
from cvo_ml.ingest.row_checks import check_rows
from cvo_ml.ingest.row_database import MEMORY, RowDatabase, literal
from cvo_ml.ingest.row_rules import AFTER_AS_OF, ValidatedRows
from cvo_ml.ingest.scan import scan
from cvo_ml.ingest.source_rows import come_in_batches
from cvo_ml.ingest.specs import main_spec, side_spec
from cvo_ml.ingest.status_refunds import refunded_orders, refunds_by_status
from cvo_ml.ingest.status_rule import conclude_statuses, refunded_texts, refuse_unknown
from cvo_ml.ingest.table_rows import TableRows
from cvo_ml.ingest.unmapped import MeaningOf, conclude_unmapped, unmapped_meaning
from cvo_ml.ingest.whole_tables import check_whole

#: Days without any row before ``as_of``: a shop that sells once a year has sold within them.
LONGEST_SILENCE: Final = 366
Ledgers = Mapping[str, Mapping[str, RowLedger]]


@dataclass(frozen=True)
class ReadResult:
    """A shop's tables and the account of every source row.

    Parameters
    ----------
    ledger:
        Rows of all sources: in = used + quarantined + excluded by rule; reasons of further tables carry
        the table's name.
    quarantine:
        One row per quarantined source row: table, file, row (1 = the first data row), column (header;
        empty where the row as a whole is faulty), reason; never a value.
    notes:
        What was converted or reported, and counted.
    fingerprint:
        SHA-256 of the sources' content.
    ledgers:
        Table to file to the account of that file's rows.
    extracted_at:
        When the sources were written, in the shop's zone, where the shop says so.
    """

    tables: Tables
    ledger: RowLedger
    quarantine: pd.DataFrame
    notes: tuple[str, ...]
    fingerprint: str
    sources: tuple[SourceFile, ...]
    ledgers: Ledgers = field(default_factory=dict)
    extracted_at: datetime | None = None

    def ledger_of(self, table: str) -> RowLedger:
        """The account of all files of one table.

        Raises
        ------
        KeyError
            If the table has no source of its own.
        """
        return sum(self.ledgers[table].values(), RowLedger(0, 0))


def read_shop(
    shop: ShopConfig,
    *,
    as_of: date | None = None,
    max_bad_share: float | None = None,
    memory_limit: str = MEMORY,
) -> ReadResult:
    """The shop's sources as checked tables.

    CSV and Parquet sources of 64 MB and more are read in batches, and the tables then lie in the system's temporary
    folder until they are asked for as frames, or nobody holds them any more; the result is the same.

    Parameters
    ----------
    as_of:
        Rows on or after this day (00:00 in the shop's zone), refunds too, are excluded by the rule "after as_of".
    max_bad_share:
        In [0, 1]; in place of the shop's own.
    memory_limit:
        Of the engine that groups the rows of large sources, such as ``1GB``; Python and a batch come on top.

    Raises
    ------
    DataError
        If a source as a whole cannot be trusted, or ends more than a year before ``as_of``.
    ConfigError
        If a source cannot be reached as it is declared.
    UsageError
        If there is no such file.
    """
    declared = with_adapter(shop)
    with _database(declared, first_parts(shop, declared), memory_limit) as (parts, database):
        return _Reading(shop, declared, database, as_of, max_bad_share).read(parts)


def read_frame(
    frame: pd.DataFrame, shop: ShopConfig, *, as_of: date | None = None, max_bad_share: float | None = None
) -> ReadResult:
    """A DataFrame with the shop's headers as checked tables, by the same rules.

    It takes the place of the shop's first source; ``shop.source.path`` is not read, further tables are.

    Raises
    ------
    DataError
        As :func:`read_shop`.
    UsageError
        If the shop's format is no table.
    """
    if adapter_of(shop.adapter).is_json:
        raise UsageError(f"shop {shop.name}: its format {shop.adapter} is JSON: read it from a file")
    declared = with_adapter(shop, frame)
    with _database(declared, parts_of_frame(frame, shop, declared), MEMORY) as (parts, database):
        return _Reading(shop, declared, database, as_of, max_bad_share).read(parts)


@contextmanager
def _database(shop: ShopConfig, parts: Parts, memory_limit: str) -> Iterator[tuple[Parts, RowDatabase]]:
    """The database for the rows of a shop: in memory, or spilling where a source is large; what is needed is said
    where disk or memory end."""
    sides = (table.source for table in shop.tables.values() if table.adapter is None)
    large = not all(part.whole for part in parts.values()) or any(map(come_in_batches, sides))
    scratch = Scratch() if large else None
    database = RowDatabase(scratch, memory_limit)
    try:
        yield parts, database
    except BaseException as error:
        if scratch is not None:
            database.close()
            place = place_of(scratch.folder / "rows")
            scratch.close()
            if isinstance(error, OSError | duckdb.Error) and (
                is_full(error) or isinstance(error, duckdb.OutOfMemoryException)
            ):
                raise DataError(
                    f"is read in batches, and there is no room left for them in {place}",
                    "make room for about twice the size of the source, or set TMPDIR to a folder that has it",
                    file=Path(shop.source.path).name,
                ) from None
        raise
    finally:
        database.close()


class _Reading:
    """One reading of a shop, step by step."""

    def __init__(
        self, shop: ShopConfig, declared: ShopConfig, database: RowDatabase, as_of: date | None,
        max_bad_share: float | None,
    ) -> None:  # fmt: skip
        self._shop, self._declared, self._database = shop, declared, database
        self._as_of, self._max_bad_share = as_of, max_bad_share
        self._fx: TableRows | None = None
        self._rates: Rates | None = None

    def read(self, parts: Parts) -> ReadResult:
        """Tables, ledgers and notes."""
        adapter = adapter_of(self._shop.adapter)
        self._read_rates()
        main = self._main(parts, adapter.ragged)
        self._refuse_nothing(main)
        alike = resolve_duplicates(main, resent=adapter.resent)
        tables = self._first_tables(main)
        refuse_all_at_once(
            (
                lambda: refuse_unknown(main.findings.statuses, main.spec),
                lambda: self._unmapped(main),
                lambda: self._refuse_nobody(main, tables["orders"]),
            )
        )
        sides = self._sides(parts)
        between = check_between(main, tables["orders"], sides)
        for side in sides.values():
            between += resolve_duplicates(side)
            check_whole(side)
        self._join(tables, sides)
        told, by_status = self._statuses(main, tables, sides)
        every = (main, *sides.values())
        sources = tuple(dict.fromkeys(source for rows in every for source in rows.sources))
        written = self._written()
        result = Tables(
            StoredFrames([*tables.values()]), _currency(self._declared, main), self._shop.timezone,
            _complete_until(written, self._as_of),
        )  # fmt: skip
        if self._as_of is not None:
            refuse_after(result, self._as_of, sources)
        own, *further = (sum(rows.account.ledgers.values(), RowLedger(0, 0)) for rows in every)
        return ReadResult(
            result,
            sum((_named(side.spec.table, ledger) for side, ledger in zip(sides.values(), further, strict=True)), own),
            pd.concat([rows.account.quarantine() for rows in every], ignore_index=True),
            (
                *main.notes,
                *alike,
                *(f"{_where(main.sources)}: {note}" for note in told),
                *(note for side in sides.values() for note in side.notes if note not in main.notes),
                *between,
                *by_status,
                *(_empty(name) for name, ledger in zip(sides, further, strict=True) if not ledger.rows_in),
                *_free(tables["orders"], self._database, self._declared),
                *_said(self._declared),
            ),
            _fingerprint(sources),
            sources,
            _by_table(every),
            written,
        )

    def _refuse_nothing(self, main: TableRows) -> None:
        """Refuse a vendor's export of which the format's own rules leave every row out: it calls them otherwise.

        Raises
        ------
        DataError
            With the rules and their rows.
        """
        account = sum(main.account.ledgers.values(), RowLedger(0, 0))
        by_format = {rule: rows for rule, rows in account.excluded.items() if rule != AFTER_AS_OF}
        if self._shop.adapter is None or not account.rows_in or sum(by_format.values()) < account.rows_in:
            return
        held = main.spec.table.replace("_", " ")
        rules = ", ".join(f"{rule} {rows:,}" for rule, rows in by_format.items())
        raise DataError(
            f"holds no {held} by the rules of {EXPORTS[self._shop.adapter].called}: {rules}",
            "export it in English and with the rows of orders, or map its columns without the adapter",
            file=_where(main.sources),
            count=account.rows_in,
        )

    def _main(self, parts: Parts, ragged: str) -> TableRows:
        spec = replace(main_spec(self._declared, self._max_bad_share, ragged, self._beside), rates=self._rates)
        lines = spec.table != "subscriptions"
        named = lines and bool(self._declared.tables or set(parts) - {spec.table})
        step = self._complete if lines else check_rows
        return scan(parts[spec.table], spec, self._as_of, self._database, step, keeps_ids=named)

    def _read_rates(self) -> None:
        """Read the declared rates of currencies before any amount."""
        config = self._declared.tables.get("fx")
        if config is not None:
            spec = side_spec(self._declared, "fx", config, self._max_bad_share)
            self._fx = scan(own_source("fx", config, self._declared)[0], spec, self._as_of, self._database, check_rows)
            resolve_duplicates(self._fx)
            rates = self._database.arrow(f"SELECT date, currency, rate FROM {self._fx.used}").to_pandas()
            self._rates = Rates.of(rates, self._declared.currency)

    def _complete(self, validated: ValidatedRows) -> None:
        complete(validated.rows, self._declared)

    def _first_tables(self, main: TableRows) -> dict[str, StoredTable]:
        if main.spec.table != "subscriptions":
            return assemble(main, self._declared)
        none = pa.Table.from_pandas(ORDERS.empty(), preserve_index=False)
        return {"orders": self._database.keep_arrow("orders", none, ()), "subscriptions": side_table(main)}

    def _refuse_nobody(self, main: TableRows, orders: StoredTable) -> None:
        """Refuse a source in which somebody may be nobody, until the shop says who it is."""
        if main.spec.table == "subscriptions":
            return
        (any_,) = self._database.one(any_to_look_at("orders", orders.rows))
        if any_:
            found = self._database.arrow(to_look_at("orders"))
            of_each = dict(zip(*(found[name].to_pylist() for name in ("customer_id", "orders")), strict=True))
            refuse_nobody(of_each, orders.rows, main.spec, self._declared.customers, _where(main.sources))

    def _sides(self, parts: Parts) -> dict[str, TableRows]:
        """Read the further tables; each row is validated for itself."""
        sides: dict[str, TableRows] = {}
        for key, (source, config, ragged) in further_parts(self._shop, self._declared, parts).items():
            name = config.table or key
            if name == "fx" and self._fx is not None:
                sides[name] = self._fx
                continue
            spec = side_spec(self._declared, name, config, self._max_bad_share, ragged)
            spec = replace(spec, rates=self._rates, part=sum(side.spec.table == name for side in sides.values()))
            named = name == "refunds" and "order_id" in spec.columns
            sides[key] = scan(source, spec, self._as_of, self._database, check_rows, keeps_ids=named)
        return sides

    def _join(self, tables: dict[str, StoredTable], sides: Mapping[str, TableRows]) -> None:
        """Add the further tables to those of the first source."""
        joins: Mapping[str, Callable[..., StoredTable]] = {"refunds": join_refunds, "customers": join_customers}
        for side in sides.values():
            name, further = side.spec.table, side_table(side)
            if name in tables and (name in joins or side.spec.part):
                further = joins.get(name, join_rows)(self._database, tables[name], further)
            tables[name] = further
        if "order_lines" in tables:
            tables["orders"] = with_costs(self._database, tables["orders"], tables["order_lines"])

    def _statuses(
        self, main: TableRows, tables: dict[str, StoredTable], sides: Mapping[str, TableRows]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Give back what is refunded by its status; returns what is said of the statuses, and of these refunds."""
        refunds = tables.get("refunds")
        told_refunds = "refunds" in sides or (refunds is not None and refunds.rows > 0)
        told = self._unmapped(main) + conclude_statuses(main.findings.statuses, main.spec, told_refunds=told_refunds)
        refunded = _refunded(main)
        if refunded.empty or refunds is None:
            return told, ()
        named = (
            sides["refunds"].named_orders()
            if "refunds" in sides and sides["refunds"].has_aside
            else pd.Series(dtype="str")
        )
        moment = self._written() or main.findings.latest
        added, notes = refunds_by_status(refunded, refunds.frame(), named, moment, self._as_of)
        further = self._database.keep_arrow("refunds", pa.Table.from_pandas(added, preserve_index=False), ())
        tables["refunds"] = join_refunds(self._database, refunds, further)
        return told, notes

    @property
    def _beside(self) -> MeaningOf | None:
        """What is asked of headers that are not mapped; an adapter knows its format."""
        return unmapped_meaning(self._declared) if self._shop.adapter is None else None

    def _unmapped(self, main: TableRows) -> tuple[str, ...]:
        if self._beside is None:
            return ()
        return conclude_unmapped(main.findings.beside, self._declared, self._beside, _where(main.sources))

    def _written(self) -> pd.Timestamp | None:
        at = self._shop.extracted_at
        return None if at is None else wall_time(at, self._shop.timezone)


def _refunded(main: TableRows) -> pd.DataFrame:
    """Order id, customer and value of the orders that are refunded by their status."""
    texts = refunded_texts(main.findings.statuses, main.spec)
    if not texts:
        return refunded_orders(pd.DataFrame(), texts)
    listed = ", ".join(map(literal, texts))
    rows = f"SELECT order_id, customer_id, status, net FROM {main.used} WHERE status IN ({listed})"
    return refunded_orders(main.database.arrow(rows).to_pandas(), texts)


def _complete_until(written: pd.Timestamp | None, as_of: date | None) -> pd.Timestamp | None:
    """From when on rows are missing, where somebody said when the sources were written: then, or at the cut."""
    return written if written is None or as_of is None else min(written, midnight(as_of))


def _where(sources: Sequence[SourceFile]) -> str:
    return sources[0].name if len(sources) == 1 else f"{len(sources):,} files"


def refuse_after(tables: Tables, as_of: date, sources: Sequence[SourceFile] = ()) -> None:
    """Refuse a cut date that the data do not reach: everybody would look lost.

    Raises
    ------
    DataError
        If all tables end more than a year before it.
    """
    ends = (tables.span(name) for name in tables)
    last = max((span[1].date() for span in ends if span is not None), default=None)
    if last is not None and (as_of - last).days > LONGEST_SILENCE:
        raise DataError(
            f"the data end on {last}, more than a year before as_of {as_of}",
            "give a newer extract, or an earlier as_of",
            file=sources[0].name if sources else None,
        )


def _by_table(every: Sequence[TableRows]) -> Ledgers:
    """Table to file to the account of its rows; files of one name in several sources of a table are one."""
    found: dict[str, dict[str, RowLedger]] = {}
    for rows in every:
        files = found.setdefault(rows.spec.table, {})
        for file, ledger in rows.account.ledgers.items():
            files[file] = files.get(file, RowLedger(0, 0)) + ledger
    return found


def _named(table: str, ledger: RowLedger) -> RowLedger:
    """The account of a further table, its reasons preceded by the table's name."""
    quarantined = {f"{table}: {reason}": count for reason, count in ledger.quarantined.items()}
    excluded = {f"{table}: {rule}": count for rule, count in ledger.excluded.items()}
    return RowLedger(ledger.rows_in, ledger.used, quarantined, excluded)


def _currency(shop: ShopConfig, main: TableRows) -> str:
    return main.currency if shop.currency == NO_CURRENCY and main.currency else shop.currency


def _empty(table: str) -> str:
    return f"{table}: the table holds no rows yet"


def _said(shop: ShopConfig) -> tuple[str, ...]:
    generated = ("order ids were generated: one order per customer and day",) if shop.order_id == "generated" else ()
    counted = ("the source has no amounts: orders are counted, and their value is 0",) if shop.counts_only else ()
    return generated + counted


def _free(orders: StoredTable, database: RowDatabase, shop: ShopConfig) -> tuple[str, ...]:
    """What is said of orders without a value."""
    if not orders.rows or shop.counts_only:
        return ()
    (free,) = database.one("SELECT count(*) FROM orders WHERE net = 0")
    return (f"{free:,} orders of value 0 were kept: free orders are purchases",) if free else ()


def _fingerprint(sources: Sequence[SourceFile]) -> str:
    return hashlib.sha256("".join(source.sha256 for source in sources).encode()).hexdigest()
