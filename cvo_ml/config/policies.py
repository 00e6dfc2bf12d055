"""Policies: how customers are segmented."""

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
