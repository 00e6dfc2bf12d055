"""One customer as a page of its own, as charts, and as a notebook shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from html import escape
from itertools import accumulate
from textwrap import wrap
from typing import Final, Self

import plotly.graph_objects as go

from cvo_ml.core.blocks import Block, TextTable
from cvo_ml.core.errors import UsageError, shortened
from cvo_ml.core.explanation import AlivePath, CustomerExplanation, ModelReasons
from cvo_ml.core.models import model_spec
from cvo_ml.report import charts
from cvo_ml.report.templates import fill
from cvo_ml.report.text import customer as words

#: reasons that a chart shows
MOST_BARS: Final = 10


def customer_page(said: CustomerExplanation) -> str:
    """The page's HTML, complete in itself."""
    return fill(
        "customer.html",
        said=said,
        history=words.history_words(said.history),
        segment="" if said.segment is None else words.segment_words(said.segment),
        action="" if said.action is None else words.action_words(said.action),
        path="" if said.path.reason else charts.html(alive_figure(said)),
        reasons=[(reasons, charts.html(reasons_figure(reasons, said.currency))) for reasons in said.reasons
                 if not reasons.reason],
        absent=[(model_spec(reasons.model).title, reasons.reason) for reasons in said.reasons if reasons.reason],
        words=words,
        titles={group.model: model_spec(group.model) for group in said.scores},
    )  # fmt: skip


def alive_figure(said: CustomerExplanation) -> go.Figure:
    """P(alive) through time with the orders on it; dashed after the date, if no order comes."""
    path, now = said.path, said.as_of
    if path.reason:
        return charts.styled(go.Figure(), f"P(alive): no path ({path.reason})", "", "P(alive)")
    before = [place for place, day in enumerate(path.days) if day <= now]
    after = [place for place, day in enumerate(path.days) if day >= now]
    figure = go.Figure(
        [
            _line(path, before, "on what was known", {"color": charts.OURS}),
            _line(path, after, "if no order comes", {"color": charts.OURS, "dash": "dash"}),
            go.Scatter(
                x=list(path.purchases),
                y=[_at(path, place) for place in range(len(path.purchases))],
                mode="markers",
                name="order",
                marker={"color": charts.ACTUAL, "size": 9, "symbol": "circle"},
                hovertemplate="order on %{x|%Y-%m-%d}<extra></extra>",
            ),
        ]
    )
    figure.update_yaxes(range=[0, 1.05], tickformat=".0%")
    return charts.styled(figure, f"P(alive) through time, as of {now}", "", "P(alive)", 340)


def reasons_figure(reasons: ModelReasons, currency: str) -> go.Figure:
    """What moves a score: a waterfall where the parts add up, bars where they need not."""
    score = model_spec(reasons.model).score
    shown, rest = reasons.parts[:MOST_BARS], reasons.parts[MOST_BARS:]
    names = [_broken(part.name) for part in shown] + [f"{len(rest)} more"] * bool(rest)
    effects = [part.effect for part in shown] + [sum(part.effect for part in rest)] * bool(rest)
    if reasons.start is not None and reasons.end is not None:
        figure = go.Figure(
            go.Waterfall(
                orientation="h",
                y=[_broken("typical customer"), *names, _broken("this customer")],
                x=[reasons.start, *effects, 0.0],
                measure=["absolute", *["relative"] * len(effects), "total"],
                text=[f"{reasons.start:,.0f}", *(f"{size:+,.0f}" for size in effects), f"{reasons.end:,.0f}"],
                textposition="auto",
                textangle=0,
                cliponaxis=False,
                increasing={"marker": {"color": charts.OURS}},
                decreasing={"marker": {"color": charts.ACTUAL}},
                totals={"marker": {"color": charts.OTHER}},
            )
        )
        unit = "money" if currency == "XXX" else currency
        reached = [reasons.start, *(reasons.start + total for total in accumulate(effects))]
        figure.update_xaxes(range=_roomy([*reached, reasons.end]))
    else:
        points = [100 * size for size in effects]
        figure = go.Figure(
            go.Bar(
                orientation="h",
                y=names,
                x=points,
                marker_color=[charts.ACTUAL if size < 0 else charts.OURS for size in points],
                text=[f"{size:+.1f}" for size in points],
                textposition="auto",
                textangle=0,
                cliponaxis=False,
            )
        )
        unit = "percentage points"
        figure.update_xaxes(range=_roomy(points))
    figure.update_yaxes(autorange="reversed")
    height = 140 + 34 * (len(names) + 2)
    return charts.styled(figure, f"Why this {score}", unit, "", height).update_layout(showlegend=False)


@dataclass(frozen=True, repr=False)
class CustomerInNotebook(CustomerExplanation):
    """An explanation that a notebook shows as tables, and draws.

    Parameters
    ----------
    As ``CustomerExplanation``.
    """

    @classmethod
    def of(cls, said: CustomerExplanation) -> Self:
        """The same explanation."""
        return cls(**{field.name: getattr(said, field.name) for field in fields(said)})

    def plot(self, what: str = "p_alive") -> go.Figure:
        """The P(alive) path, or the reasons of a model by its name.

        Raises
        ------
        UsageError
            If ``what`` is neither.
        """
        if what == "p_alive":
            return alive_figure(self)
        reasons = next((reasons for reasons in self.reasons if reasons.model == what), None)
        if reasons is None:
            names = ", ".join(reasons.model for reasons in self.reasons)
            raise UsageError(f"plot: there is nothing {shortened(what)} to draw: use p_alive, {names}")
        return reasons_figure(reasons, self.currency)

    def _repr_html_(self) -> str:
        return "\n".join(_html(words.customer_blocks(self)))


def _html(blocks: Iterator[Block]) -> Iterator[str]:
    """Blocks as plain HTML, for whatever shows it."""
    for block in blocks:
        if isinstance(block, TextTable):
            head = "".join(f"<th>{escape(name.removeprefix('>'))}</th>" for name in block.columns)
            sides = ["right" if name.startswith(">") else "left" for name in block.columns]
            yield f"<p><b>{escape(block.title)}</b></p><table><tr>{head}</tr>"
            for row in block.rows:
                cells = zip(sides, row, strict=True)
                yield "<tr>" + "".join(f'<td style="text-align:{side}">{escape(text)}</td>' for side, text in cells)
            yield "</table>"
        elif block.text.strip(" o|"):
            text = escape(block.text)
            yield f"<p>{f'<b>{text}</b>' if block.style == 'bold' else text}</p>"


def _broken(name: str) -> str:
    """A name in lines that a narrow screen has room for."""
    return "<br>".join(wrap(name, 14, break_long_words=False)) or name


def _roomy(values: Sequence[float]) -> list[float]:
    """A range that holds zero and the values, with room for the numbers beside the bars."""
    low, high = min(0.0, *values), max(0.0, *values)
    room = 0.4 * (high - low)
    return [low - room * (low < 0), high + room]


def _line(path: AlivePath, places: list[int], name: str, line: dict[str, str]) -> go.Scatter:
    return go.Scatter(
        x=[path.days[place] for place in places],
        y=[None if path.p_alive[place] != path.p_alive[place] else path.p_alive[place] for place in places],
        mode="lines",
        name=name,
        line=line,
        hovertemplate="%{x|%Y-%m-%d}: %{y:.1%}<extra></extra>",
    )


def _at(path: AlivePath, place: int) -> float:
    """Where an order's mark stands: on the line at its day, before the order is known; the first at its start."""
    bought = path.purchases[place]
    seen = [p for day, p in zip(path.days, path.p_alive, strict=True) if day <= bought]
    return seen[-1] if seen else path.p_alive[0]
