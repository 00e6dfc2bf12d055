"""The stages in their order: read, features, scores, segments, priorities, store, outcomes."""

from cvo_ml.workflows.cut_dates import (
    check_window,
    day_after_last_row,
    default_cut,
)
from cvo_ml.workflows.outcomes import (
    alarms_of,
    check_shop,
    close_outcomes,
    distances,
    outcomes,
    realised_outcomes,
    stored_outcomes,
)
from cvo_ml.workflows.publish import (
    describe,
    described_briefly,
    store,
)
from cvo_ml.workflows.score import (
    Scored,
    check_models,
    ledgers,
    score_customers,
    shadow_scores,
)

__all__ = [
    "Scored",
    "alarms_of",
    "check_models",
    "check_shop",
    "check_window",
    "close_outcomes",
    "day_after_last_row",
    "default_cut",
    "describe",
    "described_briefly",
    "distances",
    "ledgers",
    "outcomes",
    "realised_outcomes",
    "score_customers",
    "shadow_scores",
    "store",
    "stored_outcomes",
]
