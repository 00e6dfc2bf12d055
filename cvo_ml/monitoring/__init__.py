"""What came of the scores: each is judged when its horizon has passed."""

from cvo_ml.monitoring.outcomes import judge
from cvo_ml.monitoring.truth import distance_from_truth

__all__ = ["distance_from_truth", "judge"]
