"""docs/analyses.md says what the registry says."""

from __future__ import annotations

from cvo_ml.value import ANALYSES
from tools.analyses_page import PAGE, page


def test_the_page_is_written_from_the_registry() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run 'make docs'"


def test_every_analysis_and_every_setting_stands_on_the_page() -> None:
    text = page()
    for name, kind in ANALYSES.items():
        assert f"\n## {name}\n" in text
        assert all(f"`{setting}`" in text.partition("\n* ")[2] for setting in kind.model_fields)
