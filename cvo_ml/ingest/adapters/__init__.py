"""Known export formats: each brings its mapping and rules, and takes its rows apart into tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa

from cvo_ml.config.shops import AdapterName, ShopConfig, SourceConfig, TableConfig
from cvo_ml.core.errors import DataError, nearest_name
from cvo_ml.ingest.adapters import (
    delighted,
    ga4,
    google_ads,
    gorgias,
    hubspot_companies,
    hubspot_contacts,
    hubspot_deals,
    hubspot_email_events,
    klaviyo_events,
    klaviyo_profiles,
    meta_ads,
    online_retail,
    paypal,
    segment,
    shopify,
    stripe,
    stripe_charges,
    stripe_payments,
    typeform,
    woocommerce,
    woocommerce_analytics,
    woocommerce_api,
    zendesk,
)
from cvo_ml.ingest.adapters.adapter import MAIN, Adapter
from cvo_ml.ingest.adapters.declaring import (
    as_written,
    declared_shop,
    declared_table,
    headers_found,
    side_of_first,
)
from cvo_ml.ingest.adapters.event_format import EventFormat
from cvo_ml.ingest.adapters.event_stream import event_tables
from cvo_ml.ingest.batches import Batched, Whole
from cvo_ml.ingest.known_exports import EXPORTS, how_to_map, refuse_another
from cvo_ml.ingest.raw import RawTable, Wanted, raw_from_frame
from cvo_ml.ingest.source_rows import rows_at_once, rows_of
from cvo_ml.ingest.sources import JsonObjects, read_objects_of
from cvo_ml.ingest.sources.json_lines import at, names_in

__all__ = [
    "ADAPTERS", "Adapter", "Parts", "adapter_of", "first_parts", "further_parts", "own_source", "parts_of_frame",
    "with_adapter",
]  # fmt: skip

#: The tables of one source by name; the first source's own is among them.
Parts = Mapping[str, Batched]

ADAPTERS: Final[Mapping[AdapterName, Adapter]] = {
    "online_retail": online_retail.ADAPTER,
    "shopify": shopify.ADAPTER,
    "woocommerce": woocommerce.ADAPTER,
    "woocommerce_analytics": woocommerce_analytics.ADAPTER,
    "woocommerce_api": woocommerce_api.ADAPTER,
    "paypal": paypal.ADAPTER,
    "segment": segment.ADAPTER,
    "ga4": ga4.ADAPTER,
    "stripe": stripe.ADAPTER,
    "hubspot_deals": hubspot_deals.ADAPTER,
    "hubspot_deals_api": hubspot_deals.API,
    "hubspot_contacts": hubspot_contacts.ADAPTER,
    "hubspot_contacts_api": hubspot_contacts.API,
    "hubspot_companies": hubspot_companies.ADAPTER,
    "hubspot_companies_api": hubspot_companies.API,
    "hubspot_email_events": hubspot_email_events.ADAPTER,
    "klaviyo_profiles": klaviyo_profiles.ADAPTER,
    "klaviyo_profiles_api": klaviyo_profiles.API,
    "klaviyo_events": klaviyo_events.ADAPTER,
    "stripe_payments": stripe_payments.ADAPTER,
    "stripe_charges": stripe_charges.ADAPTER,
    "gorgias": gorgias.ADAPTER,
    "gorgias_api": gorgias.API,
    "zendesk": zendesk.ADAPTER,
    "zendesk_api": zendesk.API,
    "typeform": typeform.ADAPTER,
    "delighted": delighted.ADAPTER,
    "delighted_api": delighted.API,
    "google_ads": google_ads.ADAPTER,
    "meta_ads": meta_ads.ADAPTER,
}
_PLAIN: Final = Adapter()


def adapter_of(name: AdapterName | None) -> Adapter:
    """The adapter of that name; one that changes nothing where there is none."""
    return ADAPTERS[name] if name else _PLAIN


def with_adapter(shop: ShopConfig, frame: pd.DataFrame | None = None) -> ShopConfig:
    """The shop with its adapter's mapping and rules written out, in the words of its file, or of a frame in its place.

    Raises
    ------
    pydantic.ValidationError
        If the two together are not a complete declaration.
    ConfigError
        If the file is another vendor's export.
    DataError
        If a header is not there that the format has; or as the source's reader.
    """
    adapter = adapter_of(shop.adapter)
    declared = declared_shop(shop, adapter)
    if shop.adapter is None or adapter.is_json:
        return declared
    headers = headers_found(declared.source) if frame is None else [str(name) for name in frame.columns]
    if not headers:
        return declared
    file = Path(declared.source.path).name if frame is None else "DataFrame"
    written = as_written(shop.adapter, adapter, declared.columns, declared.profile, headers, file)
    return declared.model_copy(update={"columns": written})


def first_parts(shop: ShopConfig, declared: ShopConfig) -> Parts:
    """The tables of the shop's first source.

    Raises
    ------
    DataError, ConfigError, UsageError
        As the source's reader.
    """
    adapter, source = adapter_of(shop.adapter), declared.source
    if adapter.events is not None and shop.adapter is not None:
        sides = {name: side_of_first(name, declared, adapter, ()).columns for name in adapter.sides}
        paths = {"orders": {**declared.columns, **declared.profile}, **sides}
        return _events(shop.adapter, adapter.events, source, paths, declared.net_less)
    if adapter.unpack is not None:
        return _whole(
            adapter.unpack(_objects(shop.adapter, declared.source, declared.columns), declared.columns, declared)
        )
    wanted = adapter.wanted(declared.columns, declared.profile, declared)
    optional = adapter.may_lack(wanted, headers_found(source) if shop.adapter else ())
    if adapter.prepare is None:
        return {MAIN[declared.rows]: rows_of(source, wanted, optional)}
    parts = _parts(adapter, rows_at_once(source, wanted, optional), declared)
    pa.default_memory_pool().release_unused()  # an export may have many columns that only the adapter looks at
    return parts


def parts_of_frame(frame: pd.DataFrame, shop: ShopConfig, declared: ShopConfig) -> Parts:
    """The tables of a DataFrame in place of the first source.

    Raises
    ------
    DataError
        As ``raw_from_frame``.
    """
    adapter = adapter_of(shop.adapter)
    asked = adapter.wanted(declared.columns, declared.profile, declared)
    optional = adapter.may_lack(asked, [str(name) for name in frame.columns] if shop.adapter else ())
    wanted = Wanted((name for name in asked if name in frame or name not in optional), asked.beside)
    return _parts(adapter, raw_from_frame(frame, wanted), declared)


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
    for name in adapter.sides:
        if name in parts and any(parts[name].most_rows.values()) and name not in declared.tables:
            headers = next(iter(parts[name])).columns
            found[name] = (parts[name], side_of_first(name, declared, adapter, headers), adapter.ragged)
    for name, config in declared.tables.items():
        found[name] = own_source(config.table or name, config, declared)
    return found


def own_source(name: str, config: TableConfig, declared: ShopConfig) -> tuple[Batched, TableConfig, str]:
    """A further table's rows, its declaration, and what is wrong with its unreadable rows.

    Raises
    ------
    DataError, ConfigError, UsageError
        As the source's reader; or if the adapter's export does not hold this table.
    """
    adapter, table = adapter_of(config.adapter), declared_table(name, config, adapter_of(config.adapter))
    if config.adapter is None:
        wanted = [*table.columns.values(), *table.profile.values()]
        return rows_of(table.source, wanted, may_be_empty=True), table, adapter.ragged
    if adapter.events is not None:
        paths = {"orders": adapter.declares["columns"]}
        paths |= {side: brought["columns"] for side, brought in adapter.sides.items()}
        paths[name] = {**table.columns, **table.profile}
        return _events(config.adapter, adapter.events, table.source, paths)[name], table, adapter.ragged
    if adapter.unpack is not None:
        part = adapter.unpack(_objects(config.adapter, table.source, table.columns), table.columns, declared)[name]
        return Whole(part), table, adapter.ragged
    headers = headers_found(table.source)
    if headers:
        file = Path(table.source.path).name
        written = as_written(config.adapter, adapter, table.columns, table.profile, headers, file)
        table = table.model_copy(update={"columns": written})
    wanted = adapter.wanted(table.columns, table.profile)
    raw = rows_at_once(table.source, wanted, adapter.may_lack(wanted, headers), may_be_empty=True)
    as_written_there = declared.model_copy(update={"source": table.source})
    return Whole(adapter.parts_of(raw, as_written_there, table.columns, name)[name]), table, adapter.ragged


def _events(
    name: AdapterName,
    events: EventFormat,
    source: SourceConfig,
    paths: Mapping[str, Mapping[str, str]],
    net_less: Sequence[str] | None = None,
) -> Parts:
    refuse_another(name, headers_found(source), Path(source.path).name)
    return event_tables(name, events, source, paths, net_less or (), holds_orders=net_less is not None)


def _objects(name: AdapterName | None, source: SourceConfig, columns: Mapping[str, str]) -> list[JsonObjects]:
    if name is not None:
        refuse_another(name, headers_found(source), Path(source.path).name)
    unread = [path for path in adapter_of(name).unread if not any(one.startswith(path) for one in columns.values())]
    found = read_objects_of(source, sorted(EXPORTS[name].signature) if name else (), unread)
    for objects in found:
        if name is not None:
            refuse_another(name, names_in(objects.objects), objects.source.name)
            _refuse_lacking(name, objects)
    return found


def _refuse_lacking(name: AdapterName, found: JsonObjects) -> None:
    """Refuse objects none of which has a field that the format needs."""
    for field in ADAPTERS[name].reads:
        if found.objects and all(at(item, field) is None for item in found.objects):
            known = sorted(names_in(found.objects))
            problem = f"no object has this field{nearest_name(field, known)}; they have {', '.join(known[:20])}"
            remedy = how_to_map(known, "field of the objects", name)
            raise DataError(problem, remedy, file=found.source.name, column=field)


def _parts(adapter: Adapter, raw: RawTable, declared: ShopConfig) -> Parts:
    return _whole(adapter.parts_of(raw, declared, declared.columns, MAIN[declared.rows]))


def _whole(parts: Mapping[str, RawTable]) -> Parts:
    return {name: Whole(raw) for name, raw in parts.items()}
