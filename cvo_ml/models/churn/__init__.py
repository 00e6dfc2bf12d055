"""Churn: the probability that a customer leaves within a horizon."""

from cvo_ml.models.churn.boosted import BoostedChurn, Doubt, check_outcomes
from cvo_ml.models.churn.hazard import HazardChurn
from cvo_ml.models.churn.levers import Explanation, agreement, lever_of
from cvo_ml.models.churn.logistic import LogisticChurn
from cvo_ml.models.churn.recency import RecencyChurn

__all__ = [
    "BoostedChurn",
    "Doubt",
    "Explanation",
    "HazardChurn",
    "LogisticChurn",
    "RecencyChurn",
    "agreement",
    "check_outcomes",
    "lever_of",
]
