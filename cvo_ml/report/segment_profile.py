"""The profile of a shop's segments, in sentences and tables."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from cvo_ml.config.next_actions import NextActions
from cvo_ml.core.blocks import Block, Sentence, TextTable
from cvo_ml.report.segment_text import concentration, percent, verdict
from cvo_ml.report.text import money_words
from cvo_ml.segments.customer_table import LADDER
from cvo_ml.segments.model_based import ModelBased
from cvo_ml.segments.profile import MODEL_SEGMENT, RunMovement, SegmentProfile
from cvo_ml.segments.rules.custom_groups import BoxTable
from cvo_ml.segments.rules.edges import FIXED, SegmentEdges


def profile_blocks(profile: SegmentProfile, actions: NextActions, currency: str) -> Iterator[Block]:
    """The groups, the moves and the rest in a few tables."""
    edges, origin = profile.chosen.edges, profile.chosen.origin
    yield Sentence(
        f"{len(profile.customers):,} customers with an order as of {profile.as_of}; levels 1-{edges.scale}, "
        f"{edges.vocabulary} names, edges {edges.version} of {origin.cut_as_of} ({profile.chosen.how}); "
        f"tiers by {edges.tier_basis}; {money_words(currency)}"
    )
    yield levels_begin(edges)
    yield from _groups(profile, actions)
    if profile.custom_groups is not None:
        yield from _coverage(profile.custom_groups)
    yield from _people(profile)
    yield from _movement(profile)
    if profile.model_based is not None:
        yield from _model_based(profile.model_based, profile.customers[MODEL_SEGMENT].value_counts())


def levels_begin(edges: SegmentEdges) -> TextTable:
    """Where each level of R, F and M begins, as it was declared or cut."""
    days = [f"over {edge:,.0f}" for edge in reversed(edges.recency_days)]
    rows = [("R: days since the last order", edges.methods[0], *days, f"to {edges.recency_days[0]:,.0f}")]
    for name, method, values in (
        ("F: orders", edges.methods[1], edges.frequency),
        ("M: money so far", edges.methods[2], edges.monetary),
    ):
        if method == FIXED:  # the edges lie just below the values that were declared
            begins = [f"{np.nextafter(edge, np.inf):,.6g}" for edge in values]
            rows.append((name, method, f"below {begins[0]}", *(f"from {begin}" for begin in begins)))
        else:
            rows.append((name, method, f"to {values[0]:,.6g}", *(f"over {edge:,.6g}" for edge in values)))
    return TextTable("Where levels begin", ("", "cut by", *(f">{n}" for n in range(1, edges.scale + 1))), rows)


def _groups(profile: SegmentProfile, actions: NextActions) -> Iterator[Block]:
    rows = [
        (
            str(group),
            f"{row['customers']:,.0f}",
            f"{row['share']:.0%}",
            f"{row['net_value_total']:,.0f}",
            f"{row['net_value']:,.0f}",
            f"{row['net_value_lower']:,.0f} – {row['net_value_upper']:,.0f}",
            f"{row['number_of_orders']:.1f}",
            f"{row['days_since_last_order']:.0f}",
        )
        for group, row in profile.profiles("rfm_group").iterrows()
    ]
    columns = (
        "group", ">customers", ">share", ">money so far", ">each", ">95 % of the mean", ">orders", ">days",
    )  # fmt: skip
    yield TextTable("Groups", columns, rows)
    names = [row[0] for row in rows]
    words = [(name, actions.of(name).words) for name in names]
    yield TextTable("What to do with them, nothing of it measured", ("group", "next action"), words)
    clash = profile.about_to_dump_you
    if clash and clash.in_group_within_180_days:
        yield Sentence(
            f"About to dump you: {clash.in_group_within_180_days:,} of {clash.in_group:,} ordered within 180 days; "
            "where it should mean 'more than 6 months ago', use configs/policies/segments_fixed.yaml",
            "dim",
        )


def _coverage(groups: BoxTable) -> Iterator[Block]:
    counted = ("stated", "kept", "lost", "added", "cells")
    rows = [(str(group), *(f"{row[name]:.0f}" for name in counted)) for group, row in groups.coverage().iterrows()]
    yield TextTable("Own groups: cells", ("group", *(f">{name}" for name in counted)), rows)
    counts = ", ".join(f"{count} in {number}" for number, count in groups.covered().items())
    yield Sentence(f"Cells by the number of boxes that hold them: {counts}", "dim")


def _people(profile: SegmentProfile) -> Iterator[Block]:
    yield from (Sentence(concentration(row)) for row in profile.pareto)
    parts = [f"{stage.stage} {stage.customers:,}" for stage in profile.stages.flow()]
    unseen = f" (the tables cannot show {', '.join(profile.stages.unseen)})" if profile.stages.unseen else ""
    yield Sentence(f"Stages: {', '.join(parts)}{unseen}.")
    for name in profile.ladders:
        rungs = profile.customers[name].value_counts(sort=False)
        shown = ", ".join(f"{rung} {count:,}" for rung, count in rungs.items())
        yield Sentence(f"Ladder {name.removeprefix(LADDER)}: {shown}.")
    if "days_left" in profile.customers:
        left = profile.customers["days_left"]
        soon = ((left > 0) & (left <= 30)).sum()
        yield Sentence(f"Last chance: customers with 30 days or less until P(alive) falls too low: {soon:,}.")


def _movement(profile: SegmentProfile) -> Iterator[Block]:
    if profile.monthly:
        rows = []
        for month in profile.monthly:
            rate = month.flips.rate
            flow = [f"{name} {net:+,}" for name, net in month.net_flow.items() if net]
            rows.append((str(month.until), percent(rate) if rate else "–", ", ".join(flow)))
        yield TextTable("Month by month, by today's edges", ("to", ">changed group", "net flow"), rows)
    history = profile.history
    if history.last is None:
        yield Sentence(str(history.reason), "dim")
    else:
        yield from _moves(history.last)
    counts = history.events["trigger"].value_counts()
    if len(counts):
        shown = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        yield Sentence(f"Events in {history.runs} stored runs: {shown}.")


def _moves(last: RunMovement) -> Iterator[Block]:
    flips = last.flips
    causes = ", ".join(f"{name} {count:,}" for name, count in flips.causes.items())
    yield Sentence(
        f"From {last.since} to {last.until}: {flips.moved:,} of {flips.customers:,} "
        f"customers changed group ({percent(flips.rate) if flips.rate else '–'}{'; ' + causes if causes else ''})."
    )
    rows = []
    for row in last.moves.head(8).reset_index().to_dict("records"):
        each = "–" if row["mean_change"] != row["mean_change"] else f"{row['mean_change']:+,.1f}"
        rows.append((row["from"], row["to"], f"{row['customers']:,.0f}", f"{row['value_change']:+,.0f}", each))
    yield TextTable("Largest moves", ("from", "to", ">customers", ">expected value", ">each"), rows)
    if last.adverse.is_adverse:
        down, up = last.adverse.down, last.adverse.up
        yield Sentence(f"Adverse flow: {down:,} went to a poorer group, {up:,} to a richer one.", "yellow")


def _model_based(found: ModelBased, counts: pd.Series) -> Iterator[Block]:
    fitted = found.fitted
    rows = [(name, f"{counts.get(name, 0):,}", f"{stability:.2f}") for name, stability in fitted.stability.items()]
    title = f"Model-based segments ({fitted.segments.method})"
    yield TextTable(title, ("segment", ">customers", ">stability"), rows)
    yield Sentence(verdict(found.comparison))
