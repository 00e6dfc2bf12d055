"""Whether the current plan paid: its treated against its held out, when its window is over."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import ConfigError, UsageError
from cvo_ml.core.files import write_json
from cvo_ml.core.result import Json, Result
from cvo_ml.core.run_log import logged
from cvo_ml.core.store import StoredRun, read_scores, read_table
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.core.workspace import Workspace
from cvo_ml.features import window_outcome
from cvo_ml.features.engine import engine
from cvo_ml.features.labels import is_closed
from cvo_ml.priorities.effects import write_effects
from cvo_ml.priorities.evaluation import PlanEvaluation, recorded_contacts
from cvo_ml.priorities.evaluation import evaluate as evaluate_plan
from cvo_ml.priorities.summary import stored_plan
from cvo_ml.workflows.shops import read_tables, run_of

LOGGER: Final = logging.getLogger(__name__)


class EvaluateRequest(FrozenConfig):
    """What to compare.

    Parameters
    ----------
    horizon:
        How long after the plan values are counted.
    """

    shop: ShopConfig
    horizon: Horizon = Horizon("90D")


@dataclass(frozen=True)
class EvaluateResult(Result):
    """The comparison, and where it was written."""

    plan: PlanEvaluation
    file: Path
    measured_effects: Path

    def to_json(self) -> dict[str, Json]:
        """The comparison."""
        return self.plan.to_json()


def evaluate(request: EvaluateRequest, workspace: Workspace) -> EvaluateResult:
    """Compare the current plan's treated with its held out; write ``evaluation.json`` and ``measured_effects.csv``.

    Raises
    ------
    StoreError
        If nothing was scored.
    UsageError
        If the run is another shop's, the window is not over, or the plan held nobody out.
    """
    with logged(LOGGER, "evaluate", shop=request.shop.name):
        run_of(request.shop, workspace)  # refuses at once what cannot be evaluated
        tables = read_tables(request.shop, workspace).tables
        with workspace.publishing() as draft:
            evaluation = evaluated(run_of(request.shop, draft), tables, request.horizon, draft)
    return EvaluateResult(evaluation, workspace.evaluation_file, workspace.measured_effects)


def evaluated(run: StoredRun, tables: Tables, horizon: Horizon, workspace: Workspace) -> PlanEvaluation:
    """Compare a run's treated with its held out, and write what was found.

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
    table, scores = read_table(run, "plan"), read_scores(run).set_index("customer_id", drop=False).rename_axis(None)
    customers = pd.Index(table["customer_id"])
    after = stored_plan(run).value_share
    with engine(tables) as shop:
        actual, before = (window_outcome(shop, day, horizon, customers) for day in (as_of, as_of - horizon.delta))
    outcome = pd.DataFrame(
        {
            "value": after * actual["value"],
            "before": before["value"],
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
        evaluation=evaluate_plan(table, outcome, policy, f"plan of {as_of}, {run.name}"),
    )
    write_json(workspace.evaluation_file, evaluation.to_json())
    write_effects(evaluation.evaluation.effects_table(), workspace.measured_effects)
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
