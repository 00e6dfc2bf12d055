"""The best set of actions within what a plan may use: prices for its limits, the close calls exactly."""

from cvo_ml.priorities.allocation.allocate import Allocation, allocate

__all__ = ["Allocation", "allocate"]
