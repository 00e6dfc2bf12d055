"""A shop's declaration with what its adapters bring, in the words of its files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from cvo_ml.config.shops import AdapterName, ShopConfig, SourceConfig, TableConfig
from cvo_ml.config.variables import VARIABLE
from cvo_ml.core.errors import ConfigError, DataError, nearest_name
from cvo_ml.ingest.adapters.adapter import Adapter
from cvo_ml.ingest.known_exports import EXPORTS, how_to_map, refuse_another
from cvo_ml.ingest.sources import headers_of


def declared_shop(shop: ShopConfig, adapter: Adapter) -> ShopConfig:
    """The shop with its adapter's mapping and rules written out; what the shop says itself comes first.

    Raises
    ------
    pydantic.ValidationError
        If the two together are not a complete declaration.
    ConfigError
        If the adapter's export holds no orders.
    """
    if shop.adapter is not None and not adapter.declares:
        tables = " and ".join(adapter.sides)
        raise ConfigError(
            f"shop {shop.name}: adapter: {EXPORTS[shop.adapter].called} holds no orders: declare it under tables: "
            f"{tables}"
        )
    own = shop.model_dump(exclude_unset=True)
    return ShopConfig.model_validate({**_merged(adapter.declares, own), "adapter": None})


def declared_table(name: str, config: TableConfig, adapter: Adapter) -> TableConfig:
    """A further table with its adapter's mapping written out; what the shop says itself comes first.

    Raises
    ------
    ConfigError
        If the adapter's export does not hold this table.
    """
    if config.adapter is None:
        return config
    held = {*adapter.sides, *filter(None, (adapter.main,))}
    if name not in held:
        raise ConfigError(
            f"tables: {name}: {EXPORTS[config.adapter].called} holds {', '.join(sorted(held))}: declare adapter: "
            f"{config.adapter} there"
        )
    own = config.model_dump(exclude_unset=True)
    return TableConfig.model_validate({**_merged(adapter.side(name), own), "adapter": None})


def side_of_first(name: str, declared: ShopConfig, adapter: Adapter, headers: Collection[str]) -> TableConfig:
    """The declaration of a further table that lies in the first source, with these headers.

    A header that the shop maps to another than its adapter does, is the other here too.
    """
    side = adapter.sides[name]
    brought = adapter.declares.get("columns", {})
    columns = {
        column: declared.columns.get(column, header) if brought.get(column) == header else header
        for column, header in side["columns"].items()
    }
    # a flat file's parts have the shop's own headers; those of JSON have the format's
    own = {} if adapter.is_json else brought
    moved = {header: declared.columns.get(column, header) for column, header in own.items()}
    columns = {
        column: header if header in headers else adapter.spelled(header, headers) or moved.get(header, header)
        for column, header in columns.items()
    }
    source = {**declared.source.model_dump(exclude_unset=True), **side.get("source", {})}
    return TableConfig.model_validate({**side, "source": source, "columns": columns})


def as_written(
    name: AdapterName,
    adapter: Adapter,
    columns: Mapping[str, str],
    profile: Mapping[str, str],
    headers: Collection[str],
    file: str,
) -> dict[str, str]:
    """The mapped columns by the headers that stand in the file, which may be those of another version.

    A file of one column is given back as it is: its delimiter is another, which the reader says.

    Raises
    ------
    ConfigError
        If the file is another vendor's export.
    DataError
        If a header is not there that the format has.
    """
    refuse_another(name, headers, file)
    if len(headers) == 1:
        return dict(columns)
    found = {
        column: header if header in headers else adapter.spelled(header, headers) or header
        for column, header in columns.items()
    }
    replaced = {header for column, header in _own(adapter).items() if found.get(column, header) != header}
    for header in adapter.wanted(found, profile):
        known = header in headers or header in adapter.optional or header in replaced
        if known or header in adapter.other_spellings or adapter.spelled(header, headers):
            continue
        raise DataError(
            f"no such column{nearest_name(header, list(headers))}; the file has "
            f"{', '.join(map(repr, list(headers)[:20]))}",
            how_to_map(headers, "header of the file", name),
            file=file,
            column=header,
        )
    return found


def headers_found(source: SourceConfig) -> Sequence[str]:
    """The headers of a source's first file; none where that takes a database to say."""
    if "://" in source.path or VARIABLE.search(source.path):
        return ()
    return headers_of(source)


def _own(adapter: Adapter) -> Mapping[str, str]:
    every = [adapter.declares.get("columns", {}), *(side["columns"] for side in adapter.sides.values())]
    return {column: header for columns in reversed(every) for column, header in columns.items()}


_JOINED: Final = ("columns", "profile", "values", "constants", "statuses", "source")


def _merged(brought: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Both declarations, the second before the first, mappings key by key."""
    joined = {key: {**brought.get(key, {}), **own.get(key, {})} for key in _JOINED if key in brought or key in own}
    return {**brought, **own, **joined}
