"""The baseline of lead scores: the rate of winners by where the lead came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np
import pandas as pd

from cvo_ml.core.arrays import Floats, Outcomes
from cvo_ml.core.columns import Columns, Table
from cvo_ml.core.errors import UsageError
from cvo_ml.core.result import Result
from cvo_ml.models.estimator import Estimator
from cvo_ml.models.icp.reference import percentile, reference_quantiles
from cvo_ml.models.protocol import Parts

#: Rows of the overall rate that each source's rate is mixed with (Micci-Barreca 2001, eq. 4).
PRIOR_ROWS: Final = 20.0


@dataclass(frozen=True)
class SourceParameters(Result):
    """What a bundle holds of the rates."""

    column: str | None
    rate: float
    rates: Mapping[str, float]
    quantiles: Sequence[float]
    features: Sequence[str] = ()


class SourceRate(Estimator):
    """``P(winner) = (winners of the source + k rate) / (rows of the source + k)``; an unseen source has the rate.

    Parameters
    ----------
    column:
        The text column that names the source; None gives everybody the overall rate.
    """

    kind: ClassVar[str] = "icp.source_rate"

    def __init__(self, column: str | None) -> None:
        self.column = column

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame to score must have."""
        return () if self.column is None else (self.column,)

    def fit(self, X: pd.DataFrame, y: Outcomes) -> Self:
        """Count; ``y`` (n,): 1 = winner."""
        won = np.asarray(y).astype(np.float64)
        self.rate_ = float(won.mean())
        self.rates_: dict[str, float] = {}
        if self.column is not None:
            known = X[self.column].notna().to_numpy()
            by = pd.Series(won[known]).groupby(X[self.column].astype("str").to_numpy()[known])
            mixed = (by.sum() + PRIOR_ROWS * self.rate_) / (by.size() + PRIOR_ROWS)
            self.rates_ = {str(name): float(rate) for name, rate in mixed.items()}
        self.quantiles_ = reference_quantiles(self.predict_proba(X)[:, 1])
        return self

    def predict_proba(self, X: Table) -> Floats:
        """Probabilities of not being and of being a winner, (n, 2)."""
        winner = np.full(len(X), self.rate_)
        if self.column is not None:
            rows = Columns.of(X)
            if self.column not in rows:
                raise UsageError(f"column to score is missing: {self.column}: add it to the table of leads")
            winner = np.array([self.rates_.get(text, self.rate_) for text in rows.texts(self.column)])
        return np.column_stack([1 - winner, winner])

    def effects(self, X: Table) -> tuple[tuple[str, ...], Floats]:
        """What the source adds to the overall rate, (n, 1); (n, 0) without a source."""
        added = self.predict_proba(X)[:, [1]] - self.rate_
        return self.columns, added[:, : len(self.columns)]

    def percentile(self, score: Floats) -> Floats:
        """Where scores stand among the reference people, 0-100."""
        return percentile(score, self.quantiles_)

    def to_parts(self) -> Parts:
        """The rates; there are no files."""
        return Parts.of(SourceParameters(self.column, self.rate_, self.rates_, self.quantiles_, self.columns))

    @classmethod
    def from_parts(cls, parts: Parts) -> Self:
        """Rebuild from what ``to_parts`` gave."""
        values = parts.read(SourceParameters)
        model = cls(values.column)
        model.rate_, model.rates_, model.quantiles_ = values.rate, dict(values.rates), list(values.quantiles)
        return model
