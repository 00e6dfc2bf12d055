"""Features of the product: who uses them, what they keep, and who asks for those that are missing.

An account adopts feature f with probability ``adopted`` at its start and then leaves with (1 - keeps_f)
times the probability. An account without it asks for it at ``asked_per_month`` x (seats / mean seats)^b per
month: a Poisson process.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from cvo_ml.config.simulation import SimulatedSaasConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.columns import Columns, ids, texts
from cvo_ml.simulate.random_streams import Block


def adoption(config: SimulatedSaasConfig, lead: Numbers, block: Block) -> Numbers:
    """Whether the accounts of leads (rows ``lead``) use each feature, shape (accounts, features)."""
    share = np.array([feature.adopted for feature in config.features])
    drawn = [block.keyed("adoption", lead).named(feature.name).random() for feature in config.features]
    return share > np.array(drawn).reshape(len(config.features), len(lead)).T


def kept(config: SimulatedSaasConfig, adopted: Numbers) -> Numbers:
    """Factor on the probability to leave, shape (accounts,); 1 where there are no features."""
    keeps = np.array([feature.keeps for feature in config.features])
    return np.prod(1.0 - keeps * adopted, axis=1)


def feature_columns(config: SimulatedSaasConfig) -> Columns:
    """The table ``product_features``."""
    number, planned = np.arange(len(config.features)), np.array([f.status == "planned" for f in config.features])
    return {
        "feature_id": ids("f###", number),
        "name": texts([feature.name for feature in config.features], number),
        "persona": pa.array([feature.persona for feature in config.features], pa.large_string()),
        "event_name": texts([event_name(f.name) for f in config.features], number, planned),
        "is_planned": planned,
    }


def true_feature_columns(config: SimulatedSaasConfig) -> Columns:
    """Truth about each feature."""
    number = np.arange(len(config.features))
    columns: dict[str, Numbers | pa.Array] = {
        "feature_id": ids("f###", number),
        "name": texts([feature.name for feature in config.features], number),
    }
    for name in ("adopted", "keeps", "asked_per_month", "by_size"):
        columns[name] = np.array([getattr(feature, name) for feature in config.features])
    return columns


def event_name(feature: str) -> str:
    """Name of the events that show a feature's use.

    Examples
    --------
    >>> event_name("custom dashboards")
    'used custom dashboards'
    """
    return f"used {feature}"
