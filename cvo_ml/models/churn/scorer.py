"""What every model of churn answers."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from cvo_ml.core.columns import Table
from cvo_ml.models.churn.probability_interval import ProbabilityInterval
from cvo_ml.models.churn.reasons import Explanation
from cvo_ml.models.protocol import ProbabilityScorer


@runtime_checkable
class ChurnScorer(ProbabilityScorer, Protocol):
    """A churn probability with its interval and what makes it."""

    interval_: ProbabilityInterval

    def explain(self, X: Table) -> Explanation:
        """What makes each probability."""
        ...
