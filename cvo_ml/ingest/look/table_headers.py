"""How tables beside the orders are called, and which headers may stand for their columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cvo_ml.core.contract import Column, TableContract

#: Table to canonical column to the meanings that may stand for it, beside the column's own name. A column of the later
#: tables that is not listed is found by the meaning of its own name.
_ALIASES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "refunds": {
        "refunded_at": ("refunded_at", "date", "created_at", "ordered_at"), "amount": ("refund_amount", "net", "total"),
        "order_id": ("order_id",), "customer_id": ("customer_id", "customer"), "refund_id": ("refund_id",),
        "reason": ("reason",), "currency": ("currency",),
    },
    "order_lines": {
        "order_id": ("order_id",), "product_id": ("product_id", "product_name"), "quantity": ("quantity",),
        "unit_price": ("unit_price",), "net": ("line_total", "net"), "line_id": ("line_id",),
    },
    "customers": {
        "customer_id": ("customer_id", "customer", "id"), "created_at": ("created_at", "date"), "country": ("country",),
        "region": ("region",), "city": ("city",), "marketing_consent": ("marketing_consent",),
        "acquisition_channel": ("channel",),
    },
    "subscriptions": {
        "subscription_id": ("subscription_id", "id"), "customer_id": ("customer_id", "customer"), "status": ("status",),
        "mrr": ("mrr",), "started_at": ("started_at", "created_at"), "ended_at": ("ended_at",), "plan": ("plan",),
        "seats": ("seats",), "currency": ("currency",),
    },
    "tickets": {
        "opened_at": ("opened_at", "created_at", "date"), "ticket_id": ("ticket_id", "id"),
        "closed_at": ("changed_at",), "resolved": ("is_resolved",), "topic": ("topic", "reason"),
    },
    "surveys": {
        "answered_at": ("answered_at", "created_at", "date"), "kind": ("survey_kind", "kind_of_row"),
        "text": ("comment",),
    },
    "reviews": {
        "reviewed_at": ("reviewed_at", "created_at", "date"), "rating": ("rating", "score"), "text": ("comment",),
        "product_id": ("product_id", "product_name"), "review_id": ("review_id", "id"),
    },
    "returns": {"opened_at": ("created_at", "date", "refunded_at"), "kind": ("kind_of_row",)},
    "deliveries": {"shipped_at": ("shipped_at",), "delivery_id": ("delivery_id",)},
    "events": {"at": ("date", "created_at"), "name": ("event_name",), "value": ("total",)},
    "touchpoints": {"at": ("date", "created_at"), "source": (), "kind": ("kind_of_row", "event_name")},
    "treatments": {"sent_at": ("sent_at", "date"), "action": ("action", "campaign")},
    "acquisition_spend": {"spend": ("spend", "cost", "total"), "channel": ("channel",)},
    "costs_to_serve": {"period": ("period", "month", "date")},
    "months": {"month": ("month", "period", "date"), "orders": ("orders_count",), "net": ("net", "subtotal", "total")},
    "fx": {"rate": ("exchange_rate", "unit_price")},
    "annotations": {"at": ("date", "created_at"), "what": ("happened", "event_name", "comment", "product_name")},
    "accounts": {
        "account_id": ("company_id", "customer_id", "id"), "name": ("customer_name",), "parent_id": ("parent_id",),
    },
    "leads": {"lead_id": ("lead_id", "id"), "created_at": ("created_at", "date")},
    "deals": {
        "deal_id": ("deal_id", "id"), "amount": ("net", "subtotal", "total"), "stage": ("status",),
        "closed_at": ("ordered_at", "changed_at"),
    },
    "referrals": {"at": ("date", "created_at")},
    "milestones": {"value": ("total",), "start": ("baseline",)},
    "prices": {
        "product_id": ("product_id", "product_name", "plan"), "price": ("unit_price",),
        "valid_from": ("valid_from", "started_at", "date"), "valid_to": ("valid_to", "ended_at"),
    },
    "product_features": {"name": ("customer_name",)},
    "feature_requests": {
        "requested_at": ("requested_at", "created_at", "date"), "title": ("product_name",),
        "reason": ("reason", "comment"),
    },
    "initiatives": {"name": ("customer_name",), "value": ("expected_value", "total"), "initiative_id": ("id",)},
    "okrs": {"measured_at": ("measured_at", "date"), "value": ("total",), "base": ("baseline",)},
    "choices": {"answered_at": ("answered_at", "date"), "price": ("unit_price",)},
    "price_answers": {"answered_at": ("answered_at", "date")},
}  # fmt: skip
#: Tables in which nothing is looked for beside what is listed.
_LISTED: Final = frozenset({"refunds", "order_lines", "customers", "subscriptions"})
#: What the name of a file or sheet says that it holds.
CALLED: Final = {
    "refunds": r"refund|return|retoure|erstattung|gutschrift|rembours|reembolso|rimbors|terugbetal|zwrot|credit.?note",
    "order_lines": r"line|item|position|ligne|linea|riga|regel|detail|pozycj",
    "customers": r"customer|client|kunde|cliente|klant|contact|user|people|kund\b|klien",
    "subscriptions": r"subscription|abo|membership",
    "tickets": r"ticket|case|support",
    "orders": r"order|bestell|auftr|commande|pedido|ordin|zam|sale|transaction|invoice|rechnung|purchase",
    "deliveries": r"deliver|shipment|parcel|package|fulfil|tracking|liefer|versand|sendung|livraison|exped|envio"
    r"|spedizion|verzend|levering|entrega|dostaw|przesyl",
    "reviews": r"review|rating|bewert|rezension|avis|resen|recension|beoordel|opinion|opinie|avaliac",
    "referrals": r"referral|recommend|advocat|empfehl|freund|parrain|referid|passaparola|indicac|polece",
    "accounts": r"account|compan|organi[sz]ation|workspace|tenant|firm|unternehm|entreprise|societe|empresa|aziend"
    r"|bedrijf",
    "months": r"month|monat|mensuel|mensual|mensil|maand|mois|miesi",
    "annotations": r"annotation|notes?\b|happening|changelog|launch|ereignis|anmerk",
    "fx": r"\bfx\b|exchange|rates?\b|currenc|kurs|wahrung|waehrung|change|cambio|wissel",
    "acquisition_spend": r"spend|ads?\b|advert|marketing|media|campaign|werb|ausgaben|depense|gasto|spesa|uitgaven",
    "touchpoints": r"touch|visit|session|click",
    "treatments": r"treatment|sent|send|mailing|message|email",
    "costs_to_serve": r"cost|kosten|cout|coste|costi",
    "surveys": r"survey|nps|csat|\bces\b|umfrage|enquete|encuesta|sondaggi|feedback|answers?\b",
    "prices": r"price|preis|prix|precio|prezz|prij",
    "product_features": r"feature(?!.?request)|capabilit|funktion",
    "feature_requests": r"request|wish|idea|wunsch",
    "initiatives": r"initiativ|backlog|roadmap|project|vorhaben",
    "okrs": r"okr|key.?result|goals?\b|objectiv|ziel",
    "choices": r"choice|conjoint",
    "price_answers": r"price.?(?:answer|sensitiv)|westendorp|\bpsm\b|gabor|willingness|wtp",
}
#: Tables whose required columns say too little to be told without their name.
BY_NAME: Final = frozenset(
    {"events", "touchpoints", "assignments", "milestones", "leads", "treatments", "returns", "tickets", "accounts",
     "product_features"}
)  # fmt: skip
#: Tables that are told by their name, or by the contract's own names of all that they require.
BY_OWN_NAMES: Final = frozenset(
    {"deliveries", "reviews", "months", "annotations", "feature_requests", "fx", "acquisition_spend", "costs_to_serve",
     "surveys", "prices", "okrs", "initiatives", "price_answers", "choices"}
)  # fmt: skip


def meanings(table: str, column: Column) -> tuple[str, ...]:
    """What the header of a column may mean, the best first.

    Examples
    --------
    >>> from cvo_ml.core.contracts import CONTRACTS
    >>> meanings("reviews", CONTRACTS["reviews"].column("rating"))
    ('rating', 'score')
    >>> meanings("deliveries", CONTRACTS["deliveries"].column("carrier"))
    ('carrier',)
    """
    listed = _ALIASES.get(table, {})
    if column.name in listed:
        return listed[column.name]
    if table in _LISTED or column.name == "known_at":
        return ()
    return ("customer_id", "customer", "customer_email") if column.name == "customer_id" else (column.name,)


def has_own_names(contract: TableContract, keys: frozenset[str]) -> bool:
    """Whether all that a table requires is there by the contract's own names, given as bare letters and digits."""
    groups = (*contract.one_of, *((name,) for name in contract.required))
    return all(any(name.replace("_", "") in keys for name in group) for group in groups)
