"""The segments of a run and of the dates before it: one run's columns, earlier runs, groups month by month."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import pandas as pd

from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.core.result import Json, Result
from cvo_ml.core.store import StoredRun, read_columns, served_runs
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import midnight
from cvo_ml.core.visibility import as_known_on, visible_table
from cvo_ml.core.workspace import Workspace
from cvo_ml.features.engine import Source
from cvo_ml.features.snapshot import snapshots
from cvo_ml.segments.movement import EarlierRun, movement_since
from cvo_ml.segments.rules.assign import assign, segment
from cvo_ml.segments.rules.edges import MEASURES, SegmentEdges
from cvo_ml.segments.rules.stored_edges import ChosenEdges, EdgesInForce, choose_edges

#: What segments need of the snapshot, and what that is computed from.
FEATURES: Final = (
    "days_since_last_order", "days_since_first_order", "number_of_orders", "mean_gap_days", "gross_value",
    "refunded_total", "net_value", "net_lifetime", "margin_lifetime",
)  # fmt: skip


@dataclass(frozen=True)
class RunSegments(Result):
    """What a run's manifest says of its segments: the edges, and the date of the run that they were compared with."""

    in_force: EdgesInForce
    compared_with: str | None

    def to_json(self) -> dict[str, Json]:
        """The fields of the edges beside the date."""
        return {**self.in_force.to_json(), "compared_with": self.compared_with}


@dataclass(frozen=True)
class Segmented:
    """The segment columns of Scores, the edges behind them, and the date that they were compared with."""

    columns: pd.DataFrame
    chosen: ChosenEdges
    compared_with: date | None

    @property
    def described(self) -> RunSegments:
        """What a manifest says of the segments."""
        return RunSegments(self.chosen.in_force, str(self.compared_with) if self.compared_with else None)


def segment_customers(
    scores: pd.DataFrame,
    features: pd.DataFrame,
    tables: Tables,
    as_of: date,
    policy: SegmentPolicy,
    *,
    shop: str,
    workspace: Workspace | None = None,
) -> Segmented:
    """Segments of every customer of Scores.

    Parameters
    ----------
    scores:
        The scores so far, by ``customer_id``.
    features:
        Snapshot at ``as_of``; customers without an order left have nulls.
    workspace:
        Where frozen edges and earlier runs lie; None = there are neither.

    Raises
    ------
    BundleError
        If the frozen edges are damaged.
    """
    rfm = rfm_of(features, tables, as_of)
    frozen = None if workspace is None else workspace.edges
    chosen = choose_edges(rfm, policy, frozen, shop=shop, currency=tables.currency, as_of=as_of)
    before = None if workspace is None else earlier_run(workspace.scores, as_of, shop, tables.currency)
    movement = None
    if before is not None:
        chosen = chosen.instead_of(before.as_of)
        corrected = rfm_at(as_known_on(tables, as_of), [before.as_of])[before.as_of]
        movement = movement_since(before, corrected, rfm, chosen.edges)
    return Segmented(assign(scores, rfm, chosen.edges, movement), chosen, before.as_of if before else None)


def rfm_of(features: pd.DataFrame, tables: Tables, as_of: date) -> pd.DataFrame:
    """What customers with an order left are segmented by; ``margin`` where every order has its cost."""
    needed = [name for name in FEATURES if name in features]
    known = with_margin(features.loc[features["number_of_orders"].notna(), needed], tables, as_of)
    return known[[name for name in (*MEASURES, "mean_gap_days", "margin") if name in known]]


def rfm_at(tables: Source, dates: Sequence[date]) -> dict[date, pd.DataFrame]:
    """Days, orders and money of each customer on each date, in one pass over the tables.

    ``margin`` is there where every order has its cost (``with_margin``).
    """
    frame = with_margin(snapshots(tables, dates, FEATURES), tables, max(dates))
    days = frame.index.get_level_values("as_of")
    return {day: frame[days == midnight(day)].droplevel("as_of") for day in dates}


def with_margin(features: pd.DataFrame, tables: Source, as_of: date) -> pd.DataFrame:
    """The features with ``margin``: what orders left after their cost, less refunds of no particular order.

    Only where every order known at ``as_of`` has its cost: of a shop that knows some costs, the customers without
    would look richer.
    """
    costs = visible_table(tables, "orders", as_of).get("cost") if isinstance(tables, Tables) else None
    if costs is None or costs.isna().any() or not len(costs):
        return features
    loose = features["net_lifetime"] - features["net_value"]
    return features.assign(margin=features["margin_lifetime"] - loose)


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


def earlier_run(root: Path, as_of: date, shop: str, currency: str) -> EarlierRun | None:
    """The latest run before ``as_of`` of the same shop and currency; None if there is none with its edges."""
    for day, run in comparable_runs(root, as_of, shop, currency):
        segments = run_segments(run)
        if segments is not None:
            groups = read_columns(run, ["customer_id", "rfm_group"]).set_index("customer_id")["rfm_group"]
            return EarlierRun(day, groups, segments.in_force.edges)
    return None


def comparable_runs(
    root: Path, before: date, shop: str, currency: str, since: date | None = None
) -> Iterator[tuple[date, StoredRun]]:
    """The served runs before a date of the same shop and currency, latest first."""
    for day, run in served_runs(root, before=before, since=since):
        if (run.manifest.get("shop"), run.manifest.get("currency")) == (shop, currency):
            yield day, run


def run_segments(run: StoredRun) -> RunSegments | None:
    """What a stored run's manifest says of its segments; None where an earlier version wrote it."""
    kept = run.manifest.get("segments") or {}
    in_force = EdgesInForce.from_json(kept)
    return None if in_force is None else RunSegments(in_force, kept.get("compared_with"))
