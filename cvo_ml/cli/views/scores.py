"""The first of the list, what limits it, and what to do next, on the terminal."""

from __future__ import annotations

from cvo_ml.report.screen import Screen
from cvo_ml.report.text.customer import customer_blocks, score_blocks, segment_words
from cvo_ml.report.text.plan import plan_blocks
from cvo_ml.workflows.explain import ExplainResult
from cvo_ml.workflows.plan import PlanResult
from cvo_ml.workflows.prospects import ProspectsResult
from cvo_ml.workflows.score import ScoreResult
from cvo_ml.workflows.score_customer import ScoreCustomerResult


def score(screen: Screen, result: ScoreResult) -> None:
    """The list, and what is to be said of the scores."""
    scored(screen, result)
    screen.notes(result.run.manifest["notes"])


def scored(screen: Screen, result: ScoreResult | PlanResult) -> None:
    """The first customers of the list, what limits it, and where it is."""
    run = result.run
    currency = run.manifest["currency"]
    screen.blocks(plan_blocks(result.scores, result.plan, currency, with_ids=screen.shows_ids))
    hashed = run.manifest["scores_hash"][:12]
    screen.say(f"{len(result.scores):,} customers scored: {run.folder} (hash {hashed})")


def prospects(screen: Screen, result: ProspectsResult) -> None:
    """How many of a list have a score, why the others have none, and where it is."""
    ledger = result.prospect_ledger
    screen.say(f"{ledger.scored:,} of {ledger.known:,} prospects scored: {result.file}")
    for reason, count in sorted(ledger.ineligible.items()):
        screen.say(f"  {count:,} without a score: {reason}")
    screen.notes(result.notes)


def customer(screen: Screen, result: ScoreCustomerResult) -> None:
    """One customer's scores and group; the plan is that of a run of everybody, so it is not shown as done."""
    screen.blocks(score_blocks(result.scores))
    screen.say(segment_words(result.segment))
    screen.notes(result.notes)
    screen.say("nothing was published; --json has every column", style="dim")


def explained(screen: Screen, result: ExplainResult) -> None:
    """One customer, and where the page is."""
    screen.blocks(customer_blocks(result.explanation))
    if result.page is not None:
        screen.say(f"{result.page}: written (open it)")
