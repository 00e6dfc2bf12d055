"""The analyses of a shop as one self-contained HTML page, a section each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cvo_ml.core.blocks import TextTable
from cvo_ml.report.charts import drawn, html
from cvo_ml.report.templates import fill
from cvo_ml.value import AnalysisResult, Kpi


@dataclass(frozen=True)
class AnalysisSection:
    """One analysis as the page's template takes it."""

    found: AnalysisResult
    sentences: Sequence[str]
    kpis: Sequence[tuple[Kpi, str]]
    tables: Sequence[TextTable]
    charts: Sequence[str]


def render(results: Sequence[AnalysisResult], shop: str) -> str:
    """The page of analyses."""
    sections = [
        AnalysisSection(
            found, found.sentences(), [(kpi, found.shown(kpi)) for kpi in found.kpis], found.tables(),
            [html(drawn(spec)) for spec in found.figures()],
        )
        for found in results
    ]  # fmt: skip
    return fill("analyses.html", shop=shop, sections=sections)
