"""RFM groups: the vendored tables against what the sources state (RFM.md)."""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from importlib.resources import files

import pytest

from cvo_ml.core.errors import UsageError
from cvo_ml.segments import rfm_group
from cvo_ml.segments.rules.groups import TABLES

#: RFM.md §4: the recommended table of the six Klaviyo names.
KLAVIYO = {
    "Champions": "323 332 333",
    "Loyal": "232 233 321 322 331",
    "Recent": "221 222 311 312 313",
    "Needs attention": "123 132 133 213 223 231",
    "At risk": "122 131 211 212",
    "Inactive": "111 112 113 121",
}
#: RFM.md §1: R, F and M ranges as the source states them.
KLAVIYO_RANGES = {
    "Champions": ((3, 3), (2, 3), (2, 3)),
    "Loyal": ((2, 3), (2, 3), (1, 3)),
    "Recent": ((2, 3), (1, 2), (1, 3)),
    "Needs attention": ((1, 2), (1, 3), (1, 3)),
    "At risk": ((1, 2), (1, 3), (1, 2)),
    "Inactive": ((1, 1), (1, 2), (1, 3)),
}
#: RFM.md §5: stated cells kept and cells added, of all groups but About to dump you.
REVEAL = {
    "Break-up": "121 111 112 122 123 131 132 133 141 142 151",
    "Don Juan": "115 113 114 124 125",
    "Ex-lovers": "155 134 135 143 144 145 152 153 154",
    "Platonic friend": "333 334 433 434 423 431 432",
    "Apprentice": "411 412 421 422 511 512 521",
    "Flirting": "414 413 424",
    "New passion": "514 515 415 513",
    "Potential lovers": "525 425 524",
    "Lovers": "435 443 444 445 453 454 455 533 534 535 543 544 545 553 554 "
    "441 442 451 452 522 523 531 532 541 542 551 552",
    "Soulmates": "555",
}
FOUR_SCALE_SIZES = {
    "Recent": 16,
    "Needs attention": 13,
    "Loyal": 13,
    "At risk": 11,
    "Inactive": 6,
    "Champions": 5,
}
SIZES = {"klaviyo_cube.csv": 27, "four_scale_cube.csv": 64, "reveal_cube.csv": 125}


def cells(scale: int) -> list[tuple[int, int, int]]:
    return list(itertools.product(range(1, scale + 1), repeat=3))


def groups(scale: int, vocabulary: str) -> dict[tuple[int, int, int], str]:
    return {cell: rfm_group(*cell, scale=scale, vocabulary=vocabulary) for cell in cells(scale)}


def as_cells(text: str) -> set[tuple[int, int, int]]:
    return {(int(cell[0]), int(cell[1]), int(cell[2])) for cell in text.split()}


@pytest.mark.parametrize("table", sorted(SIZES))
def test_each_vendored_table_holds_every_cell_once_with_one_group(table: str) -> None:
    text = files("cvo_ml.segments").joinpath("tables", table).read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    scale = round(SIZES[table] ** (1 / 3))
    assert sorted((int(row["R"]), int(row["F"]), int(row["M"])) for row in rows) == cells(scale)
    assert all(row["cell"] == row["R"] + row["F"] + row["M"] for row in rows)
    assert all(row["recommended"] for row in rows)


def test_klaviyo_at_scale_3_is_the_recommended_table_cell_by_cell() -> None:
    expected = {cell: group for group, text in KLAVIYO.items() for cell in as_cells(text)}
    assert groups(3, "klaviyo") == expected


@pytest.mark.parametrize("group", list(KLAVIYO))
def test_the_bounding_box_of_each_klaviyo_group_is_the_range_that_the_source_states(group: str) -> None:
    own = [cell for cell, name in groups(3, "klaviyo").items() if name == group]
    assert tuple((min(axis), max(axis)) for axis in zip(*own, strict=True)) == KLAVIYO_RANGES[group]


def test_reveal_at_scale_5_is_the_recommended_table_cell_by_cell() -> None:
    expected = {cell: group for group, text in REVEAL.items() for cell in as_cells(text)}
    expected |= {cell: "About to dump you" for cell in cells(5) if cell not in expected}
    assert groups(5, "reveal") == expected
    assert Counter(expected.values())["About to dump you"] == 48


def test_the_four_scale_table_has_the_sizes_of_the_source_and_collapses_to_klaviyo() -> None:
    four, three = groups(4, "klaviyo"), groups(3, "klaviyo")
    assert Counter(four.values()) == FOUR_SCALE_SIZES
    level = {1: 1, 2: 2, 3: 2, 4: 3}
    assert four == {cell: three[level[cell[0]], level[cell[1]], level[cell[2]]] for cell in cells(4)}


@pytest.mark.parametrize(
    ("vocabulary", "scale", "own_scale", "levels"),
    [("klaviyo", 5, 3, (1, 1, 2, 3, 3)), ("reveal", 3, 5, (1, 3, 5)), ("reveal", 4, 5, (1, 2, 4, 5))],
)
def test_a_foreign_scale_maps_by_percentile_mid_point(
    vocabulary: str, scale: int, own_scale: int, levels: tuple[int, ...]
) -> None:
    own = groups(own_scale, vocabulary)
    expected = {(r, f, m): own[levels[r - 1], levels[f - 1], levels[m - 1]] for r, f, m in cells(scale)}
    assert groups(scale, vocabulary) == expected


@pytest.mark.parametrize(("vocabulary", "scale"), sorted(TABLES))
def test_the_lapsed_never_carry_an_active_name_and_the_reverse(vocabulary: str, scale: int) -> None:
    active = {"Champions", "Loyal", "Recent", "Soulmates", "Lovers", "New passion", "Flirting", "Potential lovers"}
    lapsed = {"Inactive", "Break-up", "Don Juan", "Ex-lovers"}
    named = groups(scale, vocabulary)
    assert not {group for cell, group in named.items() if cell[0] == 1} & active
    assert not {group for cell, group in named.items() if cell[0] == scale} & lapsed


@pytest.mark.parametrize("cell", [(0, 1, 1), (1, 4, 1), (1, 1, -1)])
def test_a_score_outside_the_scale_is_refused(cell: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError, match="lie outside 1-3"):
        rfm_group(*cell)


@pytest.mark.parametrize(("vocabulary", "scale"), [("klaviyo", 2), ("klaviyo", 6), ("hubspot", 3)])
def test_an_unknown_vocabulary_or_scale_is_refused(vocabulary: str, scale: int) -> None:
    with pytest.raises(UsageError, match="use klaviyo or reveal at 3-5"):
        rfm_group(1, 1, 1, scale=scale, vocabulary=vocabulary)
