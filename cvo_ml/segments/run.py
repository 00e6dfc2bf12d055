"""The segments of one run: edges frozen or cut, everybody assigned, compared with the run before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.core.store import StoredRun, read_columns, served_runs
from cvo_ml.core.tables import Tables
from cvo_ml.segments.assign import assign
from cvo_ml.segments.edges import MEASURES, SegmentEdges
from cvo_ml.segments.history import FEATURES, as_known_on, rfm_at, with_margin
from cvo_ml.segments.movement import Before, against
from cvo_ml.segments.stored_edges import ChosenEdges, choose_edges

#: Where frozen edges lie below the folder of results.
EDGES: Final = Path("segments") / "edges"


@dataclass(frozen=True)
class Segmented:
    """The segment columns of Scores, the edges behind them, and the date that they were compared with."""

    columns: pd.DataFrame
    chosen: ChosenEdges
    compared_with: date | None

    def as_dict(self) -> dict[str, Any]:
        """What a manifest says of the segments."""
        return {**self.chosen.as_dict(), "compared_with": str(self.compared_with) if self.compared_with else None}


def segment_customers(
    scores: pd.DataFrame,
    features: pd.DataFrame,
    tables: Tables,
    as_of: date,
    policy: SegmentPolicy,
    *,
    shop: str,
    out: Path | None = None,
) -> Segmented:
    """Segments of every customer of Scores.

    Parameters
    ----------
    scores:
        The scores so far, by ``customer_id``.
    features:
        Snapshot at ``as_of``; customers without an order left have nulls.
    out:
        The folder of results, with frozen edges and earlier runs; None = neither.

    Raises
    ------
    BundleError
        If the frozen edges are damaged.
    """
    rfm = rfm_of(features, tables)
    folder = None if out is None else out / EDGES
    chosen = choose_edges(rfm, policy, folder, shop=shop, currency=tables.currency, as_of=as_of)
    before = None if out is None else earlier(out / "scores", as_of, shop, tables.currency)
    movement = None
    if before is not None:
        corrected = rfm_at(as_known_on(tables, as_of), [before.as_of])[before.as_of]
        movement = against(before, corrected, rfm, chosen.edges)
    return Segmented(assign(scores, rfm, chosen.edges, movement), chosen, before.as_of if before else None)


def rfm_of(features: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    """What customers with an order left are segmented by; ``margin`` where every order has its cost."""
    needed = [name for name in FEATURES if name in features]
    known = with_margin(features.loc[features["number_of_orders"].notna(), needed], tables)
    return known[[name for name in (*MEASURES, "mean_gap_days", "margin") if name in known]]


def earlier(root: Path, as_of: date, shop: str, currency: str) -> Before | None:
    """The latest run before ``as_of`` of the same shop and currency; None if there is none with its edges."""
    for day, run in comparable(root, as_of, shop, currency):
        edges = edges_of(run.manifest)
        if edges is not None:
            groups = read_columns(run, ["customer_id", "rfm_group"]).set_index("customer_id")["rfm_group"]
            return Before(day, groups, edges)
    return None


def comparable(
    root: Path, before: date, shop: str, currency: str, since: date | None = None
) -> Iterator[tuple[date, StoredRun]]:
    """The served runs before a date of the same shop and currency, latest first."""
    for day, run in served_runs(root, before=before, since=since):
        if (run.manifest.get("shop"), run.manifest.get("currency")) == (shop, currency):
            yield day, run


def edges_of(manifest: Mapping[str, Any]) -> SegmentEdges | None:
    """The edges that a run's manifest holds; None where an earlier version wrote it."""
    names = [field.name for field in fields(SegmentEdges)]
    kept = manifest.get("segments", {})
    return SegmentEdges.from_dict({name: kept[name] for name in names}) if set(names) <= set(kept) else None
