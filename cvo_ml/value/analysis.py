"""The pattern of all analyses: statistics from visible rows, then pure arithmetic, then a typed result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, ClassVar, Self

import pandas as pd

from cvo_ml.config.base import FrozenConfig
from cvo_ml.core.blocks import TextTable
from cvo_ml.core.figures import FigureSpec
from cvo_ml.core.result import Result
from cvo_ml.core.units import parse_as_of
from cvo_ml.core.value_basis import ValueBasis
from cvo_ml.features.economics import cost_coverage
from cvo_ml.features.engine import Engine, Source, engine
from cvo_ml.value.measures import Kpi, Undefined, shown


@dataclass(frozen=True)
class Needs(Result):
    """Which tables an analysis reads.

    Parameters
    ----------
    required:
        Without one of them it has only reasons.
    optional:
        What makes it say more.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


@dataclass(frozen=True)
class MoneyBasis(Result):
    """In what an analysis tells money.

    Parameters
    ----------
    basis:
        Contribution, gross margin or revenue (``cvo_ml.features.economics.cost_coverage``).
    warning:
        What a reader must know of it; empty where nothing.
    """

    currency: str
    basis: ValueBasis
    warning: str = ""


@dataclass(frozen=True)
class Statistics(Result):
    """What an analysis knows of a shop: enough to work out its result, and no customer by name.

    Statistics of two groups of customers who share nobody add up to those of both, where an analysis is ``additive``.
    """

    as_of: date
    money: MoneyBasis

    def __add__(self, other: Self) -> Self:
        """The statistics of both groups: frames and numbers are summed, the rest must be equal."""
        summed: dict[str, Any] = {}
        for field in fields(self):
            one, two = getattr(self, field.name), getattr(other, field.name)
            if isinstance(one, pd.DataFrame):
                total = one.add(two, fill_value=0)
                summed[field.name] = total.astype(one.dtypes.to_dict()) if list(total) == list(one) else total
            elif isinstance(one, int | float) and not isinstance(one, bool):
                summed[field.name] = one + two
        return replace(self, **summed)


@dataclass(frozen=True)
class AnalysisResult(Result):
    """What an analysis found; each kind adds its own fields.

    Parameters
    ----------
    analysis:
        Its name in ``ANALYSES``.
    kpis:
        The key figures, each with its source and its action.
    notes:
        What limits the reading.
    """

    analysis: str
    title: str
    as_of: date
    currency: str
    basis: ValueBasis
    kpis: tuple[Kpi, ...]
    notes: tuple[str, ...]

    def tables(self) -> Sequence[TextTable]:
        """The findings in rows."""
        return []

    def figures(self) -> Sequence[FigureSpec]:
        """The findings as figures."""
        return []

    @abstractmethod
    def sentences(self) -> Sequence[str]:
        """The finding first, then what to do about it."""

    def kpi_table(self) -> TextTable:
        """The key figures in rows; what is undefined with its reason."""
        rows = [
            (kpi.name, kpi.value.reason if isinstance(kpi.value, Undefined) else self.shown(kpi), kpi.source)
            for kpi in self.kpis
        ]
        return TextTable("Key figures (95 % intervals)", ("figure", "value", "rule"), rows)

    @property
    def basis_name(self) -> str:
        """The basis in words."""
        return self.basis.replace("_", " ")

    def shown(self, kpi: Kpi) -> str:
        """A key figure as people read it."""
        return shown(kpi.value, kpi.unit, self.currency)

    def kpi(self, name: str) -> Kpi:
        """The key figure of that name.

        Raises
        ------
        KeyError
            If there is none.
        """
        for kpi in self.kpis:
            if kpi.name == name:
                return kpi
        raise KeyError(name)


class Analysis(FrozenConfig, ABC):
    """One analysis with its settings; ``configs/analyses/NAME.yaml`` is its constructor.

    Class attributes say what it is: ``name``, ``title``, ``question`` (what a reader wants to know), ``reads``,
    ``methods`` (rows of docs/methods.md) and ``additive`` (statistics of parts of the customers add up).
    """

    name: ClassVar[str]
    title: ClassVar[str]
    question: ClassVar[str]
    reads: ClassVar[Needs]
    methods: ClassVar[tuple[str, ...]]
    additive: ClassVar[bool] = False

    @property
    def needs_data(self) -> bool:
        """Whether a shop's tables are read; an analysis of typed numbers needs none."""
        return True

    @abstractmethod
    def statistics(self, data: Engine, as_of: date) -> Any:
        """What it must know, from the rows visible at ``as_of``."""

    @abstractmethod
    def analyze(self, statistics: Any) -> AnalysisResult:
        """The result of statistics: pure arithmetic."""

    def run(self, source: Source, as_of: str | date) -> AnalysisResult:
        """Fetch the statistics of a shop as it was known at ``as_of``, and analyze them."""
        day = parse_as_of(as_of)
        with engine(source) as opened:
            return self.analyze(self.statistics(opened, day))

    def heads(self, statistics: Statistics) -> dict[str, Any]:
        """What every result of this analysis carries."""
        money = statistics.money
        return {
            "analysis": self.name, "title": self.title, "as_of": statistics.as_of, "currency": money.currency,
            "basis": money.basis, "notes": (money.warning,) if money.warning else (),
        }  # fmt: skip


def money_of(data: Engine, as_of: date) -> MoneyBasis:
    """The currency and the basis of a shop's money at ``as_of``."""
    covered = cost_coverage(data, as_of)
    return MoneyBasis(data.tables.currency, covered.basis, covered.warning)
