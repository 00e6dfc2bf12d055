"""The report's section on segments: the map of the groups, what they are worth, who moved and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import pandas as pd
import plotly.graph_objects as go
from jinja2 import Environment, StrictUndefined

from cvo_ml.config.next_actions import NextActions
from cvo_ml.report import charts
from cvo_ml.report.segment_text import concentration, percent, verdict
from cvo_ml.segments.group_profiles import profiles
from cvo_ml.segments.history import RunSegments
from cvo_ml.segments.movement import (
    GONE,
    NEW,
    AdverseFlow,
    FlipRate,
    PeriodMovement,
    adverse_flow,
    flip_rate,
    transitions,
)
from cvo_ml.segments.results_folder import SegmentFindings


@dataclass(frozen=True)
class _Moved:
    """Who moved since the run before, for the template."""

    before: str
    flips: FlipRate
    adverse: AdverseFlow
    chart: str


def segment_section(
    scores: pd.DataFrame,
    segments: RunSegments | None,
    actions: NextActions,
    findings: SegmentFindings | None,
    *,
    as_of: str,
    currency: str,
) -> str:
    """The section's HTML.

    Parameters
    ----------
    scores:
        A Scores table.
    segments:
        What the run's manifest says of its segments; None where an earlier version wrote it.
    findings:
        What ``cvo segment`` found for the same date and edges, or None.
    """
    known = scores[scores["rfm_group"].notna()]
    if known.empty:
        return "<p>No customer has an order left, so there is nobody to group.</p>"
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["money"] = lambda value: "–" if pd.isna(value) else f"{value:,.0f}"
    environment.filters["percent"] = percent
    template = environment.from_string(files("cvo_ml.report").joinpath("segments.html").read_text(encoding="utf-8"))
    groups = profiles(known.assign(net_value=known["historic_clv"]), "rfm_group")
    rows = [
        {**row, "action": actions.of(str(row["rfm_group"])).words} for row in groups.reset_index().to_dict("records")
    ]
    return template.render(
        in_force=None if segments is None else segments.in_force,
        map=charts.html(group_map(groups, currency)),
        rows=rows,
        has_value="predicted_clv" in groups,
        has_churn="churn_probability" in groups,
        moved=_moved(known, None if segments is None else segments.compared_with, as_of),
        sentences=[] if findings is None else _sentences(findings),
        months=charts.html(months(findings.monthly)) if findings is not None and findings.monthly else "",
    )


def group_map(groups: pd.DataFrame, currency: str) -> go.Figure:
    """Each group as an area of its customers, darker where a customer is worth more.

    Parameters
    ----------
    groups:
        As ``profiles`` gives them, with ``net_value`` and, where known, ``predicted_clv``.
    """
    unit = "" if currency == "XXX" else f" {currency}"
    each = groups["predicted_clv"] if "predicted_clv" in groups else groups["net_value"]
    figure = go.Figure(
        go.Treemap(
            ids=["all", *(f"group {name}" for name in groups.index)],
            labels=[f"{groups['customers'].sum():,} customers", *(f"<b>{name}</b>" for name in groups.index)],
            parents=["", *["all"] * len(groups)],
            values=[groups["customers"].sum(), *groups["customers"]],
            branchvalues="total",
            text=["", *_captions(groups, unit)],
            textinfo="label+text",
            # by rank: one rich group would leave all others in one colour
            marker={"colors": [-0.2, *each.rank(pct=True)], "colorscale": "Blues", "cmin": -0.2, "cmax": 2.0},
            hovertemplate="%{label}<br>%{text}<extra></extra>",
            textfont={"color": "#1c2733"},
            pathbar={"visible": False},
            tiling={"pad": 3},
        )
    )
    worth = "is expected to bring" if "predicted_clv" in groups else "has brought"
    title = f"The groups: area = customers, darker = a customer {worth} more"
    figure.update_layout(
        title={"text": title, "x": 0, "xanchor": "left"},
        height=420,
        margin={"l": 0, "r": 0, "t": 50, "b": 10},
        font={"family": "system-ui, sans-serif", "size": 14},
    )
    return figure


def _captions(groups: pd.DataFrame, unit: str) -> list[str]:
    """Customers and money of each group, a line each."""
    captions = []
    for row in groups.to_dict("records"):
        lines = [f"{row['customers']:,} customers ({row['share']:.0%})", f"{row['net_value_total']:,.0f}{unit} so far"]
        if "predicted_clv" in row:
            lines.append(f"{row['predicted_clv_total']:,.0f}{unit} expected")
        captions.append("<br>".join(lines))
    return captions


def flow_chart(matrix: pd.DataFrame, before: str, after: str) -> go.Figure:
    """From the groups of one date to those of another; who stayed is pale, who moved is not."""
    sources, targets = list(matrix.index), list(matrix.columns)
    pairs = [
        (source, target, int(matrix.loc[source, target]))
        for source in sources
        for target in targets
        if matrix.loc[source, target]
    ]
    places = {("before", name): place for place, name in enumerate(sources)}
    places |= {("after", name): len(sources) + place for place, name in enumerate(targets)}
    figure = go.Figure(
        go.Sankey(
            node={
                "label": [*sources, *targets],
                "color": [charts.MUTED if name in (NEW, GONE) else charts.OURS for name in [*sources, *targets]],
                "pad": 14,
                "thickness": 16,
            },
            link={
                "source": [places["before", source] for source, _, _ in pairs],
                "target": [places["after", target] for _, target, _ in pairs],
                "value": [count for _, _, count in pairs],
                "color": ["rgba(184,184,184,.35)" if a == b else "rgba(213,94,0,.45)" for a, b, _ in pairs],
            },
        )
    )
    figure.update_layout(
        title={"text": f"Groups of {before} (left) and {after} (right)", "x": 0, "xanchor": "left"},
        height=460,
        margin={"l": 0, "r": 0, "t": 50, "b": 10},
        font={"family": "system-ui, sans-serif", "size": 14},
    )
    return figure


def months(monthly: Sequence[PeriodMovement]) -> go.Figure:
    """How many customers each group held, month by month, all by the same edges."""
    sizes = {str(month.until): month.sizes() for month in monthly}
    names = sorted({name for held in sizes.values() for name in held})
    figure = go.Figure(
        [
            go.Scatter(x=list(sizes), y=[held.get(name, 0) for held in sizes.values()], name=name, stackgroup="all")
            for name in names
        ]
    )
    figure.update_layout(
        title={"text": "Customers in each group over time, by today's edges", "x": 0, "xanchor": "left"},
        template="simple_white",
        height=380,
        margin={"l": 10, "r": 30, "t": 60, "b": 60},
        font={"family": "system-ui, sans-serif", "size": 14},
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0.5, "xanchor": "center"},
    )
    figure.update_yaxes(title="customers", automargin=True)
    return figure


def _moved(known: pd.DataFrame, before: str | None, as_of: str) -> _Moved | None:
    """Who moved since the run before; None where there was none."""
    if before is None or not known["rfm_group_previous"].notna().any():
        return None
    table = known.set_index("customer_id")
    flips = flip_rate(table["rfm_group_previous"], table["rfm_group"], table["rfm_change_cause"])
    matrix = transitions(table["rfm_group_previous"], table["rfm_group"])
    # the earlier run is not at hand here, so a group is worth what its members of today are
    return _Moved(before, flips, adverse_flow(table, table), charts.html(flow_chart(matrix, before, as_of)))


def _sentences(findings: SegmentFindings) -> list[str]:
    sentences = [concentration(row) for row in findings.pareto]
    return sentences if findings.model_based is None else [*sentences, verdict(findings.model_based)]
