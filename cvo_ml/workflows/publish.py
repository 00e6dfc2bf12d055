"""A run as it is kept: scores, plan, and a manifest of what they were computed from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd

from cvo_ml.config.loader import as_mapping
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.core.files import write_text
from cvo_ml.core.models import CHURN, MODEL_NAMES
from cvo_ml.core.store import StoredRun, write_run
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, midnight
from cvo_ml.core.visibility import visible_table
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import ReadResult
from cvo_ml.monitoring.health import HealthBasis, health
from cvo_ml.predict import LoadedModels
from cvo_ml.priorities import Plan
from cvo_ml.registry.bundles.kinds import changed_features
from cvo_ml.report.contact_list import priorities_csv
from cvo_ml.segments.rules.stored_edges import ChosenEdges
from cvo_ml.workflows.check import readiness_of, readiness_policy
from cvo_ml.workflows.score_tables import Scored


def store(
    scored: Scored,
    read: ReadResult,
    models: LoadedModels,
    as_of: date,
    workspace: Workspace,
    shop: str,
    priorities: PriorityPolicy,
) -> StoredRun:
    """Write the run into the score store, then its list and the edges that are in force; each whole."""
    limits = readiness_policy(workspace)
    manifest = {
        "shop": shop,
        "currency": read.tables.currency,
        "value_basis": "revenue",
        "data_hash": read.fingerprint,
        "rows": len(scored.scores),
        "row_ledger": read.ledger.to_json(),
        "readiness": readiness_of(read, as_of, _horizon(models), workspace).lines(),
        "customer_ledgers": {name: ledger.to_json() for name, ledger in scored.ledgers.items()},
        "notes": [
            *models.notes,
            *filter(None, (changed_features(model.bundle) for model in models.models.values())),
            *read.notes,
            *_lost_edges(scored.segmented.chosen),
            *staleness(read.tables, as_of, limits.warnings.stale_days),
        ],
        "models": {name: describe(models, name) for name in MODEL_NAMES},
        "health": health(scored.scores, scored.features, read.tables, _trained_models(models)).to_json(),
        "segments": scored.segmented.described.to_json(),
        "priorities": as_mapping(priorities),
        "plan": scored.plan.summary.to_json(),
        "as_of": str(as_of),
    }
    run = publish(scored.scores, scored.plan, manifest, workspace)
    scored.segmented.chosen.save(workspace.edges)
    return run


def publish(
    scores: pd.DataFrame,
    planned: Plan,
    manifest: Mapping[str, Any],
    workspace: Workspace,
    effects: pd.DataFrame | None = None,
) -> StoredRun:
    """Write a run with its plan into the score store, then its list; the run becomes the current one.

    Parameters
    ----------
    workspace:
        One that shows a set which is being published. What is of an earlier run leaves it: report and ``scores.csv``.
    effects:
        What the plan takes the actions to do, where that is more than the policy declares.
    """
    tables = {"plan": planned.table, **({} if effects is None else {"effects": effects})}
    run = write_run(workspace.scores, scores.reset_index(drop=True), manifest, tables)
    write_text(workspace.priorities, priorities_csv(scores, planned.table, planned.summary, run))
    for of_earlier_run in (workspace.report, workspace.scores_list):
        of_earlier_run.unlink(missing_ok=True)
    return run


def _lost_edges(chosen: ChosenEdges) -> list[str]:
    """A sentence if edges that should have held still are gone."""
    if "are gone" not in chosen.how:
        return []
    return [
        f"segments: {chosen.how.removeprefix('cut: ')}: new ones were cut, so customers change group who did nothing"
    ]


def staleness(tables: Tables, as_of: date, most_days: int) -> list[str]:
    """A sentence if the data stop over ``most_days`` before ``as_of``: the scores then speak of unmeasured silence."""
    last = visible_table(tables, "orders", as_of)["ordered_at"].max()
    if pd.isna(last) or (midnight(as_of) - last).days <= most_days:
        return []
    return [
        f"the last order is of {last.date()}, {(midnight(as_of) - last).days:,} days before {as_of}: if the data end "
        "there, give a newer extract or an earlier --as-of"
    ]


def _horizon(models: LoadedModels) -> Horizon:
    """The churn model's window, else 90 days: what readiness is asked about."""
    model = models.get(CHURN.name)
    return Horizon("90D") if model is None else model.horizon


def describe(models: LoadedModels, name: str) -> dict[str, Any]:
    """What a manifest says of a model: kind, version and facts, or why there is none."""
    model = models.get(name)
    if model is None:
        return {"reason": models.reason(name)}
    bundle = model.bundle
    facts = {key: value for key, value in bundle.facts.items() if key != "reference"}
    return {"kind": bundle.kind, "version": model.version, "settings": dict(bundle.settings), **facts}


def described_briefly(models: LoadedModels, name: str) -> dict[str, str]:
    """Kind, version and grade of a model, or why there is none."""
    model = models.get(name)
    if model is None:
        return {"reason": models.reason(name)}
    return {"kind": model.kind, "version": model.version, "grade": model.grade}


def _trained_models(models: LoadedModels) -> dict[str, HealthBasis]:
    bundles = {name: model.bundle for name, model in models.models.items()}
    return {name: HealthBasis.of(bundle.parameters, bundle.facts.get("reference")) for name, bundle in bundles.items()}
