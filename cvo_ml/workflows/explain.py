"""One customer explained: what the models say and why, what the plan does about it, what moved since the last run."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Final

import pandas as pd

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import NoChampion, UsageError
from cvo_ml.core.explanation import ChangesSince, CustomerExplanation, NextAction, ScoreChange, SegmentFacts
from cvo_ml.core.files import write_text
from cvo_ml.core.models import MODEL_NAMES, MODELS
from cvo_ml.core.result import INLINE, OPTIONAL, Result
from cvo_ml.core.run_log import logged
from cvo_ml.core.store import StoredRun, StoreError, current_run, read_scores, read_table, served_runs
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import parse_as_of
from cvo_ml.core.workspace import Workspace
from cvo_ml.ingest import ReadResult
from cvo_ml.predict import LoadedModels
from cvo_ml.predict.changes import score_changes
from cvo_ml.predict.explain import explain as explain_from_models
from cvo_ml.priorities.constraints import contact_constraints
from cvo_ml.priorities.effects import declared_effects
from cvo_ml.priorities.options import next_action
from cvo_ml.priorities.summary import PlanSummary, stored_plan
from cvo_ml.report.customer import customer_page
from cvo_ml.segments.history import comparable_runs
from cvo_ml.workflows.score import policies_of
from cvo_ml.workflows.score_tables import check_models, score_customers
from cvo_ml.workflows.serving_models import serving_models
from cvo_ml.workflows.shops import read_tables

LOGGER: Final = logging.getLogger(__name__)

#: labels of a row of Scores that are followed beside its numbers
LABELS: Final = ("rfm_group", "value_tier", "churn_band", "icp_tier", "next_action")


class ExplainRequest(FrozenConfig):
    """Whom to explain.

    Parameters
    ----------
    as_of:
        The cut; None = that of the current run.
    exported:
        A folder of exported models, in place of the registered champions.
    trust_code:
        As for ``ScoreRequest``.
    page:
        A file for the page for people; None = none is written.
    """

    shop: ShopConfig
    customer_id: str
    as_of: date | None = None
    exported: Path | None = None
    trust_code: bool = False
    page: Path | None = None


@dataclass(frozen=True)
class ExplainResult(Result):
    """The explanation, and the page where one was asked for."""

    explanation: CustomerExplanation = field(metadata=INLINE)
    page: Path | None = field(default=None, metadata=OPTIONAL)


def explain(
    request: ExplainRequest,
    workspace: Workspace,
    models: LoadedModels | None = None,
    read: ReadResult | None = None,
) -> ExplainResult:
    """Explain one customer from the rows, the champions and the score store; nothing is published.

    The action is that of the run that is served for the date; where there is none everybody is planned in memory.

    Parameters
    ----------
    models:
        Already parsed ones; None = those of the request, and a shop without any has reasons in their place.
    read:
        The shop's tables; None = they are read here.

    Raises
    ------
    UsageError
        If the customer is not known at the date, or no date is given and nothing was scored.
    DataError
        If the rows cannot be trusted.
    ModelRefused
        If a model was made for something else.
    BundleError
        If no model can be trusted.
    """
    shop, shown = request.shop, workspace.as_published()
    as_of = request.as_of or _date_of_run(shown, shop.name)
    with logged(LOGGER, "explain", shop=shop.name, as_of=str(as_of)):
        read = read or read_tables(shop, shown, as_of)
        if models is None:
            with shown.progress.step("Loading the champions"):
                models = _models(request, shown)
        check_models(models, shop=shop.name, currency=read.tables.currency, as_of=as_of)
        with shown.progress.step("Explaining one customer"):
            said = explain_from_models(read.tables, models, as_of, request.customer_id)
            said = with_population(said, read.tables, models, shown, shop.name)
        if request.page is not None:
            write_text(request.page, customer_page(said))
    return ExplainResult(said, request.page)


def _models(request: ExplainRequest, workspace: Workspace) -> LoadedModels:
    try:
        return serving_models(workspace, request.shop.name, exported=request.exported, trust_code=request.trust_code)
    except NoChampion:
        if request.exported is not None:
            raise
        return LoadedModels(refused=dict.fromkeys(MODEL_NAMES, "not_trained"))


def _date_of_run(workspace: Workspace, shop: str) -> date:
    try:
        run = current_run(workspace.scores)
    except StoreError:
        raise UsageError(
            f"{workspace.lasting.scores}: holds no scores whose date could be meant: give one (--as-of YYYY-MM-DD), or "
            "run 'cvo score' first"
        ) from None
    if run.manifest["shop"] != shop:
        raise UsageError(
            f"{run.folder}: these scores are of shop {run.manifest['shop']!r} and this is {shop!r}: name the shop that "
            "was scored (--shop), or give a date (--as-of)"
        )
    return parse_as_of(str(run.manifest["as_of"]))


def with_population(
    said: CustomerExplanation, tables: Tables, models: LoadedModels, workspace: Workspace, shop: str
) -> CustomerExplanation:
    """The explanation with what needs the other customers and the store: group, action, what moved.

    Parameters
    ----------
    workspace:
        Whose runs and frozen edges count; nothing is written there.
    shop:
        Whose runs; those of other shops are passed over.
    """
    run = _run_of_date(workspace, shop, tables.currency, said.as_of)
    if run is None:
        scores, action, notes = _planned_now(said, tables, models, workspace, shop)
    else:
        scores, action, notes = _planned_then(said, tables, models, run)
    row = None if scores is None else scores.iloc[0]
    return replace(
        said,
        segment=None if row is None else segment_of(row),
        action=action,
        changes=_changes(said, row, tables, models, workspace, shop),
        notes=(*said.notes, *notes),
    )


def _run_of_date(workspace: Workspace, shop: str, currency: str, as_of: date) -> StoredRun | None:
    """The run that is served for the date; None if there is none of this shop."""
    for day, run in served_runs(workspace.scores, since=as_of):
        if day == as_of and (run.manifest.get("shop"), run.manifest.get("currency")) == (shop, currency):
            return run
    return None


def _planned_then(
    said: CustomerExplanation, tables: Tables, models: LoadedModels, run: StoredRun
) -> tuple[pd.DataFrame | None, NextAction | None, tuple[str, ...]]:
    """The customer's row of the stored run, what its plan says, and what is to be said of both."""
    scores = _row(read_scores(run), said.customer_id)
    if scores is None:
        return None, None, (f"run {run.name} does not hold this customer: the rows have changed since, score again",)
    policy = PriorityPolicy.model_validate(run.manifest["priorities"])
    effects = read_table(run, "effects") if "effects.parquet" in run.manifest["files"] else declared_effects(policy)
    constraints = replace(contact_constraints(tables, said.as_of), value_share=stored_plan(run).value_share)
    action = next_action(scores, read_table(run, "plan"), stored_plan(run), effects, policy, constraints, run.name)
    others = [
        f"{model.name}: run {run.name} was scored with version {scores.iloc[0][f'{model.name}_model_version']}, "
        f"what is said here is by version {models.models[model.name].version}"
        for model in MODELS
        if model.name in models
        and isinstance(then := scores.iloc[0][f"{model.name}_model_version"], str)
        and then != models.models[model.name].version
    ]
    return scores, action, tuple(others)


def _planned_now(
    said: CustomerExplanation, tables: Tables, models: LoadedModels, workspace: Workspace, shop: str
) -> tuple[pd.DataFrame | None, NextAction | None, tuple[str, ...]]:
    """The same of a plan for everybody that is made here and kept nowhere."""
    segments, priorities = policies_of(workspace)
    scored = score_customers(tables, said.as_of, models, segments, priorities, shop=shop, workspace=workspace)
    scores = _row(scored.scores, said.customer_id)
    assert scores is not None  # whoever is explained is known, and so scored
    summary: PlanSummary = scored.plan.summary
    constraints = contact_constraints(tables, said.as_of)
    action = next_action(scores, scored.plan.table, summary, declared_effects(priorities), priorities, constraints)
    return (
        scores,
        action,
        (f"nothing is scored for {said.as_of}: the action is that of a plan made now, not published",),
    )


def _row(scores: pd.DataFrame, customer_id: str) -> pd.DataFrame | None:
    """The customer's row, indexed by id; None if there is none."""
    row = scores[scores["customer_id"] == customer_id]
    return row.set_index("customer_id", drop=False).rename_axis(None) if len(row) else None


def segment_of(row: pd.Series) -> SegmentFacts:
    """Where a row of Scores stands among the others."""
    names = ("rfm_group", "rfm_cell", "value_tier", "rfm_group_previous", "rfm_change_cause", "segment_reason")
    return SegmentFacts(*(row[name] if isinstance(row[name], str) else None for name in names))


def _changes(
    said: CustomerExplanation,
    row: pd.Series | None,
    tables: Tables,
    models: LoadedModels,
    workspace: Workspace,
    shop: str,
) -> ChangesSince:
    """What moved since the latest served run before the date."""
    earlier = next(iter(comparable_runs(workspace.scores, said.as_of, shop, tables.currency)), None)
    if earlier is None:
        return ChangesSince(reason="no_earlier_run")
    since, run = earlier
    then = _row(read_scores(run), said.customer_id)
    if then is None:
        return ChangesSince(since, run.name, reason="not_a_customer_then")
    before, now = then.iloc[0], _numbers(said)
    moved, happened = score_changes(tables, said.customer_id, models, before, now, since, said.as_of)
    labels = () if row is None else tuple(_labels(before, row))
    return ChangesSince(since, run.name, happened, (*moved, *labels))


def _numbers(said: CustomerExplanation) -> pd.Series:
    """The customer's row as it was scored here, nulls as not a number where numbers are followed."""
    return pd.Series(dict(said.row)).map(lambda value: float("nan") if value is None else value)


def _labels(before: pd.Series, row: pd.Series) -> list[ScoreChange]:
    """The names that changed; why is known of the group and of an action that fell away."""
    found = []
    for name in LABELS:
        then, now = (each[name] if isinstance(each[name], str) else None for each in (before, row))
        if then == now:
            continue
        words = ""
        if name == "rfm_group" and isinstance(row["rfm_change_cause"], str):
            words = row["rfm_change_cause"]
        if name == "next_action" and now is None:
            words = str(row["priority_reason"])
        found.append(ScoreChange(name, then, now, words=words))
    return found
