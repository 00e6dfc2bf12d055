"""Point-in-time features: what was known of each customer on a date, and what came after.

Everything here uses rows with event time < ``as_of`` and ``known_at`` <= ``as_of``.
"""

from cvo_ml.features.catalogue import CATALOGUE
from cvo_ml.features.engine import ParquetTables
from cvo_ml.features.fingerprint import feature_hash
from cvo_ml.features.first_order import first_order_features
from cvo_ml.features.holdout_window import HoldoutWindow, PurchaseDays, holdout, purchase_days
from cvo_ml.features.labels import Labelled, labelled_snapshots, window_outcome
from cvo_ml.features.rfm import rfm_summary
from cvo_ml.features.snapshot import FEATURES, SEASON, snapshot, snapshots, write_snapshots

__all__ = [
    "CATALOGUE",
    "FEATURES",
    "SEASON",
    "HoldoutWindow",
    "Labelled",
    "ParquetTables",
    "PurchaseDays",
    "feature_hash",
    "first_order_features",
    "holdout",
    "labelled_snapshots",
    "purchase_days",
    "rfm_summary",
    "snapshot",
    "snapshots",
    "window_outcome",
    "write_snapshots",
]
