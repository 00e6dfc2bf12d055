"""docs/scores.md says what the contract says."""

from __future__ import annotations

from cvo_ml.core.scores import score_columns
from tools.scores_page import PAGE, page


def test_the_page_is_written_from_the_contract() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run 'make docs'"


def test_every_column_stands_on_the_page_once() -> None:
    text = page()
    assert [name for name in score_columns() if text.count(f"| `{name}` |") != 1] == []
