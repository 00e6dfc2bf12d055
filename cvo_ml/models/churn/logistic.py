"""A plain baseline beside the trees: logistic regression on all columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar, Self

import numpy as np
import pandas as pd
from scipy.special import expit

from cvo_ml.core.arrays import Floats, Outcomes
from cvo_ml.core.columns import Columns, Table
from cvo_ml.core.result import Result
from cvo_ml.models.churn.probability_interval import HasInterval
from cvo_ml.models.churn.reasons import Explanation
from cvo_ml.models.estimator import Estimator
from cvo_ml.models.protocol import Parts


@dataclass(frozen=True)
class LogisticParameters(Result):
    """What a bundle holds of the regression: one number a column."""

    features: Sequence[str]
    intercept: float
    median: Sequence[float]
    mean: Sequence[float]
    scale: Sequence[float]
    coefficients: Sequence[float]


class LogisticChurn(Estimator, HasInterval):
    """Ridge logistic regression on signed logarithms, standardised; a missing value counts as the median.

    Parameters
    ----------
    features:
        Number columns.
    """

    kind: ClassVar[str] = "churn.logistic"

    def __init__(self, features: Sequence[str]) -> None:
        self.features = features

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame to score must have."""
        return tuple(self.features)

    def fit(self, X: pd.DataFrame, y: Outcomes) -> Self:
        """Fit by penalised maximum likelihood (C = 1); ``y`` is (n,) of 0 and 1 with both present."""
        from sklearn.linear_model import LogisticRegression

        values = self._logs(X)
        self.median_ = np.where(np.isfinite(values).any(axis=0), _median(values), 0.0)
        values = np.where(np.isfinite(values), values, self.median_)
        self.mean_, self.scale_ = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-9)
        fitted = LogisticRegression(max_iter=500).fit((values - self.mean_) / self.scale_, np.asarray(y).astype(int))
        self.intercept_, self.coefficients_ = float(fitted.intercept_[0]), np.asarray(fitted.coef_[0])
        return self

    def predict_proba(self, X: Table) -> Floats:
        """Probabilities of staying and of churning, (n, 2)."""
        churn = expit(self._log_odds(self._parts(X)))
        return np.column_stack([1 - churn, churn])

    def explain(self, X: Table) -> Explanation:
        """What makes each probability, against the mean customer of ``fit``."""
        parts = self._parts(X)
        return Explanation(self.columns, parts, self._log_odds(parts), lambda z: np.asarray(expit(z)))

    def effects(self, X: Table) -> tuple[tuple[str, ...], Floats]:
        """Column names and each one's effect on the churn probability, (n, columns)."""
        return self.columns, self.explain(X).effects()

    def to_parts(self) -> Parts:
        """The parameters; there are no files."""
        arrays = (each.tolist() for each in (self.median_, self.mean_, self.scale_, self.coefficients_))
        return Parts.of(LogisticParameters(self.columns, self.intercept_, *arrays))

    @classmethod
    def from_parts(cls, parts: Parts) -> Self:
        """Rebuild from what ``to_parts`` gave."""
        values = parts.read(LogisticParameters)
        model = cls(values.features)
        model.intercept_, model.median_, model.mean_ = values.intercept, np.array(values.median), np.array(values.mean)
        model.scale_, model.coefficients_ = np.array(values.scale), np.array(values.coefficients)
        return model

    def _parts(self, X: Table) -> Floats:
        values = self._logs(X)
        standard = (np.where(np.isfinite(values), values, self.median_) - self.mean_) / self.scale_
        return np.asarray(standard * self.coefficients_)

    def _log_odds(self, parts: Floats) -> Floats:
        # one column after the other: numpy would add those of a single row in another order
        return np.asarray(reduce(np.add, parts.T) + self.intercept_)

    def _logs(self, X: Table) -> Floats:
        rows = Columns.of(X)
        rows.require(self.features)
        values = np.stack([rows.numbers(name) for name in self.features]).T
        return np.asarray(np.sign(values) * np.log1p(np.abs(values)))


def _median(values: Floats) -> Floats:
    filled = np.where(np.isfinite(values).any(axis=0), values, 0.0)
    return np.asarray(np.nanmedian(np.where(np.isfinite(filled), filled, np.nan), axis=0))
