"""Models of purchases side by side, as one self-contained HTML page."""

from __future__ import annotations

from cvo_ml.core.blocks import Sentence, TextTable
from cvo_ml.models.clv.comparison import Comparison
from cvo_ml.report.charts import drawn, html
from cvo_ml.report.templates import fill
from cvo_ml.report.text.comparison import comparison_blocks


def render(found: Comparison, shop: str, as_of: str, currency: str) -> str:
    """The page of a comparison."""
    blocks = list(comparison_blocks(found, currency))
    return fill(
        "comparison.html",
        shop=shop,
        as_of=as_of,
        found=found,
        tables=[block for block in blocks if isinstance(block, TextTable)],
        sentences=[block.text for block in blocks if isinstance(block, Sentence)],
        charts=[html(drawn(spec)) for spec in found.figures.values()],
    )
