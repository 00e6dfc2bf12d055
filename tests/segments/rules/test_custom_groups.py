"""Groups of one's own: the precedence and the nearest rule, checked against the vendored tables (RFM.md §1-3)."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cvo_ml.config.segments import GroupBox, SegmentPolicy
from cvo_ml.core.errors import ConfigError
from cvo_ml.segments import box_table, fit_edges, segment
from cvo_ml.segments.rules.custom_groups import BANDS
from cvo_ml.segments.rules.groups import cells
from tests.segments.customers import rfm

Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]

#: RFM.md §1, in the order of RFM.md §3 where volumes are equal.
KLAVIYO: dict[str, Box] = {
    "Champions": ((3, 3), (2, 3), (2, 3)),
    "Inactive": ((1, 1), (1, 2), (1, 3)),
    "Loyal": ((2, 3), (2, 3), (1, 3)),
    "Recent": ((2, 3), (1, 2), (1, 3)),
    "At risk": ((1, 2), (1, 3), (1, 2)),
    "Needs attention": ((1, 2), (1, 3), (1, 3)),
}
REVEAL: dict[str, Box] = {
    "Soulmates": ((5, 5), (5, 5), (5, 5)),
    "Ex-lovers": ((1, 1), (5, 5), (5, 5)),
    "Don Juan": ((1, 1), (1, 1), (5, 5)),
    "Flirting": ((4, 4), (1, 1), (4, 4)),
    "Apprentice": ((4, 4), (1, 1), (1, 1)),
    "Break-up": ((1, 1), (2, 2), (1, 1)),
    "New passion": ((5, 5), (1, 1), (4, 5)),
    "Potential lovers": ((5, 5), (1, 2), (5, 5)),
    "Platonic friend": ((3, 4), (3, 3), (3, 4)),
    "Lovers": ((4, 5), (3, 5), (3, 5)),
    "About to dump you": ((2, 3), (1, 5), (1, 5)),
}


def boxes(named: dict[str, Box]) -> list[GroupBox]:
    return [GroupBox(name=name, r=r, f=f, m=m) for name, (r, f, m) in named.items()]


def vendored(table: str) -> list[dict[str, str]]:
    text = files("cvo_ml.segments").joinpath("tables", table).read_text(encoding="utf-8")
    return sorted(csv.DictReader(text.splitlines()), key=lambda row: row["cell"])


@pytest.mark.parametrize(
    ("table", "named", "scale"), [("klaviyo_cube.csv", KLAVIYO, 3), ("reveal_cube.csv", REVEAL, 5)]
)
def test_the_rule_reproduces_the_vendored_precedence_of_every_cell(
    table: str, named: dict[str, Box], scale: int
) -> None:
    found = box_table(boxes(named), scale)
    rows = vendored(table)
    assert found.groups == tuple(row["precedence_group"] for row in rows)
    assert [len(names) for names in found.covering] == [int(row["n_covering"]) for row in rows]
    assert [set(names) for names in found.covering] == [set(filter(None, row["covering"].split("|"))) for row in rows]


def test_the_reveal_boxes_give_the_recommended_group_of_all_125_cells() -> None:
    assert box_table(boxes(REVEAL), 5).groups == tuple(row["recommended"] for row in vendored("reveal_cube.csv"))


def test_coverage_counts_what_the_sources_leave_open() -> None:
    # RFM.md §2: Klaviyo 0 uncovered, 5 once, 9 twice, 11 three times, 2 four times; Reveal 49, 70, 6
    assert box_table(boxes(KLAVIYO), 3).covered() == {1: 5, 2: 9, 3: 11, 4: 2}
    assert box_table(boxes(REVEAL), 5).covered() == {0: 49, 1: 70, 2: 6}


def test_coverage_says_of_each_group_what_it_stated_lost_and_was_given() -> None:
    coverage = box_table(boxes(REVEAL), 5).coverage()
    assert coverage["cells"].sum() == 125
    # RFM.md §5: 15 of 18 stated cells kept, 12 added; 48 of 50; 515 goes to New passion
    assert coverage.loc["Lovers", ["stated", "kept", "lost", "added", "cells"]].tolist() == [18, 15, 3, 12, 27]
    assert coverage.loc["About to dump you", ["stated", "kept", "added"]].tolist() == [50, 48, 0]
    assert coverage.loc["Potential lovers", ["stated", "kept", "added", "cells"]].tolist() == [2, 1, 2, 3]
    assert coverage.loc["Soulmates", ["stated", "stated_alone", "cells"]].tolist() == [1, 0, 1]


RANGES = st.tuples(st.integers(1, 4), st.integers(1, 4)).map(lambda pair: (min(pair), max(pair)))


@given(st.lists(st.tuples(RANGES, RANGES, RANGES), min_size=1, max_size=6))
def test_any_boxes_give_every_cell_one_group_whose_range_holds_it_where_any_does(drawn: list[Box]) -> None:
    named = boxes({f"g{place}": box for place, box in enumerate(drawn)})
    try:
        table = box_table(named, 4)
    except ConfigError:
        return  # a group without a cell: its own test is below
    by_name = {box.name: box for box in named}
    assert set(table.groups) == set(by_name)
    for cell, group, names in zip(cells(4), table.groups, table.covering, strict=True):
        holding = [
            box.name
            for box in named
            if all(low <= level <= high for (low, high), level in zip((box.r, box.f, box.m), cell, strict=True))
        ]
        assert set(names) == set(holding)
        assert group in holding or not holding
    reached = {BANDS[4][level - 1] for box in named for level in range(box.r[0], box.r[1] + 1)}
    for cell, group in zip(cells(4), table.groups, strict=True):
        band = BANDS[4][cell[0] - 1]
        low, high = by_name[group].r
        if band in reached:
            assert band in {BANDS[4][level - 1] for level in range(low, high + 1)}


def test_a_group_without_any_cell_is_refused() -> None:
    twins = [GroupBox(name=name, r=(1, 3), f=(1, 3), m=(1, 3)) for name in ("all", "none left")]
    with pytest.raises(ConfigError, match="group 'none left' gets no cell"):
        box_table(twins, 3)


def test_a_policy_of_ones_own_groups_reaches_the_customers() -> None:
    policy = SegmentPolicy(
        scale=3,
        vocabulary="own",
        groups=(
            GroupBox(name="everybody", r=(1, 3), f=(1, 3), m=(1, 3)),
            GroupBox(name="VIP", r=(3, 3), f=(3, 3), m=(3, 3)),
        ),
    )
    table = rfm(*[(10.0 * i, 10.0 - i, 1000.0 - 100 * i) for i in range(1, 10)])
    edges = fit_edges(table, policy)
    assert list(segment(table, edges).groups()) == ["VIP"] * 3 + ["everybody"] * 6
    assert edges.version != fit_edges(table, SegmentPolicy(scale=3)).version
