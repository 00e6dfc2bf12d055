"""The guide's table *export → what to type*: each row is of exports that are tested, and says what they are asked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.exports.shapes import SHAPES

GUIDE = Path(__file__).parents[2] / "docs" / "data.md"
ROWS = re.findall(r"^\| ([^|]+?) \| `cvo init ([^`]+)` \| (.*?) ?\|$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("export", "files", "asked"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_is_of_tested_exports_and_says_what_they_are_asked(export: str, files: str, asked: str) -> None:
    vendors = re.split(r", |: (?!Analytics|Customer)", export)
    shapes = [shape for shape in SHAPES if any(shape.name.lower().startswith(one.lower()) for one in vendors)]
    assert shapes
    if export in {shape.name for shape in SHAPES}:
        shapes = [shape for shape in shapes if shape.name == export]
    assert {name for shape in shapes for name in shape.answers if f"`{name}`" not in asked} == set()
    assert files


def test_the_table_has_its_rows() -> None:
    assert len(ROWS) >= 30
