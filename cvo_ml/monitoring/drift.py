"""Features and scores of a run against the rows that each model learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats
from cvo_ml.core.result import OPTIONAL, Result
from cvo_ml.stats.shift import Reference, ks_to_reference, psi, psi_by_chance, reference

#: categories beyond these count as one
MOST_LABELS: Final = 20


@dataclass(frozen=True)
class ColumnReference(Result):
    """The distribution of a column in the rows that a model learned from; categories stand by their place.

    Parameters
    ----------
    edges, shares, rows:
        As ``stats.shift.Reference`` has them.
    labels:
        The names of categories; None for numbers.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    rows: int
    labels: tuple[str, ...] | None = field(default=None, metadata=OPTIONAL)

    @classmethod
    def of(cls, distribution: Reference, labels: Sequence[str] | None = None) -> ColumnReference:
        """What is kept of a distribution."""
        names = None if labels is None else tuple(labels)
        return cls(distribution.edges, distribution.shares, distribution.rows, names)

    @property
    def distribution(self) -> Reference:
        """For the statistics."""
        return Reference(self.edges, self.shares, self.rows)


@dataclass(frozen=True)
class ModelReference(Result):
    """What a bundle keeps of the rows that its model learned from: shares, never customers."""

    features: Mapping[str, ColumnReference]
    score: ColumnReference


@dataclass(frozen=True)
class Shift(Result):
    """How far a column has moved.

    Parameters
    ----------
    psi, chance:
        The population stability index, and what that of as many rows of the same population rarely exceeds.
    ks:
        The distance of the distribution functions; None where there is none.
    """

    psi: float
    chance: float
    ks: float | None = field(default=None, metadata=OPTIONAL)


@dataclass(frozen=True)
class Drift(Result):
    """How far a run's rows lie from those that the model learned from; features with the largest index first."""

    rows: int
    score: Shift
    features: Mapping[str, Shift]


def reference_of(features: pd.DataFrame, names: Sequence[str], score: Floats) -> ModelReference:
    """The distribution of what a model read and said.

    Parameters
    ----------
    features, names:
        (n, columns), and which columns the model reads: numbers and categories.
    score:
        (n,) what the model says of these rows.
    """
    described = {name: _described(features[name]) for name in names}
    return ModelReference(described, ColumnReference.of(reference(np.asarray(score, dtype=np.float64))))


def drift(kept: ModelReference, features: pd.DataFrame, score: Floats) -> Drift:
    """How far rows lie from a bundle's reference."""
    shifts = {
        name: _shift(column.distribution, _numbers(features[name], column.labels))
        for name, column in kept.features.items()
        if name in features
    }
    ordered = dict(sorted(shifts.items(), key=lambda item: -item[1].psi))
    return Drift(len(features), _shift(kept.score.distribution, np.asarray(score, dtype=np.float64)), ordered)


def _described(column: pd.Series) -> ColumnReference:
    if pd.api.types.is_numeric_dtype(column):
        return ColumnReference.of(reference(_numbers(column, None)))
    labels = sorted(column.dropna().astype("str").value_counts().index[:MOST_LABELS])
    codes = _numbers(column, labels)
    edges = tuple(np.arange(len(labels)) + 0.5)
    counts = np.bincount(codes[np.isfinite(codes)].astype(int), minlength=len(labels) + 1)
    shares = (*(counts / max(1, len(column))).tolist(), float(np.isnan(codes).mean()) if len(column) else 0.0)
    return ColumnReference.of(Reference(edges, shares, len(column)), labels)


def _numbers(column: pd.Series, labels: Sequence[str] | None) -> Floats:
    """Numbers as they are; categories as their place among the labels, others after the last."""
    if labels is None:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    places = {label: float(place) for place, label in enumerate(labels)}
    known = column.notna().to_numpy()
    codes = np.array([places.get(str(value), float(len(labels))) for value in column], dtype=np.float64)
    return np.where(known, codes, np.nan)


def _shift(expected: Reference, values: Floats) -> Shift:
    index, distance = psi(expected, values), ks_to_reference(expected, values)
    ks = distance if np.isfinite(distance) else None
    return Shift(index, psi_by_chance(expected, len(values)), ks) if np.isfinite(index) else Shift(0.0, 0.0, ks)
