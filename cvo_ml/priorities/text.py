"""A plan in words: why this customer, why this action, what it assumes, and what a limit costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from cvo_ml.core.units import Horizon


def why_customer(row: Mapping[str, Any], window_days: float) -> str:
    """Why the customer is on the list.

    Examples
    --------
    >>> why_customer({"kind": "save", "value": 55.4, "churn_probability": 0.62}, 90)
    '62 % likely to leave, 55 at stake'
    >>> why_customer({"kind": "growth", "value": 310.2}, 90)
    '310 expected in the next 90 days'
    """
    if row["kind"] == "save":
        return f"{100 * row['churn_probability']:.0f} % likely to leave, {row['value']:,.0f} at stake"
    return f"{row['value']:,.0f} expected in the next {window_days:.0f} days"


def why_action(row: Mapping[str, Any]) -> str:
    """Why this action and no other.

    Examples
    --------
    >>> row = {"action": "call", "cost": 9.0, "expected_profit": 3.2}
    >>> why_action({**row, "next_best": "offer", "next_best_profit": 1.1})
    'call should earn 3.20 after its cost of 9; next best: offer with 1.10'
    """
    text = f"{row['action']} should earn {row['expected_profit']:,.2f} after its cost of {row['cost']:g}"
    if isinstance(row["next_best"], str):
        return f"{text}; next best: {row['next_best']} with {row['next_best_profit']:,.2f}"
    return f"{text}; no other action is open to this customer"


def assumption(row: Mapping[str, Any], rank_on: str) -> str:
    """What the expected profit takes for granted.

    Examples
    --------
    >>> row = {"kind": "save", "effect": 0.05, "effect_lower": 0.02, "source": "declared", "version": "guess"}
    >>> assumption(row, "lower")
    'keeps 2.0 % of what is at stake (low end; middle 5.0 %; declared: guess)'
    """
    used, other = ("effect_lower", "effect") if rank_on == "lower" else ("effect", "effect_lower")
    ends = {"effect_lower": "low end", "effect": "middle"}
    verb = "keeps {} of what is at stake" if row["kind"] == "save" else "adds {} to what is expected"
    version = f": {row['version']}" if row["version"] else ""
    return (
        f"{verb.format(percent(row[used]))} ({ends[used]}; {ends[other]} {percent(row[other])}; "
        f"{row['source']}{version})"
    )


def percent(share: float) -> str:
    """A share as a percentage with one decimal.

    Examples
    --------
    >>> percent(0.025)
    '2.5 %'
    """
    return f"{100 * share:.1f} %"


def limit_words(limit: Mapping[str, Any], currency: str) -> str:
    """What one more unit of a limit would earn.

    Examples
    --------
    >>> limit_words({"name": "budget", "limit": 500.0, "used": 499.5, "price": 1.534}, "EUR")
    'budget: 499.50 of 500.00 EUR are spent; one more EUR would earn 1.53 EUR'
    >>> limit_words({"name": "phone", "limit": 20.0, "used": 12.0, "price": 0.0}, "EUR")
    'phone: 12 of 20 contacts are made; more would earn nothing'
    """
    money = "" if currency == "XXX" else f" {currency}"
    if limit["name"] == "budget":
        text = f"budget: {limit['used']:,.2f} of {limit['limit']:,.2f}{money} are spent"
        unit = f"one more{money or ' unit of money'}"
    else:
        text = f"{limit['name']}: {limit['used']:,.0f} of {limit['limit']:,.0f} contacts are made"
        unit = "one more contact"
    gain = f"{unit} would earn {limit['price']:,.2f}{money}" if limit["price"] > 0 else "more would earn nothing"
    return f"{text}; {gain}"


def minimum_words(owed: Mapping[str, Any], currency: str) -> str:
    """What a segment's minimum costs, or what is missing to it.

    Examples
    --------
    >>> minimum_words({"segment": "Loyal", "minimum": 50, "missing": 0, "price": 0.4}, "EUR")
    'Loyal: at least 50 contacts; the last of them costs 0.40 EUR of profit'
    >>> minimum_words({"segment": "Loyal", "minimum": 50, "missing": 8, "price": 0.0}, "EUR")
    'Loyal: at least 50 contacts; 8 are missing: no more of them pay, or the limits forbid it'
    """
    money = "" if currency == "XXX" else f" {currency}"
    text = f"{owed['segment']}: at least {owed['minimum']:,} contacts"
    if owed["missing"]:
        return f"{text}; {owed['missing']:,} are missing: no more of them pay, or the limits forbid it"
    if owed["price"] > 0:
        return f"{text}; the last of them costs {owed['price']:,.2f}{money} of profit"
    return f"{text}; the plan has them anyway"


def sentences(summary: Mapping[str, Any], currency: str) -> Iterator[str]:
    """The limits of a plan and what they cost, one sentence each."""
    for limit in summary["limits"]:
        yield limit_words(limit, currency)
    for owed in summary["minima"]:
        yield minimum_words(owed, currency)
    if summary["value_share"] < 1:
        yield f"value after costs: {percent(summary['value_share'])} of revenue is left"


def explained(table: pd.DataFrame, scores: pd.DataFrame, summary: Mapping[str, Any]) -> pd.DataFrame:
    """``why_customer, why_action, assumes`` for each row of a plan's table.

    Parameters
    ----------
    scores:
        Indexed by ``customer_id``.
    """
    windows = {action["name"]: Horizon(action["window"]).days for action in summary["actions"]}
    churn = scores["churn_probability"].reindex(table["customer_id"]).to_numpy()
    rows = [
        (why_customer(row, windows[row["action"]]), why_action(row), assumption(row, summary["rank_on"]))
        for row in _rows(table.assign(churn_probability=churn))
    ]
    return pd.DataFrame(rows, columns=["why_customer", "why_action", "assumes"], index=table.index)


def _rows(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    names = [str(name) for name in frame.columns]
    return (dict(zip(names, row, strict=True)) for row in frame.itertuples(index=False))
