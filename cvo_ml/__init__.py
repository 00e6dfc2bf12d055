"""Customer value optimization: from a table of orders to a ranked list of profitable actions.

The public names are imported when they are first used, so that ``import cvo_ml`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

__version__: Final = "0.1.0"

_EXPORTS: Final = {
    "BetaGeoModel": "cvo_ml.models.clv",
    "CustomerLifetimeValue": "cvo_ml.models.clv",
    "GammaGammaModel": "cvo_ml.models.clv",
    "Horizon": "cvo_ml.core.units",
    "Tables": "cvo_ml.core.tables",
    "clv_simple": "cvo_ml.models.clv",
    "read_shop": "cvo_ml.ingest",
    "rfm_group": "cvo_ml.segments",
    "rfm_summary": "cvo_ml.features",
    "sample_shop": "cvo_ml.ingest",
    "score": "cvo_ml.predict",
    "snapshot": "cvo_ml.features",
}

__all__ = ["__version__", *_EXPORTS]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module 'cvo_ml' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
