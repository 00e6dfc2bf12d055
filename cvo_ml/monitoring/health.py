"""What a scoring run keeps about itself, so that a later look needs neither data nor models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from cvo_ml.core.tables import Tables
from cvo_ml.core.visibility import visible_table
from cvo_ml.monitoring.drift import drift

#: what a model says of a customer
SCORE_COLUMNS: Final[Mapping[str, str]] = {"clv": "predicted_clv", "churn": "churn_probability", "icp": "icp_score"}
#: reasons for which a customer is not eligible, rather than left out
NOT_ELIGIBLE: Final = frozenset({"gone_already", "no_order_left"})


def health(
    scores: pd.DataFrame, features: pd.DataFrame, tables: Tables, models: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Drift, spread, share of the eligible scored, and freshness of one run.

    Parameters
    ----------
    scores, features:
        Indexed by ``customer_id``, in the same order.
    models:
        By name: ``parameters`` and ``reference`` of the bundle (either may be absent).

    Returns
    -------
    dict
        JSON-ready: ``customers, orders, days_since_last_order, models``.
    """
    ordered = tables.orders["ordered_at"]
    silence: int | None = None
    if len(scores):
        as_of = pd.Timestamp(scores["as_of"].iloc[0])
        ordered = visible_table(tables, "orders", as_of.date())["ordered_at"]
        silence = (as_of - pd.Timestamp(ordered.max())).days if len(ordered) else None
    return {
        "customers": len(scores),
        "orders": len(ordered),
        "days_since_last_order": silence,
        "models": {name: _of_model(name, scores, features, described) for name, described in models.items()},
    }


def _of_model(name: str, scores: pd.DataFrame, features: pd.DataFrame, described: Mapping[str, Any]) -> dict[str, Any]:
    column = scores[SCORE_COLUMNS[name]].astype("float64")
    has = column.notna()
    eligible = has | ~scores[f"{name}_reason"].isin(NOT_ELIGIBLE)
    found: dict[str, Any] = {
        "scored": int(has.sum()),
        "eligible": int(eligible.sum()),
        "different_scores": int(column[has].nunique()),
        "parameters": {
            name.rpartition(".params.")[2]: value
            for name, value in numbers_in(described.get("parameters", {}))
            if ".params." in name
        },
    }
    if described.get("reference") and has.any():
        found["drift"] = drift(
            described["reference"], features[has.to_numpy()], np.asarray(column[has], dtype=np.float64)
        )
    return found


def numbers_in(value: Any, prefix: str = "") -> Iterator[tuple[str, float]]:
    """The named finite numbers in nested parameters, such as ``transactions.params.a``; lists are left out.

    Examples
    --------
    >>> dict(numbers_in({"a": 1, "b": {"c": 2.5, "d": [3]}, "e": True}))
    {'a': 1.0, 'b.c': 2.5}
    """
    for key, item in value.items() if isinstance(value, Mapping) else ():
        if isinstance(item, Mapping):
            yield from numbers_in(item, f"{prefix}{key}.")
        elif isinstance(item, int | float) and not isinstance(item, bool) and np.isfinite(item):
            yield f"{prefix}{key}", float(item)
