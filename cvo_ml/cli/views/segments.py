"""The tables of ``cvo segment``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from cvo_ml.config.next_actions import NextActions
from cvo_ml.report.segment_text import concentration, percent, verdict
from cvo_ml.report.text import money_words
from cvo_ml.segments.analysis import Analysis


def show(screen: Console, found: Analysis, actions: NextActions, currency: str) -> None:
    """The groups, the moves and the rest in a few tables."""
    edges = found.chosen.edges
    screen.print(
        f"{len(found.customers):,} customers with an order as of {found.as_of}; levels 1-{edges.scale}, "
        f"{edges.vocabulary} names, edges {edges.version} of {found.chosen.facts['cut_as_of']} ({found.chosen.how}); "
        f"tiers by {edges.tier_basis}; {money_words(currency)}",
        highlight=False,
    )
    _edges(screen, found)
    _groups(screen, found, actions)
    if found.boxes is not None:
        _coverage(screen, found)
    _people(screen, found)
    _movement(screen, found)
    if found.beside is not None:
        _beside(screen, found)


def _table(title: str, *columns: tuple[str, str]) -> Table:
    table = Table(title=title, title_justify="left", show_edge=False)
    for name, justify in columns:
        table.add_column(name, justify="right" if justify == ">" else "left")
    return table


def _edges(screen: Console, found: Analysis) -> None:
    edges = found.chosen.edges
    table = _table(
        "Where levels begin", ("", "<"), ("cut by", "<"), *((str(n), ">") for n in range(1, edges.scale + 1))
    )
    days = [f"over {edge:,.0f}" for edge in reversed(edges.recency_days)]
    table.add_row("R: days since the last order", edges.methods[0], *days, f"to {edges.recency_days[0]:,.0f}")
    for name, method, values in (
        ("F: orders", edges.methods[1], edges.frequency),
        ("M: money so far", edges.methods[2], edges.monetary),
    ):
        table.add_row(name, method, f"to {values[0]:,.6g}", *(f"over {edge:,.6g}" for edge in values))
    screen.print(table)


def _groups(screen: Console, found: Analysis, actions: NextActions) -> None:
    table = _table(
        "Groups", ("group", "<"), ("customers", ">"), ("share", ">"), ("money so far", ">"), ("each", ">"),
        ("95 % interval", ">"), ("orders", ">"), ("days", ">"), ("next action, nothing measured", "<"),
    )  # fmt: skip
    for group, row in found.profiles("rfm_group").iterrows():
        table.add_row(
            str(group),
            f"{row['customers']:,.0f}",
            f"{row['share']:.0%}",
            f"{row['net_value_total']:,.0f}",
            f"{row['net_value']:,.0f}",
            f"{row['net_value_lower']:,.0f} – {row['net_value_upper']:,.0f}",
            f"{row['number_of_orders']:.1f}",
            f"{row['days_since_last_order']:.0f}",
            actions.of(str(group)).words,
        )
    screen.print(table)
    clash = found.facts["about_to_dump_you"]
    if clash and clash["in_group_within_180_days"]:
        screen.print(
            f"[dim]About to dump you: {clash['in_group_within_180_days']:,} of {clash['in_group']:,} ordered within 180"
            " days; where it should mean 'more than 6 months ago', use configs/policies/segments_fixed.yaml[/]",
            highlight=False,
        )


def _coverage(screen: Console, found: Analysis) -> None:
    assert found.boxes is not None
    table = _table(
        "Own groups: cells",
        *((name, ">" if name != "group" else "<") for name in ("group", "stated", "kept", "lost", "added", "cells")),
    )
    for group, row in found.boxes.coverage().iterrows():
        table.add_row(str(group), *(f"{row[name]:.0f}" for name in ("stated", "kept", "lost", "added", "cells")))
    screen.print(table)
    counts = ", ".join(f"{count} in {number}" for number, count in found.boxes.covered().items())
    screen.print(f"[dim]Cells by the number of boxes that hold them: {counts}[/]", highlight=False)


def _people(screen: Console, found: Analysis) -> None:
    for row in found.facts["pareto"]:
        screen.print(concentration(row), highlight=False)
    parts = [f"{row['stage']} {row['customers']:,}" for row in found.stages.flow()]
    unseen = f" (the tables cannot show {', '.join(found.stages.unseen)})" if found.stages.unseen else ""
    screen.print(f"Stages: {', '.join(parts)}{unseen}.", highlight=False)
    for name in (str(column) for column in found.customers if str(column).startswith("ladder_")):
        rungs = found.customers[name].value_counts(sort=False)
        shown = ", ".join(f"{rung} {count:,}" for rung, count in rungs.items())
        screen.print(f"Ladder {name.removeprefix('ladder_')}: {shown}.", highlight=False)
    if "days_left" in found.customers:
        left = found.customers["days_left"]
        soon = ((left > 0) & (left <= 30)).sum()
        screen.print(
            f"Last chance: customers with 30 days or less until P(alive) falls too low: {soon:,}.", highlight=False
        )


def _movement(screen: Console, found: Analysis) -> None:
    if found.monthly:
        table = _table("Month by month, by today's edges", ("to", "<"), ("changed group", ">"), ("net flow", "<"))
        for month in found.monthly:
            rate = month["flips"]["rate"]
            flow = [f"{name} {net:+,}" for name, net in month["net_flow"].items() if net]
            table.add_row(month["to"], percent(rate) if rate else "–", ", ".join(flow))
        screen.print(table)
    facts = found.runs.facts
    if found.runs.moves is None:
        screen.print(f"[dim]{facts['reason']}[/]", highlight=False)
    else:
        _moves(screen, found, facts)
    counts = found.runs.events["trigger"].value_counts()
    if len(counts):
        shown = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        screen.print(f"Events in {facts['runs']} stored runs: {shown}.", highlight=False)


def _moves(screen: Console, found: Analysis, facts: Mapping[str, Any]) -> None:
    assert found.runs.moves is not None
    causes = ", ".join(f"{name} {count:,}" for name, count in facts["flips"]["causes"].items())
    rate = facts["flips"]["rate"]
    screen.print(
        f"From {facts['from']} to {facts['to']}: {facts['flips']['moved']:,} of {facts['flips']['customers']:,} "
        f"customers changed group ({percent(rate) if rate else '–'}{'; ' + causes if causes else ''}).",
        highlight=False,
    )
    table = _table(
        "Largest moves", ("from", "<"), ("to", "<"), ("customers", ">"), ("expected value", ">"), ("each", ">")
    )
    for row in found.runs.moves.head(8).reset_index().to_dict("records"):
        each = "–" if row["mean_change"] != row["mean_change"] else f"{row['mean_change']:+,.1f}"
        table.add_row(row["from"], row["to"], f"{row['customers']:,.0f}", f"{row['value_change']:+,.0f}", each)
    screen.print(table)
    if facts["adverse"]["is_adverse"]:
        adverse = facts["adverse"]
        screen.print(
            f"[yellow]Adverse flow: {adverse['down']:,} went to a poorer group, {adverse['up']:,} to a richer one.[/]",
            highlight=False,
        )


def _beside(screen: Console, found: Analysis) -> None:
    assert found.beside is not None
    fitted, compared = found.beside
    table = _table(
        f"Model-based segments ({fitted.segments.method})", ("segment", "<"), ("customers", ">"), ("stability", ">")
    )
    counts = found.customers["model_segment"].value_counts()
    for name, stability in fitted.stability.items():
        table.add_row(name, f"{counts.get(name, 0):,}", f"{stability:.2f}")
    screen.print(table)
    screen.print(verdict(compared, fitted.stable), highlight=False)
