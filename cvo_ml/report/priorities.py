"""The report's section on priorities: the list, what it assumes, what limits it, what more money would earn."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import pandas as pd
import plotly.graph_objects as go

from cvo_ml.core.result import Result
from cvo_ml.core.store import StoredRun
from cvo_ml.priorities.summary import PlanSummary
from cvo_ml.report import charts
from cvo_ml.report.run_facts import RunFacts
from cvo_ml.report.templates import fill
from cvo_ml.report.text import reasons_in_words
from cvo_ml.report.text.plan import explained, sentences

FIRST_ROWS: Final = 12


@dataclass(frozen=True)
class FirstRow(Result):
    """A customer at the head of the list, what is to be done, and why."""

    priority_rank: float
    customer_id: str
    rfm_group: str
    action: str
    channel: str
    kind: str
    expected_profit: float
    next_best: str | None
    next_best_profit: float
    why_customer: str
    why_churn: str
    assumes: str


def priorities_section(scores: pd.DataFrame, run: StoredRun, table: pd.DataFrame) -> str:
    """The section's HTML.

    Parameters
    ----------
    scores, table:
        A Scores table, and the table of its plan.
    """
    facts = RunFacts.of(run)
    plan, currency = facts.plan, facts.currency
    return fill(
        "priorities.html",
        first=first_rows(scores, table, plan),
        plan=plan,
        holdout_share=facts.holdout_share,
        sentences=list(sentences(plan, currency)),
        unit="" if currency == "XXX" else f" {currency}",
        curve=charts.html(budget_curve(plan, currency)) if len(plan.curve.spent) > 1 else "",
    )


def first_rows(scores: pd.DataFrame, table: pd.DataFrame, summary: PlanSummary) -> list[FirstRow]:
    """The first customers of the list with a contact, and why."""
    head = table[table["planned"] & ~table["holdout"]].head(FIRST_ROWS)
    by_id = scores.set_index("customer_id", drop=False)
    words = explained(head, by_id, summary)
    of_scores = by_id.loc[head["customer_id"], ["rfm_group", "reasons"]].reset_index(drop=True)
    rows = pd.concat([head.reset_index(drop=True), words.reset_index(drop=True), of_scores], axis=1)
    rows["why_churn"] = [reasons_in_words(text) for text in rows["reasons"]]
    columns = rows[[column.name for column in fields(FirstRow)]]
    return [FirstRow(*row) for row in columns.itertuples(index=False)]


def budget_curve(summary: PlanSummary, currency: str) -> go.Figure:
    """The profit that each budget would be expected to earn, and where the plan stands."""
    unit = "" if currency == "XXX" else f", {currency}"
    figure = go.Figure(
        [
            go.Scatter(
                x=list(summary.curve.spent),
                y=list(summary.curve.profit),
                mode="lines",
                line={"color": charts.OURS},
                name="best plan",
            ),
            go.Scatter(
                x=[summary.spent],
                y=[summary.expected_profit],
                mode="markers",
                marker={"color": charts.ACTUAL, "size": 11},
                name="this plan",
            ),
        ]
    )
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(rangemode="tozero")
    title = "What more or less money would be expected to earn"
    return charts.styled(figure, title, f"spent in one run{unit}", f"expected profit after costs{unit}")
