"""The dates on which training looks back: every label is closed before the cut."""

from __future__ import annotations

from datetime import date

import pandas as pd

from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon


def first_day(tables: Tables) -> date:
    """The day of the shop's first order, or of its first subscription."""
    starts = [tables.orders["ordered_at"].min(), tables.get("subscriptions")["started_at"].min()]
    return min(pd.Timestamp(start).date() for start in starts if pd.notna(start))


def training_dates(tables: Tables, last: date, every: Horizon, most: int, shortest_history: Horizon) -> list[date]:
    """Snapshot dates back from ``last``, oldest first.

    Parameters
    ----------
    last:
        The latest date whose label window is closed.
    shortest_history:
        No date earlier than this after the first order.
    """
    earliest = first_day(tables) + shortest_history.delta
    dates = [last - step * every.delta for step in range(most)]
    return sorted(day for day in dates if day >= earliest)
