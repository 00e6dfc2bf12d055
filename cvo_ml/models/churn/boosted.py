"""Boosted churn: trees for the whole horizon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import pandas as pd

from cvo_ml.config.readiness import CHURN_OUTCOMES
from cvo_ml.core.arrays import Outcomes
from cvo_ml.models.boosting import BoostedClassifier
from cvo_ml.models.churn.calibrated import CalibratedParameters, CalibratedTrees, check_outcomes
from cvo_ml.models.protocol import Parts


class ChurnClassifier(CalibratedTrees):
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
        super().__init__(BoostedClassifier(features, categories, rounds, parameters))
        self.fewest_outcomes = fewest_outcomes

    def fit(self, X: pd.DataFrame, y: Outcomes) -> Self:
        """Grow the trees on rows of (customer, date), (n, ...), with ``y`` (n,): 1 = churned.

        Raises
        ------
        ModelRefused
            With fewer than ``fewest_outcomes`` churned or staying rows.
        """
        check_outcomes(y, self.fewest_outcomes)
        self.trees.fit(X, y)
        return self

    def to_parts(self) -> Parts:
        """The parameters, and the trees as text."""
        return Parts.of(self._parameters_as(CalibratedParameters), self.trees.files())

    @classmethod
    def from_parts(cls, parts: Parts) -> Self:
        """Rebuild from what ``to_parts`` gave."""
        parameters = parts.read(CalibratedParameters)
        model = cls(parameters.features, parameters.categories, parameters.rounds, parameters.parameters)
        return model._rebuilt(parameters, parts.files)
