"""Policies: which actions are worth taking, and who is held out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cvo_ml.config.base import FrozenConfig


class Action(FrozenConfig):
    """Something to do for a customer, what it costs and what it is assumed to save."""

    name: str
    channel: str
    cost: Annotated[float, Field(ge=0)]
    save_rate: Annotated[float, Field(ge=0, le=1)]
    source: str


class Holdout(FrozenConfig):
    """Customers kept untreated by a salted hash of their id, so that the effect can be measured."""

    share: Annotated[float, Field(ge=0, lt=1)] = 0.1
    salt: str = "cvo"


class PriorityPolicy(FrozenConfig):
    """The action whose expected profit ranks customers, and the holdout."""

    action: Action
    holdout: Holdout = Holdout()
