"""ICP lookalike: who looks like the most profitable customers, from what is known before they are."""

from cvo_ml.models.icp.first_order_value import FirstOrderValue
from cvo_ml.models.icp.lookalike import LookalikeClassifier
from cvo_ml.models.icp.positive_unlabelled import PositiveUnlabelled
from cvo_ml.models.icp.source_rate import SourceRate

__all__ = ["FirstOrderValue", "LookalikeClassifier", "PositiveUnlabelled", "SourceRate"]
