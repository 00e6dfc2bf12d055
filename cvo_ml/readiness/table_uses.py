"""What each of a shop's tables is for: which parts of the product read it today, and which are kept for later ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cvo_ml.core.models import CHURN, CLV, ICP
from cvo_ml.core.tables import Tables

#: Table to the parts of the product that read it; a table that is not here is checked and kept, and features of your
#: own may read it.
READ_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "orders": (CLV.name, CHURN.name, ICP.name, "segments", "plan", "analyses"),
    "refunds": (CLV.name, CHURN.name, ICP.name, "segments", "plan", "analyses"),
    "order_lines": (CHURN.name, ICP.name, "margins", "analyses"),
    "customers": (CHURN.name, ICP.name, "margins", "consent", "analyses"),
    "subscriptions": (CHURN.name, ICP.name, "analyses"),
    "events": (CHURN.name, "stages"),
    "touchpoints": ("stages",),
    "costs_to_serve": (ICP.name, "plan", "margins", "analyses"),
    "acquisition_spend": (ICP.name, "analyses"),
    "tickets": (CHURN.name, ICP.name, "margins", "analyses"),
    "surveys": (CHURN.name, ICP.name, "stages", "analyses"),
    "returns": ("margins", "analyses"),
    "treatments": ("plan", "evaluate"),
    "leads": (ICP.name,),
    "deals": (ICP.name,),
    "milestones": (CHURN.name, ICP.name),
    "fx": ("reading",),
}


def uses_of(tables: Tables) -> dict[str, tuple[str, ...]]:
    """Each table of a shop that has rows, and what reads it; nothing where it is only checked and kept."""
    return {name: READ_BY.get(name, ()) for name in sorted(tables) if tables.rows(name)}


def use_lines(uses: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The tables beside the orders by what reads them, as sentences.

    Examples
    --------
    >>> for line in use_lines({"orders": ("plan",), "tickets": ("plan", "margins"), "reviews": (), "months": ()}):
    ...     print(line)
    Read beside the orders: tickets (plan, margins).
    Checked and kept, read by features of your own alone: reviews, months.
    """
    read = [f"{name} ({', '.join(by)})" for name, by in uses.items() if by and name != "orders"]
    kept = [name for name, by in uses.items() if not by]
    lines = [f"Read beside the orders: {', '.join(read)}."] if read else []
    return lines + ([f"Checked and kept, read by features of your own alone: {', '.join(kept)}."] if kept else [])
