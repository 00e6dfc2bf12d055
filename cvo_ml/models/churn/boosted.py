"""Boosted churn: trees for the whole horizon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from cvo_ml.config.readiness import CHURN_OUTCOMES
from cvo_ml.core.arrays import Floats
from cvo_ml.models.churn.calibrated import CalibratedParameters, CalibratedTrees, check_outcomes
from cvo_ml.models.protocol import Parts
from cvo_ml.models.table_classifier import TableClassifier


class ChurnClassifier(TableClassifier, CalibratedTrees):
    """LightGBM with a calibration, in scikit-learn's manner.

    Parameters
    ----------
    features, categories:
        Number and text columns that the trees read, such as those of a snapshot; None = all columns of X.
    rounds, parameters:
        As for ``BoostedClassifier``.
    fewest_outcomes:
        Fewer rows than this of either outcome are refused.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> rng = np.random.default_rng(7)
    >>> X = pd.DataFrame({"days_since_last_order": rng.exponential(60.0, 600)})
    >>> y = np.where(X["days_since_last_order"] + rng.normal(0, 20, 600) > 60, "left", "stayed")
    >>> model = ChurnClassifier(rounds=20).fit(X, y)
    >>> model.classes_.tolist(), model.predict_proba(X).shape, model.score(X, y) > 0.8
    (['left', 'stayed'], (600, 2), True)
    """

    kind: ClassVar[str] = "churn.lightgbm"

    def __init__(
        self,
        features: Sequence[str] | None = None,
        categories: Sequence[str] = (),
        rounds: int = 150,
        parameters: Mapping[str, Any] | None = None,
        fewest_outcomes: int = CHURN_OUTCOMES,
    ) -> None:
        self.features = features
        self.categories = categories
        self.rounds = rounds
        self.parameters = parameters
        self.fewest_outcomes = fewest_outcomes

    def fit(self, X: Any, y: Any) -> Self:
        """Grow the trees on rows of (customer, date), (n, ...), with ``y`` (n,): 1 = churned.

        Of two other labels, the last in order is the churn. A calibration that the model had is gone.

        Raises
        ------
        WrongInput
            If X or y cannot be read.
        ModelRefused
            With fewer than ``fewest_outcomes`` churned or staying rows.
        """
        frame, churned = self._learned_from(X, y)
        check_outcomes(churned, self.fewest_outcomes)
        self._grow(self.grower(frame), frame, churned)
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of staying and of churning, (n, 2)."""
        return super().predict_proba(self._rows(X))

    def to_parts(self) -> Parts:
        """The parameters, and the trees as text."""
        return Parts.of(self._parameters_as(CalibratedParameters), self.trees.files())

    @classmethod
    def from_parts(cls, parts: Parts) -> Self:
        """Rebuild from what ``to_parts`` gave."""
        parameters = parts.read(CalibratedParameters)
        model = cls(parameters.features, parameters.categories, parameters.rounds, parameters.parameters)
        return model._rebuilt(parameters, parts.files)._rebuilt_on(model.grower().columns)
