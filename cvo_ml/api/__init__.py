"""What ``import cvo_ml as cvo`` gives: reading, features, scoring and planning as functions of frames.

Each takes what the one before returns. Files are written by the command line and by ``cvo_ml.workflows`` alone; nothing
here writes, looks into the working directory, or asks the clock.
"""

from cvo_ml.api.analyzing import analyze
from cvo_ml.api.comparing import compare, holdout, plot
from cvo_ml.api.explaining import explain
from cvo_ml.api.models import load_models
from cvo_ml.api.planning import plan
from cvo_ml.api.reading import ReadTables, RowsLeftOut, read_orders, read_shop
from cvo_ml.api.scoring import rfm_summary, score, snapshot

__all__ = [
    "ReadTables",
    "RowsLeftOut",
    "analyze",
    "compare",
    "explain",
    "holdout",
    "load_models",
    "plan",
    "plot",
    "read_orders",
    "read_shop",
    "rfm_summary",
    "score",
    "snapshot",
]
