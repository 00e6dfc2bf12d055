"""Customer value optimization: from a table of orders to a ranked list of profitable actions.

The public names are imported when they are first used, so that ``import cvo_ml`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:  # for editors and type checkers
    from cvo_ml.api import RowsLeftOut as RowsLeftOut
    from cvo_ml.api import load_models as load_models
    from cvo_ml.api import plan as plan
    from cvo_ml.api import read_orders as read_orders
    from cvo_ml.api import read_shop as read_shop
    from cvo_ml.api import rfm_summary as rfm_summary
    from cvo_ml.api import score as score
    from cvo_ml.api import snapshot as snapshot
    from cvo_ml.config.priorities import PriorityPolicy as PriorityPolicy
    from cvo_ml.config.shops import ShopConfig as ShopConfig
    from cvo_ml.core.errors import BundleError as BundleError
    from cvo_ml.core.errors import ConfigError as ConfigError
    from cvo_ml.core.errors import CvoError as CvoError
    from cvo_ml.core.errors import DataError as DataError
    from cvo_ml.core.errors import ModelRefused as ModelRefused
    from cvo_ml.core.errors import NoChampion as NoChampion
    from cvo_ml.core.errors import UsageError as UsageError
    from cvo_ml.core.tables import Tables as Tables
    from cvo_ml.core.units import Horizon as Horizon
    from cvo_ml.ingest import sample_shop as sample_shop
    from cvo_ml.models.clv import BetaGeoModel as BetaGeoModel
    from cvo_ml.models.clv import CustomerLifetimeValue as CustomerLifetimeValue
    from cvo_ml.models.clv import GammaGammaModel as GammaGammaModel
    from cvo_ml.models.clv import clv_simple as clv_simple
    from cvo_ml.segments import rfm_group as rfm_group

__version__: Final = "0.1.0"

_EXPORTS: Final = {
    "BetaGeoModel": "cvo_ml.models.clv",
    "BundleError": "cvo_ml.core.errors",
    "ConfigError": "cvo_ml.core.errors",
    "CustomerLifetimeValue": "cvo_ml.models.clv",
    "CvoError": "cvo_ml.core.errors",
    "DataError": "cvo_ml.core.errors",
    "GammaGammaModel": "cvo_ml.models.clv",
    "Horizon": "cvo_ml.core.units",
    "ModelRefused": "cvo_ml.core.errors",
    "NoChampion": "cvo_ml.core.errors",
    "PriorityPolicy": "cvo_ml.config.priorities",
    "RowsLeftOut": "cvo_ml.api",
    "ShopConfig": "cvo_ml.config.shops",
    "Tables": "cvo_ml.core.tables",
    "UsageError": "cvo_ml.core.errors",
    "clv_simple": "cvo_ml.models.clv",
    "load_models": "cvo_ml.api",
    "plan": "cvo_ml.api",
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
