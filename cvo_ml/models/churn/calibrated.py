"""What the churn models share: trees, what joins them, the calibration, its interval, and the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

import numpy as np
import pandas as pd
from scipy.special import expit

from cvo_ml.core.arrays import Floats, Outcomes
from cvo_ml.core.columns import Columns, Table
from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.result import Json, json_key
from cvo_ml.models.boosting import BoostedClassifier, TreeParameters
from cvo_ml.models.churn.probability_interval import HasInterval, ProbabilityInterval
from cvo_ml.models.churn.reasons import Explanation
from cvo_ml.models.churn.stacking import Stack
from cvo_ml.models.table_classifier import HoldsTrees
from cvo_ml.stats.calibrators import METHODS, NONE, Calibrator, calibrator_of


@dataclass(frozen=True)
class CalibratedParameters(TreeParameters):
    """What a bundle holds of calibrated trees, beside their text.

    Earlier bundles know nothing beside the trees, the first ones the logistic map alone, and no interval.
    """

    calibration: Mapping[str, Json] = field(kw_only=True)
    stack: Stack = field(default_factory=Stack, kw_only=True, metadata=json_key("composition"))
    interval: ProbabilityInterval = field(default_factory=ProbabilityInterval, kw_only=True, metadata=json_key("doubt"))


P = TypeVar("P", bound=CalibratedParameters)


class CalibratedTrees(HoldsTrees, HasInterval):
    """Trees whose probability is joined with what stands beside them, then calibrated.

    Attributes
    ----------
    stack_, calibration_, interval_:
        What joins the trees, the map to observed rates, and how far the result may be off; nothing after ``fit``.
    """

    stack_: Stack = Stack()
    calibration_: Calibrator = NONE

    @property
    def tree_columns(self) -> tuple[str, ...]:
        """The columns that the trees read."""
        return self.trees.columns

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame to score must have."""
        own = self.tree_columns
        return (*own, *(name for name in self.stack_.columns if name not in own))

    def tree_probability(self, X: Table) -> Floats:
        """The churn probability of the trees alone, before all else, (n,)."""
        return self.trees.predict_positive(X)

    def tree_parts(self, X: Table) -> tuple[Floats, Floats]:
        """Each column's part of the trees' log-odds of churn (n, ``tree_columns``), and these log-odds (n,)."""
        parts = self.trees.contributions(X)
        return parts[:, :-1], parts.sum(axis=1)

    def raw(self, X: Table) -> Floats:
        """The churn probability before calibration, (n,)."""
        return self.stack_.apply(self.tree_probability(X), X)

    def with_calibration(
        self,
        *,
        stack: Stack | None = None,
        calibrator: Calibrator | None = None,
        interval: ProbabilityInterval | None = None,
    ) -> Self:
        """The same trees with another calibration; this model stays as it is.

        Parameters
        ----------
        stack:
            What joins the trees; here and below None = as it is.
        calibrator:
            From the joined probabilities to observed rates.
        interval:
            How far the result may be off.
        """
        model = copy(self)
        model.stack_ = self.stack_ if stack is None else stack
        model.calibration_ = self.calibration_ if calibrator is None else calibrator
        model.interval_ = self.interval_ if interval is None else interval
        return model

    def calibrate(self, X: pd.DataFrame, y: Outcomes, method: str = "logistic") -> Self:
        """The same trees with the map from raw probabilities to the rates observed in rows later than those of fit."""
        return self.with_calibration(calibrator=METHODS[method](y, self.raw(X)))

    def predict_proba(self, X: Table) -> Floats:
        """Probabilities of staying and of churning, (n, 2)."""
        churn = self.calibration_.apply(self.raw(Columns.of(X)))
        return np.column_stack([1 - churn, churn])

    def explain(self, X: Table) -> Explanation:
        """What makes each probability: the trees' own contributions (TreeSHAP) and what joins them."""
        rows = Columns.of(X)
        added, parts, log_odds = self.stack_.explain(*self.tree_parts(rows), rows)
        columns = (*self.tree_columns, *added)
        return Explanation(columns, parts, log_odds, lambda z: self.calibration_.apply(np.asarray(expit(z))))

    def effects(self, X: Table) -> tuple[tuple[str, ...], Floats]:
        """Column names and each one's effect on the churn probability, (n, columns).

        The effect is the probability less what it would be without the column's part of the log-odds.
        """
        explanation = self.explain(X)
        return explanation.columns, explanation.effects()

    def _grow(self, trees: BoostedClassifier, X: pd.DataFrame, y: Outcomes) -> None:
        """Grow the trees; what joined and calibrated earlier ones is gone."""
        self.trees_ = trees.fit(X, y)
        self.stack_, self.calibration_, self.interval_ = Stack(), NONE, ProbabilityInterval()

    def _parameters_as(self, kind: type[P], **more: Any) -> P:
        learnt = {"stack": self.stack_, "calibration": self.calibration_.to_json(), "interval": self.interval_}
        return self.trees.parameters_as(kind, **learnt, **more)

    def _rebuilt(self, parameters: CalibratedParameters, files: Mapping[str, str]) -> Self:
        """The model with the trees and the calibration of a bundle."""
        calibration = calibrator_of({"method": "logistic", **parameters.calibration})
        model = self.with_calibration(stack=parameters.stack, calibrator=calibration, interval=parameters.interval)
        model.trees_ = BoostedClassifier.of(parameters, files["trees.txt"])
        return model


def check_outcomes(y: Outcomes, fewest: int) -> None:
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
