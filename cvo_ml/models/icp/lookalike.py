"""Boosted lookalike score on the fields of the first order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.core.errors import ModelRefused
from cvo_ml.core.minima import ICP_POSITIVES
from cvo_ml.models.boosting import BoostedClassifier
from cvo_ml.models.icp.reference import percentile, reference_quantiles

Floats = NDArray[np.float64]


class Lookalike:
    """LightGBM on what was known at the first order.

    Parameters
    ----------
    features, categories:
        Columns of ``features.first_order_features``.
    rounds, parameters:
        As for ``BoostedClassifier``.
    fewest_positives:
        Fewer most profitable customers than this are refused.
    """

    kind: ClassVar[str] = "icp.lightgbm"

    def __init__(
        self,
        features: Sequence[str],
        categories: Sequence[str] = (),
        rounds: int = 60,
        parameters: Mapping[str, Any] | None = None,
        fewest_positives: int = ICP_POSITIVES,
    ) -> None:
        self.fewest_positives = fewest_positives
        self.trees = BoostedClassifier(features, categories, rounds, parameters)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame to score must have."""
        return self.trees.columns

    def fit(self, X: pd.DataFrame, y: NDArray[np.generic]) -> Lookalike:
        """Fit on customers whose value at the fixed age is known; ``y`` (n,): 1 = most profitable.

        Raises
        ------
        ModelRefused
            With fewer than ``fewest_positives`` most profitable customers.
        """
        positives = int(np.sum(np.asarray(y) != 0))
        if positives < self.fewest_positives or positives == len(y):
            raise ModelRefused(
                f"icp: {positives:,} most profitable customers among {len(y):,} with a closed window, and at least "
                f"{self.fewest_positives} are needed: use a longer history or a larger top share",
                reason_code="too_few_icp_positives",
            )
        self.trees.fit(X, y)
        self.quantiles_ = reference_quantiles(self.trees.predict_positive(X))
        return self

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """Probabilities of not being and of being a most profitable customer, (n, 2)."""
        positive = self.trees.predict_positive(X)
        return np.column_stack([1 - positive, positive])

    def percentile(self, score: Floats) -> Floats:
        """Where scores stand among the reference customers, 0-100."""
        return percentile(score, self.quantiles_)

    def to_parts(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The parameters as JSON-ready values, and the trees as text."""
        parameters, files = self.trees.to_parts()
        return {**parameters, "quantiles": self.quantiles_}, files

    @classmethod
    def from_parts(cls, parameters: Mapping[str, Any], files: Mapping[str, str]) -> Lookalike:
        """Rebuild from what ``to_parts`` gave."""
        model = cls(parameters["features"], parameters["categories"], parameters["rounds"], parameters["parameters"])
        model.trees = BoostedClassifier.from_parts(parameters, files)
        model.quantiles_ = [float(value) for value in parameters["quantiles"]]
        return model
