"""Where one RFM level or value tier ends and the next begins: cut once, kept with a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.config.policies import SegmentPolicy
from cvo_ml.registry.bundle import Bundle

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SegmentEdges:
    """Inner edges of each dimension, ascending. A level ends at its edge: a value on it is still inside.

    Parameters
    ----------
    recency_days:
        scale - 1 edges; at most the first = best level.
    frequency:
        Edges among customers with two orders or more; one order always scores 1.
    monetary:
        scale - 1 edges of the value so far.
    tiers:
        Lower edge of the value of each tier but the last, descending.
    """

    scale: int
    recency_days: tuple[float, ...]
    frequency: tuple[float, ...]
    monetary: tuple[float, ...]
    tiers: tuple[float, ...]
    tier_names: tuple[str, ...]

    @property
    def version(self) -> str:
        """A prefix of the hash of the edges."""
        return Bundle("segments", "segments.edges", self.as_dict()).version

    def as_dict(self) -> dict[str, Any]:
        """The edges as JSON-ready values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SegmentEdges:
        """Rebuild from what ``as_dict`` gave."""
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return cls(**fields)


def fit_edges(rfm: pd.DataFrame, policy: SegmentPolicy) -> SegmentEdges:
    """Cut quantile edges from customers with at least one order.

    Parameters
    ----------
    rfm:
        ``days_since_last_order, number_of_orders, net_value``, one row per customer.
    """
    scale = policy.scale
    shares = np.linspace(0, 1, scale + 1)[1:-1]
    orders = rfm["number_of_orders"].to_numpy(dtype=np.float64)
    value = rfm["net_value"].to_numpy(dtype=np.float64)
    tier_shares = np.cumsum([tier.share for tier in policy.tiers])[:-1]
    return SegmentEdges(
        scale=scale,
        recency_days=_quantiles(rfm["days_since_last_order"].to_numpy(dtype=np.float64), shares),
        # quantiles over repeat buyers only: one-time buyers dominate and would swallow the edges (RFM.md §7)
        frequency=_quantiles(orders[orders >= 2], np.linspace(0, 1, scale)[1:-1]),
        monetary=_quantiles(value, shares),
        # from the top, so that the first tier holds its share and not one customer more
        tiers=tuple(-edge for edge in _quantiles(-value, tier_shares)),
        tier_names=tuple(tier.name for tier in policy.tiers),
    )


def _quantiles(values: Floats, shares: Floats) -> tuple[float, ...]:
    if len(values) == 0:
        return tuple(0.0 for _ in shares)
    return tuple(float(edge) for edge in np.quantile(values, shares, method="inverted_cdf"))
