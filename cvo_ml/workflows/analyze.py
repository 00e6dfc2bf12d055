"""The analyses of a shop at a date: one by name, or all."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.shops import NO_CURRENCY, ShopConfig
from cvo_ml.core.errors import UsageError
from cvo_ml.core.files import write_text
from cvo_ml.core.result import Result
from cvo_ml.core.run_log import logged
from cvo_ml.core.tables import Tables
from cvo_ml.core.workspace import Workspace
from cvo_ml.features.engine import engine
from cvo_ml.report.analyses import render
from cvo_ml.value import ANALYSES, Analysis, AnalysisResult, analysis_of
from cvo_ml.workflows.cut_dates import day_after_last_row
from cvo_ml.workflows.shops import read_tables

LOGGER: Final = logging.getLogger(__name__)


class AnalyzeRequest(FrozenConfig):
    """What to analyze.

    Parameters
    ----------
    names:
        Some of ``ANALYSES``; empty = all.
    as_of:
        The cut: nothing later is known; None = the day after the last row.
    overrides:
        Settings, as ``key=value`` of the one analysis, or ``name.key=value`` where there are several.
    page:
        Where an HTML page goes; None = none.
    """

    shop: ShopConfig
    names: Sequence[str] = ()
    as_of: date | None = None
    overrides: tuple[str, ...] = ()
    page: Path | None = None


@dataclass(frozen=True)
class AnalysisLine(Result):
    """An analysis as it stands in the list of all."""

    name: str
    title: str
    question: str
    reads: tuple[str, ...]


@dataclass(frozen=True)
class AnalysisList(Result):
    """All analyses that there are."""

    analyses: tuple[AnalysisLine, ...]


@dataclass(frozen=True)
class AnalyzeResult(Result):
    """The results, of which shop, and the page that was written."""

    shop: str
    as_of: date | None
    results: tuple[AnalysisResult, ...]
    page: Path | None = None


def analyses() -> AnalysisList:
    """All analyses, each with its question."""
    return AnalysisList(
        tuple(AnalysisLine(name, kind.title, kind.question, kind.reads.required) for name, kind in ANALYSES.items())
    )


def analyze(request: AnalyzeRequest, workspace: Workspace) -> AnalyzeResult:
    """Run analyses on a shop's tables; one that takes typed numbers alone reads no table.

    Raises
    ------
    UsageError
        If a name or a setting is unknown.
    ConfigError
        If a setting's value is wrong.
    DataError
        If the shop cannot be read, or holds no row.
    """
    wanted = [_configured(name, request, workspace) for name in request.names or ANALYSES]
    with logged(LOGGER, "analyze", shop=request.shop.name) as facts:
        tables, as_of = None, request.as_of
        if any(one.needs_data for one in wanted):
            tables = read_tables(request.shop, workspace).tables
            as_of = as_of or day_after_last_row(tables)
        results = tuple(_results(wanted, tables, as_of, workspace))
        facts["analyses"] = len(results)
        if request.page is not None:
            write_text(request.page, render(results, request.shop.name if tables is not None else ""))
    return AnalyzeResult(request.shop.name if tables is not None else "", as_of, results, request.page)


def _results(
    wanted: Sequence[Analysis], tables: Tables | None, as_of: date | None, workspace: Workspace
) -> Iterator[AnalysisResult]:
    with engine(tables if tables is not None else _no_tables()) as opened:
        for one in wanted:
            with workspace.progress.step(one.title):
                yield one.run(opened, as_of or date.min)


def _no_tables() -> Tables:
    from cvo_ml.core.contracts import CONTRACTS

    return Tables({"orders": CONTRACTS["orders"].empty()}, NO_CURRENCY)


def _configured(name: str, request: AnalyzeRequest, workspace: Workspace) -> Analysis:
    """The analysis with the settings of its file and of the request."""
    kind, several = analysis_of(name), len(request.names) != 1
    overrides = request.overrides
    if several:
        for override in overrides:
            if (first := override.partition("=")[0].partition(".")[0].strip()) not in ANALYSES:
                raise UsageError(f"--set {override!r} names no analysis ({first!r}): write {name}.key=value")
        overrides = tuple(text.partition(".")[2] for text in overrides if text.partition(".")[0].strip() == name)
    return load_config(default_config(f"analyses/{name}.yaml", workspace.configs), kind, overrides)
