"""Boosted lookalike score on the fields of the first order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from scipy.special import expit

from cvo_ml.config.readiness import ICP_POSITIVES
from cvo_ml.core.arrays import Floats
from cvo_ml.core.columns import Table
from cvo_ml.core.errors import ModelRefused
from cvo_ml.models.boosting import BoostedClassifier, TreeParameters
from cvo_ml.models.icp.reference import percentile, reference_quantiles
from cvo_ml.models.protocol import Parts
from cvo_ml.models.table_classifier import HoldsTrees, TableClassifier


@dataclass(frozen=True)
class LookalikeParameters(TreeParameters):
    """What a bundle holds of the score and its reference, beside the trees' text."""

    quantiles: Sequence[float]


class LookalikeClassifier(HoldsTrees, TableClassifier):
    """LightGBM on what was known at the first order.

    Parameters
    ----------
    features, categories:
        Number and text columns, such as those of ``features.first_order_features``; None = all columns of X.
    rounds, parameters:
        As for ``BoostedClassifier``.
    fewest_positives:
        Fewer most profitable customers than this are refused.
    """

    kind: ClassVar[str] = "icp.lightgbm"

    def __init__(
        self,
        features: Sequence[str] | None = None,
        categories: Sequence[str] = (),
        rounds: int = 60,
        parameters: Mapping[str, Any] | None = None,
        fewest_positives: int = ICP_POSITIVES,
    ) -> None:
        self.features = features
        self.categories = categories
        self.rounds = rounds
        self.parameters = parameters
        self.fewest_positives = fewest_positives

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame to score must have."""
        return self.trees.columns

    def fit(self, X: Any, y: Any) -> Self:
        """Fit on customers whose value at the fixed age is known; ``y`` (n,): 1 = most profitable.

        Raises
        ------
        WrongInput
            If X or y cannot be read.
        ModelRefused
            With fewer than ``fewest_positives`` most profitable customers.
        """
        frame, best = self._learned_from(X, y)
        positives = int(best.sum())
        if positives < self.fewest_positives or positives == len(best):
            raise ModelRefused(
                f"icp: {positives:,} most profitable customers among {len(best):,} with a closed window, and at least "
                f"{self.fewest_positives} are needed: use a longer history or a larger top share",
                reason_code="too_few_icp_positives",
            )
        self.trees_ = self.grower(frame).fit(frame, best)
        self.quantiles_ = reference_quantiles(self.trees.predict_positive(frame))
        return self

    def predict_proba(self, X: Table) -> Floats:
        """Probabilities of not being and of being a most profitable customer, (n, 2)."""
        positive = self.trees.predict_positive(self._rows(X))
        return np.column_stack([1 - positive, positive])

    def effects(self, X: pd.DataFrame) -> tuple[tuple[str, ...], Floats]:
        """Column names and each one's effect on the score, (n, columns).

        The effect is the score less what it would be without the column's part of the log-odds.
        """
        parts = self.trees.contributions(X)
        log_odds = parts.sum(axis=1)
        without = expit(log_odds[:, None] - parts[:, :-1])
        return self.columns, np.asarray(expit(log_odds)[:, None] - without)

    def percentile(self, score: Floats) -> Floats:
        """Where scores stand among the reference customers, 0-100."""
        return percentile(score, self.quantiles_)

    def to_parts(self) -> Parts:
        """The parameters, and the trees as text."""
        return Parts.of(self.trees.parameters_as(LookalikeParameters, quantiles=self.quantiles_), self.trees.files())

    @classmethod
    def from_parts(cls, parts: Parts) -> Self:
        """Rebuild from what ``to_parts`` gave."""
        p = parts.read(LookalikeParameters)
        model = cls(p.features, p.categories, p.rounds, p.parameters)
        model.trees_ = BoostedClassifier.of(p, parts.files["trees.txt"])
        model.quantiles_ = list(p.quantiles)
        return model._rebuilt_on(model.columns)
