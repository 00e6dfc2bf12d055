"""Point-in-time features: what was known of each customer on a date, and what came after.

Everything here uses rows with event time < ``as_of`` and ``known_at`` <= ``as_of``.
"""

from cvo_ml.features.first_order import first_order_features
from cvo_ml.features.labels import window_outcome
from cvo_ml.features.rfm import rfm_summary
from cvo_ml.features.snapshot import FEATURES, snapshot

__all__ = ["FEATURES", "first_order_features", "rfm_summary", "snapshot", "window_outcome"]
