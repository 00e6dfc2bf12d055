"""HubSpot's companies: the export of a view or list (CSV, Excel), and the objects of its API (JSON).

* ``customers`` where companies buy, as they do where deals are the orders: country, source, industry, size.
* ``accounts`` where people buy: the company that contacts name, with the company that owns it.
* What HubSpot sums up of deals (revenue, number of deals, lifecycle stage) is no field: it is written after the sale.

https://knowledge.hubspot.com/properties/hubspot-crm-default-company-properties
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from cvo_ml.config.shops import ShopConfig
from cvo_ml.ingest.adapters.adapter import Adapter, Parts
from cvo_ml.ingest.adapters.hubspot_contacts import CAMPAIGN, CHANNEL, origin_of
from cvo_ml.ingest.adapters.hubspot_objects import labelled_rows
from cvo_ml.ingest.adapters.row_texts import first_listed, texts_of, with_columns
from cvo_ml.ingest.raw import RawTable
from cvo_ml.ingest.sources.json_lines import JsonObjects

_ID, _CREATED, _PARENT, _SOURCE = "Record ID", "Create Date", "Parent Company", "Original Traffic Source"
_SIDES: Final[dict[str, dict[str, Any]]] = {
    "customers": {
        "columns": {
            "customer_id": _ID,
            "created_at": _CREATED,
            "country": "Country/Region",
            "region": "State/Region",
            "city": "City",
            "acquisition_channel": CHANNEL,
            "acquisition_campaign": CAMPAIGN,
        },
        "profile": {"industry": "Industry", "employees": "Number of Employees"},
    },
    "accounts": {
        "columns": {
            "account_id": _ID,
            "parent_id": _PARENT,
            "created_at": _CREATED,
            "name": "Company name",
            "country": "Country/Region",
        },
    },
}
#: Label to the property's internal name and to labels of other versions.
PROPERTIES: Final[Mapping[str, tuple[str, ...]]] = {
    _ID: ("hs_object_id", "Company ID", "Record ID - Company"),
    "Company name": ("name", "Name"),
    _CREATED: ("createdate",),
    _PARENT: ("hs_parent_company_id", "Parent Company ID", "Associated Company IDs (Parent Company)"),
    "Country/Region": ("country", "Country"),
    "State/Region": ("state", "State"),
    "City": ("city",),
    "Industry": ("industry",),
    "Number of Employees": ("numberofemployees", "Number of employees"),
    _SOURCE: ("hs_analytics_source", "Original Source", "Original Source Type"),
    f"{_SOURCE} Drill-Down 1": ("hs_analytics_source_data_1", "Original Source Drill-Down 1", "Original Source Data 1"),
    f"{_SOURCE} Drill-Down 2": ("hs_analytics_source_data_2", "Original Source Drill-Down 2", "Original Source Data 2"),
}
_NEEDED: Final = frozenset({_ID, _CREATED})


def prepare(raw: RawTable, _shop: ShopConfig) -> Parts:
    """Customers and accounts of an export."""
    texts = texts_of(raw, tuple(PROPERTIES))
    written = origin_of(texts) | ({_PARENT: first_listed(texts[_PARENT])} if _PARENT in raw.columns else {})
    return dict.fromkeys(_SIDES, with_columns(raw, written, {}))


def unpack(objects: Sequence[JsonObjects], columns: Mapping[str, str], shop: ShopConfig) -> Parts:
    """Customers and accounts of the API's objects."""
    return prepare(labelled_rows(objects, PROPERTIES, _NEEDED, columns.values()), shop)


ADAPTER: Final = Adapter(
    sides=_SIDES,
    reads=tuple(PROPERTIES),
    optional=frozenset({*PROPERTIES, CHANNEL, CAMPAIGN} - _NEEDED),
    spellings=PROPERTIES,
    prepare=prepare,
)
API: Final = Adapter(sides=_SIDES, reads=("properties.createdate",), unpack=unpack, ids={"customer_id": ("id",)})
