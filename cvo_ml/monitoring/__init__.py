"""What came of the scores: each is judged when its horizon has passed."""

from cvo_ml.monitoring.outcomes import judge

__all__ = ["judge"]
