"""The baseline that a churn model must beat: a logistic regression on recency alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from cvo_ml.models.churn.probability_interval import HasInterval, ProbabilityInterval
from cvo_ml.models.churn.reasons import Explanation

Floats = NDArray[np.float64]
RECENCY: Final = "days_since_last_order"


class RecencyChurn(HasInterval):
    """``P(churn) = logistic(intercept + slope x log(1 + days since the last order))``."""

    kind: ClassVar[str] = "churn.recency_logistic"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame to score must have."""
        return (RECENCY,)

    def fit(self, X: pd.DataFrame, y: NDArray[np.generic]) -> RecencyChurn:
        """Fit by maximum likelihood; ``y`` is (n,) of 0 and 1 with both present."""
        from sklearn.linear_model import LogisticRegression

        fitted = LogisticRegression(C=1e6, max_iter=1000).fit(self._design(X), np.asarray(y).astype(int))
        self.intercept_, self.slope_ = float(fitted.intercept_[0]), float(fitted.coef_[0, 0])
        self.reference_ = float(np.mean(self._design(X)))
        return self

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """Probabilities of staying and of churning, (n, 2)."""
        churn = expit(self.intercept_ + self.slope_ * self._design(X)[:, 0])
        return np.column_stack([1 - churn, churn])

    def explain(self, X: pd.DataFrame) -> Explanation:
        """What makes each probability, against the mean recency of ``fit``."""
        design = self._design(X)
        log_odds = self.intercept_ + self.slope_ * design[:, 0]
        return Explanation(
            self.columns, self.slope_ * (design - self.reference_), log_odds, lambda z: np.asarray(expit(z))
        )

    def effects(self, X: pd.DataFrame) -> tuple[tuple[str, ...], Floats]:
        """Column names and each one's effect on the churn probability, (n, 1)."""
        return self.columns, self.explain(X).effects()

    def to_parts(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The parameters; there are no files."""
        values = {"intercept": self.intercept_, "slope": self.slope_, "reference": self.reference_}
        return {**values, "features": [RECENCY], "doubt": vars(self.doubt_)}, {}

    @classmethod
    def from_parts(cls, parameters: Mapping[str, Any], files: Mapping[str, str]) -> RecencyChurn:
        """Rebuild from what ``to_parts`` gave."""
        model = cls()
        model.intercept_, model.slope_ = float(parameters["intercept"]), float(parameters["slope"])
        model.reference_ = float(parameters["reference"])
        model.doubt_ = ProbabilityInterval(**parameters.get("doubt", {}))
        return model

    @staticmethod
    def _design(X: pd.DataFrame) -> Floats:
        return np.asarray(np.log1p(X[[RECENCY]].to_numpy(dtype=np.float64)))
