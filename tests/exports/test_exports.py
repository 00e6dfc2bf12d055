"""Every shape of export is read right to the cent after ``cvo init``, with one answered question at most."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.exports.comparing import differences
from tests.exports.reading import attempt
from tests.exports.shapes import SHAPES, Shape

#: What a stranger may be asked about one export.
MOST_QUESTIONS: Final = 1


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_shape_is_read_right_to_the_cent(shape: Shape, tmp_path: Path) -> None:
    truth = shape.make(tmp_path)
    tried = attempt(tmp_path, shape.answers)
    assert tried.result is not None, f"asked {tried.asked}; {tried.refusal}"
    assert differences(tried.result, truth) == []
    assert set(tried.asked) == set(shape.answers)
    assert len(tried.asked) <= MOST_QUESTIONS
    ledger = tried.result.ledger
    assert ledger.rows_in == ledger.used + sum(ledger.quarantined.values()) + sum(ledger.excluded.values())


def test_there_are_sixty_shapes_in_four_locales() -> None:
    assert len(SHAPES) >= 60
    assert len({shape.name for shape in SHAPES}) == len(SHAPES)
    assert len({shape.locale for shape in SHAPES}) >= 4
