"""Boosted churn with probabilities calibrated on data later than the trees'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import norm

from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.minima import CHURN_OUTCOMES
from cvo_ml.models.boosting import BoostedClassifier
from cvo_ml.models.churn.levers import Explanation
from cvo_ml.stats.calibration import clip_probability
from cvo_ml.stats.calibrators import METHODS, NONE, Calibrator, calibrator_of

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Doubt:
    """How far a probability may be off, on the log-odds.

    Parameters
    ----------
    intercept_variance, slope_variance, covariance:
        Of the calibration's line, from the rows that it was fitted on.
    level_sd:
        Standard deviation, from window to window, of the level that the model missed; what no past window can tell.
    """

    intercept_variance: float = 0.0
    slope_variance: float = 0.0
    covariance: float = 0.0
    level_sd: float = 0.0

    def interval(self, probability: Floats, level: float = 0.9) -> Floats:
        """Lower and upper bound of each probability, (n, 2)."""
        z = logit(clip_probability(probability))
        variance = self.intercept_variance + 2 * z * self.covariance + z**2 * self.slope_variance + self.level_sd**2
        half = float(norm.ppf(0.5 + level / 2)) * np.sqrt(variance)
        return np.column_stack([expit(z - half), expit(z + half)])


class BoostedChurn:
    """LightGBM with a calibration.

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
        self.calibration_: Calibrator = NONE
        self.doubt_ = Doubt()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame to score must have."""
        return self.trees.columns

    def fit(self, X: pd.DataFrame, y: NDArray[np.generic]) -> Self:
        """Grow the trees on rows of (customer, date), (n, ...), with ``y`` (n,): 1 = churned.

        Raises
        ------
        ModelRefused
            With fewer than ``fewest_outcomes`` churned or staying rows.
        """
        check_outcomes(y, self.fewest_outcomes)
        self.trees.fit(X, y)
        return self

    def calibrate(self, X: pd.DataFrame, y: NDArray[np.generic], method: str = "logistic") -> Self:
        """Fit the map from the trees' probabilities to observed rates, on rows later than those of ``fit``."""
        self.calibration_ = METHODS[method](y, self.trees.predict_positive(X))
        return self

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """Probabilities of staying and of churning, (n, 2)."""
        churn = self.calibration_.apply(self.trees.predict_positive(X))
        return np.column_stack([1 - churn, churn])

    def predict_interval(self, X: pd.DataFrame, level: float = 0.9) -> Floats:
        """Lower and upper bound of the churn probability, (n, 2): calibration and level, not the trees' own doubt."""
        return self.doubt_.interval(self.predict_proba(X)[:, 1], level)

    def explain(self, X: pd.DataFrame) -> Explanation:
        """What makes each probability, from the trees' own contributions (TreeSHAP)."""
        parts = self.trees.contributions(X)
        log_odds = parts.sum(axis=1)
        return Explanation(
            self.columns, parts[:, :-1], log_odds, lambda z: self.calibration_.apply(np.asarray(expit(z)))
        )

    def effects(self, X: pd.DataFrame) -> tuple[tuple[str, ...], Floats]:
        """Column names and each one's effect on the churn probability, (n, columns).

        The effect is the probability less what it would be without the column's part of the log-odds.
        """
        return self.columns, self.explain(X).effects()

    def to_parts(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The parameters as JSON-ready values, and the trees as text."""
        parameters, files = self.trees.to_parts()
        return {**parameters, "calibration": self.calibration_.as_dict(), "doubt": vars(self.doubt_)}, files

    @classmethod
    def from_parts(cls, parameters: Mapping[str, Any], files: Mapping[str, str]) -> Self:
        """Rebuild from what ``to_parts`` gave."""
        model = cls(parameters["features"], parameters["categories"], parameters["rounds"], parameters["parameters"])
        model.trees = BoostedClassifier.from_parts(parameters, files)
        # bundles of the first version know the logistic map alone, and no doubt
        model.calibration_ = calibrator_of({"method": "logistic", **parameters["calibration"]})
        model.doubt_ = Doubt(**parameters.get("doubt", {}))
        return model


def check_outcomes(y: NDArray[np.generic], fewest: int) -> None:
    """Refuse too few rows of either outcome.

    Raises
    ------
    ModelRefused
        With fewer than ``fewest`` churned or staying rows.
    """
    churned = int(np.sum(np.asarray(y) != 0))
    if min(churned, len(y) - churned) < fewest:
        longer = "shorter" if churned < fewest else "longer"
        raise ModelRefused(
            f"churn: {churned:,} churned and {len(y) - churned:,} staying customers before the cut, and at least "
            f"{fewest} of each are needed: use a longer history or another horizon (a {longer} one has more of the "
            "rarer outcome)",
            reason_code="too_few_churn_outcomes",
        )
