"""Known export formats: each brings its mapping and rules, and takes its rows apart into tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd

from cvo_ml.config.shops import ShopConfig, TableConfig
from cvo_ml.ingest.adapters import ga4, online_retail, segment, shopify, stripe
from cvo_ml.ingest.adapters.adapter import MAIN, Adapter
from cvo_ml.ingest.batches import Batched, Whole, is_large, streamed
from cvo_ml.ingest.raw import RawTable, Wanted, raw_from_frame
from cvo_ml.ingest.row_status import RAGGED
from cvo_ml.ingest.sources import read_objects_of, read_source

__all__ = [
    "ADAPTERS", "Adapter", "Parts", "adapter_of", "first_parts", "further_parts", "own_source", "parts_of_frame",
    "with_adapter",
]  # fmt: skip

#: The tables of one source by name; the first source's own is among them.
Parts = Mapping[str, Batched]

ADAPTERS: Final[Mapping[str, Adapter]] = {
    "online_retail": online_retail.ADAPTER,
    "shopify": shopify.ADAPTER,
    "segment": segment.ADAPTER,
    "ga4": ga4.ADAPTER,
    "stripe": stripe.ADAPTER,
}
_PLAIN: Final = Adapter({})


def adapter_of(name: str | None) -> Adapter:
    """The adapter of that name; one that changes nothing where there is none."""
    return ADAPTERS[name] if name else _PLAIN


def with_adapter(shop: ShopConfig) -> ShopConfig:
    """The shop with its adapter's mapping and rules written out.

    Raises
    ------
    pydantic.ValidationError
        If the two together are not a complete declaration.
    """
    declares = adapter_of(shop.adapter).declares
    own = shop.model_dump(exclude_unset=True)
    columns = {**declares.get("columns", {}), **shop.columns}
    return ShopConfig.model_validate({**declares, **own, "columns": columns, "adapter": None})


def first_parts(shop: ShopConfig, declared: ShopConfig) -> Parts:
    """The tables of the shop's first source.

    Raises
    ------
    DataError, ConfigError, UsageError
        As the source's reader.
    """
    adapter, source = adapter_of(shop.adapter), declared.source
    if adapter.unpack is not None:
        return _whole(adapter.unpack(read_objects_of(source), declared.columns))
    wanted = adapter.wanted(declared)
    if adapter.prepare is None and is_large(source):
        return {MAIN[declared.rows]: streamed(source, wanted, adapter.optional)}
    return _whole(adapter.parts_of(read_source(source, wanted, adapter.optional), declared))


def parts_of_frame(frame: pd.DataFrame, shop: ShopConfig, declared: ShopConfig) -> Parts:
    """The tables of a DataFrame in place of the first source.

    Raises
    ------
    DataError
        As ``raw_from_frame``.
    """
    adapter = adapter_of(shop.adapter)
    asked = adapter.wanted(declared)
    wanted = Wanted((name for name in asked if name in frame or name not in adapter.optional), asked.beside)
    return _whole(adapter.parts_of(raw_from_frame(frame, wanted), declared))


def further_parts(shop: ShopConfig, declared: ShopConfig, parts: Parts) -> dict[str, tuple[Batched, TableConfig, str]]:
    """The further tables: those that the first source holds too, and those with a source of their own.

    Returns
    -------
    Table name to its rows, its declaration, and what is wrong with its unreadable rows.

    Raises
    ------
    DataError, ConfigError, UsageError
        As the sources' readers.
    """
    adapter = adapter_of(shop.adapter)
    found: dict[str, tuple[Batched, TableConfig, str]] = {}
    for name, side in adapter.sides.items():
        if name in parts and any(parts[name].most_rows.values()) and name not in declared.tables:
            config = TableConfig.model_validate({"source": declared.source.model_dump(), **side})
            found[name] = (parts[name], config, adapter.ragged)
    for name, config in declared.tables.items():
        found[name] = own_source(name, config)
    return found


def own_source(name: str, config: TableConfig) -> tuple[Batched, TableConfig, str]:
    """A further table's rows, its declaration, and what is wrong with its unreadable rows."""
    adapter = adapter_of(config.adapter)
    if adapter.unpack is None:
        wanted = [*config.columns.values(), *config.profile.values()]
        if is_large(config.source):
            return streamed(config.source, wanted, may_be_empty=True), config, RAGGED
        return Whole(read_source(config.source, wanted, may_be_empty=True)), config, RAGGED
    columns = {**adapter.declares["columns"], **config.columns}
    part = adapter.unpack(read_objects_of(config.source), columns)[name]
    return Whole(part), config.model_copy(update={"columns": columns}), adapter.ragged


def _whole(parts: Mapping[str, RawTable]) -> Parts:
    return {name: Whole(raw) for name, raw in parts.items()}
