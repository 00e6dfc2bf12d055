"""Policies: how customers are segmented and which actions are worth taking."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from cvo_ml.config.base import FrozenConfig

Share = Annotated[float, Field(gt=0, le=1)]


class Tier(FrozenConfig):
    """A value tier and the share of customers it holds."""

    name: str
    share: Share


class SegmentPolicy(FrozenConfig):
    """How many RFM levels, whose group names, which tiers."""

    scale: Literal[3, 4, 5] = 3
    vocabulary: Literal["klaviyo", "reveal"] = "klaviyo"
    tiers: tuple[Tier, ...] = (
        Tier(name="high", share=0.1),
        Tier(name="middle", share=0.3),
        Tier(name="low", share=0.6),
    )

    @model_validator(mode="after")
    def _tiers_hold_everybody(self) -> SegmentPolicy:
        if abs(sum(tier.share for tier in self.tiers) - 1) > 1e-9:
            raise ValueError("the shares of the tiers must sum to 1")
        return self


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
