"""Boosted churn with probabilities calibrated on data later than the trees'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.minima import CHURN_OUTCOMES
from cvo_ml.models.boosting import BoostedClassifier
from cvo_ml.stats.calibration import LogisticMap, clip_probability, logistic_recalibration

Floats = NDArray[np.float64]


class BoostedChurn:
    """LightGBM with a logistic recalibration.

    Parameters
    ----------
    features, categories:
        Columns of the snapshot that the trees read.
    rounds, parameters:
        As for ``BoostedClassifier``.
    fewest_outcomes:
        Fewer rows than this of either outcome are refused.
    """

    kind: ClassVar[str] = "churn.lightgbm"

    def __init__(
        self,
        features: Sequence[str],
        categories: Sequence[str] = (),
        rounds: int = 150,
        parameters: Mapping[str, Any] | None = None,
        fewest_outcomes: int = CHURN_OUTCOMES,
    ) -> None:
        self.fewest_outcomes = fewest_outcomes
        self.trees = BoostedClassifier(features, categories, rounds, parameters)
        self.calibration_ = LogisticMap(0.0, 1.0)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame to score must have."""
        return self.trees.columns

    def fit(self, X: pd.DataFrame, y: NDArray[np.generic]) -> BoostedChurn:
        """Grow the trees on rows of (customer, date), (n, ...), with ``y`` (n,): 1 = churned.

        Raises
        ------
        ModelRefused
            With fewer than ``fewest_outcomes`` churned or staying rows.
        """
        churned = int(np.sum(np.asarray(y) != 0))
        if min(churned, len(y) - churned) < self.fewest_outcomes:
            raise ModelRefused(
                f"churn: {churned:,} churned and {len(y) - churned:,} staying customers before the cut, and at least "
                f"{self.fewest_outcomes} of each are needed: use a longer history or another horizon",
                reason_code="too_few_churn_outcomes",
            )
        self.trees.fit(X, y)
        return self

    def calibrate(self, X: pd.DataFrame, y: NDArray[np.generic]) -> BoostedChurn:
        """Fit the map from the trees' log-odds to observed rates, on rows later than those of ``fit``."""
        self.calibration_ = logistic_recalibration(y, self.trees.predict_positive(X), ridge=1.0)
        return self

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """Probabilities of staying and of churning, (n, 2)."""
        churn = self.calibration_.apply(self.trees.predict_positive(X))
        return np.column_stack([1 - churn, churn])

    def effects(self, X: pd.DataFrame) -> tuple[tuple[str, ...], Floats]:
        """Column names and each one's effect on the churn probability, (n, columns).

        The effect is the probability less what it would be without the column's part of the log-odds.
        """
        parts = self.trees.contributions(X)[:, :-1] * self.calibration_.slope
        log_odds = logit(clip_probability(self.predict_proba(X)[:, 1]))[:, None]
        return self.columns, np.asarray(expit(log_odds) - expit(log_odds - parts))

    def to_parts(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The parameters as JSON-ready values, and the trees as text."""
        parameters, files = self.trees.to_parts()
        calibration = {"intercept": self.calibration_.intercept, "slope": self.calibration_.slope}
        return {**parameters, "calibration": calibration}, files

    @classmethod
    def from_parts(cls, parameters: Mapping[str, Any], files: Mapping[str, str]) -> BoostedChurn:
        """Rebuild from what ``to_parts`` gave."""
        model = cls(parameters["features"], parameters["categories"], parameters["rounds"], parameters["parameters"])
        model.trees = BoostedClassifier.from_parts(parameters, files)
        model.calibration_ = LogisticMap(parameters["calibration"]["intercept"], parameters["calibration"]["slope"])
        return model
