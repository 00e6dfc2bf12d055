"""Read a shop: sources, casts, row rules, checks between tables, tables, ledgers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final

import pandas as pd

from cvo_ml.config.shops import NO_CURRENCY, ShopConfig
from cvo_ml.core.contracts import CONTRACTS, ORDERS
from cvo_ml.core.errors import DataError, UsageError
from cvo_ml.core.ledger import RowLedger
from cvo_ml.core.scratch import scratch_folder
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import midnight
from cvo_ml.core.wall_times import wall_time
from cvo_ml.ingest.adapters import Parts, adapter_of, main_parts, side_parts, with_adapter
from cvo_ml.ingest.assemble import assemble, complete, joined_customers, joined_refunds, side_frame, with_costs
from cvo_ml.ingest.cross_checks import OrderIds, check_between, check_rows
from cvo_ml.ingest.duplicates import resolve_duplicates
from cvo_ml.ingest.findings import Findings
from cvo_ml.ingest.large import LargeRead, is_large, read_in_batches
from cvo_ml.ingest.nobody import refuse_nobody, to_look_at
from cvo_ml.ingest.raw import RawTable, SourceFile, raw_from_frame
from cvo_ml.ingest.row_rules import ValidatedRows, validate_rows
from cvo_ml.ingest.specs import TableSpec, main_spec, side_spec
from cvo_ml.ingest.status_refunds import refunded_orders, refunds_by_status
from cvo_ml.ingest.status_rule import conclude_statuses, refunded_texts

#: Days without any row before ``as_of``: a shop that sells once a year has sold within them.
LONGEST_SILENCE: Final = 366
_EVENTS: Final = {name: contract.event_time for name, contract in CONTRACTS.items() if contract.event_time is not None}
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


def read_shop(shop: ShopConfig, *, as_of: date | None = None, max_bad_share: float | None = None) -> ReadResult:
    """The shop's sources as checked tables.

    A first source of CSV or Parquet files of 500 MB and more is read in batches, through files in the system's
    temporary folder; the result is the same.

    Parameters
    ----------
    as_of:
        Rows on or after this day (00:00 in the shop's zone), refunds too, are excluded by the rule "after as_of".
    max_bad_share:
        In [0, 1]; in place of the shop's own.

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
    if is_large(shop, declared):
        with scratch_folder() as folder:  # what is staged lies in it too
            first = _first_of_disk(read_in_batches(declared, folder / "tables", as_of, max_bad_share))
        return _finish(first, shop, declared, {}, as_of, max_bad_share)
    return _read(main_parts(shop, declared), shop, declared, as_of, max_bad_share)


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
    declared, adapter = with_adapter(shop), adapter_of(shop.adapter)
    if adapter.unpack is not None:
        raise UsageError(f"shop {shop.name}: its format {shop.adapter} is JSON: read it from a file")
    wanted = [header for header in adapter.wanted(declared) if header in frame or header not in adapter.optional]
    return _read(adapter.parts_of(raw_from_frame(frame, wanted), declared), shop, declared, as_of, max_bad_share)


def _read(
    parts: Parts, shop: ShopConfig, declared: ShopConfig, as_of: date | None, max_bad_share: float | None
) -> ReadResult:
    spec = main_spec(declared, max_bad_share, adapter_of(shop.adapter).ragged)
    main = validate_rows(parts[spec.table], spec, as_of)
    complete(main.rows, declared)
    notes = resolve_duplicates(main)
    frames = _main_frames(main, declared)
    first = _First(
        frames,
        OrderIds.of(main),
        _currency(declared, main),
        {spec.table: main.status.by_file()},
        main.status.quarantined(),
        (*main.notes, *notes),
        main.raw.sources,
        main.findings,
        refunded_orders(main.used, refunded_texts(main.findings.statuses, spec)),
    )
    return _finish(first, shop, declared, parts, as_of, max_bad_share)


@dataclass(frozen=True)
class _First:
    """What the first source gave, whether it was read at once or in batches."""

    frames: dict[str, pd.DataFrame]
    ids: OrderIds | None
    currency: str
    ledgers: Ledgers
    quarantine: pd.DataFrame
    notes: tuple[str, ...]
    sources: tuple[SourceFile, ...]
    findings: Findings
    refunded: pd.DataFrame


def _first_of_disk(found: LargeRead) -> _First:
    frames = dict(found.tables().frames)
    ledgers = {found.table: found.ledgers}
    return _First(
        frames, found.order_ids, found.currency, ledgers, found.quarantine, found.notes, found.sources, found.findings,
        found.refunded,
    )  # fmt: skip


def _finish(
    first: _First,
    shop: ShopConfig,
    declared: ShopConfig,
    parts: Parts,
    as_of: date | None,
    max_bad_share: float | None,
) -> ReadResult:
    """Read the further tables, and check them against the first."""
    frames = first.frames
    spec = main_spec(declared, max_bad_share)
    if spec.table != "subscriptions":
        of_each = to_look_at(frames["orders"]["customer_id"])
        refuse_nobody(of_each, len(frames["orders"]), spec, declared.customers, _where(first.sources))
    sides = {
        name: _validated_side(raw, side_spec(declared, name, config, max_bad_share, words), as_of)
        for name, (raw, config, words) in side_parts(shop, declared, parts).items()
    }
    notes = check_between(first.ids, frames["orders"], sides)
    for validated in sides.values():
        notes += resolve_duplicates(validated)
    _join(frames, sides)
    told = conclude_statuses(first.findings.statuses, spec, told_refunds="refunds" in sides or _any_refund(frames))
    notes += _add_status_refunds(first, frames, sides, declared, as_of)
    empty = tuple(f"{name}: the table holds no rows yet" for name, validated in sides.items() if not validated.raw.rows)
    own = sum((ledger for by_file in first.ledgers.values() for ledger in by_file.values()), RowLedger(0, 0))
    of_sides = (source for validated in sides.values() for source in validated.raw.sources)
    sources = tuple(dict.fromkeys([*first.sources, *of_sides]))
    if as_of is not None:
        refuse_after(frames, as_of, sources)
    written = None if shop.extracted_at is None else wall_time(shop.extracted_at, shop.timezone)
    return ReadResult(
        Tables(frames, first.currency, shop.timezone, _complete_until(written, as_of)),
        sum(map(_named, sides.values()), own),
        pd.concat([first.quarantine, *(side.status.quarantined() for side in sides.values())], ignore_index=True),
        (
            *first.notes,
            *(f"{_where(first.sources)}: {note}" for note in told),
            *(note for side in sides.values() for note in side.notes),
            *notes,
            *empty,
            *_said(declared),
        ),
        _fingerprint(sources),
        sources,
        {**first.ledgers, **{name: validated.status.by_file() for name, validated in sides.items()}},
        written,
    )


def _add_status_refunds(
    first: _First,
    frames: dict[str, pd.DataFrame],
    sides: Mapping[str, ValidatedRows],
    shop: ShopConfig,
    as_of: date | None,
) -> tuple[str, ...]:
    """Give back what is refunded by its status; returns what is said of it."""
    if first.refunded.empty:
        return ()
    rows = sides["refunds"].rows if "refunds" in sides else pd.DataFrame()
    named = rows["order_id"] if "order_id" in rows else pd.Series(dtype="str")
    moment = first.findings.latest if shop.extracted_at is None else wall_time(shop.extracted_at, shop.timezone)
    added, notes = refunds_by_status(first.refunded, frames["refunds"], named, moment, as_of)
    frames["refunds"] = joined_refunds(frames["refunds"], added)
    return notes


def _where(sources: Sequence[SourceFile]) -> str:
    return sources[0].name if len(sources) == 1 else f"{len(sources):,} files"


def _any_refund(frames: Mapping[str, pd.DataFrame]) -> bool:
    return "refunds" in frames and len(frames["refunds"]) > 0


def _complete_until(written: pd.Timestamp | None, as_of: date | None) -> pd.Timestamp | None:
    """From when on rows are missing, where somebody said when the sources were written: then, or at the cut."""
    return written if written is None or as_of is None else min(written, midnight(as_of))


def _validated_side(raw: RawTable, spec: TableSpec, as_of: date | None) -> ValidatedRows:
    validated = validate_rows(raw, spec, as_of)
    check_rows(validated)
    return validated


def _main_frames(main: ValidatedRows, shop: ShopConfig) -> dict[str, pd.DataFrame]:
    if shop.rows == "subscriptions":
        check_rows(main)
        return {"orders": ORDERS.empty(), "subscriptions": side_frame(main, ORDERS.empty())}
    return assemble(main.used, shop)


def _join(frames: dict[str, pd.DataFrame], sides: Mapping[str, ValidatedRows]) -> None:
    """Add the further tables to those of the first source."""
    for name, validated in sides.items():
        frame = side_frame(validated, frames["orders"])
        if name == "refunds" and "refunds" in frames:
            frame = joined_refunds(frames["refunds"], frame)
        if name == "customers" and "customers" in frames:
            frame = joined_customers(frame, frames["customers"])
        frames[name] = frame
    if "order_lines" in frames:
        frames["orders"] = with_costs(frames["orders"], frames["order_lines"])


def refuse_after(frames: Mapping[str, pd.DataFrame], as_of: date, sources: Sequence[SourceFile] = ()) -> None:
    """Refuse a cut date that the data do not reach: everybody would look lost.

    Raises
    ------
    DataError
        If all tables end more than a year before it.
    """
    times = (frames[name][time].max() for name, time in _EVENTS.items() if name in frames and len(frames[name]))
    last = max((time.date() for time in times if pd.notna(time)), default=None)
    if last is not None and (as_of - last).days > LONGEST_SILENCE:
        raise DataError(
            f"the data end on {last}, more than a year before as_of {as_of}",
            "give a newer extract, or an earlier as_of",
            file=sources[0].name if sources else None,
        )


def _named(validated: ValidatedRows) -> RowLedger:
    """The account of a further table, its reasons preceded by the table's name."""
    ledger, name = validated.status.ledger(), validated.spec.table
    quarantined = {f"{name}: {reason}": count for reason, count in ledger.quarantined.items()}
    excluded = {f"{name}: {rule}": count for rule, count in ledger.excluded.items()}
    return RowLedger(ledger.rows_in, ledger.used, quarantined, excluded)


def _currency(shop: ShopConfig, main: ValidatedRows) -> str:
    if shop.currency == NO_CURRENCY and "currency" in main.rows and len(main.used):
        return str(main.used["currency"].iloc[0]).upper()
    return shop.currency


def _said(shop: ShopConfig) -> tuple[str, ...]:
    generated = shop.order_id == "generated"
    return ("order ids were generated: one order per customer and day",) if generated else ()


def _fingerprint(sources: Sequence[SourceFile]) -> str:
    return hashlib.sha256("".join(source.sha256 for source in sources).encode()).hexdigest()
