"""The columns that one model reads of another: a churn bundle may carry the model of purchases that it learnt with.

The churn model knows no CLV model; it reads columns. The bundle's settings hold the model of purchases itself with its
hash, so that a new CLV champion does not change what the churn model reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd

from cvo_ml.core.arrays import Floats
from cvo_ml.core.columns import Columns, Table
from cvo_ml.core.errors import BundleError
from cvo_ml.core.models import CLV
from cvo_ml.core.result import Json
from cvo_ml.core.units import Horizon
from cvo_ml.models.clv.hybrid import HybridLifetimeValue
from cvo_ml.models.clv.purchase_model import PurchaseModel
from cvo_ml.models.clv.scorers import BuyTillYouDie
from cvo_ml.models.protocol import Bundled
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.kinds import bundle_of, model_of

#: Columns of a model of purchases that a churn model may read.
BTYD: Final = ("btyd_p_alive", "btyd_p_no_order", "btyd_expected_orders")
#: What a model of purchases reads of a customer.
PURCHASES: Final = ("frequency", "recency", "T")
#: The setting of a bundle that holds its model of purchases.
EMBEDDED: Final = "btyd"


def btyd_columns(purchases: PurchaseModel, features: Table, horizon: Horizon) -> pd.DataFrame:
    """P(alive), P(no purchase day in the horizon) and expected purchase days in it, indexed like ``features``."""
    return pd.DataFrame(_btyd(purchases, features, horizon), index=features.index)


def add_purchase_columns(features: pd.DataFrame, scorer: BuyTillYouDie, horizon: Horizon) -> pd.DataFrame:
    """``features`` with the columns of the model of purchases; columns of that name from elsewhere give way."""
    columns = btyd_columns(scorer.model.transactions_, scorer.with_codes(Columns(features)), horizon)
    return features.drop(columns=list(BTYD), errors="ignore").join(columns)


def with_purchase_columns(features: Columns, scorer: BuyTillYouDie, horizon: Horizon) -> Columns:
    """As ``add_purchase_columns``."""
    return features.with_numbers(**_btyd(scorer.model.transactions_, scorer.with_codes(features), horizon))


def _btyd(purchases: PurchaseModel, features: Table, horizon: Horizon) -> dict[str, Floats]:
    where = purchases.situation(features)
    expected = purchases.purchases_in(where, horizon)
    return dict(zip(BTYD, (where.alive, purchases.no_purchase_in(where, horizon), expected), strict=True))


def embed_purchase_model(scorer: Bundled) -> dict[str, Json]:
    """What a churn bundle's settings hold of the CLV model that it reads: kind, parameters, hash."""
    bundle = bundle_of(CLV.name, scorer, {})
    return {"kind": bundle.kind, "parameters": dict(bundle.parameters), "hash": bundle.model_hash}


def embedded_purchase_model(bundle: Bundle) -> BuyTillYouDie | None:
    """The model of purchases that a bundle carries; None if it carries none.

    Raises
    ------
    BundleError
        If the carried model is not the one that the bundle names, or no model of purchases.
    """
    embedded = bundle.settings.get(EMBEDDED)
    if embedded is None:
        return None
    inner = Bundle(CLV.name, str(embedded["kind"]), embedded["parameters"])
    if inner.model_hash != embedded["hash"]:
        raise BundleError(f"{bundle.name}: carries another model of purchases than it names: train again")
    scorer = buy_till_you_die(model_of(inner))
    if scorer is None:
        raise BundleError(f"{bundle.name}: carries {inner.kind}, which is no model of purchases: train again")
    return scorer


def buy_till_you_die(model: Bundled) -> BuyTillYouDie | None:
    """The model of purchases in, or beneath, a CLV model; None if it has none."""
    base = model.base if isinstance(model, HybridLifetimeValue) else model
    return base if isinstance(base, BuyTillYouDie) else None


def columns_to_score(columns: Sequence[str], scorer: BuyTillYouDie | None) -> list[str]:
    """What a frame to score must have for a model that reads ``columns``, before those of ``scorer`` are added."""
    if scorer is None:
        return list(columns)
    coded = () if scorer.coding is None else scorer.coding.columns
    return list(dict.fromkeys((*(name for name in columns if name not in BTYD), *PURCHASES, *coded)))
