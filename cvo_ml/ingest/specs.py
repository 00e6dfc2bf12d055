"""What is expected of each table's source: columns, kinds, keys and rules, from the shop's declaration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from cvo_ml.config.shops import Exclusion, ShopConfig, SourceConfig, StatusClass, TableConfig
from cvo_ml.core.contract import Kind
from cvo_ml.core.contracts import CONTRACTS
from cvo_ml.ingest.exchange import Rates
from cvo_ml.ingest.row_status import RAGGED

_MAIN_TABLE: Final = {"orders": "orders", "lines": "order_lines", "subscriptions": "subscriptions"}


@dataclass(frozen=True)
class TableSpec:
    """One table to be read.

    Parameters
    ----------
    table:
        The name of its contract and of its ledger.
    columns, profile:
        Canonical column to header; further field to header.
    kinds:
        What each canonical column holds.
    required:
        The mapped columns in which null is a fault.
    key:
        Columns that together identify a row; empty where nothing does.
    event_time:
        The column that is compared with ``as_of`` and ``extracted_at``.
    guests:
        What is done with rows without a customer: they are a ``fault``, or left out by rule (``exclude``); in further
        tables only those of ``guest_ids`` are left out (``ids``).
    ragged:
        What is wrong with rows that could not be read at all.
    statuses:
        The shop's own words for what became of a sale; None where rows are not sorted by their status.
    beside:
        What a header means that is not mapped, if it is a matter of money; None where nobody asks.
    net_less:
        Columns that are taken off ``net``.
    counts_only:
        Whether rows have no amounts.
    rates:
        By which amounts in other currencies are converted; None = one run holds one currency.
    guest_ids:
        Customer ids that stand for nobody, in lower case.
    fold_case:
        Whether ids that differ in upper and lower case only are one.
    where_filled:
        A canonical column without which a row is none of this table.
    part:
        Which of several sources of the table it is.
    """

    table: str
    source: SourceConfig
    columns: Mapping[str, str]
    profile: Mapping[str, str]
    kinds: Mapping[str, Kind]
    required: frozenset[str]
    key: tuple[str, ...]
    event_time: str | None
    exclude: tuple[Exclusion, ...]
    currency: str
    timezone: str
    extracted_at: datetime | None
    max_bad_share: float
    guests: Literal["fault", "exclude", "ids"] = "ids"
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    constants: Mapping[str, str | float] = field(default_factory=dict)
    ragged: str = RAGGED
    statuses: Mapping[str, StatusClass] | None = None
    beside: Callable[[str], str | None] | None = None
    net_less: tuple[str, ...] = ()
    counts_only: bool = False
    rates: Rates | None = None
    guest_ids: frozenset[str] = frozenset()
    fold_case: bool = False
    where_filled: str | None = None
    part: int = 0

    @property
    def stored(self) -> str:
        """The name under which its rows lie in the database."""
        return f"{self.table}_{self.part}" if self.part else self.table

    @property
    def headers(self) -> dict[str, str]:
        """Canonical columns and further fields, and the header of each."""
        return {**self.columns, **self.profile}

    @property
    def people(self) -> str:
        """The header of the column that says who bought; empty where rows without it cannot be guests."""
        return "" if self.guests == "ids" else self.header("customer_id")

    def header(self, column: str) -> str:
        """The header of a canonical column; its own name where it is not mapped."""
        return self.headers.get(column, column)


def main_spec(
    shop: ShopConfig,
    max_bad_share: float | None = None,
    ragged: str = RAGGED,
    beside: Callable[[str], str | None] | None = None,
) -> TableSpec:
    """The shop's first source: orders, order lines or subscriptions."""
    table = _MAIN_TABLE[shop.rows]
    return TableSpec(
        table=table,
        source=shop.source,
        columns=shop.columns,
        profile=shop.profile,
        kinds=shop.kinds,
        required=_required(shop) & set(shop.columns),
        key=_main_key(shop),
        event_time="started_at" if shop.rows == "subscriptions" else "ordered_at",
        exclude=shop.exclude,
        currency=shop.currency,
        timezone=shop.timezone,
        extracted_at=shop.extracted_at,
        max_bad_share=shop.max_bad_share if max_bad_share is None else max_bad_share,
        guests=shop.guests,
        values=shop.values,
        ragged=ragged,
        statuses=None if shop.rows == "subscriptions" else shop.statuses,
        beside=beside,
        net_less=shop.net_less,
        counts_only=shop.counts_only,
        constants=shop.constants,
        guest_ids=_guest_ids(shop),
        fold_case=shop.ids.fold_case,
    )


def side_spec(
    shop: ShopConfig, table: str, config: TableConfig, max_bad_share: float | None = None, ragged: str = RAGGED
) -> TableSpec:
    """A further table, with the shop's zone, currency and tolerance."""
    contract = CONTRACTS[table]
    key = contract.key_where_told or contract.key
    created = "created_at" if "created_at" in config.columns else None
    return TableSpec(
        table=table,
        source=config.source,
        columns=config.columns,
        profile=config.profile,
        kinds={column.name: column.kind for column in contract.columns},
        required=frozenset(contract.required) & set(config.columns),
        key=key if set(key) <= set(config.columns) else (),
        event_time=contract.event_time if contract.event_time in config.columns else created,
        exclude=config.exclude,
        currency=shop.currency,
        timezone=shop.timezone,
        extracted_at=shop.extracted_at,
        max_bad_share=shop.max_bad_share if max_bad_share is None else max_bad_share,
        values=config.values,
        constants=config.constants,
        ragged=ragged,
        guest_ids=_guest_ids(shop),
        fold_case=shop.ids.fold_case,
        where_filled=config.where_filled,
    )


def _guest_ids(shop: ShopConfig) -> frozenset[str]:
    return frozenset(name.strip().casefold() for name in shop.guest_ids)


def _required(shop: ShopConfig) -> frozenset[str]:
    if shop.rows == "subscriptions":
        return frozenset(CONTRACTS["subscriptions"].required)
    required = {"order_id", "customer_id", "ordered_at", "net"}
    if shop.rows == "lines":
        required |= {"product_id", "quantity"} | ({"unit_price"} if "net" not in shop.columns else set())
    return frozenset(required)


def _main_key(shop: ShopConfig) -> tuple[str, ...]:
    if shop.order_id == "generated" or shop.rows == "subscriptions":
        return ()
    if shop.rows == "orders":
        return ("order_id",)
    return ("order_id", "line_id") if "line_id" in shop.columns else ()
