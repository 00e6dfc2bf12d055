"""What the jobs that grow trees share."""

from __future__ import annotations

from typing import Any

from cvo_ml.config.base import FrozenConfig, Repeats


class Trees(FrozenConfig):
    """Size of a boosted model and LightGBM parameters that differ from the default."""

    rounds: Repeats = 150
    parameters: dict[str, Any] = {}


class LeakPolicy(FrozenConfig):
    """What the owner of the data vouches for, column by column (docs/decisions/0008)."""

    known_at_conversion: tuple[str, ...] = ()
    acknowledged: tuple[str, ...] = ()
