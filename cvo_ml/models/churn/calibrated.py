"""What the churn models share: trees, what joins them, the calibration, its doubt, and the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from cvo_ml.core.errors import ModelRefused
from cvo_ml.models.boosting import BoostedClassifier
from cvo_ml.models.churn.probability_interval import HasInterval, ProbabilityInterval
from cvo_ml.models.churn.reasons import Explanation
from cvo_ml.models.churn.stacking import Stack
from cvo_ml.stats.calibrators import METHODS, NONE, Calibrator, calibrator_of

Floats = NDArray[np.float64]


class CalibratedTrees(HasInterval):
    """Trees whose probability is joined with what stands beside them, then calibrated.

    Parameters
    ----------
    trees:
        As configured, not yet fitted.
    """

    def __init__(self, trees: BoostedClassifier) -> None:
        self.trees = trees
        self.composition_ = Stack()
        self.calibration_: Calibrator = NONE
        self.doubt_ = ProbabilityInterval()

    @property
    def tree_columns(self) -> tuple[str, ...]:
        """The columns that the trees read."""
        return self.trees.columns

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame to score must have."""
        own = self.tree_columns
        return (*own, *(name for name in self.composition_.columns if name not in own))

    def tree_probability(self, X: pd.DataFrame) -> Floats:
        """The churn probability of the trees alone, before all else, (n,)."""
        return self.trees.predict_positive(X)

    def tree_parts(self, X: pd.DataFrame) -> tuple[Floats, Floats]:
        """Each column's part of the trees' log-odds of churn (n, ``tree_columns``), and these log-odds (n,)."""
        parts = self.trees.contributions(X)
        return parts[:, :-1], parts.sum(axis=1)

    def raw(self, X: pd.DataFrame) -> Floats:
        """The churn probability before calibration, (n,)."""
        return self.composition_.apply(self.tree_probability(X), X)

    def calibrate(self, X: pd.DataFrame, y: NDArray[np.generic], method: str = "logistic") -> Self:
        """Fit the map from the raw probabilities to observed rates, on rows later than those of ``fit``."""
        self.calibration_ = METHODS[method](y, self.raw(X))
        return self

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """Probabilities of staying and of churning, (n, 2)."""
        churn = self.calibration_.apply(self.raw(X))
        return np.column_stack([1 - churn, churn])

    def explain(self, X: pd.DataFrame) -> Explanation:
        """What makes each probability: the trees' own contributions (TreeSHAP) and what joins them."""
        added, parts, log_odds = self.composition_.explain(*self.tree_parts(X), X)
        columns = (*self.tree_columns, *added)
        return Explanation(columns, parts, log_odds, lambda z: self.calibration_.apply(np.asarray(expit(z))))

    def effects(self, X: pd.DataFrame) -> tuple[tuple[str, ...], Floats]:
        """Column names and each one's effect on the churn probability, (n, columns).

        The effect is the probability less what it would be without the column's part of the log-odds.
        """
        explanation = self.explain(X)
        return explanation.columns, explanation.effects()

    def fitted_parts(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The parameters as JSON-ready values, and the trees as text."""
        parameters, files = self.trees.to_parts()
        fitted = {
            "composition": self.composition_.as_dict(),
            "calibration": self.calibration_.as_dict(),
            "doubt": vars(self.doubt_),
        }
        return {**parameters, **fitted}, files

    def restore(self, parameters: Mapping[str, Any], files: Mapping[str, str]) -> Self:
        """Take over what ``fitted_parts`` gave."""
        self.trees = BoostedClassifier.from_parts(parameters, files)
        # earlier bundles know nothing beside the trees, the first ones the logistic map alone, and no doubt
        self.composition_ = Stack.from_dict(parameters.get("composition", {}))
        self.calibration_ = calibrator_of({"method": "logistic", **parameters["calibration"]})
        self.doubt_ = ProbabilityInterval(**parameters.get("doubt", {}))
        return self


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
