"""The current scores planned anew under another policy."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pandas as pd

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.loader import as_mapping, default_config, load_config
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.result import Json, Result
from cvo_ml.core.run_log import logged
from cvo_ml.core.scores import columns_of
from cvo_ml.core.store import StoredRun, read_scores
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import parse_as_of
from cvo_ml.core.workspace import Workspace
from cvo_ml.priorities.constraints import contact_constraints
from cvo_ml.priorities.effects import declared_effects, read_effects
from cvo_ml.priorities.plan import plan as plan_scores
from cvo_ml.priorities.summary import PlanSummary, stored_plan
from cvo_ml.workflows.publish import publish
from cvo_ml.workflows.report import write_report
from cvo_ml.workflows.shops import read_tables, run_of

LOGGER: Final = logging.getLogger(__name__)


class PlanRequest(FrozenConfig):
    """How to plan.

    Parameters
    ----------
    policy:
        A file; None = ``policies/priorities.yaml``.
    overrides:
        Of the policy, such as ``holdout.share=0.2``.
    budget:
        The most that the plan may spend, currency; None = what the policy says.
    effects:
        CSV files of measured or estimated effects, beside those that the policy declares.
    """

    shop: ShopConfig
    policy: Path | None = None
    overrides: tuple[str, ...] = ()
    budget: float | None = None
    effects: tuple[Path, ...] = ()

    def rules(self, workspace: Workspace) -> PriorityPolicy:
        """The policy with what is overridden.

        Raises
        ------
        ConfigError
            If the file or an override is wrong.
        """
        file = self.policy or default_config("policies/priorities.yaml", workspace.configs)
        budget = [] if self.budget is None else [f"budget={self.budget!r}"]
        return load_config(file, PriorityPolicy, [*self.overrides, *budget])


@dataclass(frozen=True)
class PlanResult(Result):
    """A run with its plan.

    Parameters
    ----------
    scores:
        A Scores table.
    """

    run: StoredRun
    scores: pd.DataFrame = field(repr=False)

    @property
    def plan(self) -> PlanSummary:
        """The plan in totals."""
        return stored_plan(self.run)

    def to_json(self) -> dict[str, Json]:
        """The folder of the run, and the summary of the plan."""
        return {"run": str(self.run.folder), **self.plan.to_json()}


def plan(request: PlanRequest, workspace: Workspace) -> PlanResult:
    """Plan the current run anew; the new run becomes the current one, with a report of its own.

    Raises
    ------
    StoreError
        If nothing was scored.
    UsageError
        If the run is another shop's.
    DataError
        If an effects table cannot be meant.
    """
    policy = request.rules(workspace)
    measured = [read_effects(path) for path in request.effects]
    with logged(LOGGER, "plan", shop=request.shop.name) as facts:
        run_of(request.shop, workspace)  # refuses at once what cannot be planned
        tables = read_tables(request.shop, workspace).tables
        with workspace.publishing() as draft:
            with workspace.progress.step("Prioritizing"):
                run = replanned(run_of(request.shop, draft), tables, policy, measured, draft)
            result = PlanResult(run, read_scores(run))
            facts["contacts"] = result.plan.contacts
            write_report(run, draft)
    return result


def replanned(
    run: StoredRun, tables: Tables, policy: PriorityPolicy, measured: Sequence[pd.DataFrame], workspace: Workspace
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
    scores = read_scores(run).set_index("customer_id", drop=False).rename_axis(None)
    effects = pd.concat([declared_effects(policy), *measured], ignore_index=True)
    planned = plan_scores(scores, effects, policy, contact_constraints(tables, parse_as_of(str(run.manifest["as_of"]))))
    scores = scores.drop(columns=[*columns_of("priority"), "priority_reason"]).join(planned.columns)
    manifest = {name: value for name, value in run.manifest.items() if name != "files"}
    manifest |= {"priorities": as_mapping(policy), "plan": planned.summary.to_json()}
    return publish(scores, planned, manifest, workspace, effects if measured else None)
