"""Stored runs against what came after them: outcomes of the current run, and the ledger of all."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import DamagedFile, UsageError
from cvo_ml.core.files import read_json, write_json
from cvo_ml.core.models import ICP, MODELS
from cvo_ml.core.result import Json, Result, from_json, to_json
from cvo_ml.core.run_log import logged
from cvo_ml.core.store import RUN_NAME, StoredRun, StoreError, open_run, read_columns, read_scores, served_runs
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon, parse_as_of
from cvo_ml.core.workspace import Workspace
from cvo_ml.features.customer import customer_features
from cvo_ml.features.labels import is_closed
from cvo_ml.ingest import ReadResult
from cvo_ml.monitoring import distance_from_truth, evaluate_run, ledger
from cvo_ml.monitoring.ledger import Closed
from cvo_ml.monitoring.outcome_summary import GROUPINGS, OutcomeLine, outcome_lines
from cvo_ml.monitoring.outcomes import Ranked, RunEvaluation
from cvo_ml.monitoring.truth import Truth, TruthDistance
from cvo_ml.workflows.shops import read_tables, run_of

#: a view shows the parts of a result by their types
__all__ = ["OpenWindow", "OutcomeLine", "OutcomesRequest", "OutcomesResult", "Ranked", "RunEvaluation", "TruthDistance"]
__all__ += [
    "close_outcomes",
    "distances",
    "evaluate_and_store",
    "ledger_lines",
    "outcomes",
    "same_scores",
    "stored_outcomes",
]

LOGGER: Final = logging.getLogger(__name__)


class OutcomesRequest(FrozenConfig):
    """What to judge.

    Parameters
    ----------
    horizon:
        The window; None = the longest predicted one that is over.
    by:
        What the ledger is broken down by: one of ``GROUPINGS``.
    """

    shop: ShopConfig
    horizon: Horizon | None = None
    by: str = GROUPINGS[0]


@dataclass(frozen=True)
class OpenWindow(Result):
    """Why a run cannot be judged yet."""

    as_of: date
    reason: str


@dataclass(frozen=True)
class OutcomesResult(Result):
    """How the current run turned out, and the ledger of all runs.

    Parameters
    ----------
    ledger:
        One line per model and group, by ``by``.
    """

    judged: RunEvaluation | OpenWindow
    ledger: Sequence[OutcomeLine]
    by: str
    currency: str

    def to_json(self) -> dict[str, Json]:
        """The judgement and the ledger, on one level."""
        return {**self.judged.to_json(), "ledger": to_json(self.ledger)}


def outcomes(
    request: OutcomesRequest, workspace: Workspace, read: ReadResult | None = None, truth: Truth | None = None
) -> OutcomesResult:
    """Close every run whose window is over in the ledger, and judge the current one.

    Parameters
    ----------
    read:
        The shop's tables; None = they are read here.
    truth:
        Of a simulated shop: how far the scores were from it is said too.

    Raises
    ------
    UsageError
        If no window is over, the grouping is unknown, or the orders are another shop's.
    """
    if request.by not in GROUPINGS:
        raise UsageError(f"--by {request.by!r} is unknown: use {', '.join(GROUPINGS)}")
    with logged(LOGGER, "outcomes", shop=request.shop.name) as facts:
        run_of(request.shop, workspace)  # refuses at once what cannot be judged
        read = read or read_tables(request.shop, workspace)
        judged: RunEvaluation | OpenWindow
        with workspace.publishing() as draft:
            run = run_of(request.shop, draft)
            facts["closed"] = len(close_outcomes(draft, read, request.shop.name))
            lines = ledger_lines(draft, request.by)
            try:
                judged = evaluate_and_store(run, read.tables, request.horizon, draft, truth)
            except UsageError as open_window:
                if request.horizon or not lines:
                    raise
                judged = OpenWindow(parse_as_of(str(run.manifest["as_of"])), str(open_window))
    return OutcomesResult(judged, lines, request.by, read.tables.currency)


def evaluate_and_store(
    run: StoredRun, tables: Tables, horizon: Horizon | None, workspace: Workspace, truth: Truth | None = None
) -> RunEvaluation:
    """Evaluate a stored run by what came after, and by the truth where it is known; write ``outcomes.json``.

    Parameters
    ----------
    horizon:
        The window to judge; None takes the longest one that was predicted and is over.

    Raises
    ------
    UsageError
        If the window is not over in the tables.
    """
    as_of = parse_as_of(str(run.manifest["as_of"]))
    window = horizon or _window_that_is_over(run, tables, as_of)
    evaluation = evaluate_scores(run, tables, window)
    if truth is not None:
        scores = read_scores(run).set_index("customer_id", drop=False).rename_axis(None)
        evaluation = replace(evaluation, truth=distance_from_truth(scores, truth, as_of, window))
    write_json(workspace.outcomes_file, replace(evaluation, run=run.name).to_json())
    return evaluation


def evaluate_scores(run: StoredRun, tables: Tables, horizon: Horizon) -> RunEvaluation:
    """Evaluate a stored run by what came in the window after it; lookalikes by the settings of the model that scored.

    Raises
    ------
    UsageError
        If the window is not over in the tables.
    """
    as_of = parse_as_of(str(run.manifest["as_of"]))
    scores = read_scores(run).set_index("customer_id", drop=False).rename_axis(None)
    features = customer_features(tables, as_of).reindex(scores.index)
    icp = run.manifest["models"][ICP.name].get("settings", {})
    icp_age = Horizon.of_days(icp.get("age_days", horizon.days))
    return evaluate_run(scores, features, tables, as_of, horizon=horizon, icp_age=icp_age, icp_settings=icp)


def close_outcomes(workspace: Workspace, read: ReadResult, shop: str) -> list[Closed]:
    """Close every run whose window is over in the data; returns what is new or revised."""
    return ledger.close(workspace.outcome_ledger, workspace.scores, read.tables, data_hash=read.fingerprint, shop=shop)


def ledger_lines(workspace: Workspace, by: str) -> list[OutcomeLine]:
    """The ledger in lines, one per model and group."""
    return outcome_lines(ledger.read(workspace.outcome_ledger), by)


def distances(workspace: Workspace, truth: Truth, horizon: Horizon) -> dict[date, TruthDistance]:
    """How far the scores of each date were from what is true of a simulated shop."""
    by_date = {}
    for as_of, run in sorted(served_runs(workspace.scores), key=lambda served: served[0]):
        scores = read_scores(run).set_index("customer_id", drop=False).rename_axis(None)
        by_date[as_of] = distance_from_truth(scores, truth, as_of, horizon)
    return by_date


def same_scores(run: StoredRun, other: StoredRun) -> bool:
    """Whether every customer has the same scores in both."""
    names = ["customer_id", *(model.score for model in MODELS)]
    first, second = (read_columns(held, names).sort_values("customer_id", ignore_index=True) for held in (run, other))
    return first.equals(second)


def _window_that_is_over(run: StoredRun, tables: Tables, as_of: date) -> Horizon:
    """The longest horizon of the run's models that is over; if none is, the shortest, which is then refused."""
    settings = [model.get("settings", {}) for model in run.manifest["models"].values()]
    days = sorted({float(found["horizon_days"]) for found in settings if "horizon_days" in found})
    spans = [Horizon.of_days(number) for number in days] or [Horizon("90D")]
    over = [span for span in spans if is_closed(tables, as_of, span)]
    return over[-1] if over else spans[0]


def stored_outcomes(workspace: Workspace, run: StoredRun) -> RunEvaluation | None:
    """The stored outcomes if they judge the scores of this run: its own, or those of the run that it plans anew.

    Raises
    ------
    DamagedFile
        If ``outcomes.json`` is not what ``cvo outcomes`` wrote.
    """
    path = workspace.outcomes_file
    if not path.is_file():
        return None
    try:
        stored = from_json(RunEvaluation, read_json(path))
    except ValueError:
        stored = None
    if stored is None or stored.run is None or not RUN_NAME.fullmatch(_place(run, stored.run)):
        raise DamagedFile(f"{path}: is not what cvo outcomes wrote: delete it and run 'cvo outcomes' again")
    return stored if stored.run == run.name or _judges(stored.run, run) else None


def _place(run: StoredRun, name: str) -> str:
    return f"{run.folder.parent.name}/{name}"


def _judges(name: str, run: StoredRun) -> bool:
    """Whether the run of that name and the same date has the same scores; another plan changes no outcome."""
    try:
        return same_scores(run, open_run(run.folder.with_name(name)))
    except StoreError:
        return False
