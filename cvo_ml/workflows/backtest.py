"""Walk the calendar: at each cut train, score and store as every day does, then look at the window after it.

One JSON file a cut is written when the cut is done, so an interrupted walk goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

import pandas as pd

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.churn import ChurnJob
from cvo_ml.config.loader import as_mapping, default_config, load_config
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DataError, UsageError
from cvo_ml.core.files import canonical_json, read_json, write_json, write_text
from cvo_ml.core.models import CHURN, CLV, MODEL_NAMES
from cvo_ml.core.result import Json, from_json
from cvo_ml.core.run_log import logged
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.core.workspace import Workspace
from cvo_ml.features import window_outcome
from cvo_ml.features.labels import is_closed
from cvo_ml.features.truncated_tables import truncated
from cvo_ml.ingest import ReadResult
from cvo_ml.monitoring.backtest import Backtest, BacktestPlan, CutModel, CutRecord
from cvo_ml.monitoring.earnings import contacts, earnings
from cvo_ml.monitoring.truth import Truth
from cvo_ml.report.backtest import render
from cvo_ml.workflows.cut_dates import default_cut
from cvo_ml.workflows.outcomes import close_outcomes, distances, evaluate_scores, ledger_lines
from cvo_ml.workflows.publish import described_briefly, store
from cvo_ml.workflows.score_tables import score_customers
from cvo_ml.workflows.shops import read_tables, save_shop
from cvo_ml.workflows.train import TrainAt, TrainingSettings, check_overrides, training_settings

LOGGER: Final = logging.getLogger(__name__)

CUTS: Final = "cuts"
PLAN: Final = "plan.json"


class BacktestRequest(FrozenConfig):
    """Which past to walk through.

    Parameters
    ----------
    horizon:
        The window that is predicted and then judged.
    every:
        Time between two cuts.
    start, end:
        No cut before it; the last cut, None = the last whose window is over.
    overrides:
        Such as ``churn.trees.rounds=100``.
    """

    shop: ShopConfig
    horizon: Horizon = Horizon("60D")
    every: Horizon = Horizon("30D")
    start: date | None = None
    end: date | None = None
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Walk:
    """What all cuts of a walk share."""

    shop: str
    read: ReadResult
    horizon: Horizon
    settings: TrainingSettings
    segments: SegmentPolicy
    priorities: PriorityPolicy

    def plan(self) -> BacktestPlan:
        """What a walk that goes on must have in common with the one that began."""
        policies = {"segments": self.segments, "priorities": self.priorities, "readiness": self.settings.minima}
        return BacktestPlan(
            self.shop,
            self.read.tables.currency,
            self.read.fingerprint,
            self.horizon.days,
            jobs={name: self._job(name, job) for name, job in self.settings.jobs.items()},
            policies={name: as_mapping(policy) for name, policy in policies.items()},
        )

    def _job(self, name: str, job: FrozenConfig) -> dict[str, Json]:
        """A job as a walk that goes on must find it, the content of its own features included."""
        own = self.settings.own.get(name)
        return as_mapping(job) if own is None else {**as_mapping(job), "features_sha256": own.sha256}


def backtest(request: BacktestRequest, workspace: Workspace, train_at: TrainAt, truth: Truth | None = None) -> Backtest:
    """Do every cut that is not done, close the ledger, and write ``backtest.json`` and ``backtest.html``.

    Parameters
    ----------
    train_at:
        Fits the models of a cut on tables that end there.
    truth:
        What is true of a simulated shop.

    Raises
    ------
    DataError
        If no cut has both the history to train on and a window that is over.
    UsageError
        If the folder holds a backtest of something else, or an override is unknown.
    """
    out, span, shop = workspace.results, request.horizon, request.shop
    check_overrides(MODEL_NAMES, request.overrides, workspace.configs)
    with logged(LOGGER, "backtest", shop=shop.name) as facts:
        with workspace.publishing() as draft:
            save_shop(shop, draft.shop_file)
        walk = _walk_of(request, read_tables(shop, workspace), workspace)
        tables = walk.read.tables
        cuts = cut_dates(tables, span, request.every, walk.settings.job(ChurnJob).shortest_history,
                         request.start, request.end)  # fmt: skip
        plan = walk.plan()
        _check_plan(out, plan)
        facts["cuts"] = len(cuts)
        with workspace.progress.step(f"Walking through {len(cuts)} cuts"):
            for number, cut in enumerate(cuts, start=1):
                workspace.progress.count(number, len(cuts))
                path = out / CUTS / f"{cut}.json"
                if not path.is_file():
                    write_json(path, _one_cut(walk, cut, workspace, train_at).to_json())
        with workspace.publishing() as draft:
            close_outcomes(draft, walk.read, shop.name)
            walked = _summed_up(out, cuts, plan, draft)
            if truth is not None:
                by_cut = {str(cut): distance for cut, distance in distances(draft, truth, span).items()}
                walked = replace(walked, truth=by_cut)
            write_json(draft.backtest_file, walked.to_json())
            write_text(draft.backtest_page, render(walked))
    return walked


def cut_dates(
    tables: Tables, span: Horizon, every: Horizon, shortest_history: Horizon, start: date | None, end: date | None
) -> list[date]:
    """Dates back from the last whose window is over, ``every`` apart, as far as churn can be trained; oldest first.

    Raises
    ------
    DataError
        If there is none.
    """
    last = default_cut(tables, span) if end is None else end
    earliest = pd.Timestamp(tables.orders["ordered_at"].min()).date() + shortest_history.delta + 2 * span.delta
    if start is not None:
        earliest = max(earliest, start)
    cuts, cut = [], last
    while cut >= earliest:
        if is_closed(tables, cut, span):
            cuts.append(cut)
        cut -= every.delta
    if not cuts:
        raise DataError(
            f"no date has {shortest_history} of history and two windows of {span} before it and one after it",
            "give a longer history, a shorter --horizon, or other --from and --until",
        )
    return cuts[::-1]


def _walk_of(request: BacktestRequest, read: ReadResult, workspace: Workspace) -> _Walk:
    span = request.horizon
    same = (f"{CLV.name}.horizon={span}", f"{CLV.name}.validation_horizon={span}", f"{CHURN.name}.horizon={span}")
    settings = training_settings(MODEL_NAMES, (*same, *request.overrides), request.shop.name, workspace)
    segments = load_config(default_config("policies/segments.yaml", workspace.configs), SegmentPolicy)
    priorities = load_config(default_config("policies/priorities.yaml", workspace.configs), PriorityPolicy)
    return _Walk(request.shop.name, read, span, settings, segments, priorities)


def _one_cut(walk: _Walk, cut: date, workspace: Workspace, train_at: TrainAt) -> CutRecord:
    """Train on what was known at the cut, score, store, and look at the window after it.

    The trainers and the scores get tables that end at the cut: they could not see later rows if they tried.
    """
    began = time.monotonic()
    early = truncated(walk.read.tables, cut)
    models = train_at(early, cut, walk.settings, workspace.progress)
    with workspace.publishing() as draft:
        scored = score_customers(early, cut, models, walk.segments, walk.priorities, shop=walk.shop, workspace=draft)
        known = replace(walk.read, tables=early)
        run = store(scored, known, models, cut, draft, walk.shop, walk.priorities)
    outcome = window_outcome(walk.read.tables, cut, walk.horizon, scored.scores.index)
    action = walk.priorities.contact
    listed = contacts(
        scored.scores, scored.features, outcome["orders"] == 0, walk.horizon,
        save_rate=action.effect.estimate, cost=action.cost,
    )  # fmt: skip
    listed.reset_index(drop=True).to_parquet(_contacts(workspace.results, cut))  # whom it is about does not matter
    evaluation = evaluate_scores(run, walk.read.tables, walk.horizon)
    trained = {name: CutModel(**described_briefly(models, name)) for name in MODEL_NAMES}
    return CutRecord(cut, run.name, trained, evaluation, round(time.monotonic() - began, 1))


def _summed_up(out: Path, cuts: Sequence[date], plan: BacktestPlan, workspace: Workspace) -> Backtest:
    """Every cut's record, and what the lists would have earned together."""
    records = tuple(from_json(CutRecord, read_json(out / CUTS / f"{cut}.json")) for cut in cuts)
    windows = {str(cut): pd.read_parquet(_contacts(out, cut)) for cut in cuts}
    listed = {cut: frame for cut, frame in windows.items() if len(frame)}
    return Backtest(plan, records, earnings(listed), tuple(ledger_lines(workspace, "as_of")))


def _contacts(out: Path, cut: date) -> Path:
    (out / CUTS).mkdir(parents=True, exist_ok=True)
    return out / CUTS / f"{cut}-contacts.parquet"


def _check_plan(out: Path, plan: BacktestPlan) -> None:
    path, document = out / PLAN, plan.to_json()
    digest = hashlib.sha256(canonical_json(document).encode()).hexdigest()
    if path.is_file() and read_json(path).get("digest") != digest:
        raise UsageError(f"{out}: holds a backtest of other data or settings: name another folder (--out) or delete it")
    write_json(path, {"digest": digest, **document})
