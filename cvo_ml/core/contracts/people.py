"""Who buys, who might, and who brought whom: customers, accounts, leads, deals, referrals."""

from __future__ import annotations

from typing import Final

from cvo_ml.core.contract import KNOWN_AT_COLUMN, Column, Range, TableContract, TimeOrder, required

CUSTOMERS: Final = TableContract(
    "customers",
    (
        required("customer_id", "id"),
        Column("created_at", "time"),
        Column("country", "text"),
        Column("region", "text"),
        Column("city", "text"),
        Column("acquisition_channel", "text"),
        Column("acquisition_campaign", "text"),
        Column("marketing_consent", "flag"),
        Column("profiling_opt_out", "flag"),
        Column("account_id", "id", meaning="the company for which this contact or user buys", names="accounts"),
        KNOWN_AT_COLUMN,
    ),
    key=("customer_id",),
    about="A customer, contact or user.",
    profile=True,
)

ACCOUNTS: Final = TableContract(
    "accounts",
    (
        required("account_id", "id"),
        Column("parent_id", "id", meaning="the account that owns it; null at the top", names="accounts"),
        Column("created_at", "time"),
        Column("name", "text"),
        Column("segment", "text", meaning="such as enterprise or small business"),
        Column("country", "text"),
        KNOWN_AT_COLUMN,
    ),
    key=("account_id",),
    about="A company that buys through its contacts and users, who name it in customers.account_id.",
    profile=True,
)

LEADS: Final = TableContract(
    "leads",
    (
        required("lead_id", "id"),
        required("created_at", "time"),
        Column("mql_at", "time", meaning="when marketing called it qualified; null while it has not"),
        Column("sql_at", "time", meaning="when sales accepted it; null while they have not"),
        KNOWN_AT_COLUMN,
    ),
    key=("lead_id",),
    event_time="created_at",
    about="Somebody who might buy, with what is known before a sale.",
    spans=(
        TimeOrder("created_at", "mql_at", "qualified before it was created"),
        TimeOrder("created_at", "sql_at", "accepted before it was created"),
    ),
    profile=True,
)

DEALS: Final = TableContract(
    "deals",
    (
        required("deal_id", "id"),
        required("lead_id", "id", names="leads"),
        Column("customer_id", "id", meaning="who it became; null while it is open or where it was lost"),
        Column("stage", "text"),
        Column("amount", "money", meaning="value of the contract"),
        Column("is_won", "flag"),
        Column("created_at", "time"),
        Column("closed_at", "time", meaning="when it was won or lost; null while it is open"),
        Column("currency", "text", meaning="ISO 4217"),
        Column("sales_minutes", "number", meaning="minutes of work by sales", within=Range(0)),
        KNOWN_AT_COLUMN,
    ),
    key=("deal_id",),
    event_time="closed_at",
    about="What sales tried to close with a lead.",
    spans=(TimeOrder("created_at", "closed_at"),),
)

REFERRALS: Final = TableContract(
    "referrals",
    (
        required("referrer_id", "id", "the customer who recommended"),
        required("referred_id", "id", "the customer who came"),
        required("at", "time", "when the new customer came"),
        Column("reward", "money", meaning="what it cost: voucher, gift, commission", within=Range(0)),
        Column("campaign", "text", meaning="the contest or programme"),
        KNOWN_AT_COLUMN,
    ),
    key=("referred_id",),
    event_time="at",
    about="A customer who came because another recommended the shop; the first who did counts.",
)
