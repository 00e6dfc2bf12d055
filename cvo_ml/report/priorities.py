"""The report's section on priorities: the list, what it assumes, what limits it, what more money would earn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from cvo_ml.core.result import from_json
from cvo_ml.priorities.summary import PlanSummary
from cvo_ml.report import charts
from cvo_ml.report.templates import fill
from cvo_ml.report.text import reasons_in_words
from cvo_ml.report.text.plan import explained, sentences

FIRST_ROWS: Final = 12


def priorities_section(scores: pd.DataFrame, manifest: Mapping[str, Any], table: pd.DataFrame) -> str:
    """The section's HTML.

    Parameters
    ----------
    scores, table:
        A Scores table, and the table of its plan.
    """
    summary, currency = from_json(PlanSummary, manifest["plan"]), str(manifest["currency"])
    return fill(
        "priorities.html",
        first=first_rows(scores, table, summary),
        plan=summary,
        policy=manifest["priorities"],
        sentences=list(sentences(summary, currency)),
        unit="" if currency == "XXX" else f" {currency}",
        curve=charts.html(budget_curve(summary, currency)) if len(summary.curve.spent) > 1 else "",
    )


def first_rows(scores: pd.DataFrame, table: pd.DataFrame, summary: PlanSummary) -> list[dict[str, Any]]:
    """The first customers of the list with a contact, and why."""
    head = table[table["planned"] & ~table["holdout"]].head(FIRST_ROWS)
    by_id = scores.set_index("customer_id", drop=False)
    words = explained(head, by_id, summary)
    of_scores = by_id.loc[head["customer_id"], ["rfm_group", "value_tier", "reasons"]].reset_index(drop=True)
    rows = pd.concat([head.reset_index(drop=True), words.reset_index(drop=True), of_scores], axis=1)
    return [
        {**{str(name): value for name, value in row.items()}, "why_churn": reasons_in_words(row["reasons"])}
        for row in rows.to_dict("records")
    ]


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
