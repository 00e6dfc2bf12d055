"""Customer value optimization: from a table of orders to a ranked list of profitable actions.

The public names are imported when they are first used, so that ``import cvo_ml`` costs nothing; ``__init__.pyi`` tells
editors and type checkers of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

__version__: Final = "0.1.0"

_EXPORTS: Final = {
    "BetaGeoBinomialModel": "cvo_ml.models.clv",
    "BetaGeoModel": "cvo_ml.models.clv",
    "BundleError": "cvo_ml.core.errors",
    "ConfigError": "cvo_ml.core.errors",
    "ChurnClassifier": "cvo_ml.models.churn",
    "CustomerLifetimeValue": "cvo_ml.models.clv",
    "CvoError": "cvo_ml.core.errors",
    "DataError": "cvo_ml.core.errors",
    "GammaGammaModel": "cvo_ml.models.clv",
    "HoldoutWindow": "cvo_ml.features",
    "Horizon": "cvo_ml.core.units",
    "LookalikeClassifier": "cvo_ml.models.icp",
    "ModelRefused": "cvo_ml.core.errors",
    "ModifiedBetaGeoModel": "cvo_ml.models.clv",
    "NoChampion": "cvo_ml.core.errors",
    "ParetoNBDModel": "cvo_ml.models.clv",
    "PriorityPolicy": "cvo_ml.config.priorities",
    "PurchaseFeatures": "cvo_ml.models.clv",
    "RowsLeftOut": "cvo_ml.api",
    "ShopConfig": "cvo_ml.config.shops",
    "Tables": "cvo_ml.core.tables",
    "UsageError": "cvo_ml.core.errors",
    "analyze": "cvo_ml.api",
    "clv_simple": "cvo_ml.models.clv",
    "compare": "cvo_ml.api",
    "explain": "cvo_ml.api",
    "feature": "cvo_ml.features.own",
    "holdout": "cvo_ml.api",
    "load_models": "cvo_ml.api",
    "plan": "cvo_ml.api",
    "plot": "cvo_ml.api",
    "read_orders": "cvo_ml.api",
    "read_shop": "cvo_ml.api",
    "rfm_group": "cvo_ml.segments",
    "rfm_summary": "cvo_ml.api",
    "sample_shop": "cvo_ml.ingest",
    "score": "cvo_ml.api",
    "snapshot": "cvo_ml.api",
}

__all__ = ["__version__", *_EXPORTS]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'cvo_ml' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
