"""Sources larger than memory: read in batches, validated by the same rules, written as tables on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cvo_ml.config.shops import NO_CURRENCY, ShopConfig
from cvo_ml.core.contract import pandas_dtype
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.core.errors import ConfigError, DataError, is_full
from cvo_ml.core.files import staged_folder
from cvo_ml.core.ledger import RowLedger
from cvo_ml.core.scratch import place_of, scratch_folder
from cvo_ml.core.tables import Tables
from cvo_ml.ingest.adapters import adapter_of, with_adapter
from cvo_ml.ingest.casts.fast_path import LOWER, UPPER
from cvo_ml.ingest.casts.ids import CASE
from cvo_ml.ingest.cross_checks import OrderIds
from cvo_ml.ingest.findings import Findings
from cvo_ml.ingest.large.batches import Batches, can_batch
from cvo_ml.ingest.large.queries import SORT
from cvo_ml.ingest.large.scan import Facts, in_conflict, validate_batches
from cvo_ml.ingest.large.tables import TableWriter, engine
from cvo_ml.ingest.raw import SourceFile
from cvo_ml.ingest.row_rules import counted
from cvo_ml.ingest.sources import files_of
from cvo_ml.ingest.specs import TableSpec, main_spec
from cvo_ml.ingest.status_rule import refunded_texts

__all__ = ["LARGE", "LargeRead", "is_large", "read_in_batches", "read_large"]

LARGE: Final = 500_000_000  # bytes: of smaller sources nothing is written to disk
MEMORY: Final = "1GB"
_PACKED: Final = 5  # a gzip file of text unpacks to about so many times its size
_FIRST: Final = ("refunded_at", "refund_id")


@dataclass(frozen=True)
class LargeRead:
    """Tables on disk and the account of every source row.

    Parameters
    ----------
    table:
        The name of the table that was read, such as ``order_lines``.
    paths:
        Table name to Parquet file; the order of their rows says nothing.
    ledgers:
        File to the account of its rows.
    order_ids:
        What became of each order, where further tables are declared, which may name them.
    findings:
        What only all rows together tell.
    refunded:
        Order id, customer and value of the orders that are refunded by their status.
    """

    table: str
    folder: Path
    paths: Mapping[str, Path]
    currency: str
    timezone: str
    ledgers: Mapping[str, RowLedger]
    quarantine: pd.DataFrame
    notes: tuple[str, ...]
    sources: tuple[SourceFile, ...]
    order_ids: OrderIds | None = None
    findings: Findings = field(default_factory=Findings)
    refunded: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the files' content."""
        return hashlib.sha256("".join(source.sha256 for source in self.sources).encode()).hexdigest()

    @property
    def ledger(self) -> RowLedger:
        """The account of all files."""
        return sum(self.ledgers.values(), RowLedger(0, 0))

    def tables(self) -> Tables:
        """The tables in memory, where they fit, sorted by time."""
        return Tables({name: _load(name, path) for name, path in self.paths.items()}, self.currency, self.timezone)


def read_large(
    shop: ShopConfig,
    folder: Path,
    *,
    memory_limit: str = MEMORY,
    as_of: date | None = None,
    max_bad_share: float | None = None,
) -> LargeRead:
    """The shop's first source as tables on disk, by the rules of :func:`read_shop`, in bounded memory.

    Batches are cast and validated one by one; duplicates, orders and customers are then found by a DuckDB that
    holds at most ``memory_limit`` and spills into the folder. ``folder`` appears when all is done.

    Parameters
    ----------
    folder:
        Where the tables go; replaced if it is there.
    memory_limit:
        Of DuckDB, such as ``1GB``; a batch and Python come on top (some hundred MB).

    Raises
    ------
    ConfigError
        If the source is neither CSV nor Parquet, its format needs all rows at once, or further tables are declared.
    DataError
        If a source as a whole cannot be trusted, or there is no room for its batches.
    UsageError
        If there is no such file.
    """
    declared = with_adapter(shop)
    if not _in_batches(shop, declared) or declared.tables:
        raise ConfigError(
            f"shop {shop.name}: only one table of orders or order lines is read in batches: use read_shop"
        )
    return read_in_batches(declared, folder, as_of, max_bad_share, memory_limit)


def is_large(shop: ShopConfig, declared: ShopConfig) -> bool:
    """Whether the first source is to be read in batches: CSV or Parquet files of :data:`LARGE` bytes and more."""
    if not _in_batches(shop, declared) or "://" in declared.source.path:
        return False
    files = files_of(declared.source)
    if not all(file.is_file() and can_batch(file) for file in files):
        return False
    return sum(file.stat().st_size * (_PACKED if file.suffix == ".gz" else 1) for file in files) >= LARGE


def _in_batches(shop: ShopConfig, declared: ShopConfig) -> bool:
    adapter = adapter_of(shop.adapter)
    return adapter.prepare is None and adapter.unpack is None and declared.rows != "subscriptions"


def read_in_batches(
    declared: ShopConfig,
    folder: Path,
    as_of: date | None,
    max_bad_share: float | None,
    memory_limit: str = MEMORY,
) -> LargeRead:
    """The first source of a shop whose adapter is written out; further tables are left to the caller."""
    spec = main_spec(declared, max_bad_share)
    files = [Batches(path, declared.source, list(spec.headers.values())) for path in files_of(declared.source)]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _with_room(declared, folder), scratch_folder(folder.parent) as work:  # one file system: files are only renamed
        result = _read(files, declared, spec, as_of, work, memory_limit)
        with staged_folder(folder) as staging:
            for path in result.paths.values():
                path.rename(staging / path.name)
    final = {name: folder / path.name for name, path in result.paths.items()}
    return replace(result, folder=folder, paths=final)


@contextmanager
def _with_room(shop: ShopConfig, folder: Path) -> Iterator[None]:
    """Say what is needed where disk or memory end."""
    try:
        yield
    except (OSError, duckdb.Error) as error:
        if not is_full(error) and not isinstance(error, duckdb.OutOfMemoryException):
            raise
        raise DataError(
            f"is read in batches, and there is no room left for them in {place_of(folder)}",
            "make room for about twice the size of the source, or set TMPDIR to a folder that has it",
            file=Path(shop.source.path).name,
        ) from None


def _read(
    files: Sequence[Batches], shop: ShopConfig, spec: TableSpec, as_of: date | None, work: Path, memory_limit: str
) -> LargeRead:
    facts: Facts = {}
    first = validate_batches(files, shop, spec, as_of, work, facts)
    if in_conflict(first.facts, first.parts):
        first = validate_batches(files, shop, spec, as_of, work, first.facts)
    account = first.account
    pa.default_memory_pool().release_unused()
    with engine(work, memory_limit) as connection:
        writer = TableWriter(connection, work, [file.name for file in files])
        alike = writer.resolve_duplicates(spec, account)
        for name, cases in first.facts.items():
            if {LOWER, UPPER} <= cases and (pairs := writer.differing_in_case(name)):
                first.counts[spec.header(name), CASE] = pairs
        ledgers, quarantine = account.close()
        paths = writer.write(shop)
        ids = writer.order_ids(work / "aside") if shop.tables else None
        refunded = writer.refunded(refunded_texts(first.findings.statuses, spec))
    where = files[0].name if len(files) == 1 else f"{len(files):,} files"
    notes = (*(note for file in files for note in file.notes), *counted(where, first.counts), *alike)
    currency = first.currency if shop.currency == NO_CURRENCY and first.currency else shop.currency
    sources = tuple(SourceFile(file.name, ledgers[file.name].rows_in, file.sha256) for file in files)
    return LargeRead(spec.table, work, paths, currency, shop.timezone, ledgers, quarantine, notes, sources, ids,
                     first.findings, refunded)  # fmt: skip


def _load(name: str, path: Path) -> pd.DataFrame:
    table = pq.read_table(path)
    contract = CONTRACTS[name]
    # Arrow sorts texts many times faster than pandas does
    order = [column for column in (*_FIRST, "ordered_at", *contract.key, *SORT) if column in table.column_names]
    if order:
        keys = [(column, "ascending") for column in dict.fromkeys(order[: 2 if name == "orders" else None])]
        table = table.take(pc.sort_indices(table, sort_keys=keys))
    frame: pd.DataFrame = table.to_pandas(self_destruct=True, split_blocks=True)
    del table
    for column in contract.columns:
        if column.name in frame and not (column.kind == "flag" and frame[column.name].isna().any()):
            dtype: Any = pandas_dtype(column.kind)
            frame[column.name] = frame[column.name].astype(dtype)
    for column_name in frame:
        if frame[column_name].dtype == object:
            frame[column_name] = frame[column_name].astype("str")
    return frame
