"""The walk through the past as one self-contained HTML page."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from cvo_ml.core.models import CLV, MODELS
from cvo_ml.monitoring.backtest import Backtest, CutRecord
from cvo_ml.monitoring.earnings import OURS as EXPECTED_PROFIT
from cvo_ml.monitoring.earnings import ListEarnings
from cvo_ml.monitoring.outcomes import ChurnEvaluation, ValueAmounts
from cvo_ml.report.charts import ACTUAL, MUTED, OTHER, OURS, error_bars, html, styled
from cvo_ml.report.templates import fill

#: one colour per ranking without a model (Okabe & Ito 2008)
PALETTE = {"recency": "#E69F00", "RFM": "#009E73", "formula CLV": "#CC79A7"}


def render(backtest: Backtest) -> str:
    """The page of a walk through the past."""
    cuts, plan = backtest.cuts, backtest.plan
    currency = plan.currency or "currency not declared"
    drawn = [ranking(cuts), totals(cuts, currency), churn(cuts)]
    if backtest.earnings:
        drawn.append(earned(backtest.earnings, currency))
    return fill(
        "backtest.html",
        plan=plan,
        cuts=cuts,
        models=MODELS,
        earnings=backtest.earnings,
        contact=plan.contact if backtest.earnings else None,
        truth=backtest.truth,
        charts=[html(figure) for figure in drawn if figure.data],
    )


def ranking(cuts: Sequence[CutRecord]) -> go.Figure:
    """At each cut, the share of the window's value in each ranking's top tenth."""
    lines: dict[str, list[float | None]] = {}
    for record in cuts:
        for row in record.evaluation.value.rankings:
            share = row.top_decile_share.estimate
            lines.setdefault(row.name, []).append(share if math.isfinite(share) else None)
    days = [str(record.cut) for record in cuts]
    figure = go.Figure()
    for name, values in lines.items():
        if len(values) == len(days):
            ours = name == CLV.score
            line = {"color": OURS if ours else PALETTE.get(name, OTHER), "width": 3 if ours else 1.5}
            figure.add_scatter(x=days, y=values, name=name, mode="lines+markers", line=line)
    figure.add_hline(y=0.1, line={"dash": "dot", "color": MUTED, "width": 1}, annotation_text="at random")
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return styled(figure, "Share of the next window's value in each ranking's top 10 %", "cut", "share of the value")


def totals(cuts: Sequence[CutRecord], currency: str) -> go.Figure:
    """Predicted and actual value of each window."""
    amounts = {str(record.cut): record.evaluation.value.amounts for record in cuts}
    known = {cut: one for cut, one in amounts.items() if isinstance(one, ValueAmounts)}
    predicted, actual = [one.predicted_total for one in known.values()], [one.actual_total for one in known.values()]
    figure = _predicted_and_actual(list(known), predicted, actual)
    figure.update_yaxes(rangemode="tozero")
    return styled(figure, "Value of the window after each cut", "cut", f"value of all customers ({currency})")


def churn(cuts: Sequence[CutRecord]) -> go.Figure:
    """Churn predicted and observed at each cut."""
    parts = {str(record.cut): record.evaluation.churn for record in cuts}
    known = {cut: one for cut, one in parts.items() if isinstance(one, ChurnEvaluation)}
    predicted, actual = [one.mean_probability for one in known.values()], [one.churn_rate for one in known.values()]
    figure = _predicted_and_actual(list(known), predicted, actual)
    figure.update_yaxes(tickformat=".0%", range=[0, 1])
    return styled(figure, "Churn of the eligible in the window after each cut", "cut", "share who did not order")


def _predicted_and_actual(days: Sequence[str], predicted: Sequence[float], actual: Sequence[float]) -> go.Figure:
    figure = go.Figure()
    for values, name, colour in ((predicted, "predicted", OURS), (actual, "came", ACTUAL)):
        if days:
            figure.add_scatter(x=days, y=values, name=name, mode="lines+markers", line={"color": colour})
    return figure


def earned(lists: Sequence[ListEarnings], currency: str) -> go.Figure:
    """What each list would have earned, summed over the cuts."""
    ordered = list(lists)[::-1]
    figure = go.Figure(
        go.Bar(
            x=[line.earned.estimate for line in ordered],
            y=[line.ranking for line in ordered],
            orientation="h",
            marker_color=[OURS if line.ranking == EXPECTED_PROFIT else OTHER for line in ordered],
            error_x=error_bars([line.earned for line in ordered]),
            showlegend=False,
        )
    )
    title = "What contacting a tenth of the customers at each cut would have earned (95 % interval)"
    return styled(figure, title, f"earned in all windows ({currency}), under the declared save rate and cost", "")
