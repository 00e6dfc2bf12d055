"""The walk through the past as one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from cvo_ml.report.charts import ACTUAL, MUTED, OTHER, OURS, html, styled, whiskers
from cvo_ml.report.templates import fill

#: one colour per ranking without a model (Okabe & Ito 2008)
PALETTE = {"recency": "#E69F00", "RFM": "#009E73", "formula CLV": "#CC79A7"}


def render(summary: Mapping[str, Any]) -> str:
    """The page of what ``cvo backtest`` found."""
    cuts = summary["cuts"]
    currency = summary["plan"]["currency"] or "currency not declared"
    drawn = [ranking(cuts), totals(cuts, currency), churn(cuts)]
    if summary["earnings"]:
        drawn.append(earned(summary["earnings"], currency))
    return fill(
        "backtest.html",
        plan=summary["plan"],
        cuts=cuts,
        earnings=summary["earnings"],
        truth=summary.get("truth"),
        charts=[html(figure) for figure in drawn if figure.data],
    )


def ranking(cuts: Sequence[Mapping[str, Any]]) -> go.Figure:
    """At each cut, the share of the window's value in each ranking's top tenth."""
    lines: dict[str, list[float | None]] = {}
    for record in cuts:
        for row in record["judged"]["value"]["rankings"]:
            lines.setdefault(row["name"], []).append(row["top_decile_share"]["estimate"])
    days = [record["cut"] for record in cuts]
    figure = go.Figure()
    for name, values in lines.items():
        if len(values) == len(days):
            ours = name == "predicted_clv"
            line = {"color": OURS if ours else PALETTE.get(name, OTHER), "width": 3 if ours else 1.5}
            figure.add_scatter(x=days, y=values, name=name, mode="lines+markers", line=line)
    figure.add_hline(y=0.1, line={"dash": "dot", "color": MUTED}, annotation_text="at random")
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return styled(figure, "Share of the next window's value in each ranking's top 10 %", "cut", "share of the value")


def totals(cuts: Sequence[Mapping[str, Any]], currency: str) -> go.Figure:
    """Predicted and actual value of each window."""
    known = [record for record in cuts if "predicted_total" in record["judged"]["value"]]
    days = [record["cut"] for record in known]
    figure = go.Figure()
    for key, name, colour in (("predicted_total", "predicted", OURS), ("actual_total", "came", ACTUAL)):
        if known:
            values = [record["judged"]["value"][key] for record in known]
            figure.add_scatter(x=days, y=values, name=name, mode="lines+markers", line={"color": colour})
    figure.update_yaxes(rangemode="tozero")
    return styled(figure, "Value of the window after each cut", "cut", f"value of all customers ({currency})")


def churn(cuts: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Churn predicted and observed at each cut."""
    known = [record for record in cuts if "auc" in record["judged"]["churn"]]
    days = [record["cut"] for record in known]
    figure = go.Figure()
    for key, name, colour in (("mean_probability", "predicted", OURS), ("churn_rate", "came", ACTUAL)):
        if known:
            values = [record["judged"]["churn"][key] for record in known]
            figure.add_scatter(x=days, y=values, name=name, mode="lines+markers", line={"color": colour})
    figure.update_yaxes(tickformat=".0%", range=[0, 1])
    return styled(figure, "Churn of the eligible in the window after each cut", "cut", "share who did not order")


def earned(lists: Sequence[Mapping[str, Any]], currency: str) -> go.Figure:
    """What each list would have earned, summed over the cuts."""
    ordered = list(lists)[::-1]
    figure = go.Figure(
        go.Bar(
            x=[line["earned"]["estimate"] for line in ordered],
            y=[line["list"] for line in ordered],
            orientation="h",
            marker_color=[OURS if line["list"] == "expected profit" else OTHER for line in ordered],
            error_x=whiskers([line["earned"] for line in ordered]),
            showlegend=False,
        )
    )
    title = "What contacting a tenth of the customers at each cut would have earned (95 % interval)"
    return styled(figure, title, f"earned in all windows ({currency}), under the declared save rate and cost", "")
