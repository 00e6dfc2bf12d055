"""Scores, manifest and outcomes as one self-contained HTML page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pandas as pd

from cvo_ml.core.ledger import RowLedger
from cvo_ml.core.result import Result
from cvo_ml.core.store import StoredRun
from cvo_ml.monitoring.outcomes import ChurnEvaluation, RunEvaluation, ValueAmounts
from cvo_ml.priorities.summary import PlanSummary
from cvo_ml.report import charts
from cvo_ml.report.run_facts import RunFacts
from cvo_ml.report.templates import fill
from cvo_ml.report.text import money_words

GRADES: Final = {
    "A": "better than its baseline, calibrated, no slice worse",
    "B": "better than its baseline for certain",
    "C": "better than its baseline, but it may be luck",
    "D": "not better: the baseline itself is used",
}


def render(
    scores: pd.DataFrame, run: StoredRun, outcomes: RunEvaluation | None, segments: str = "", priorities: str = ""
) -> str:
    """The report's HTML.

    Parameters
    ----------
    scores:
        A Scores table.
    run:
        What the score store keeps with it.
    outcomes:
        How the run turned out, or None before the horizon has passed.
    segments, priorities:
        The HTML of ``segment_section`` and of ``priorities_section``.
    """
    facts = RunFacts.of(run)
    return fill(
        "page.html",
        run=facts,
        money_words=money_words(facts.currency),
        summary=headline(scores, facts.plan),
        priorities=priorities,
        charts=_charts(scores, outcomes, facts.currency),
        segments=segments,
        outcomes=outcomes,
        grades=GRADES,
        row_ledger=_ledger_rows(facts.row_ledger),
    )


@dataclass(frozen=True)
class Headline(Result):
    """The few numbers at the top.

    Parameters
    ----------
    horizon, predicted:
        Days and total of ``predicted_clv``; None where nobody has one.
    historic:
        Value so far.
    contacts, profit, held_out:
        Of the plan.
    """

    customers: int
    horizon: float | None
    historic: float
    predicted: float | None
    contacts: int
    profit: float
    held_out: int


def headline(scores: pd.DataFrame, plan: PlanSummary) -> Headline:
    """The few numbers at the top."""
    horizon = scores["clv_horizon_days"].dropna()
    return Headline(
        customers=len(scores),
        horizon=float(horizon.iloc[0]) if len(horizon) else None,
        historic=float(scores["historic_clv"].sum()),
        predicted=float(scores["predicted_clv"].sum()) if scores["predicted_clv"].notna().any() else None,
        contacts=plan.contacts,
        profit=plan.expected_profit,
        held_out=plan.held_out,
    )


def _charts(scores: pd.DataFrame, outcomes: RunEvaluation | None, currency: str) -> dict[str, str]:
    drawn = {}
    if scores["rfm_group"].notna().any():
        drawn["segments"] = charts.html(charts.segments(scores, currency))
    if outcomes is not None:
        if outcomes.total_value > 0:
            drawn["rankings"] = charts.html(charts.rankings(outcomes.value.rankings, outcomes.horizon_days))
        if isinstance(amounts := outcomes.value.amounts, ValueAmounts):
            drawn["deciles"] = charts.html(charts.deciles(amounts.deciles, currency))
        if isinstance(churn := outcomes.churn, ChurnEvaluation):
            drawn["reliability"] = charts.html(charts.reliability(churn.reliability))
    return drawn


def _ledger_rows(ledger: RowLedger) -> list[tuple[str, int]]:
    return [(": ".join(filter(None, (kind, reason))), count) for kind, reason, count in ledger.lines()]
