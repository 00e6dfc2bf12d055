"""The columns that one model reads of another: a churn bundle may carry the model of purchases that it learnt with.

The churn model knows no CLV model; it reads columns. The bundle's settings hold the model of purchases itself with its
hash, so that a new CLV champion does not change what the churn model reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd

from cvo_ml.core.errors import BundleError
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv.purchase_model import PurchaseModel
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.kinds import bundle_of, model_of

#: Columns of a model of purchases that a churn model may read.
BTYD: Final = ("btyd_p_alive", "btyd_p_no_order", "btyd_expected_orders")
#: What a model of purchases reads of a customer.
PURCHASES: Final = ("frequency", "recency", "T")


def btyd_columns(purchases: PurchaseModel, features: pd.DataFrame, horizon: Horizon) -> pd.DataFrame:
    """P(alive), P(no purchase day in the horizon) and expected purchase days in it, indexed like ``features``."""
    values = (
        purchases.probability_alive(features),
        purchases.probability_of_no_purchase(features, horizon),
        purchases.expected_purchases(features, horizon),
    )
    return pd.DataFrame(dict(zip(BTYD, values, strict=True)), index=features.index)


def carried(scorer: Any) -> dict[str, Any]:
    """What a churn bundle's settings hold of the CLV model that it reads: kind, parameters, hash."""
    bundle = bundle_of("clv", scorer, {})
    return {"kind": bundle.kind, "parameters": dict(bundle.parameters), "hash": bundle.model_hash}


def completed(features: pd.DataFrame, bundle: Bundle) -> pd.DataFrame:
    """``features`` with the columns that the bundle's own model of purchases gives, if it carries one.

    Columns of that name from elsewhere, such as those of a training window, give way to its own.

    Raises
    ------
    BundleError
        If the carried model is not the one that the bundle names.
    """
    btyd = bundle.settings.get("btyd")
    if btyd is None:
        return features
    inner = Bundle("clv", str(btyd["kind"]), btyd["parameters"])
    if inner.model_hash != btyd["hash"]:
        raise BundleError(f"{bundle.name}: carries another model of purchases than it names: train again")
    purchases = model_of(inner).model.transactions_
    own = btyd_columns(purchases, features, Horizon.of_days(bundle.settings["horizon_days"]))
    return features.drop(columns=list(BTYD), errors="ignore").join(own)


def columns_to_score(bundle: Bundle, columns: Sequence[str]) -> list[str]:
    """What a frame to score must have for a model that reads ``columns``, before ``completed``."""
    if "btyd" not in bundle.settings:
        return list(columns)
    return list(dict.fromkeys((*(name for name in columns if name not in BTYD), *PURCHASES)))
