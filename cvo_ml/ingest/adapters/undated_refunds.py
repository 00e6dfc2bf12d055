"""Refunds of which an export does not say when they were: they count from a time by which they surely had been."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.wall_times import wall_time
from cvo_ml.ingest.adapters.flat_rows import FlatRows


def surely_by(orders: FlatRows, times: Sequence[str]) -> pd.Timestamp | None:
    """When the export was written, where the shop says so; else its latest time.

    Parameters
    ----------
    times:
        Headers of times.
    """
    if orders.shop.extracted_at is not None:
        return wall_time(orders.shop.extracted_at, orders.shop.timezone)
    return max(filter(None, (orders.latest(header, "ordered_at") for header in times)), default=None)


def said_of_undated(refunds: int, shop: ShopConfig) -> tuple[str, ...]:
    """What is said of so many of them."""
    when = "extracted_at" if shop.extracted_at else "the latest time in the export"
    note = f"refunds: {refunds:,} have no time of their own in this format and count from {when}"
    return (note,) if refunds else ()
