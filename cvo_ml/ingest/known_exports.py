"""Exports that are known by what they hold: the headers, or the keys of their objects, that each has and no other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from cvo_ml.config.shops import AdapterName
from cvo_ml.core.errors import ConfigError


@dataclass(frozen=True)
class KnownExport:
    """How an export is called and known.

    Parameters
    ----------
    called:
        Such as ``Shopify's export of orders``.
    seen:
        The version or the documentation by which it is read, and its month: what a vendor renamed later is told by it.
    signature:
        Headers of a flat file, or keys and dotted paths of an object, that it has and no other known export.
    others:
        The same of other versions of it.
    """

    called: str
    seen: str
    signature: frozenset[str]
    others: tuple[frozenset[str], ...] = ()

    def is_of(self, names: Collection[str]) -> bool:
        """Whether a file with these headers, or objects with these keys, has one of its signatures."""
        held = set(names)
        return any(signature <= held for signature in (self.signature, *self.others))


EXPORTS: Final[Mapping[AdapterName, KnownExport]] = {
    "shopify": KnownExport(
        "Shopify's export of orders",
        "November 2026",
        frozenset({"Name", "Email", "Financial Status", "Created at", "Subtotal", "Lineitem quantity",
                   "Lineitem price"}),
    ),
    "woocommerce": KnownExport(
        "WooCommerce's export of orders",
        "November 2026",
        frozenset({"order_id", "order_number", "status", "shipping_total", "tax_total", "order_total", "order_currency",
                   "customer_id", "billing_email"}),
    ),
    "woocommerce_analytics": KnownExport(
        "WooCommerce's report of orders",
        "November 2026",
        frozenset({"Date", "Order #", "Status", "Customer", "Customer type", "Product(s)", "Items sold"}),
    ),
    "woocommerce_api": KnownExport(
        "the orders of WooCommerce's API",
        "version 3",
        frozenset({"id", "number", "status", "total_tax", "prices_include_tax", "line_items", "billing"}),
    ),
    "paypal": KnownExport(
        "PayPal's activity download",
        "November 2026",
        frozenset({"Date", "Type", "Status", "Currency", "Gross", "Net", "From Email Address", "To Email Address",
                   "Transaction ID", "Reference Txn ID"}),
    ),
    "online_retail": KnownExport(
        "UCI's Online Retail",
        "2015",
        frozenset({"InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"}),
    ),
    "ga4": KnownExport(
        "Google Analytics' export",
        "November 2026",
        frozenset({"event_name", "event_timestamp", "user_pseudo_id"}),
    ),
    "segment": KnownExport("Segment's track calls", "spec v2", frozenset({"event", "timestamp", "properties"})),
    "gorgias": KnownExport(
        "Gorgias' export of tickets",
        "2026",
        frozenset({"Ticket id", "Customer email", "Creation date", "Closed date"}),
        (frozenset({"Ticket ID", "Customer email", "Creation date", "Closed date"}),),
    ),
    "gorgias_api": KnownExport(
        "the tickets of Gorgias' API", "November 2026", frozenset({"id", "customer", "created_datetime", "status"})
    ),
    "zendesk": KnownExport(
        "Zendesk's export of tickets",
        "November 2026",
        frozenset({"Requester email", "Created at", "Solved at", "Status"}),
    ),
    "zendesk_api": KnownExport(
        "the tickets of Zendesk's API", "v2", frozenset({"id", "requester", "created_at", "status", "priority"})
    ),
    "typeform": KnownExport(
        "Typeform's export of responses", "November 2026", frozenset({"#", "Start Date (UTC)", "Submit Date (UTC)"})
    ),
    "delighted": KnownExport(
        "Delighted's export of responses",
        "2026",
        frozenset({"Survey Type", "Score", "Comment"}),
        (frozenset({"Survey type", "Score", "Comment"}), frozenset({"survey_type", "score", "comment", "email"})),
    ),
    "delighted_api": KnownExport(
        "the survey responses of Delighted's API",
        "v1",
        frozenset({"id", "person", "survey_type", "score", "created_at"}),
    ),
    "google_ads": KnownExport(
        "Google Ads' report",
        "November 2026",
        frozenset({"Campaign", "Currency code", "Cost"}),
        (frozenset({"Day", "Campaign", "Cost", "Impr."}),),
    ),
    "meta_ads": KnownExport(
        "Meta's report of ads", "November 2026", frozenset({"Reporting starts", "Reporting ends"})
    ),
    "stripe_payments": KnownExport(
        "Stripe's export of payments",
        "November 2026",
        frozenset({"id", "Amount", "Amount Refunded", "Currency", "Status"}),
    ),
    "stripe_charges": KnownExport(
        "Stripe's charges and payment intents",
        "API 2025-09-30 and before",
        frozenset({"id", "amount", "amount_refunded", "currency", "created", "captured"}),
        (frozenset({"id", "amount", "amount_received", "currency", "created", "status"}),),
    ),
    "stripe": KnownExport(
        "Stripe's subscriptions", "API 2025-03-31 and before", frozenset({"id", "customer", "status", "items"})
    ),
    "hubspot_deals": KnownExport(
        "HubSpot's export of deals",
        "November 2026",
        frozenset({"Record ID", "Deal Name", "Deal Stage"}),
        (frozenset({"Deal ID", "Deal Name", "Deal Stage"}), frozenset({"hs_object_id", "dealname", "dealstage"})),
    ),
    "hubspot_deals_api": KnownExport(
        "the deals of HubSpot's API", "version 2026-09", frozenset({"id", "properties", "properties.dealstage"})
    ),
    "hubspot_contacts": KnownExport(
        "HubSpot's export of contacts",
        "November 2026",
        frozenset({"Record ID", "First Name", "Last Name", "Email"}),
        (
            frozenset({"Contact ID", "First Name", "Last Name", "Email"}),
            frozenset({"Record ID - Contact", "First Name", "Last Name", "Email"}),
            frozenset({"hs_object_id", "firstname", "lastname", "email"}),
        ),
    ),
    "hubspot_contacts_api": KnownExport(
        "the contacts of HubSpot's API", "version 2026-09", frozenset({"id", "properties", "properties.email"})
    ),
    "hubspot_companies": KnownExport(
        "HubSpot's export of companies",
        "November 2026",
        frozenset({"Record ID", "Company name", "Company owner"}),
        (
            frozenset({"Record ID", "Company name", "Create Date"}),
            frozenset({"Company ID", "Company name", "Create Date"}),
            frozenset({"hs_object_id", "name", "domain"}),
        ),
    ),
    "hubspot_companies_api": KnownExport(
        "the companies of HubSpot's API", "version 2026-09", frozenset({"id", "properties", "properties.domain"})
    ),
    "hubspot_email_events": KnownExport(
        "the email events of HubSpot's API",
        "version v1",
        frozenset({"id", "type", "created", "recipient", "emailCampaignId"}),
    ),
    "klaviyo_profiles": KnownExport(
        "Klaviyo's export of profiles",
        "November 2026",
        frozenset({"Email", "Klaviyo ID"}),
        (
            frozenset({"Email", "Email Marketing Consent", "Profile Created On"}),
            frozenset({"Email", "Email Marketing Consent", "Date Added"}),
        ),
    ),
    "klaviyo_profiles_api": KnownExport(
        "the profiles of Klaviyo's API",
        "revision 2026-10-15",
        frozenset({"type", "id", "attributes.email", "attributes.location"}),
    ),
    "klaviyo_events": KnownExport(
        "the events of Klaviyo's API", "revision 2026-10-15", frozenset({"type", "id", "attributes.event_properties"})
    ),
}  # fmt: skip


def export_of(names: Collection[str]) -> AdapterName | None:
    """The adapter that reads a file with these headers, or objects with these keys; None where none is known.

    Examples
    --------
    >>> export_of(["event_name", "event_timestamp", "user_pseudo_id", "items"]), export_of(["order", "date"])
    ('ga4', None)
    """
    fitting = [name for name, export in EXPORTS.items() if export.is_of(names)]
    return max(fitting, key=lambda name: len(EXPORTS[name].signature), default=None)


def how_to_map(names: Collection[str], what: str, declared: AdapterName | None = None) -> str:
    """What to do where a mapped column is not there: the adapter, if one reads such a file.

    Parameters
    ----------
    declared:
        The adapter by which the file is read, if any.

    Examples
    --------
    >>> how_to_map(["order", "date"], "header of the file")
    'map the column to a header of the file'
    >>> how_to_map(["event_name", "event_timestamp", "user_pseudo_id"], "field")
    "these are of Google Analytics' export: declare adapter: ga4, or let 'cvo init' write the shop's file"
    >>> how_to_map(["InvoiceNo", "Qty"], "header of the file", "online_retail")
    "UCI's Online Retail as of 2015 has it: if it has another name now, map that under columns, else export it too"
    """
    found = export_of(names)
    if found is not None and found != declared:
        return f"these are of {EXPORTS[found].called}: {_declare(found)}"
    if declared is None:
        return f"map the column to a {what}"
    export = EXPORTS[declared]
    return (
        f"{export.called} as of {export.seen} has it: if it has another name now, map that under columns, "
        "else export it too"
    )


def refuse_another(declared: AdapterName, names: Collection[str], file: str) -> None:
    """Refuse to read one vendor's export by the rules of another's.

    Raises
    ------
    ConfigError
        Naming the adapter that reads it.
    """
    found = export_of(names)
    if found not in (None, declared) and not EXPORTS[declared].is_of(names):
        raise ConfigError(
            f"source {file}: adapter {declared} reads {EXPORTS[declared].called}, and this is "
            f"{EXPORTS[found].called}: {_declare(found)}"
        )


def _declare(adapter: AdapterName) -> str:
    return f"declare adapter: {adapter}, or let 'cvo init' write the shop's file"
