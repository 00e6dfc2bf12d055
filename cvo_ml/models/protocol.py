"""What every model that can become a bundle offers, and what each kind of score is asked by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import pandas as pd

from cvo_ml.core.arrays import Floats
from cvo_ml.core.units import Horizon


@runtime_checkable
class Bundled(Protocol):
    """A fitted model as plain parts: JSON-ready parameters and text files."""

    kind: ClassVar[str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame to score must have."""
        ...

    def to_parts(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The parameters, and the files by name."""
        ...

    @classmethod
    def from_parts(cls, parameters: Mapping[str, Any], files: Mapping[str, str]) -> Any:
        """The model that ``to_parts`` described."""
        ...


@runtime_checkable
class LifetimeScorer(Bundled, Protocol):
    """A model of what a customer will bring."""

    def predict(self, X: pd.DataFrame, *, horizon: Horizon, discount_rate: float = 0.0) -> pd.DataFrame:
        """The value columns of each row, indexed like ``X``; ``discount_rate`` is annual, >= 0."""
        ...


@runtime_checkable
class ProbabilityScorer(Bundled, Protocol):
    """A model of a yes or no."""

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """Probabilities of no and of yes, (n, 2)."""
        ...


@runtime_checkable
class RankedScorer(ProbabilityScorer, Protocol):
    """A model whose scores have a place in the population that it learned from."""

    def percentile(self, score: Floats) -> Floats:
        """Share of that population below each score, in percent (n,)."""
        ...


@runtime_checkable
class ExplainedScorer(ProbabilityScorer, Protocol):
    """A model whose probabilities are explained column by column."""

    def effects(self, X: pd.DataFrame) -> tuple[tuple[str, ...], Floats]:
        """The columns (k,), and what each does to the probability of each row (n, k)."""
        ...
