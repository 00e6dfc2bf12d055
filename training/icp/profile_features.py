"""What happened to customers after their start, for the profile alone: no model reads it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

import pandas as pd

from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.features.leads import won_deals

#: Table to its time, the text that tells of what, and the profile's section.
SOURCES: Final[Mapping[str, tuple[str, str, str]]] = {
    "milestones": ("reached_at", "milestone", "keeps"),
    "tickets": ("opened_at", "topic", "needs"),
    "refunds": ("refunded_at", "reason", "keeps"),
    "surveys": ("answered_at", "kind", "keeps"),
    "subscriptions": ("ended_at", "cancel_reason", "needs"),
}
MOST_KINDS: Final = 12
#: Success by the milestones reached (methods E4, K7): none, some, all that the vendor knows.
TIERS: Final = ("Padawan", "Knight", "Master")
PROMOTER, DETRACTOR = 9, 6


def life(tables: Tables, start: pd.Series, age: Horizon) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """What each customer met within ``age`` of ``start`` (by ``customer_id``), and the section of each column.

    Flags, and of milestones the pace per 90 days and the tier of success.
    """
    found = pd.DataFrame(index=start.index)
    sections: dict[str, list[str]] = {"keeps": [], "needs": []}
    for table, (time, text, section) in SOURCES.items():
        rows = tables.get(table)
        if table not in tables or not {"customer_id", time} <= set(rows) or rows.empty:
            continue
        rows = rows[["customer_id", time, *({text, "score"} & set(rows))]].join(start.rename("start"), on="customer_id")
        rows = rows[(rows[time] >= rows["start"]) & (rows[time] < rows["start"] + age.delta)]
        for name, who in _kinds(table, rows, text):
            found[name] = found.index.isin(who)
            sections[section].append(name)
        if table == "milestones":
            pace = _progress(rows, found.index, age, tables.get(table)["milestone"].nunique())
            found = found.join(pace)
            sections[section] += [str(name) for name in pace]
    return found, sections


def life_of_leads(tables: Tables, as_of: date, age: Horizon) -> tuple[pd.DataFrame, dict[str, list[str]]]:
    """The same for won leads, by ``lead_id``, from the win on; ``left`` names the flags of who ended the contract."""
    if "customer_id" not in tables.get("deals"):
        return pd.DataFrame(index=pd.Index([], dtype="str")), {"keeps": [], "needs": [], "left": []}
    won = won_deals(tables.get("deals"), as_of)
    won = won[won["customer_id"].notna()].drop_duplicates("customer_id").drop_duplicates("lead_id")
    found, sections = life(tables, won.set_index("customer_id")["closed_at"], age)
    subscriptions, left = tables.get("subscriptions"), []
    if {"ended_at", "status"} <= set(subscriptions) and len(subscriptions):
        ended = subscriptions[subscriptions["status"].astype("str").str.startswith("cancel")]
        since = ended["customer_id"].map(won.set_index("customer_id")["closed_at"])
        found["left"] = found.index.isin(ended.loc[ended["ended_at"] < since + age.delta, "customer_id"])
        left = ["left"]
    return found.set_index(won["lead_id"].astype("str")), {**sections, "left": left}


def baskets(tables: Tables, customers: pd.Index) -> pd.DataFrame:
    """Flags of the commonest categories (products where there are none) in each customer's first order."""
    lines = tables.get("order_lines")
    if lines.empty:
        return pd.DataFrame(index=customers)
    orders = tables.orders.sort_values(["ordered_at", "order_id"], kind="stable").drop_duplicates("customer_id")
    column = "category" if "category" in lines and lines["category"].notna().any() else "product_id"
    first = lines.merge(orders[["order_id", "customer_id"]], on="order_id")
    first = first[first["customer_id"].isin(customers)]
    common = first.drop_duplicates(["customer_id", column])[column].value_counts().index[:MOST_KINDS]
    named = {f"first basket: {column} {name}": first.loc[first[column] == name, "customer_id"] for name in common}
    return pd.DataFrame({name: customers.isin(who) for name, who in named.items()}, index=customers)


def _progress(rows: pd.DataFrame, customers: pd.Index, age: Horizon, known: int) -> pd.DataFrame:
    """Milestones per 90 days of the age, and the tier by how many of the ``known`` kinds were reached."""
    by_customer = rows.groupby("customer_id")["milestone"]
    reached = by_customer.nunique().reindex(customers).fillna(0)
    tier = pd.Series(TIERS[1], index=customers).mask(reached == 0, TIERS[0]).mask(reached >= known, TIERS[2])
    pace = by_customer.size().reindex(customers).fillna(0.0) * 90 / age.days
    return pd.DataFrame({"milestones per 90 days": pace, "success tier": tier.astype("str")})


def _kinds(table: str, rows: pd.DataFrame, text: str) -> list[tuple[str, pd.Series]]:
    if table == "surveys" and "score" in rows:
        nps = rows[rows["kind"].astype("str").str.startswith("nps")]
        who = {"promoter": nps["score"] >= PROMOTER, "detractor": nps["score"] <= DETRACTOR}
        return [(f"survey: {name}", nps.loc[inside, "customer_id"]) for name, inside in who.items()]
    found = [] if table == "subscriptions" else [(f"any of {table}", rows["customer_id"])]
    if text in rows:
        common = rows[text].dropna().value_counts().index[:MOST_KINDS]
        found += [(f"{table}: {name}", rows.loc[rows[text] == name, "customer_id"]) for name in common]
    return found
