"""The contracts of all tables that the product reads. Only ``orders`` is required to run.

One module for each thing that a business keeps books about; ``docs/tables.md`` is written from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cvo_ml.core.contract import TableContract
from cvo_ml.core.contracts.conduct import ASSIGNMENTS, EVENTS, TOUCHPOINTS, TREATMENTS
from cvo_ml.core.contracts.goals import INITIATIVES, OKRS
from cvo_ml.core.contracts.money import ACQUISITION_SPEND, ANNOTATIONS, COSTS_TO_SERVE, FX, MONTHS
from cvo_ml.core.contracts.people import ACCOUNTS, CUSTOMERS, DEALS, LEADS, REFERRALS
from cvo_ml.core.contracts.pricing import CHOICES, PRICE_ANSWERS, PRICES
from cvo_ml.core.contracts.product import FEATURE_REQUESTS, PRODUCT_FEATURES
from cvo_ml.core.contracts.sales import DELIVERIES, ORDER_LINES, ORDERS, REFUNDS, RETURNS
from cvo_ml.core.contracts.service import REVIEWS, SURVEYS, TICKETS
from cvo_ml.core.contracts.subscriptions import MILESTONES, SUBSCRIPTIONS

CONTRACTS: Final[Mapping[str, TableContract]] = {
    contract.name: contract
    for contract in (
        ORDERS,
        REFUNDS,
        ORDER_LINES,
        CUSTOMERS,
        SUBSCRIPTIONS,
        EVENTS,
        TOUCHPOINTS,
        COSTS_TO_SERVE,
        ACQUISITION_SPEND,
        TICKETS,
        SURVEYS,
        RETURNS,
        TREATMENTS,
        ASSIGNMENTS,
        LEADS,
        DEALS,
        MILESTONES,
        PRICES,
        FX,
        MONTHS,
        ANNOTATIONS,
        ACCOUNTS,
        DELIVERIES,
        REVIEWS,
        REFERRALS,
        PRODUCT_FEATURES,
        FEATURE_REQUESTS,
        INITIATIVES,
        OKRS,
        CHOICES,
        PRICE_ANSWERS,
    )
}

__all__ = [
    "ACCOUNTS",
    "ACQUISITION_SPEND",
    "ANNOTATIONS",
    "ASSIGNMENTS",
    "CHOICES",
    "CONTRACTS",
    "COSTS_TO_SERVE",
    "CUSTOMERS",
    "DEALS",
    "DELIVERIES",
    "EVENTS",
    "FEATURE_REQUESTS",
    "FX",
    "INITIATIVES",
    "LEADS",
    "MILESTONES",
    "MONTHS",
    "OKRS",
    "ORDERS",
    "ORDER_LINES",
    "PRICES",
    "PRICE_ANSWERS",
    "PRODUCT_FEATURES",
    "REFERRALS",
    "REFUNDS",
    "RETURNS",
    "REVIEWS",
    "SUBSCRIPTIONS",
    "SURVEYS",
    "TICKETS",
    "TOUCHPOINTS",
    "TREATMENTS",
]
