"""The baseline that a churn model must beat: a logistic regression on recency alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self

import numpy as np
import pandas as pd
from scipy.special import expit

from cvo_ml.core.arrays import Floats, Outcomes
from cvo_ml.core.columns import Columns, Table
from cvo_ml.core.result import Result, json_key
from cvo_ml.models.churn.probability_interval import HasInterval, ProbabilityInterval
from cvo_ml.models.churn.reasons import Explanation
from cvo_ml.models.estimator import Estimator
from cvo_ml.models.protocol import Parts

RECENCY: Final = "days_since_last_order"


@dataclass(frozen=True)
class RecencyParameters(Result):
    """What a bundle holds of the logistic."""

    intercept: float
    slope: float
    reference: float
    features: Sequence[str] = (RECENCY,)
    interval: ProbabilityInterval = field(default_factory=ProbabilityInterval, metadata=json_key("doubt"))


class RecencyChurn(Estimator, HasInterval):
    """``P(churn) = logistic(intercept + slope x log(1 + days since the last order))``."""

    kind: ClassVar[str] = "churn.recency_logistic"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame to score must have."""
        return (RECENCY,)

    def fit(self, X: pd.DataFrame, y: Outcomes) -> Self:
        """Fit by maximum likelihood; ``y`` is (n,) of 0 and 1 with both present."""
        from sklearn.linear_model import LogisticRegression

        fitted = LogisticRegression(C=1e6, max_iter=1000).fit(self._design(X), np.asarray(y).astype(int))
        self.intercept_, self.slope_ = float(fitted.intercept_[0]), float(fitted.coef_[0, 0])
        self.reference_ = float(np.mean(self._design(X)))
        return self

    def predict_proba(self, X: Table) -> Floats:
        """Probabilities of staying and of churning, (n, 2)."""
        churn = expit(self.intercept_ + self.slope_ * self._design(X)[:, 0])
        return np.column_stack([1 - churn, churn])

    def explain(self, X: Table) -> Explanation:
        """What makes each probability, against the mean recency of ``fit``."""
        design = self._design(X)
        log_odds = self.intercept_ + self.slope_ * design[:, 0]
        return Explanation(
            self.columns, self.slope_ * (design - self.reference_), log_odds, lambda z: np.asarray(expit(z))
        )

    def effects(self, X: Table) -> tuple[tuple[str, ...], Floats]:
        """Column names and each one's effect on the churn probability, (n, 1)."""
        return self.columns, self.explain(X).effects()

    def to_parts(self) -> Parts:
        """The parameters; there are no files."""
        values = RecencyParameters(self.intercept_, self.slope_, self.reference_, self.columns, self.interval_)
        return Parts.of(values)

    @classmethod
    def from_parts(cls, parts: Parts) -> Self:
        """Rebuild from what ``to_parts`` gave."""
        model, values = cls(), parts.read(RecencyParameters)
        model.intercept_, model.slope_, model.reference_ = values.intercept, values.slope, values.reference
        model.interval_ = values.interval
        return model

    @staticmethod
    def _design(X: Table) -> Floats:
        return np.asarray(np.log1p(Columns.of(X).numbers(RECENCY)[:, None]))
