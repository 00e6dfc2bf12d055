"""Who first, what to do, within which limits, what it should earn, and whether it paid."""

from cvo_ml.priorities.circumstances import Circumstances, circumstances
from cvo_ml.priorities.effects import declared_effects, read_effects, write_effects
from cvo_ml.priorities.listing import priorities_csv
from cvo_ml.priorities.plan import Plan, plan
from cvo_ml.priorities.stake import value_at_stake

__all__ = [
    "Circumstances",
    "Plan",
    "circumstances",
    "declared_effects",
    "plan",
    "priorities_csv",
    "read_effects",
    "value_at_stake",
    "write_effects",
]
