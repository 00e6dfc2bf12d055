"""Groups month by month, from the orders alone: how the shop's customers changed over time (methods B9)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise
from typing import Any, Final

import pandas as pd

from cvo_ml.core.tables import Tables
from cvo_ml.core.units import midnight
from cvo_ml.features.engine import Source
from cvo_ml.features.snapshot import snapshots
from cvo_ml.segments.assign import segment
from cvo_ml.segments.edges import SegmentEdges
from cvo_ml.segments.movement import flip_rate, transitions

#: What segments need of the snapshot, and what that is computed from.
FEATURES: Final = (
    "days_since_last_order", "days_since_first_order", "number_of_orders", "mean_gap_days", "gross_value",
    "refunded_total", "net_value", "net_lifetime", "margin_lifetime",
)  # fmt: skip


def rfm_at(tables: Source, dates: Sequence[date]) -> dict[date, pd.DataFrame]:
    """Days, orders and money of each customer on each date, in one pass over the tables.

    ``margin`` is there where every order has its cost (``with_margin``).
    """
    frame = with_margin(snapshots(tables, dates, FEATURES), tables)
    days = frame.index.get_level_values("as_of")
    return {day: frame[days == midnight(day)].droplevel("as_of") for day in dates}


def with_margin(features: pd.DataFrame, tables: Source) -> pd.DataFrame:
    """The features with ``margin``: what orders left after their cost, less refunds of no particular order.

    Only where every order has its cost: of a shop that knows some costs, the customers without would look richer.
    """
    costs = tables.orders.get("cost") if isinstance(tables, Tables) else None
    if costs is None or costs.isna().any() or not len(costs):
        return features
    loose = features["net_lifetime"] - features["net_value"]
    return features.assign(margin=features["margin_lifetime"] - loose)


def as_known_on(tables: Tables, day: date) -> Tables:
    """The tables as they stood on ``day``, late rows in their place.

    Later news about the past, a late file or a cancellation, then shows in a snapshot of the past: what changed there
    is a correction and no behaviour.
    """
    frames = {}
    for name, frame in tables.frames.items():
        if "known_at" in frame:
            seen = frame["known_at"].isna() | (frame["known_at"] <= midnight(day))
            frame = frame[seen].drop(columns="known_at").reset_index(drop=True)
        frames[name] = frame
    return Tables(frames, tables.currency)


def month_dates(as_of: date, months: int) -> list[date]:
    """``as_of`` and the same day of the months before it, earliest first.

    Examples
    --------
    >>> [str(day) for day in month_dates(date(2011, 3, 31), 2)]
    ['2011-01-31', '2011-02-28', '2011-03-31']
    """
    return [(pd.Timestamp(as_of) - pd.DateOffset(months=back)).date() for back in range(months, -1, -1)]


def monthly_groups(tables: Source, dates: Sequence[date], edges: SegmentEdges) -> dict[date, pd.Series]:
    """The group of each customer on each date, all by the same edges: only behaviour moves anybody."""
    return {
        day: pd.Series(segment(rfm, edges).groups(), index=rfm.index).astype("str")
        for day, rfm in rfm_at(tables, dates).items()
    }


def monthly_movement(groups: dict[date, pd.Series]) -> list[dict[str, Any]]:
    """For each date after the first: the transition matrix from the date before, the net flow among groups and the flip
    rate."""
    found = []
    for earlier, later in pairwise(sorted(groups)):
        matrix = transitions(groups[earlier], groups[later])
        names = [name for name in matrix.index if name in matrix.columns]
        among = matrix.loc[names, names]
        net = among.sum() - among.sum(axis=1)
        found.append(
            {
                "from": str(earlier),
                "to": str(later),
                "matrix": matrix,
                "net_flow": {name: int(net[name]) for name in names},
                "flips": flip_rate(groups[earlier], groups[later]),
            }
        )
    return found
