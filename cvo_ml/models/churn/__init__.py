"""Churn: the probability that a customer leaves within a horizon."""

from cvo_ml.models.churn.boosted import ChurnClassifier
from cvo_ml.models.churn.calibrated import CalibratedTrees, check_outcomes
from cvo_ml.models.churn.hazard import HazardChurn
from cvo_ml.models.churn.logistic import LogisticChurn
from cvo_ml.models.churn.probability_interval import HasInterval, ProbabilityInterval
from cvo_ml.models.churn.reasons import Explanation, agreement, lever_of
from cvo_ml.models.churn.recency import RecencyChurn
from cvo_ml.models.churn.scorer import ChurnScorer
from cvo_ml.models.churn.stacking import P_NO_ORDER, Season, Stack

__all__ = [
    "P_NO_ORDER",
    "CalibratedTrees",
    "ChurnClassifier",
    "ChurnScorer",
    "Explanation",
    "HasInterval",
    "HazardChurn",
    "LogisticChurn",
    "ProbabilityInterval",
    "RecencyChurn",
    "Season",
    "Stack",
    "agreement",
    "check_outcomes",
    "lever_of",
]
