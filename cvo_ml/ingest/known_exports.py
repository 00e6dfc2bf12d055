"""Exports that are known by what they hold: the headers, or the keys of their objects, that each has and no other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from cvo_ml.config.shops import AdapterName

#: Adapter to the headers of a flat file, or the keys of an object, by which its export is known.
SIGNATURES: Final[Mapping[AdapterName, frozenset[str]]] = {
    "shopify": frozenset(
        {"Name", "Email", "Financial Status", "Created at", "Subtotal", "Lineitem quantity", "Lineitem price"}
    ),
    "online_retail": frozenset(
        {"InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"}
    ),
    "ga4": frozenset({"event_name", "event_timestamp", "user_pseudo_id"}),
    "segment": frozenset({"event", "timestamp", "properties"}),
    "stripe": frozenset({"id", "customer", "status", "items"}),
}
_CALLED: Final[Mapping[AdapterName, str]] = {
    "shopify": "Shopify's export of orders",
    "online_retail": "UCI's Online Retail",
    "ga4": "Google Analytics' export",
    "segment": "Segment's track calls",
    "stripe": "Stripe's subscriptions",
}


def export_of(names: Collection[str]) -> AdapterName | None:
    """The adapter that reads a file with these headers, or objects with these keys; None where none is known.

    Examples
    --------
    >>> export_of(["event_name", "event_timestamp", "user_pseudo_id", "items"]), export_of(["order", "date"])
    ('ga4', None)
    """
    return next((name for name, signature in SIGNATURES.items() if signature <= set(names)), None)


def how_to_map(names: Collection[str], what: str) -> str:
    """What to do where a mapped column is not there: the adapter, if one reads such a file.

    Examples
    --------
    >>> how_to_map(["order", "date"], "header of the file")
    'map the column to a header of the file'
    >>> how_to_map(["event_name", "event_timestamp", "user_pseudo_id"], "field")
    "these are of Google Analytics' export: declare adapter: ga4, or let 'cvo init' write the shop's file"
    """
    found = export_of(names)
    if found is None:
        return f"map the column to a {what}"
    return f"these are of {_CALLED[found]}: declare adapter: {found}, or let 'cvo init' write the shop's file"
