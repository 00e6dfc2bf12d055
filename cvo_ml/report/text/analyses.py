"""What an analysis found, in sentences and tables of 80 columns: the finding first."""

from __future__ import annotations

from collections.abc import Iterator

from cvo_ml.core.blocks import Block, Sentence
from cvo_ml.value import AnalysisResult


def analysis_blocks(found: AnalysisResult) -> Iterator[Block]:
    """The finding, the key figures with their rules, the tables, and what limits the reading."""
    yield Sentence(found.title, "bold")
    yield from map(Sentence, found.sentences())
    yield found.kpi_table()
    yield from found.tables()
    for note in found.notes:
        yield Sentence(f"note: {note}", "yellow")
