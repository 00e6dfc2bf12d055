"""What came of the scores, and whether a night's run looks right."""

from cvo_ml.monitoring import ledger
from cvo_ml.monitoring.outcomes import evaluate_run
from cvo_ml.monitoring.truth import distance_from_truth

__all__ = ["distance_from_truth", "evaluate_run", "ledger"]
