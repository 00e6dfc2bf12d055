"""The columns that a bundle's model can be asked with: a shop's orders, or features that are ready."""

from __future__ import annotations

from typing import Final

from cvo_ml.core.contracts import ORDERS
from cvo_ml.core.models import CHURN, CLV
from cvo_ml.features.churn_outcomes import CONTRACTUAL
from cvo_ml.registry.bundles.loaded import LoadedModel

#: What orders must say, and what they may.
ORDERS_NEEDED: Final = ("customer_id", "ordered_at", "net")
ORDERS_TAKEN: Final = (*ORDERS_NEEDED, *(name for name in ORDERS.names if name not in ORDERS_NEEDED))
#: What Scores say of every customer, whichever models there are.
FACTS: Final = ("number_of_orders", "net_value", "average_order_value", "mean_gap_days")
#: What decides who can churn, and who can where subscriptions say so.
_SILENCE: Final = ("days_since_last_order", "median_gap_days")
_SUBSCRIBED: Final = ("active_subscriptions", "ended_subscriptions")


def told_columns(loaded: LoadedModel) -> tuple[str, ...]:
    """What the model's columns of Scores take from features beside the columns that it reads."""
    if loaded.name == CLV.name:
        return FACTS
    if loaded.name != CHURN.name:
        return ()
    contractual = loaded.settings.get("definition_kind", "") in CONTRACTUAL
    return (*_SILENCE, *(_SUBSCRIBED if contractual else ()))


def feature_columns(loaded: LoadedModel) -> tuple[str, ...]:
    """Every feature that can make a difference to the model's columns of Scores."""
    return tuple(dict.fromkeys((*loaded.input_columns, *told_columns(loaded))))
