"""The first of the list, what limits it, and what to do next, on the terminal."""

from __future__ import annotations

from rich.console import Console

from cvo_ml.cli.views.blocks import blocks, notes
from cvo_ml.report.text.plan import plan_blocks
from cvo_ml.workflows.plan import PlanResult
from cvo_ml.workflows.prospects import ProspectsResult
from cvo_ml.workflows.score import ScoreResult


def score(console: Console, result: ScoreResult) -> None:
    """The list, and what is to be said of the scores."""
    scored(console, result)
    notes(console, result.run.manifest["notes"])


def scored(console: Console, result: ScoreResult | PlanResult) -> None:
    """The first customers of the list, what limits it, and where it is."""
    run = result.run
    blocks(console, plan_blocks(result.scores, result.plan, run.manifest["currency"]))
    hashed = run.manifest["scores_hash"][:12]
    console.print(f"{len(result.scores):,} customers scored: {run.folder} (hash {hashed})", highlight=False)


def prospects(console: Console, result: ProspectsResult) -> None:
    """How many of a list have a score, why the others have none, and where it is."""
    ledger = result.prospect_ledger
    console.print(f"{ledger.scored:,} of {ledger.known:,} prospects scored: {result.file}", highlight=False)
    for reason, count in sorted(ledger.ineligible.items()):
        console.print(f"  {count:,} without a score: {reason}", highlight=False)
    notes(console, result.notes)
