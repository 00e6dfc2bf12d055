"""The tables of ``cvo segment``."""

from __future__ import annotations

import pandas as pd
from rich.console import Console
from rich.table import Table

from cvo_ml.cli.views.check import notes
from cvo_ml.config.next_actions import NextActions
from cvo_ml.core.workspace import Workspace
from cvo_ml.report.segment_text import concentration, percent, verdict
from cvo_ml.report.text import money_words
from cvo_ml.workflows.segment import (
    LADDER,
    MODEL_SEGMENT,
    BoxTable,
    ModelBased,
    RunMovement,
    SegmentProfile,
    SegmentResult,
)


def segments(screen: Console, result: SegmentResult, workspace: Workspace) -> None:
    """The profile, and what was written of it."""
    profiled(screen, result.profile, result.actions, result.currency)
    if result.no_window:
        screen.print(f"[dim]No last-chance window: {result.no_window}[/]", highlight=False)
    notes(screen, result.notes)
    written = f"{workspace.segments}: {', '.join(result.files)}"
    screen.print(written if result.files else "Dry run: nothing was written, no edge frozen.", highlight=False)


def profiled(screen: Console, profile: SegmentProfile, actions: NextActions, currency: str) -> None:
    """The groups, the moves and the rest in a few tables."""
    edges = profile.chosen.edges
    screen.print(
        f"{len(profile.customers):,} customers with an order as of {profile.as_of}; levels 1-{edges.scale}, "
        f"{edges.vocabulary} names, edges {edges.version} of {profile.chosen.origin.cut_as_of} ({profile.chosen.how}); "
        f"tiers by {edges.tier_basis}; {money_words(currency)}",
        highlight=False,
    )
    _edges(screen, profile)
    _groups(screen, profile, actions)
    if profile.custom_groups is not None:
        _coverage(screen, profile.custom_groups)
    _people(screen, profile)
    _movement(screen, profile)
    if profile.model_based is not None:
        _model_based(screen, profile.model_based, profile.customers[MODEL_SEGMENT].value_counts())


def _table(title: str, *columns: tuple[str, str]) -> Table:
    table = Table(title=title, title_justify="left", show_edge=False)
    for name, justify in columns:
        table.add_column(name, justify="right" if justify == ">" else "left")
    return table


def _edges(screen: Console, profile: SegmentProfile) -> None:
    edges = profile.chosen.edges
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


def _groups(screen: Console, profile: SegmentProfile, actions: NextActions) -> None:
    table = _table(
        "Groups", ("group", "<"), ("customers", ">"), ("share", ">"), ("money so far", ">"), ("each", ">"),
        ("95 % interval", ">"), ("orders", ">"), ("days", ">"), ("next action, nothing measured", "<"),
    )  # fmt: skip
    for group, row in profile.profiles("rfm_group").iterrows():
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
    clash = profile.about_to_dump_you
    if clash and clash.in_group_within_180_days:
        screen.print(
            f"[dim]About to dump you: {clash.in_group_within_180_days:,} of {clash.in_group:,} ordered within 180"
            " days; where it should mean 'more than 6 months ago', use configs/policies/segments_fixed.yaml[/]",
            highlight=False,
        )


def _coverage(screen: Console, groups: BoxTable) -> None:
    table = _table(
        "Own groups: cells",
        *((name, ">" if name != "group" else "<") for name in ("group", "stated", "kept", "lost", "added", "cells")),
    )
    for group, row in groups.coverage().iterrows():
        table.add_row(str(group), *(f"{row[name]:.0f}" for name in ("stated", "kept", "lost", "added", "cells")))
    screen.print(table)
    counts = ", ".join(f"{count} in {number}" for number, count in groups.covered().items())
    screen.print(f"[dim]Cells by the number of boxes that hold them: {counts}[/]", highlight=False)


def _people(screen: Console, profile: SegmentProfile) -> None:
    for row in profile.pareto:
        screen.print(concentration(row), highlight=False)
    parts = [f"{stage.stage} {stage.customers:,}" for stage in profile.stages.flow()]
    unseen = f" (the tables cannot show {', '.join(profile.stages.unseen)})" if profile.stages.unseen else ""
    screen.print(f"Stages: {', '.join(parts)}{unseen}.", highlight=False)
    for name in profile.ladders:
        rungs = profile.customers[name].value_counts(sort=False)
        shown = ", ".join(f"{rung} {count:,}" for rung, count in rungs.items())
        screen.print(f"Ladder {name.removeprefix(LADDER)}: {shown}.", highlight=False)
    if "days_left" in profile.customers:
        left = profile.customers["days_left"]
        soon = ((left > 0) & (left <= 30)).sum()
        screen.print(
            f"Last chance: customers with 30 days or less until P(alive) falls too low: {soon:,}.", highlight=False
        )


def _movement(screen: Console, profile: SegmentProfile) -> None:
    if profile.monthly:
        table = _table("Month by month, by today's edges", ("to", "<"), ("changed group", ">"), ("net flow", "<"))
        for month in profile.monthly:
            rate = month.flips.rate
            flow = [f"{name} {net:+,}" for name, net in month.net_flow.items() if net]
            table.add_row(str(month.until), percent(rate) if rate else "–", ", ".join(flow))
        screen.print(table)
    history = profile.history
    if history.last is None:
        screen.print(f"[dim]{history.reason}[/]", highlight=False)
    else:
        _moves(screen, history.last)
    counts = history.events["trigger"].value_counts()
    if len(counts):
        shown = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        screen.print(f"Events in {history.runs} stored runs: {shown}.", highlight=False)


def _moves(screen: Console, last: RunMovement) -> None:
    flips = last.flips
    causes = ", ".join(f"{name} {count:,}" for name, count in flips.causes.items())
    screen.print(
        f"From {last.since} to {last.until}: {flips.moved:,} of {flips.customers:,} "
        f"customers changed group ({percent(flips.rate) if flips.rate else '–'}{'; ' + causes if causes else ''}).",
        highlight=False,
    )
    table = _table(
        "Largest moves", ("from", "<"), ("to", "<"), ("customers", ">"), ("expected value", ">"), ("each", ">")
    )
    for row in last.moves.head(8).reset_index().to_dict("records"):
        each = "–" if row["mean_change"] != row["mean_change"] else f"{row['mean_change']:+,.1f}"
        table.add_row(row["from"], row["to"], f"{row['customers']:,.0f}", f"{row['value_change']:+,.0f}", each)
    screen.print(table)
    if last.adverse.is_adverse:
        down, up = last.adverse.down, last.adverse.up
        screen.print(
            f"[yellow]Adverse flow: {down:,} went to a poorer group, {up:,} to a richer one.[/]", highlight=False
        )


def _model_based(screen: Console, found: ModelBased, counts: pd.Series) -> None:
    fitted = found.fitted
    table = _table(
        f"Model-based segments ({fitted.segments.method})", ("segment", "<"), ("customers", ">"), ("stability", ">")
    )
    for name, stability in fitted.stability.items():
        table.add_row(name, f"{counts.get(name, 0):,}", f"{stability:.2f}")
    screen.print(table)
    screen.print(verdict(found.comparison), highlight=False)
