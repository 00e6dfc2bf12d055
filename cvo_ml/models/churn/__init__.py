"""Churn: the probability that a customer does not order within a horizon."""

from cvo_ml.models.churn.boosted import BoostedChurn
from cvo_ml.models.churn.recency import RecencyChurn

__all__ = ["BoostedChurn", "RecencyChurn"]
