"""The baseline that a lookalike model must beat: the value of the first order alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np
import pandas as pd
from scipy.special import expit

from cvo_ml.core.arrays import Floats, Outcomes
from cvo_ml.core.columns import Columns, Table
from cvo_ml.core.result import Result
from cvo_ml.models.estimator import Estimator
from cvo_ml.models.icp.reference import percentile, reference_quantiles
from cvo_ml.models.protocol import Parts

VALUE: Final = "first_order_value"


@dataclass(frozen=True)
class FirstOrderParameters(Result):
    """What a bundle holds of the logistic and its reference."""

    intercept: float
    slope: float
    quantiles: Sequence[float]
    features: Sequence[str] = (VALUE,)


class FirstOrderValue(Estimator):
    """``P(most profitable) = logistic(intercept + slope x log(1 + value of the first order))``."""

    kind: ClassVar[str] = "icp.first_order_value"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame to score must have."""
        return (VALUE,)

    def fit(self, X: pd.DataFrame, y: Outcomes) -> Self:
        """Fit by maximum likelihood on customers with a known outcome; ``y`` (n,): 1 = most profitable."""
        from sklearn.linear_model import LogisticRegression

        fitted = LogisticRegression(C=1e6, max_iter=1000).fit(self._design(X), np.asarray(y).astype(int))
        self.intercept_, self.slope_ = float(fitted.intercept_[0]), float(fitted.coef_[0, 0])
        self.quantiles_ = reference_quantiles(self.predict_proba(X)[:, 1])
        return self

    def predict_proba(self, X: Table) -> Floats:
        """Probabilities of not being and of being a most profitable customer, (n, 2)."""
        positive = expit(self.intercept_ + self.slope_ * self._design(X)[:, 0])
        return np.column_stack([1 - positive, positive])

    def effects(self, X: pd.DataFrame) -> tuple[tuple[str, ...], Floats]:
        """What the value adds to the score of the median reference customer, (n, 1)."""
        return self.columns, self.predict_proba(X)[:, [1]] - self.quantiles_[len(self.quantiles_) // 2]

    def percentile(self, score: Floats) -> Floats:
        """Where scores stand among the reference customers, 0-100."""
        return percentile(score, self.quantiles_)

    def to_parts(self) -> Parts:
        """The parameters; there are no files."""
        return Parts.of(FirstOrderParameters(self.intercept_, self.slope_, self.quantiles_, self.columns))

    @classmethod
    def from_parts(cls, parts: Parts) -> Self:
        """Rebuild from what ``to_parts`` gave."""
        model, values = cls(), parts.read(FirstOrderParameters)
        model.intercept_, model.slope_, model.quantiles_ = values.intercept, values.slope, list(values.quantiles)
        return model

    @staticmethod
    def _design(X: Table) -> Floats:
        return np.asarray(np.log1p(Columns.of(X).numbers(VALUE)[:, None].clip(min=0)))
