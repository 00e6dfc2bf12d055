"""Features of the user's own: columns of ``customers`` by name, and functions in a Python file that a job names.

They enter where snapshots are assembled (``cvo_ml.features.snapshot.with_own``), so that training, scoring, a backtest
and MLflow's pyfunc get the same columns (docs/decisions/0031).
"""

from cvo_ml.features.own.declaration import feature
from cvo_ml.features.own.features import OwnFeatures, joined
from cvo_ml.features.own.file import NOBODY, FeatureFile, Trust

__all__ = ["NOBODY", "FeatureFile", "OwnFeatures", "Trust", "feature", "joined"]
