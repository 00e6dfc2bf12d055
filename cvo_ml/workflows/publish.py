"""A run as it is kept: scores, plan, and a manifest of what they were computed from."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from cvo_ml.config.loader import as_mapping
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.core.store import StoredRun
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, midnight
from cvo_ml.ingest import ReadResult
from cvo_ml.monitoring.health import health
from cvo_ml.predict import ModelSet
from cvo_ml.priorities.runs import keep
from cvo_ml.readiness import readiness, readiness_policy
from cvo_ml.registry.bundles.kinds import changed_features
from cvo_ml.segments import EDGES
from cvo_ml.workflows.score import Scored


def store(
    scored: Scored, read: ReadResult, models: ModelSet, as_of: date, out: Path, shop: str, priorities: PriorityPolicy
) -> StoredRun:
    """Write the run into ``out/scores`` and the list into ``out/priorities.csv``; the run first, each whole."""
    limits = readiness_policy()
    manifest = {
        "shop": shop,
        "currency": read.tables.currency,
        "value_basis": "revenue",
        "data_hash": read.fingerprint,
        "rows": len(scored.scores),
        "row_ledger": read.ledger.to_json(),
        "readiness": readiness(read, as_of=as_of, horizon=_horizon(models), policy=limits).lines(),
        "customer_ledgers": {name: found.to_json() for name, found in scored.ledgers.items()},
        "notes": [
            *models.notes,
            *filter(None, map(changed_features, models.bundles.values())),
            *read.notes,
            *staleness(read.tables, as_of, limits.warnings.stale_days),
        ],
        "models": {name: describe(models, name) for name in ("clv", "churn", "icp")},
        "health": health(scored.scores, scored.features, read.tables, _described_models(models)),
        "segments": scored.segmented.described.to_json(),
        "priorities": as_mapping(priorities),
        "plan": scored.plan.summary.to_json(),
        "as_of": str(as_of),
    }
    run = keep(out, scored.scores, scored.plan, manifest)
    scored.segmented.chosen.save(out / EDGES)
    return run


def staleness(tables: Tables, as_of: date, most_days: int) -> list[str]:
    """A sentence if the data stop over ``most_days`` before ``as_of``: the scores then speak of unmeasured silence."""
    last = tables.orders["ordered_at"].max()
    if pd.isna(last) or (midnight(as_of) - last).days <= most_days:
        return []
    return [
        f"the last order is of {last.date()}, {(midnight(as_of) - last).days:,} days before {as_of}: if the data end "
        "there, give a newer extract or an earlier --as-of"
    ]


def _horizon(models: ModelSet) -> Horizon:
    """The churn model's window, else 90 days: what readiness is asked about."""
    settings = models.bundles["churn"].settings if "churn" in models.bundles else {"horizon_days": 90.0}
    return Horizon.of_days(settings["horizon_days"])


def describe(models: ModelSet, name: str) -> dict[str, Any]:
    """What a manifest says of a model: kind, version and facts, or why there is none."""
    if name not in models.bundles:
        return {"reason": models.reason(name)}
    bundle = models.bundles[name]
    facts = {key: value for key, value in bundle.facts.items() if key != "reference"}
    return {"kind": bundle.kind, "version": bundle.version, "settings": dict(bundle.settings), **facts}


def described_briefly(models: ModelSet, name: str) -> dict[str, str]:
    """Kind, version and grade of a model, or why there is none."""
    if name not in models.bundles:
        return {"reason": models.reason(name)}
    bundle = models.bundles[name]
    return {"kind": bundle.kind, "version": bundle.version, "grade": bundle.grade}


def _described_models(models: ModelSet) -> dict[str, dict[str, Any]]:
    """What the health of a run is judged by: parameters, and the rows that the model learned from."""
    return {
        name: {"parameters": bundle.parameters, "reference": bundle.facts.get("reference")}
        for name, bundle in models.bundles.items()
    }
