"""Score, segment and plan every customer of a shop, and publish the run with its list and its report."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

import pandas as pd

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.result import Json, Result, to_json
from cvo_ml.core.run_log import logged
from cvo_ml.core.store import StoredRun, read_scores
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import ReadResult
from cvo_ml.predict import LoadedModels
from cvo_ml.priorities.summary import PlanSummary, stored_plan
from cvo_ml.workflows.publish import store
from cvo_ml.workflows.report import write_report, write_scores_list
from cvo_ml.workflows.score_tables import check_models, score_customers
from cvo_ml.workflows.serving_models import serving_models
from cvo_ml.workflows.shops import read_tables, save_shop

LOGGER: Final = logging.getLogger(__name__)


class ScoreRequest(FrozenConfig):
    """Whom to score, and as of when.

    Parameters
    ----------
    as_of:
        The cut: nothing later is known.
    exported:
        A folder of exported models, in place of the registered champions.
    trust_code:
        Run the features of the user's own that the models carry, though they are not on the workspace's list.
    with_report:
        Write the page for people too.
    with_csv:
        Write everybody's scores as one CSV too.
    """

    shop: ShopConfig
    as_of: date
    exported: Path | None = None
    trust_code: bool = False
    with_report: bool = True
    with_csv: bool = False


@dataclass(frozen=True)
class ScoreResult(Result):
    """The run that was published, and its Scores table."""

    run: StoredRun
    scores: pd.DataFrame = field(repr=False)

    @property
    def plan(self) -> PlanSummary:
        """The plan in totals."""
        return stored_plan(self.run)

    def to_json(self) -> dict[str, Json]:
        """The manifest of the run."""
        return {name: to_json(value) for name, value in self.run.manifest.items()}


def score(
    request: ScoreRequest,
    workspace: Workspace,
    models: LoadedModels | None = None,
    read: ReadResult | None = None,
) -> ScoreResult:
    """Score every customer known at the cut; the run becomes the current one.

    Parameters
    ----------
    models:
        Already parsed ones, so that a server parses once; None = those of the request.
    read:
        The shop's tables; None = they are read here.

    Raises
    ------
    DataError
        If the rows cannot be trusted.
    NoChampion
        If there is no model at all, and no training said why.
    ModelRefused
        If a model was made for something else.
    BundleError
        If no model can be trusted, or the frozen edges are damaged.
    """
    shop, as_of = request.shop, request.as_of
    segments, priorities = policies_of(workspace)
    with logged(LOGGER, "score", shop=shop.name, as_of=str(as_of)) as facts:
        read = read or read_tables(shop, workspace, as_of)
        if models is None:
            with workspace.progress.step("Loading the champions"):
                models = serving_models(workspace, shop.name, exported=request.exported, trust_code=request.trust_code)
        facts["models"] = {name: model.version for name, model in models.models.items()}
        check_models(models, shop=shop.name, currency=read.tables.currency, as_of=as_of)
        with workspace.publishing() as draft:
            with workspace.progress.step("Scoring, segmenting, prioritizing"):
                scored = score_customers(
                    read.tables, as_of, models, segments, priorities, shop=shop.name, workspace=draft
                )
                run = store(scored, read, models, as_of, draft, shop.name, priorities)
            facts["customers"] = len(scored.scores)
            save_shop(shop, draft.shop_file)
            scores = read_scores(run)
            if request.with_report:
                write_report(run, draft)
            if request.with_csv:
                write_scores_list(run, draft)
    return ScoreResult(run, scores)


def policies_of(workspace: Workspace) -> tuple[SegmentPolicy, PriorityPolicy]:
    """How customers are segmented and planned: the workspace's own policies before the packaged ones.

    Raises
    ------
    ConfigError
        If a file is wrong.
    """
    segments = load_config(default_config("policies/segments.yaml", workspace.configs), SegmentPolicy)
    return segments, load_config(default_config("policies/priorities.yaml", workspace.configs), PriorityPolicy)
