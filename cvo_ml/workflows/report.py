"""The page for people about the current run."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.next_actions import NextActions
from cvo_ml.core.files import write_text
from cvo_ml.core.result import Result
from cvo_ml.core.run_log import logged
from cvo_ml.core.store import StoredRun, current_run, read_scores, read_table
from cvo_ml.core.workspace import Workspace
from cvo_ml.report.contact_list import scores_csv
from cvo_ml.report.page import render
from cvo_ml.report.priorities import priorities_section
from cvo_ml.report.segments import segment_section
from cvo_ml.segments.history import run_segments
from cvo_ml.segments.results_folder import stored_findings
from cvo_ml.workflows.outcomes import stored_outcomes

LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReportResult(Result):
    """The page, and the run that it is about."""

    file: Path
    run: str
    scores_list: Path | None = None


def report(workspace: Workspace, *, with_csv: bool = False) -> ReportResult:
    """Write the report of the current run.

    Parameters
    ----------
    with_csv:
        Write everybody's scores as one CSV too.

    Raises
    ------
    StoreError
        If nothing was scored.
    DamagedFile
        If what was kept of the segments or of the outcomes is not what was written.
    """
    with logged(LOGGER, "report"):
        current_run(workspace.scores)  # refuses at once where nothing was scored
        with workspace.publishing() as draft:
            run = current_run(draft.scores)
            write_report(run, draft)
            if with_csv:
                write_scores_list(run, draft)
    return ReportResult(workspace.report, run.name, workspace.scores_list if with_csv else None)


def write_report(run: StoredRun, draft: Workspace) -> None:
    """Write the page of a run into the set that is being published."""
    with draft.progress.step(f"Writing {draft.lasting.report}"):
        write_text(draft.report, _page(run, draft))


def write_scores_list(run: StoredRun, draft: Workspace) -> None:
    """Write everybody's scores as one CSV into the set that is being published."""
    with draft.progress.step(f"Writing {draft.lasting.scores_list}"):
        write_text(draft.scores_list, scores_csv(read_scores(run), run))


def _page(run: StoredRun, workspace: Workspace) -> str:
    scores = read_scores(run)
    actions = load_config(default_config("policies/next_actions.yaml", workspace.configs), NextActions)
    segments = segment_section(
        scores, run_segments(run), actions, stored_findings(workspace.segments, run),
        as_of=str(run.manifest["as_of"]), currency=str(run.manifest["currency"]),
    )  # fmt: skip
    priorities = priorities_section(scores, run, read_table(run, "plan"))
    return render(scores, run, stored_outcomes(workspace, run), segments, priorities)
