"""What every model that can become a bundle offers, the parts that it becomes, what each kind of score is asked by."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self, TypeVar, runtime_checkable

import pandas as pd

from cvo_ml.core.arrays import Floats
from cvo_ml.core.columns import Columns, Table
from cvo_ml.core.errors import BundleError
from cvo_ml.core.result import Json, Result, from_json
from cvo_ml.core.units import Horizon

R = TypeVar("R", bound=Result)


@dataclass(frozen=True)
class Parts:
    """A fitted model as plain parts.

    Parameters
    ----------
    parameters:
        JSON-ready values by name.
    files:
        Texts by name, such as trees.

    Examples
    --------
    >>> from cvo_ml.core.result import Result
    >>> @dataclass(frozen=True)
    ... class Line(Result):
    ...     intercept: float
    ...     slope: float = 1.0
    >>> Parts.of(Line(0.5)).parameters, Parts({"intercept": 2}).read(Line)
    ({'intercept': 0.5, 'slope': 1.0}, Line(intercept=2.0, slope=1.0))
    """

    parameters: Mapping[str, Json]
    files: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, parameters: Result, files: Mapping[str, str] | None = None) -> Parts:
        """The parts of a model whose parameters are ``parameters``.

        Raises
        ------
        BundleError
            If a number among them is not finite.
        """
        check_finite(parameters, "model")
        return cls(parameters.to_json(), files or {})

    def read(self, kind: type[R]) -> R:
        """The parameters as ``kind``, the type that they were written from; what is missing takes its default.

        Raises
        ------
        BundleError
            If a number is not finite.
        ValueError
            If a parameter is missing or of another type; names it.
        """
        parameters = from_json(kind, self.parameters)
        check_finite(parameters, "model")
        return parameters


@runtime_checkable
class Bundled(Protocol):
    """A fitted model that becomes plain parts, and is made of them again."""

    kind: ClassVar[str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame to score must have."""
        ...

    def to_parts(self) -> Parts:
        """The parameters, and the files by name."""
        ...

    @classmethod
    def from_parts(cls, parts: Parts) -> Self:
        """The model that ``to_parts`` described."""
        ...


@runtime_checkable
class LifetimeScorer(Bundled, Protocol):
    """A model of what a customer will bring."""

    def outputs(self, X: Columns, *, horizon: Horizon, discount_rate: float = 0.0) -> dict[str, Floats]:
        """The value columns of each row, (n,) each, by name; ``discount_rate`` is annual, >= 0."""
        ...

    def predict(self, X: pd.DataFrame, *, horizon: Horizon, discount_rate: float = 0.0) -> pd.DataFrame:
        """The value columns of each row, indexed like ``X``."""
        ...


@runtime_checkable
class ProbabilityScorer(Bundled, Protocol):
    """A model of a yes or no."""

    def predict_proba(self, X: Table) -> Floats:
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

    def effects(self, X: Table) -> tuple[tuple[str, ...], Floats]:
        """The columns (k,), and what each does to the probability of each row (n, k)."""
        ...


def check_finite(value: Any, where: str = "document") -> None:
    """Refuse NaN and infinity anywhere inside nested results, mappings and lists.

    Raises
    ------
    BundleError
        With the place of the first one.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise BundleError(f"{where} is {value}: a model with such a number is neither saved nor loaded")
    for key, child in _children(value):
        check_finite(child, f"{where}.{key}")


def _children(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(enumerate(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    return []
