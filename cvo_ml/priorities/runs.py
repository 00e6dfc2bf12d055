"""Plans of stored runs: made anew under another policy, kept, and evaluated when their window is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cvo_ml.config.loader import as_mapping
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.core.errors import ConfigError, UsageError
from cvo_ml.core.files import write_json, write_text
from cvo_ml.core.scores import columns_of
from cvo_ml.core.store import StoredRun, read_scores, read_table, write_run
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.features import window_outcome
from cvo_ml.features.labels import is_closed
from cvo_ml.priorities.constraints import contact_constraints
from cvo_ml.priorities.contact_list import priorities_csv
from cvo_ml.priorities.effects import declared_effects, write_effects
from cvo_ml.priorities.evaluation import PlanEvaluation, evaluate, recorded_contacts
from cvo_ml.priorities.plan import Plan, plan
from cvo_ml.priorities.summary import stored_plan

EVALUATION: Final = "evaluation.json"
MEASURED: Final = "measured_effects.csv"


def keep(out: Path, scores: pd.DataFrame, planned: Plan, manifest: Mapping[str, Any]) -> StoredRun:
    """Write a run with its plan into ``out/scores``, then its list into ``out/priorities.csv``."""
    run = write_run(out / "scores", scores.reset_index(drop=True), manifest, {"plan": planned.table})
    write_text(out / "priorities.csv", priorities_csv(scores, planned.table, planned.summary))
    return run


def replanned(
    run: StoredRun, tables: Tables, policy: PriorityPolicy, measured: Sequence[pd.DataFrame], out: Path
) -> StoredRun:
    """Plan a run's scores anew; the new run becomes the current one.

    Parameters
    ----------
    measured:
        Effects tables beside the policy's declared effects.

    Raises
    ------
    DataError
        If an effects table cannot be meant.
    """
    scores = _indexed(run)
    effects = pd.concat([declared_effects(policy), *measured], ignore_index=True)
    planned = plan(scores, effects, policy, contact_constraints(tables, parse_as_of(str(run.manifest["as_of"]))))
    scores = scores.drop(columns=[*columns_of("priority"), "priority_reason"]).join(planned.columns)
    manifest = {name: value for name, value in run.manifest.items() if name != "files"}
    return keep(out, scores, planned, {**manifest, "priorities": as_mapping(policy), "plan": planned.summary.to_json()})


def evaluated(run: StoredRun, tables: Tables, horizon: Horizon, out: Path) -> PlanEvaluation:
    """Compare a run's treated with its held out; write ``evaluation.json`` and ``measured_effects.csv``.

    Parameters
    ----------
    horizon:
        How long after the plan values are counted.

    Raises
    ------
    UsageError
        If the window is not over, or the plan held nobody out.
    """
    as_of = parse_as_of(str(run.manifest["as_of"]))
    policy = stored_policy(run)
    if policy.holdout.share == 0:
        raise UsageError(f"{run.folder}: the plan held nobody out, so nothing can be compared: set holdout.share")
    if not is_closed(tables, as_of, horizon):
        raise UsageError(
            f"the data end before {as_of + horizon.delta}, so the {horizon} after {as_of} cannot be evaluated: "
            "wait, or give a shorter --horizon"
        )
    table, scores = read_table(run, "plan"), _indexed(run)
    customers = pd.Index(table["customer_id"])
    after = stored_plan(run).value_share
    outcome = pd.DataFrame(
        {
            "value": after * window_outcome(tables, as_of, horizon, customers)["value"],
            "before": window_outcome(tables, as_of - horizon.delta, horizon, customers)["value"],
            "predicted_clv": scores["predicted_clv"].reindex(customers).fillna(0.0),
            "churn_probability": scores["churn_probability"].reindex(customers).fillna(1.0),
        }
    )
    evaluation = PlanEvaluation(
        as_of=as_of,
        horizon_days=horizon.days,
        run=run.name,
        value_share=after,
        recorded=recorded_contacts(table, tables.get("treatments"), as_of, horizon),
        evaluation=evaluate(table, outcome, policy, f"plan of {as_of}, {run.name}"),
    )
    write_json(out / EVALUATION, evaluation.to_json())
    write_effects(evaluation.evaluation.effects_table(), out / MEASURED)
    return evaluation


def stored_policy(run: StoredRun) -> PriorityPolicy:
    """The policy of a run.

    Raises
    ------
    ConfigError
        If an older version of the package wrote it.
    """
    try:
        return PriorityPolicy.model_validate(run.manifest["priorities"])
    except ValueError:
        raise ConfigError(f"{run.folder}: its policy is of another version: run 'cvo score' again") from None


def _indexed(run: StoredRun) -> pd.DataFrame:
    return read_scores(run).set_index("customer_id", drop=False).rename_axis(None)
