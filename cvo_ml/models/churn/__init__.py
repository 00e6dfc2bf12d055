"""Churn: the probability that a customer leaves within a horizon."""

from cvo_ml.models.churn.boosted import BoostedChurn
from cvo_ml.models.churn.calibrated import CalibratedTrees, check_outcomes
from cvo_ml.models.churn.composition import P_NO_ORDER, Composition, Season
from cvo_ml.models.churn.doubt import Doubt, WithDoubt
from cvo_ml.models.churn.hazard import HazardChurn
from cvo_ml.models.churn.levers import Explanation, agreement, lever_of
from cvo_ml.models.churn.logistic import LogisticChurn
from cvo_ml.models.churn.recency import RecencyChurn

__all__ = [
    "P_NO_ORDER",
    "BoostedChurn",
    "CalibratedTrees",
    "Composition",
    "Doubt",
    "Explanation",
    "HazardChurn",
    "LogisticChurn",
    "RecencyChurn",
    "Season",
    "WithDoubt",
    "agreement",
    "check_outcomes",
    "lever_of",
]
