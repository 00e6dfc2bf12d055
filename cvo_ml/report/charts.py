"""The report's charts: titled, with units, one idea each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

import pandas as pd
import plotly.graph_objects as go

from cvo_ml.core.figures import FigureSpec
from cvo_ml.core.models import CLV
from cvo_ml.monitoring.outcomes import Deciles, Ranked, Reliability
from cvo_ml.stats.intervals import Interval

#: One colour per meaning, distinguishable in all common forms of colour blindness (Okabe & Ito 2008).
OURS, OTHER, ACTUAL, MUTED = "#0072B2", "#B8B8B8", "#D55E00", "#999999"
#: Models that stand beside each other (Okabe & Ito 2008, without the colour of what was actual).
PALETTE: Final = (OURS, "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES: Final = ("solid", "dash", "dashdot", "longdash")
GROUP_ORDER: Final = ("Champions", "Loyal", "Recent", "Needs attention", "At risk", "Inactive")


def html(figure: go.Figure) -> str:
    """The figure as a piece of HTML that needs the page's own copy of plotly.js, below its title.

    The title stands in the page, where it breaks into lines; plotly would cut it off on a narrow screen.
    """
    untitled = go.Figure(figure).update_layout(title=None, margin={"t": 10})
    text: str = untitled.to_html(
        full_html=False, include_plotlyjs=False, config={"displayModeBar": False, "responsive": True}
    )
    return f"<h3>{escape(figure.layout.title.text)}</h3>\n{text}"


def styled(figure: go.Figure, title: str, x: str, y: str, height: int = 380) -> go.Figure:
    """Title, axes and legend as on every chart here."""
    figure.update_layout(
        title={"text": title, "x": 0, "xanchor": "left"},
        template="simple_white",
        height=height,
        margin={"l": 10, "r": 30, "t": 60, "b": 60},
        font={"family": "system-ui, sans-serif", "size": 14},
        # under the chart, where it can never run into the title
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0.5, "xanchor": "center"},
    )
    figure.update_xaxes(title={"text": x, "font": {"size": 14}}, automargin=True)
    figure.update_yaxes(title={"text": y, "font": {"size": 14}}, automargin=True)
    return figure


def error_bars(intervals: Sequence[Interval]) -> go.bar.ErrorX:
    """The error bars of bars at each ``estimate``, from ``lower`` to ``upper``."""
    return go.bar.ErrorX(
        type="data",
        symmetric=False,
        array=[interval.upper - interval.estimate for interval in intervals],
        arrayminus=[interval.estimate - interval.lower for interval in intervals],
        color="#444444",
    )


def drawn(spec: FigureSpec) -> go.Figure:
    """A figure that came as data: what was actual in its own colour, models in theirs, baselines dotted."""
    figure = go.Figure()
    models = [one.name for one in spec.series if one.role == "model"]
    baselines = [one.name for one in spec.series if one.role == "baseline"]
    named = any(isinstance(x, str) for one in spec.series for x in one.x)
    for one in spec.series:
        colour, dash = ACTUAL, "solid"
        if one.role == "model":  # models that agree lie on each other: the strokes of the later ones have gaps
            place = models.index(one.name)
            colour, dash = PALETTE[place % len(PALETTE)], DASHES[place % len(DASHES)]
        elif one.role == "baseline":
            colour, dash = (MUTED, OTHER)[baselines.index(one.name) % 2], "dot"
        if one.mark == "bar":
            figure.add_bar(x=list(one.x), y=list(one.y), name=one.name, marker_color=colour)
        else:
            line = {"color": colour, "width": 2, "dash": dash}
            marks = "lines+markers" if named else "lines"
            figure.add_scatter(x=list(one.x), y=list(one.y), name=one.name, mode=marks, line=line)
    if spec.line is not None:
        at, said = spec.line
        figure.add_vline(x=at, line={"dash": "dot", "color": "#444444", "width": 1}, annotation_text=said)
    if named:  # "7+" and "0–42" are no numbers
        figure.update_xaxes(type="category")
    figure.update_yaxes(rangemode="tozero")
    return styled(figure, spec.title, spec.x, spec.y)


def rankings(ranked: Sequence[Ranked], days: float) -> go.Figure:
    """What share of the window's value each ranking's top tenth held."""
    chance = Ranked("at random", Interval(0.1, 0.1, 0.1))
    # a window without any value has no shares
    known = [row for row in ranked if math.isfinite(row.top_decile_share.estimate)]
    ordered = sorted([*known, chance], key=lambda row: row.top_decile_share.estimate)
    share = [row.top_decile_share for row in ordered]
    figure = go.Figure(
        go.Bar(
            x=[s.estimate for s in share],
            y=[row.name for row in ordered],
            orientation="h",
            marker_color=[OURS if row.name == CLV.score else OTHER for row in ordered],
            error_x=error_bars(share),
            # inside, at the foot of the bar: at its end the interval would run through the number
            text=[f"{s.estimate:.0%}" for s in share],
            textposition="inside",
            insidetextanchor="start",
            textangle=0,
        )
    )
    figure.update_xaxes(tickformat=".0%", rangemode="tozero")
    title = f"Share of the next {days:.0f} days' value held by each ranking's top 10 % (95 % interval)"
    return styled(figure, title, "share of the window's value", "", 300)


def deciles(values: Deciles, currency: str) -> go.Figure:
    """Mean predicted and actual value in each tenth of the customers by prediction."""
    places = list(range(1, len(values.predicted) + 1))
    figure = go.Figure(
        [
            go.Bar(x=places, y=values.predicted, name="predicted", marker_color=OURS),
            go.Bar(x=places, y=values.actual, name="actual", marker_color=ACTUAL),
        ]
    )
    figure.update_xaxes(dtick=1)
    return styled(
        figure,
        "Predicted and actual value by decile",
        "decile of predicted_clv (10 = highest)",
        f"{currency} per customer",
    )


def reliability(points: Reliability) -> go.Figure:
    """Observed churn against the predicted probability."""
    figure = go.Figure(
        [
            go.Scatter(x=[0, 1], y=[0, 1], mode="lines", name="perfect", line={"dash": "dot", "color": MUTED}),
            go.Scatter(
                x=points.predicted,
                y=points.observed,
                mode="lines+markers",
                name="ten groups of equal size",
                line={"color": OURS},
            ),
        ]
    )
    figure.update_xaxes(range=[0, 1], tickformat=".0%")
    figure.update_yaxes(range=[0, 1], tickformat=".0%")
    return styled(figure, "Churn: predicted and observed", "predicted probability of churn", "observed churn rate")


def segments(scores: pd.DataFrame, currency: str) -> go.Figure:
    """Customers, value so far and value expected of each RFM group, as shares of all."""
    grouped = scores.groupby("rfm_group", observed=True).agg(
        customers=("customer_id", "size"), historic=("historic_clv", "sum"), predicted=("predicted_clv", "sum")
    )
    known = [name for name in GROUP_ORDER if name in grouped.index]
    grouped = grouped.loc[[*known, *sorted(set(grouped.index) - set(known))][::-1]]
    unit = "" if currency == "XXX" else f"{currency} "
    bars = [
        ("customers", "customers", "#56B4E9", "{:,.0f}"),
        ("historic", "value so far", "#E69F00", unit + "{:,.0f}"),
        ("predicted", "value expected", OURS, unit + "{:,.0f}"),
    ]
    figure = go.Figure()
    for column, name, colour, shown in reversed(bars):
        total = grouped[column].sum()
        if total > 0:
            figure.add_bar(
                y=grouped.index,
                x=grouped[column] / total,
                name=name,
                orientation="h",
                marker_color=colour,
                text=[shown.format(value) for value in grouped[column]],
                # beside the bar, but inside the longest ones on a narrow screen
                textposition="auto",
                insidetextanchor="end",
                textangle=0,
                textfont={"size": 11},
                cliponaxis=False,
            )
    # horizontal bars stack from below: both reversed, so that bars and legend read in the order above
    figure.update_layout(legend_traceorder="reversed", bargap=0.25)
    figure.update_xaxes(tickformat=".0%")
    figure.update_xaxes(range=[0, 1.15 * max(max(bar.x) for bar in figure.data)])
    return styled(figure, "RFM groups: who they are and what they are worth", "share of the total", "", 560)
