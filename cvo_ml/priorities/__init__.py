"""Who first, what to do, within which limits, what it should earn, and whether it paid."""

from cvo_ml.priorities.constraints import ContactConstraints, contact_constraints
from cvo_ml.priorities.effects import declared_effects, read_effects, write_effects
from cvo_ml.priorities.plan import Plan, plan
from cvo_ml.priorities.value_at_risk import value_at_risk

__all__ = [
    "ContactConstraints",
    "Plan",
    "contact_constraints",
    "declared_effects",
    "plan",
    "read_effects",
    "value_at_risk",
    "write_effects",
]
