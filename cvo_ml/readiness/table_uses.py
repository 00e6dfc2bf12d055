"""What each of a shop's tables is for: which parts of the product read it today, and which are kept for later ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cvo_ml.core.tables import Tables

#: Table to the parts of the product that read it; a table that is not here is checked and kept, and features of your
#: own may read it.
READ_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "orders": ("clv", "churn", "icp", "segments", "plan", "analyses"),
    "refunds": ("clv", "churn", "icp", "segments", "plan", "analyses"),
    "order_lines": ("churn", "icp", "margins"),
    "customers": ("churn", "icp", "margins", "consent"),
    "subscriptions": ("churn", "icp"),
    "events": ("churn", "stages"),
    "touchpoints": ("stages",),
    "costs_to_serve": ("icp", "plan", "margins"),
    "acquisition_spend": ("icp",),
    "tickets": ("churn", "icp", "margins"),
    "surveys": ("churn", "icp", "stages"),
    "returns": ("margins",),
    "treatments": ("plan", "evaluate"),
    "leads": ("icp",),
    "deals": ("icp",),
    "milestones": ("churn", "icp"),
    "fx": ("reading",),
}


def uses_of(tables: Tables) -> dict[str, tuple[str, ...]]:
    """Each table of a shop that has rows, and what reads it; nothing where it is only checked and kept."""
    return {name: READ_BY.get(name, ()) for name in sorted(tables) if tables.rows(name)}


def use_lines(uses: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The tables beside the orders by what reads them, as sentences.

    Examples
    --------
    >>> for line in use_lines({"orders": ("clv",), "tickets": ("churn", "icp"), "reviews": (), "months": ()}):
    ...     print(line)
    Read beside the orders: tickets (churn, icp).
    Checked and kept, read by features of your own alone: reviews, months.
    """
    read = [f"{name} ({', '.join(by)})" for name, by in uses.items() if by and name != "orders"]
    kept = [name for name, by in uses.items() if not by]
    lines = [f"Read beside the orders: {', '.join(read)}."] if read else []
    return lines + ([f"Checked and kept, read by features of your own alone: {', '.join(kept)}."] if kept else [])
