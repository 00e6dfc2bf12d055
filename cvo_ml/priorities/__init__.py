"""Who first, what to do, and what it should earn."""

from cvo_ml.priorities.plan import declared_effects, plan, value_at_stake

__all__ = ["declared_effects", "plan", "value_at_stake"]
