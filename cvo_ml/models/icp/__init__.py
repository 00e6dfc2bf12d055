"""ICP lookalike: who looks like the most profitable customers, from what is known at the first order."""

from cvo_ml.models.icp.first_order_value import FirstOrderValue
from cvo_ml.models.icp.lookalike import Lookalike

__all__ = ["FirstOrderValue", "Lookalike"]
